"""Deblurring with a known kernel and a denoiser for a prior, on the images of Sun, Cho, Wang, Hays (2013).

    darkroom train sun_deblurring laptop                           embedded photographs, total variation for a prior
    darkroom train sun_deblurring hqs --prior runs/dncnn/noise_conditional  half-quadratic splitting with a trained denoiser
    darkroom train sun_deblurring all --prior runs/dncnn/noise_conditional  ISTA and FISTA too, plain and in the metric of the blur
    darkroom report sun_deblurring                                 PSNR and SSIM against steps, and beside published numbers

Nothing is trained: a row evaluations a solver. Grey images, each blurred with the eight kernels of Levin et al. 2009; 50
pixels are cropped from every side before evaluating. The blur here is `valid`: nothing is assumed beyond the image's border.
Published numbers move by 2 dB with the protocol; each names its own. About half a minute a question with a small network on
two CPU cores: see --images.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from darkroom.core.method import Example
from darkroom.data.kernels import Blurs, drawn, kernels, levin
from darkroom.data.named_sets import evaluation_images
from darkroom.data.streams import Nothing
from darkroom.engine.deblur import as_prior
from darkroom.engine.restore import Restorer
from darkroom.engine.run import Evaluation, Published, Run
from darkroom.methods.plug_and_play import PlugAndPlay
from darkroom.metrics.fidelity import psnr_within, ssim_within
from darkroom.operators.blur import Boundary, Kernel
from darkroom.recipes import lookup
from darkroom.solvers.classical import total_variation
from darkroom.solvers.deblur import STRONGEST, Solver, baselines, iterates
from darkroom.solvers.denoiser import Denoiser

_PLAIN = dict(weight=None, first=0.0, steps=60)

ROWS: dict[str, dict[str, object]] = {
    "hqs": dict(solver="hqs"),
    "fista": dict(solver="fista"),
    "ista": dict(solver="ista", steps=20),
    "fista_plain": {**_PLAIN, "solver": "fista"},
    "ista_plain": {**_PLAIN, "solver": "ista"},
    "ista_plain_from_y": {**_PLAIN, "solver": "ista", "start": "observed"},
    "hqs_from_y": dict(solver="hqs", start="observed"),
    "laptop": dict(
        solver="hqs", prior="total variation", train_set="embedded", blurs="drawn", sigma=(2.55,), border=20, images=2
    ),
}

PROTOCOL = frozenset({"blurs", "boundary", "quantised", "border"})
"""Settings that, when changed, make a number measure something else than the others'."""

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
    solver: Solver = "hqs",
    steps: int = 8,
    weight: float | None = 0.23,
    first: float = STRONGEST,
    start: Literal["wiener", "observed"] = "wiener",
    prior: str = "runs/dncnn/noise_conditional",
    sigma: tuple[float, ...] = (2.55, 12.75),
    blurs: str = "levin",
    boundary: Boundary = "valid",
    quantised: bool = True,
    train_set: str = "sun80",
    images: int = 0,
    border: int = 50,
    seed: int = 0,
) -> Run:
    """A solver with a denoiser, asked to deblur.

    Args:
        solver: hqs (half-quadratic splitting), ista or fista.
        steps: how many.
        weight: lambda of the metric in which gradient steps are taken; None for plain ones.
        first: level that the continuation begins with (0-255 scale); 0 for the noise's own level throughout.
        start: from Wiener's answer, or from the blurred image.
        prior: the denoiser: a run's folder, a weights file, somebody else's checkpoint, or "total variation".
        sigma: noise levels (0-255 scale).
        blurs: kernels: levin, drawn (two paths of an unsteady hand), or a file.
        boundary: what lies beyond the image's border when it is blurred.
        quantised: clip the blurred image and round it to 8 bits.
        train_set: sharp images: sun80, set12, embedded, or a folder.
        images: how many of them, the first ones; 0 for all.
        border: pixels cropped from every side before evaluating.
        seed: of the turns in which the denoiser is shown the image.
    """

    @lru_cache
    def denoiser(device: str) -> Denoiser:
        if prior == "total variation":
            return total_variation
        return as_prior(Restorer(lookup.network(Path(prior)), device=torch.device(device)))

    def walk(batch: Example) -> Iterator[Tensor]:
        (kernel,), (level,) = batch.condition
        walked = iterates(
            denoiser(str(batch.input.device)),
            batch.input[0],
            kernel.cpu(),
            float(level),
            boundary=boundary,
            solver=solver,
            steps=steps,
            weight=weight,
            first=first,
            start=start,
            seed=seed,
        )
        return (iterate.u[None] for iterate in walked)

    def find() -> Mapping[str, Kernel]:
        return levin() if blurs == "levin" else drawn() if blurs == "drawn" else kernels(Path(blurs))

    evaluated = evaluation_images(train_set, grey=True)
    evaluated = evaluated.first(images) if images else evaluated
    metrics = (psnr_within(border), ssim_within(border))
    evaluations = [
        Evaluation(evaluated, Blurs(find, level, boundary, quantised), metrics, {"sigma": level}, baselines(boundary))
        for level in sigma
    ]
    return Run(
        method=PlugAndPlay(walk),
        stream=Nothing(),
        optimizers={},
        steps=0,
        validation=evaluations[0],
        validate_every=1,
        evaluations=evaluations,
        needs=[find, lambda: denoiser("cpu")],
        seed=seed,
    )
