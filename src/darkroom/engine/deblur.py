"""Deblurring of images with a known kernel and a restorer's network as the prior."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.engine.restorer import Restorer
from darkroom.operators.blur import Blur, Kernel
from darkroom.solvers.deblur import Solver, iterates
from darkroom.solvers.denoiser import Denoiser
from darkroom.solvers.iterate import Iterate, solve
from darkroom.solvers.noise_level import estimate_noise_level

MIN_SIGMA = 0.5
"""Lower bound of an estimated noise level, 0–255 scale; rounding to 8 bits alone has a standard deviation of 0.29."""


def as_denoiser(restorer: Restorer) -> Denoiser:
    """The restorer as the denoiser of a solver; a blind network ignores the noise level."""

    def denoise(noisy: Float[Tensor, "channel height width"], sigma: float) -> Float[Tensor, "channel height width"]:
        return restorer(noisy, sigma=255 * sigma)

    return denoise


class Deblurrer:
    """Deblurs images of any size with a restorer's network as the prior; called like a `Restorer`.

    The output has the size of the input; along the boundary, where less than half of the kernel lies inside the image, it is
    extrapolated. If the solver diverges, the output is the iterate with the smallest residual, and `remark` says so.

    Args:
        restorer: of a denoiser.
        kernel: k.
        sigma: standard deviation of the noise on the 0–255 scale, above 0; None to estimate it for every image.
        solver, steps: see `solvers.plug_and_play`.

    Raises:
        DarkroomError: the network is not a denoiser.
    """

    def __init__(
        self, restorer: Restorer, kernel: Kernel, sigma: float | None, *, solver: Solver = "hqs", steps: int = 8
    ) -> None:
        if restorer.scale != 1:
            raise DarkroomError(f"deblurring requires a denoiser as the prior; this network upscales by {restorer.scale}")
        self.restorer, self.kernel, self.sigma, self.solver, self.steps = restorer, kernel, sigma, solver, steps
        self.scale, self.remark = 1, ""

    @property
    def arithmetic(self) -> str:
        """What the network computes in, in words."""
        return self.restorer.arithmetic

    @torch.inference_mode()
    def __call__(
        self, image: Float[Tensor, "channel height width"], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Float[Tensor, "channel height width"]:
        """Deblur one image in [0, 1].

        Args:
            image: the image.
            progress: called with the number of iterations done and their total.

        Raises:
            DarkroomError: the kernel is larger than the image, or the noise level is not above 0.
        """
        down, right = (side // 2 for side in self.kernel.shape)
        Blur(self.kernel, image.shape[1], image.shape[2])  # raises if the kernel is larger than the image
        sigma = self.sigma / 255 if self.sigma is not None else max(estimate_noise_level(image), MIN_SIGMA / 255)
        steps = iterates(as_denoiser(self.restorer), image, self.kernel, sigma, solver=self.solver, steps=self.steps)
        solution = solve(self._reported(steps, progress))
        diverged = solution.status == "diverged"
        self.remark = f"the solver diverged; this is the best iterate, step {solution.steps}" if diverged else ""
        return solution.u[:, down : down + image.shape[1], right : right + image.shape[2]]

    def _reported(self, steps: Iterator[Iterate], progress: Callable[[int, int], None]) -> Iterator[Iterate]:
        for iterate in steps:
            progress(iterate.step, self.steps)
            yield iterate
