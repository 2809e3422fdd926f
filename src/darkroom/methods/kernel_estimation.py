"""Blind deblurring by kernel estimation: learn the blur kernel of every pixel, then invert the blur."""

from collections.abc import Iterator, Mapping
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from darkroom.core.method import Example, Method
from darkroom.networks.kernel_net import KernelNet
from darkroom.operators.kernel_field import KernelField, distance
from darkroom.operators.linear_light import to_linear
from darkroom.operators.varying_blur import blurred
from darkroom.solvers.blind import Restoration, restorations

POINTS = 16
"""Kernels are compared at the pixels of a grid with so many points along each side, which is placed at random in every step."""


class KernelEstimation(Method):
    """Minimise E w_r ‖H x − y‖² + w_k Σ_i w(i) ‖k̂_i − k_i‖ over the kernel network.

    The reblur loss is the mean squared difference, in linear light, of the shaken image y and the sharp image x blurred by the
    estimated field H. The kernel loss compares the kernel of every pixel i, k̂_i = Σ_b m_b(i) k_b, with the true one: its squared
    L2 norm first, its L1 norm later. Its weights w(i) = mean over segments s of M_s(i) / Σ_j M_s(j), with M_s the true mixing
    masks, give every segment the same share, however small.

    A prediction is the restored image: `solvers.blind.restorations` with the estimated field.

    Args:
        network: the kernel network.
        reblur_weight, kernel_weight: w_r and w_k.
        l1_from: step from which the kernel loss is the L1 norm.
        restoration: how an image is restored once its kernels are known.

    Source: Carbajal et al. 2021 (arXiv 2102.01026).
    """

    def __init__(
        self,
        network: KernelNet,
        *,
        reblur_weight: float = 1.0,
        kernel_weight: float = 1.0,
        l1_from: int = 0,
        restoration: Restoration = Restoration(),  # noqa: B008  (frozen)
    ) -> None:
        super().__init__()
        self.network, self.restoration = network, restoration
        self.reblur_weight, self.kernel_weight, self.l1_from = reblur_weight, kernel_weight, l1_from

    def networks(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        shaken, sharp, true = batch.input, batch.target, KernelField(*batch.condition)
        field = KernelField(*(part.float() for part in self.network(shaken)))
        gamma = self.network.gamma
        reblur = (blurred(to_linear(sharp, gamma), field) - to_linear(shaken, gamma)).square().mean()
        rows, columns = self._grid(shaken)
        norm: Literal["l1", "l2"] = "l1" if step >= self.l1_from else "l2"
        kernel = distance(field, true, rows, columns, norm)
        yield "network", self.reblur_weight * reblur + self.kernel_weight * kernel.mean()

    def estimate(self, batch: Example) -> KernelField:
        """The kernel field of every image of a batch."""
        return KernelField(*(part.float() for part in self.network(batch.input)))

    def predict(self, batch: Example) -> Float[Tensor, "batch channel height width"]:
        *_, restored = restorations(batch.input, self.estimate(batch), self.restoration)
        return restored

    @staticmethod
    def _grid(image: Tensor) -> tuple[Int[Tensor, " point"], Int[Tensor, " point"]]:
        """Rows and columns of the points of the grid."""
        along = []
        for length in image.shape[-2:]:
            stride = max(1, length // POINTS)
            along.append(torch.arange(int(torch.randint(stride, ())), length, stride))
        rows, columns = torch.meshgrid(*along, indexing="ij")
        return rows.flatten().to(image.device), columns.flatten().to(image.device)
