"""Instant-NGP (Müller, Evans, Schied, Keller 2022): novel views by a multiresolution hash encoding, without a CUDA build.

    darkroom train instant_ngp laptop               two minutes on two CPU cores, a synthetic scene, nothing to download
    darkroom train instant_ngp lego                 the paper's tables and samples, over white; minutes on a GPU (estimated)
    darkroom train instant_ngp lego --image-width 200       the same on images downscaled to 200x200
    darkroom train instant_ngp lego_black           over black, as the paper's own number is
    darkroom train instant_ngp fern                 forward-facing photographs, in normalised device coordinates
    darkroom train instant_ngp photographs --scene my/photos         after `darkroom data poses my/photos`; any surroundings
    darkroom train instant_ngp photographs_small --scene my/photos   126 pixels wide, on a CPU
    darkroom view runs/instant_ngp/laptop           an interactive viewer, also while it trains

PyTorch on a CPU; on a GPU Triton kernels do the same. 8-bit images.
"""

from dataclasses import dataclass

import torch
from torch import nn

from darkroom.core.randomness import generator
from darkroom.core.record import Published
from darkroom.engine.optimization import Optimization
from darkroom.engine.run import Run
from darkroom.layers.contraction import Domain
from darkroom.layers.hash_encoding import HashEncoding
from darkroom.methods.instant_ngp import InstantNGP, Marching
from darkroom.networks.hash_field import HashField
from darkroom.radiance import named
from darkroom.radiance.masked_adam import MaskedAdam
from darkroom.radiance.scenes import Scene
from darkroom.radiance.space import Space
from darkroom.recipes.options import OptimizationOptions, SceneOptions
from darkroom.recipes.protocols import views

TASK = "views of a scene"


@dataclass(frozen=True)
class HashOptions:
    """The field."""

    levels: int = 16
    """Resolutions, L."""
    features: int = 2
    """Of a level, F; 8 levels of 4 features suit a GPU."""
    log2_rows: int = 19
    """Logarithm of the largest number of rows of a level, T."""
    coarsest: int = 16
    """Corners along the box at the first level."""
    finest: int = 2048
    """Corners along the box at the last level."""
    smoothstep: bool = False
    """Interpolate smoothly across cells."""
    width: int = 64
    """Features of the hidden layers."""
    extent: float = 0.0
    """Half the side of the box around the point that the cameras look at, where far is 6; 0 for the cameras' distance less near."""
    unbounded: bool = False
    """Contract all of space around the box, for photographs of a place."""


@dataclass(frozen=True)
class MarchingOptions:
    """Where samples are placed."""

    ray_steps: int = 1024
    """Along the diagonal of the box."""
    cone: float = 0.0
    """Growth of a step with its distance, 1/256 for large scenes; 0 for none."""
    cells: int = 128
    """Along each side of the occupancy grid."""
    occupancy_warmup: int = 256
    """During so many steps every cell of the grid is updated."""
    samples_per_step: int = 2**18
    """Budget that the number of rays follows."""
    replay: bool = False
    """Replay training steps on a GPU as CUDA graphs; not tried on hardware yet."""


_LEGO: dict[str, object] = dict(scene="lego", extent=1.5)

_PHOTOGRAPHS: dict[str, object] = dict(
    scene="my/photos", background=0.0, random_background=False, unbounded=True, cone=1 / 256, steps=30_000
)

_LAPTOP: dict[str, object] = dict(
    scene="embedded",
    extent=1.25,
    levels=8,
    log2_rows=17,
    finest=256,
    width=64,
    ray_steps=160,
    cells=48,
    occupancy_warmup=16,
    samples_per_step=2**14,
    batch_size=3072,
    steps=1200,
)

ROWS: dict[str, dict[str, object]] = {
    "lego": _LEGO,
    "lego_black": {**_LEGO, "background": 0.0},
    "lego_8x4": {**_LEGO, "levels": 8, "features": 4},
    "fern": dict(scene="fern", background=0.0, random_background=False, steps=30_000),
    "photographs": _PHOTOGRAPHS,
    "photographs_small": {
        **_LAPTOP,
        **_PHOTOGRAPHS,
        "image_width": 126,
        "extent": 0.0,
        "ray_steps": 256,
        "batch_size": 4096,
        "cone": 1 / 64,
        "steps": 2000,
    },
    "laptop": _LAPTOP,
}

_BLACK = "Müller et al. 2022 (over black, 5 minutes)"
PUBLISHED = {
    "lego": [
        Published("psnr", "lego", 32.54, "Mildenhall et al. 2020, Table 4", method="NeRF"),
        Published("psnr", "lego", 34.6, "Sun et al. 2022, Table 9 (160 voxels a side)", method="DVGO"),
    ],
    "lego_black": [Published("psnr", "lego", 36.39, _BLACK)],
}


def recipe(
    field: HashOptions = HashOptions(),
    marching: MarchingOptions = MarchingOptions(),
    weight_decay: float = 1e-6,
    scene: SceneOptions = SceneOptions(batch_size=16_384, random_background=True, linear_background=True),
    optimization: OptimizationOptions = OptimizationOptions(
        20_000, 1e-2, "multistep", milestones=(0.5, 0.75, 0.9), gamma=0.33, ema=0.95
    ),
    seed: int = 0,
) -> Run:
    """A hash-encoded field of a scene.

    Args:
        field: Tables, networks, and the space that they fill.
        marching: Where samples are placed.
        weight_decay: Of the networks, not of the tables.
        scene: Photographs, and how rays are drawn from them.
        optimization: Adam, on the rows of the tables that rays met.
        seed: Of weights and rays.
    """

    def find() -> Scene:
        return named.scene(scene.scene, scene.image_width, scene.bounds)

    def optimizer(network: nn.Module) -> MaskedAdam:
        groups = network.field.parameter_groups(weight_decay)  # type: ignore[operator,union-attr]
        return MaskedAdam(groups, lr=optimization.lr)

    encoding = HashEncoding(
        field.levels, field.features, field.log2_rows, field.coarsest, field.finest, smoothstep=field.smoothstep
    )
    domain = Domain(-torch.ones(3), torch.ones(3), unbounded=field.unbounded)
    method = InstantNGP(
        Space(scene.pixel_centre),
        HashField(encoding, domain, field.width).initialise(generator(seed, "weights")),
        Marching(
            marching.ray_steps,
            marching.cone,
            marching.cells,
            marching.occupancy_warmup,
            marching.samples_per_step,
            marching.replay,
        ),
        extent=field.extent,
        background=scene.background,
    )
    evaluations = views.evaluations(scene, find)
    return Run(
        method=method,
        stream=views.ray_stream(scene, find, seed),
        optimizers={"field": Optimization(optimizer, optimization.lr, optimization.schedule_function(), ema=optimization.ema)},
        steps=optimization.steps,
        validation=views.validation(evaluations[0]),
        validation_interval=optimization.validation_interval,
        evaluations=evaluations,
        kind="scene",
        requires=views.requirements(scene),
        prepare=lambda: method.prepare(find()),
        remarks=lambda: find().remarks,
        seed=seed,
    )
