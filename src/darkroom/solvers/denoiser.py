"""The contract of denoisers that are used as a part of an algorithm, and the geometric self-ensemble."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.operators.dihedral import dihedral, inverse_dihedral


@runtime_checkable
class Denoiser(Protocol):
    """`(noisy, sigma) -> clean`: an image in [0, 1] and the standard deviation of its noise in the image's units."""

    def __call__(self, noisy: Float[Tensor, "channel height width"], sigma: float) -> Float[Tensor, "channel height width"]: ...


def geometric_self_ensemble(denoiser: Denoiser, generator: torch.Generator) -> Denoiser:
    """The denoiser applied to a flipped and rotated image, the transform drawn anew for each call and undone after it.

    A network is not exactly equivariant to flips and rotations; over the iterations of a solver its deviations average out.

    Args:
        denoiser: the denoiser.
        generator: of the transforms.

    Source: Zhang et al. 2022 (DPIR), "periodical geometric self-ensemble"; there the transforms take turns, here they are random.
    """

    def denoise(noisy: Float[Tensor, "channel height width"], sigma: float) -> Float[Tensor, "channel height width"]:
        element = int(torch.randint(8, (), generator=generator))
        return inverse_dihedral(denoiser(dihedral(noisy, element), sigma), element)

    return denoise
