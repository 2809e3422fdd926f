"""Deblurring with a known kernel, a trained denoiser for a prior, and a solver that knows neither."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.engine.restore import Restorer
from darkroom.operators.blur import Blur, Kernel
from darkroom.solvers.deblur import Solver, iterates
from darkroom.solvers.denoiser import Denoiser
from darkroom.solvers.iterate import Iterate, solve
from darkroom.solvers.noise_level import noise_level

LEAST = 0.5
"""The noise that is assumed at least where it is estimated: rounding to 8 bits alone is 0.29."""


def as_prior(restorer: Restorer) -> Denoiser:
    """The restorer's network as a solver asks it: told the level if it listens, left to itself if it is blind."""

    def denoise(noisy: Float[Tensor, "channel height width"], sigma: float) -> Float[Tensor, "channel height width"]:
        return restorer(noisy, sigma=255 * sigma)

    return denoise


class Deblurrer:
    """Deblurs images of any size and kind with a restorer's network for a prior; called as a `Restorer` is.

    A walk that diverges leaves its best image, and a `remark`. The answer has the size of what was given: along the border, where less than half the kernel is seen, it is extrapolated.

    Args:
        restorer: a denoiser, made ready.
        kernel: k.
        sigma: deviation of the noise on the 0–255 scale, above 0; None to estimate it for every image.
        solver, steps: see `iterates`.
    """

    def __init__(
        self, restorer: Restorer, kernel: Kernel, sigma: float | None, *, solver: Solver = "hqs", steps: int = 8
    ) -> None:
        if restorer.scale != 1:
            raise DarkroomError(f"a network that enlarges {restorer.scale} times is no denoiser, and no prior for deblurring")
        self.restorer, self.kernel, self.sigma, self.solver, self.steps = restorer, kernel, sigma, solver, steps
        self.scale, self.bf16, self.difference = 1, restorer.bf16, restorer.difference
        self.remark = ""

    @torch.inference_mode()
    def __call__(
        self, image: Float[Tensor, "channel height width"], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Float[Tensor, "channel height width"]:
        """Deblur one image in [0, 1].

        Raises:
            DarkroomError: the kernel is larger than the image.
        """
        down, right = (side // 2 for side in self.kernel.shape)
        Blur(self.kernel, image.shape[1], image.shape[2])  # says so if the kernel is larger than the image
        sigma = self.sigma / 255 if self.sigma is not None else max(noise_level(image), LEAST / 255)
        walk = iterates(as_prior(self.restorer), image, self.kernel, sigma, solver=self.solver, steps=self.steps)
        solution = solve(self._watched(walk, progress))
        self.remark = f"the solver diverged; this is its best, step {solution.steps}" if solution.ended == "diverged" else ""
        return solution.u[:, down : down + image.shape[1], right : right + image.shape[2]]

    def _watched(self, walk: Iterator[Iterate], progress: Callable[[int, int], None]) -> Iterator[Iterate]:
        for iterate in walk:
            progress(iterate.step, self.steps)
            yield iterate
