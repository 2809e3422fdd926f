"""What a denoiser is to those who use one as a part."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.operators.turn import turned, turned_back


@runtime_checkable
class Denoiser(Protocol):
    """`(noisy, sigma) -> clean`: an image in [0, 1] and the deviation of its noise in the image's units."""

    def __call__(self, noisy: Float[Tensor, "channel height width"], sigma: float) -> Float[Tensor, "channel height width"]: ...


def turning(denoiser: Denoiser, generator: torch.Generator) -> Denoiser:
    """The denoiser, shown the image flipped and turned in one of eight ways, drawn anew every time.

    A network is not quite indifferent to that; over many steps of a solver its preferences average out.
    """

    def denoise(noisy: Float[Tensor, "channel height width"], sigma: float) -> Float[Tensor, "channel height width"]:
        way = int(torch.randint(8, (), generator=generator))
        return turned_back(denoiser(turned(noisy, way), sigma), way)

    return denoise
