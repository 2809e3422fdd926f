"""DVGO: Direct Voxel Grid Optimization (Sun, Sun, Chen 2022): novel views from photographs with known cameras.

    darkroom train dvgo laptop                three minutes on two CPU cores, a synthetic scene, nothing to download
    darkroom train dvgo lego                  the paper's: 160 voxels a side, 800x800; minutes on a GPU
    darkroom train dvgo lego --image-width 200            the same on images downscaled to 200x200
    darkroom train dvgo lego_step_2           steps of two voxels instead of half a voxel: the study of accuracy against time
    darkroom train dvgo fern                  forward-facing photographs: one stage, in normalised device coordinates
    darkroom train dvgo poses_known           beside poses_estimated: what do poses by COLMAP cost?
    darkroom train dvgo photographs --scene my/photos         after `darkroom data poses my/photos`
    darkroom train dvgo photographs_small --scene my/photos   126 pixels wide, in some ten minutes on two CPU cores
    darkroom view runs/dvgo/laptop            an interactive viewer

Over white; 8-bit images; the coarse stage finds free space, the fine stage has a small network for colours.
"""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from darkroom.core.errors import DarkroomError
from darkroom.core.record import Published
from darkroom.engine.optimization import Optimization
from darkroom.engine.run import Run
from darkroom.methods.dvgo import DirectVoxelGrid, Stage
from darkroom.radiance import named
from darkroom.radiance.masked_adam import MaskedAdam
from darkroom.radiance.scenes import Scene
from darkroom.radiance.space import Space
from darkroom.recipes.options import OptimizationOptions, SceneOptions
from darkroom.recipes.protocols import views

TASK = "views of a scene"


@dataclass(frozen=True)
class GridOptions:
    """The grids of both stages."""

    voxels: int = 160
    """Along each side of the fine grid, about: the grid has the cube of it."""
    step_size: float = 0.5
    """Length of a step along a ray, in voxels."""
    coarse_voxels: int = 100
    """Along each side of the coarse grid."""
    coarse_steps: int = 5000
    """Steps of the coarse stage; 0 for none, as a forward-facing scene needs it. The fine stage has the others."""
    doublings: int = 4
    """So many times the number of the fine grid's voxels is doubled during training."""
    features: int = 12
    """Channels of the fine grid's colours."""
    width: int = 128
    """Features of the two hidden layers of the colour network."""
    network_lr: float = 1e-3
    """Learning rate of the colour network."""
    occupancy_interval: int = 1000
    """Steps between updates of the occupancy grid."""
    occupancy_threshold: float = 1e-3
    """Opacity of a voxel below which space is free."""


@dataclass(frozen=True)
class LossOptions:
    """Weights of the losses beside the squared error of colours."""

    entropy_weights: tuple[float, float] = (0.01, 0.001)
    """Of the entropy of the background's transmittance, in the coarse and the fine stage."""
    point_weights: tuple[float, float] = (0.1, 0.01)
    """Of the squared error of single samples, in the coarse and the fine stage."""
    tv_weight: float = 0.0
    """Of the total variation of the fine grids; 1e-3 for real scenes seen from one side."""


_LEGO: dict[str, object] = dict(scene="lego")

_LAPTOP: dict[str, object] = dict(
    scene="embedded",
    voxels=80,
    coarse_voxels=80,
    coarse_steps=200,
    steps=2000,
    doublings=1,
    batch_size=1024,
    width=64,
    lr=0.5,
    network_lr=5e-3,
    occupancy_interval=250,
    occupancy_threshold=1e-2,
)
_SMALL: dict[str, object] = dict(
    scene="my/photos",
    background=0.0,
    image_width=126,
    voxels=96,
    coarse_voxels=64,
    coarse_steps=300,
    steps=1800,
    lr=0.3,
    network_lr=3e-3,
    tv_weight=1e-3,
)
_POSES = {**_LAPTOP, "scene": "embedded-large", "image_width": 100}

