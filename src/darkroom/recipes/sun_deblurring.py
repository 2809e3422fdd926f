"""Deblurring with a known kernel and a denoiser for a prior, on the pictures of Sun, Cho, Wang, Hays (2013).

    darkroom train sun_deblurring laptop                           embedded photographs, total variation for a prior
    darkroom train sun_deblurring hqs --prior runs/dncnn/nonblind  half-quadratic splitting with a trained denoiser
    darkroom train sun_deblurring all --prior runs/dncnn/nonblind  ISTA and FISTA too, plain and in the metric of the blur
    darkroom report sun_deblurring                                 PSNR and SSIM against steps, and beside published numbers

Nothing is trained: a row judges a solver. Grey pictures, each blurred with the eight kernels of Levin et al. 2009; 50
pixels are cropped from every side before judging. The blur here is `valid`: nothing is assumed beyond the picture's border.
Published numbers move by 2 dB with the protocol; each names its own. About half a minute a question with a small network on
two CPU cores: see --pictures.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from darkroom.core.method import Pair
from darkroom.data.kernels import Blurs, drawn, kernels, levin
from darkroom.data.photographs import judging
from darkroom.data.streams import Nothing
from darkroom.engine.deblur import as_prior
from darkroom.engine.restore import Restorer
from darkroom.engine.run import Judge, Published, Run
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
        solver="hqs", prior="total variation", photos="embedded", blurs="drawn", sigma=(2.55,), border=20, pictures=2
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
    Published("psnr_crop50", "sun80", value, f"as compared in the literature, all 80 pictures; {how}", {"sigma": sigma}, method)
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
    prior: str = "runs/dncnn/nonblind",
    sigma: tuple[float, ...] = (2.55, 12.75),
    blurs: str = "levin",
    boundary: Boundary = "valid",
    quantised: bool = True,
    photos: str = "sun80",
    pictures: int = 0,
    border: int = 50,
    seed: int = 0,
) -> Run:
    """A solver with a denoiser, asked to deblur.

    Args:
        solver: hqs (half-quadratic splitting), ista or fista.
        steps: how many.
        weight: lambda of the metric in which gradient steps are taken; None for plain ones.
        first: level that the continuation begins with (0-255 scale); 0 for the noise's own level throughout.
        start: from Wiener's answer, or from the blurred picture.
        prior: the denoiser: a run's folder, a weights file, somebody else's checkpoint, or "total variation".
        sigma: noise levels (0-255 scale).
        blurs: kernels: levin, drawn (two paths of an unsteady hand), or a file.
        boundary: what lies beyond the picture's border when it is blurred.
        quantised: clip the blurred picture and round it to 8 bits.
        photos: sharp pictures: sun80, set12, embedded, or a folder.
        pictures: how many of them, the first ones; 0 for all.
        border: pixels cropped from every side before judging.
        seed: of the turns in which the denoiser is shown the picture.
    """

    @lru_cache
    def denoiser(device: str) -> Denoiser:
        if prior == "total variation":
            return total_variation
        return as_prior(Restorer(lookup.network(Path(prior)), device=torch.device(device)))

    def walk(batch: Pair) -> Iterator[Tensor]:
        (kernel,), (level,) = batch.given
        walked = iterates(
            denoiser(str(batch.source.device)),
            batch.source[0],
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

    judged = judging(photos, grey=True)
    judged = judged.first(pictures) if pictures else judged
    metrics = (psnr_within(border), ssim_within(border))
    judges = [
        Judge(judged, Blurs(find, level, boundary, quantised), metrics, {"sigma": level}, baselines(boundary))
        for level in sigma
    ]
    return Run(
        method=PlugAndPlay(walk),
        stream=Nothing(),
        optimizers={},
        steps=0,
        validation=judges[0],
        validate_every=1,
        judges=judges,
        needs=[find, lambda: denoiser("cpu")],
        seed=seed,
    )
