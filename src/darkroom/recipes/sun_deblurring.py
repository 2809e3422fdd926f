"""Deblurring with a known kernel and a denoiser as prior, on the images of Sun, Cho, Wang, Hays (2013).

    darkroom train sun_deblurring laptop   embedded photographs, total variation as prior
    darkroom train sun_deblurring hqs      half-quadratic splitting with the denoiser of `darkroom train dncnn noise_conditional`
    darkroom train sun_deblurring all      ISTA and FISTA too, plain and with the regularised inverse of the blur
    darkroom report sun_deblurring         PSNR and SSIM against steps, and beside published numbers

Nothing is trained: a row evaluates a solver. Grey images, each blurred with the eight kernels of Levin et al. 2009; 50 pixels are
cropped from every side before evaluation. The blur is `valid`: nothing is assumed beyond the image's border. Published numbers
differ by 2 dB with the protocol; each names its own. About half a minute an image with a small network on two CPU cores: see
--image-count.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from darkroom.core.method import Example
from darkroom.core.record import Published
from darkroom.data.kernels import Blurs, named_kernels
from darkroom.data.named_sets import evaluation_images
from darkroom.data.streams import EmptyStream
from darkroom.engine.deblur import as_denoiser
from darkroom.engine.restorer import Restorer
from darkroom.engine.run import Run
from darkroom.evaluations.paired_images import SeveralDegradations
from darkroom.methods.plug_and_play import PlugAndPlay
from darkroom.metrics.fidelity import psnr_within, ssim_within
from darkroom.operators.blur import Boundary
from darkroom.recipes import trained
from darkroom.solvers.classical import total_variation
from darkroom.solvers.deblur import Solver, baselines, iterates
from darkroom.solvers.denoiser import Denoiser

TASK = "deblurring"


@dataclass(frozen=True)
class SolverOptions:
    """The solver."""

    solver: Solver = "hqs"
    """hqs (half-quadratic splitting), ista or fista."""
    solver_steps: int = 8
    """Iterations."""
    regularisation: float | None = 0.23
    """Lambda of the regularised inverse in which gradient steps are taken; None for plain gradient steps."""
    sigma_max: float = 49.0
    """Noise level of the first iteration (0-255 scale), falling to the image's own; 0 for its own throughout."""
    start: Literal["wiener", "observed"] = "wiener"
    """From Wiener's estimate, or from the blurred image."""


@dataclass(frozen=True)
class TestOptions:
    """Test images and blur."""

    test_set: str = "sun80"
    """Sharp images: sun80, set12, embedded, or a folder."""
    image_count: int = 0
    """Number of images, the first ones; 0 for all."""
    kernels: str = "levin"
    """Blur kernels: levin, motion (two synthetic camera shakes), or a file."""
    sigma: tuple[float, ...] = (2.55, 12.75)
    """Noise levels (0-255 scale)."""
    boundary: Boundary = "valid"
    """Beyond the image's border when it is blurred."""
    quantised: bool = True
    """Clip the blurred image and round it to 8 bits."""
    border: int = 50
    """Pixels cropped from every side before evaluation."""


_PLAIN = dict(regularisation=None, sigma_max=0.0, solver_steps=60)

ROWS: dict[str, dict[str, object]] = {
    "hqs": dict(solver="hqs"),
    "fista": dict(solver="fista"),
    "ista": dict(solver="ista", solver_steps=20),
    "fista_plain": {**_PLAIN, "solver": "fista"},
    "ista_plain": {**_PLAIN, "solver": "ista"},
    "ista_plain_from_y": {**_PLAIN, "solver": "ista", "start": "observed"},
    "hqs_from_y": dict(solver="hqs", start="observed"),
    "laptop": dict(
        solver="hqs",
        prior="total variation",
        test_set="embedded",
        kernels="motion",
        sigma=(2.55,),
        border=20,
        image_count=2,
    ),
}

_EIGHT_BITS = "Sun et al. 2013's border, noise then 8 bits"
_TAPERED = "edge-tapered protocol"
_OTHERS = {
    2.55: [("EPLL", 32.46, _EIGHT_BITS), ("CSF", 32.21, _EIGHT_BITS), ("FDN", 32.67, _EIGHT_BITS)],
    12.75: [("EPLL", 26.08, _TAPERED), ("CSF", 26.53, _TAPERED), ("FDN", 27.62, _TAPERED), ("VEM-Net", 28.04, _TAPERED)],
}
_PUBLISHED = [
    Published("psnr_crop50", "sun80", value, f"as compared in the literature, all 80 images; {how}", {"sigma": sigma}, method)
    for sigma, others in _OTHERS.items()
    for method, value, how in others
]
PUBLISHED = {row: _PUBLISHED for row in ROWS if row != "laptop"}


def recipe(
    prior: str = "dncnn/noise_conditional",
    solver: SolverOptions = SolverOptions(),
    test: TestOptions = TestOptions(),
    seed: int = 0,
) -> Run:
    """A solver with a denoiser as prior, evaluated on deblurring.

    Args:
        prior: The denoiser: a row (RECIPE/ROW) among the runs, a run's folder, a weights file, or "total variation".
        solver: The solver.
        test: Test images and blur.
        seed: Of the flips and rotations that the denoiser is applied in.
    """

    @lru_cache
    def denoiser(device: str) -> Denoiser:
        if prior == "total variation":
            return total_variation
        return as_denoiser(Restorer(trained.network(trained.weights_path(prior)), device=torch.device(device)))

    def solve(batch: Example) -> Iterator[Tensor]:
        (kernel,), (sigma,) = batch.condition
        found = iterates(
            denoiser(str(batch.input.device)),
            batch.input[0],
            kernel.cpu(),
            float(sigma),
            boundary=test.boundary,
            solver=solver.solver,
            steps=solver.solver_steps,
            regularisation=solver.regularisation,
            sigma_max=solver.sigma_max / 255,
            start=solver.start,
            seed=seed,
        )
        return (iterate.u[None] for iterate in found)

    evaluations = [_evaluation(test, sigma) for sigma in test.sigma]
    return Run(
        method=PlugAndPlay(solve),
        stream=EmptyStream(),
        optimizers={},
        steps=0,
        validation=evaluations[0],
        validation_interval=1,
        evaluations=evaluations,
        requires=[lambda: named_kernels(test.kernels), lambda: denoiser("cpu")],
        seed=seed,
    )


def _evaluation(options: TestOptions, sigma: float) -> SeveralDegradations:
    images = evaluation_images(options.test_set, grey=True)
    images = images.first(options.image_count) if options.image_count else images
    return SeveralDegradations(
        images,
        Blurs(options.kernels, sigma, options.boundary, options.quantised),
        (psnr_within(options.border), ssim_within(options.border)),
        variant={"sigma": sigma},
        baselines=baselines(options.boundary),
    )