ROWS: dict[str, dict[str, object]] = {
    "lego": _LEGO,
    "lego_step_2": {**_LEGO, "step_size": 2.0},
    "lego_step_4": {**_LEGO, "step_size": 4.0},
    "lego_80": {**_LEGO, "voxels": 80},
    "lego_120": {**_LEGO, "voxels": 120},
    "lego_180": {**_LEGO, "voxels": 180},
    "fern": dict(scene="fern", background=0.0, coarse_steps=0, steps=30_000, batch_size=4096, voxels=200, tv_weight=1e-3),
    "poses_known": {**_POSES, "poses": "known"},
    "poses_estimated": {**_POSES, "poses": "estimated"},
    "photographs": dict(scene="my/photos", background=0.0),
    "photographs_small": {**_LAPTOP, **_SMALL},
    "laptop": _LAPTOP,
}

_TABLE = "Sun et al. 2022, Table 9 (160 voxels a side)"
PUBLISHED = {
    "lego": [
        Published("psnr", "lego", 34.6, _TABLE),
        Published("psnr", "lego", 32.54, "Mildenhall et al. 2020, Table 4", method="NeRF"),
        Published("ssim", "lego", 0.961, "Mildenhall et al. 2020, Table 4", method="NeRF"),
        Published("psnr", "lego", 35.6, "Sun et al. 2022 (256 voxels a side)", method="DVGO 256"),
    ],
    "fern": [
        Published("psnr", "fern", 24.99, "Sun et al. 2022, forward-facing variant (1008x756)"),
        Published("psnr", "fern", 25.17, "Mildenhall et al. 2020, Table 4 (1008x756)", method="NeRF"),
        Published("ssim", "fern", 0.792, "Mildenhall et al. 2020, Table 4 (1008x756)", method="NeRF"),
    ],
}


def recipe(
    poses: Literal["known", "estimated"] = "known",
    grid: GridOptions = GridOptions(),
    losses: LossOptions = LossOptions(),
    scene: SceneOptions = SceneOptions(batch_size=8192),
    optimization: OptimizationOptions = OptimizationOptions(25_000, 0.1, "exponential"),
    seed: int = 0,
) -> Run:
    """Voxel grids of a scene.

    Args:
        poses: Those of the scene's files, or estimated from its photographs by structure from motion.
        grid: The grids of both stages.
        losses: Weights of the losses.
        scene: Photographs, and how rays are drawn from them.
        optimization: Adam on the voxels that rays met; the learning rate is that of the grids.
        seed: Of weights and rays.
    """

    def find() -> Scene:
        look_up = named.scene if poses == "known" else named.with_estimated_poses
        return look_up(scene.scene, scene.image_width, scene.bounds)

    def optimizer(network: nn.Module) -> MaskedAdam:
        groups = network.field.parameter_groups(grid.network_lr / optimization.lr)  # type: ignore[operator,union-attr]
        return MaskedAdam(groups, lr=optimization.lr)

    method, evaluations = _method(grid, losses, scene, optimization.steps, seed), views.evaluations(scene, find)
    return Run(
        method=method,
        stream=views.ray_stream(scene, find, seed),
        optimizers={"field": Optimization(optimizer, optimization.lr, optimization.schedule_function())},
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


def _method(grid: GridOptions, losses: LossOptions, scene: SceneOptions, steps: int, seed: int) -> DirectVoxelGrid:
    if not 0 <= grid.coarse_steps < steps:
        raise DarkroomError(f"--coarse-steps {grid.coarse_steps} leaves no step of --steps {steps} for the fine stage")
    entropy, points = losses.entropy_weights, losses.point_weights
    coarse = Stage(grid.coarse_steps, grid.coarse_voxels**3, entropy=entropy[0], points=points[0])
    fine = Stage(
        steps - grid.coarse_steps,
        grid.voxels**3,
        grid.doublings,
        grid.features,
        grid.width,
        opacity=1e-2,
        entropy=entropy[1],
        points=points[1],
        variation=losses.tv_weight,
    )
    return DirectVoxelGrid(
        Space(scene.pixel_centre),
        coarse,
        fine,
        step=grid.step_size,
        background=scene.background,
        seed=seed,
        occupancy_interval=grid.occupancy_interval,
        occupancy_threshold=grid.occupancy_threshold,
    )
