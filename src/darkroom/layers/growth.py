"""Modules whose tensors change size during training."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn


class Growing(nn.Module):
    """A module some of whose parameters and buffers take the size of the state that is loaded.

    So the checkpoint of a grid that was upsampled during training fits one of the initial size. Build optimizers afterwards:
    these parameters are replaced.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> class Grid(Growing):
        ...     grows = ("values",)
        ...     def __init__(self, size):
        ...         super().__init__()
        ...         self.values = nn.Parameter(torch.zeros(size))
        >>> grid = Grid(2)
        >>> grid.load_state_dict(Grid(8).state_dict())
        <All keys matched successfully>
        >>> grid.values.shape
        torch.Size([8])
    """

    grows: ClassVar[tuple[str, ...]] = ()
    """Names of those parameters and buffers."""

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name in self.grows:
            if prefix + name in state_dict:
                empty = torch.empty_like(state_dict[prefix + name])
                setattr(self, name, nn.Parameter(empty) if name in self._parameters else empty)
        super()._load_from_state_dict(state_dict, prefix, *rest)  # type: ignore[arg-type]
