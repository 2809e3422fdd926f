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

POINTS = 8
"""Kernels are compared at the pixels of a grid with so many points along each side, which is placed at random in every step."""

KernelLoss = Literal["l2", "kl"]


class KernelEstimation(Method):
    """Minimise E w_r ‖H x − y‖² + w_k Σ_i w(i) d(k̂_i, k_i) over the kernel network.

    The reblur loss is the mean squared difference, in linear light, of the shaken image y and the sharp image x blurred by the
    estimated field H. The kernel loss compares the kernel of every pixel i, k̂_i = Σ_b m_b(i) k_b, with the true one: d is the
    squared L2 norm of their difference first, and its L1 norm later. With "kl" for "l2" it is first the Kullback–Leibler
    divergence, whose gradient does not vanish where the softmax of a kernel is near zero; that is not of the paper. The weights
    w(i) = mean over segments s of M_s(i) / Σ_j M_s(j), with M_s the true mixing masks, give every segment the same share, however
    small.

    A prediction is the restored image: `solvers.blind.restorations` with the estimated field.

    Args:
        network: the kernel network.
        reblur_weight, kernel_weight: w_r and w_k.
        kernel_loss: d before it is the L1 norm.
        l1_from: step from which d is the L1 norm.
        restoration: how an image is restored once its kernels are known.

    Source: Carbajal et al. 2021 (arXiv 2102.01026).
    """

    def __init__(
        self,
        network: KernelNet,
        *,
        reblur_weight: float = 1.0,
        kernel_weight: float = 1.0,
        kernel_loss: KernelLoss = "l2",
        l1_from: int = 0,
        restoration: Restoration = Restoration(),  # noqa: B008  (frozen)
    ) -> None:
        super().__init__()
        self.network, self.restoration = network, restoration
        self.reblur_weight, self.kernel_weight = reblur_weight, kernel_weight
        self.kernel_loss, self.l1_from = kernel_loss, l1_from

    def networks(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        shaken, sharp, true = batch.input, batch.target, KernelField(*batch.condition)
        field = KernelField(*(part.float() for part in self.network(shaken)))
        gamma = self.network.gamma
        reblur = (blurred(to_linear(sharp, gamma), field) - to_linear(shaken, gamma)).square().mean()
        rows, columns = self._grid(shaken)
        kernel = distance(field, true, rows, columns, "l1" if step >= self.l1_from else self.kernel_loss)
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
