"""A small multilayer perceptron without biases, in one kernel on a GPU (Müller et al. 2021, "fully fused")."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.layers import kernels


class Perceptron(nn.Module):
    """Linear layers without biases, with ReLU between them.

    On a GPU hidden features stay in registers: Triton computes all layers at once, and again in the backward pass, in the
    precision of autocast with sums in float32.

    Args:
        inputs, width, outputs: features.
        hidden: number of hidden layers.

    Source: Müller, Rousselle, Novák, Keller 2021, section 4.

    Example:
        >>> import torch
        >>> Perceptron(32, 64, 16, hidden=1)(torch.zeros(5, 32)).shape
        torch.Size([5, 16])
    """

    def __init__(self, inputs: int, width: int, outputs: int, hidden: int) -> None:
        super().__init__()
        sizes = [inputs, *[width] * hidden, outputs]
        self.layers = nn.ModuleList(nn.Linear(before, after, bias=False) for before, after in pairwise(sizes))

    def forward(self, x: Float[Tensor, "n inputs"]) -> Float[Tensor, "n outputs"]:
        """Outputs of the last layer."""
        weights: list[Tensor] = [layer.weight for layer in self.layers]  # type: ignore[misc]
        if kernels.usable(x, *weights):
            from darkroom.layers.triton_perceptron import TritonPerceptron, fits

            if fits(weights):
                dtype = torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else torch.float32
                return TritonPerceptron.apply(x, dtype, *weights)  # type: ignore[no-any-return]
        for layer in self.layers[:-1]:
            x = nn.functional.relu(layer(x), inplace=True)
        return self.layers[-1](x)  # type: ignore[no-any-return]
