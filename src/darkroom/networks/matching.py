"""Whether a checkpoint's tensors are those of a network."""

from collections.abc import Mapping

from torch import Tensor, nn


def matches(network: nn.Module, state: Mapping[str, Tensor]) -> bool:
    """Whether a state dictionary has exactly the names and shapes of the network's own.

    Example:
        >>> import torch
        >>> matches(nn.Linear(2, 3), {"weight": torch.zeros(3, 2), "bias": torch.zeros(3)})
        True
        >>> matches(nn.Linear(2, 3), {"weight": torch.zeros(3, 2)})
        False
    """
    own = network.state_dict()
    return own.keys() == state.keys() and all(own[name].shape == tensor.shape for name, tensor in state.items())
