"""DVGO: Direct Voxel Grid Optimization (Sun, Sun, Chen 2022): novel views from photographs with known cameras.

    darkroom train dvgo laptop                three minutes on two CPU cores, a scene of our own, nothing to download
    darkroom train dvgo lego                  the paper's: 160 voxels a side, 800x800; minutes on a GPU
    darkroom train dvgo lego --size 200       the same on images reduced to 200x200
    darkroom train dvgo lego_step_2           steps of two voxels instead of half a voxel: the study of accuracy against time
    darkroom train dvgo fern                  forward-facing photographs: one stage, in normalised device coordinates
    darkroom train dvgo poses_known           beside poses_estimated: what do poses by COLMAP cost?
    darkroom train dvgo photographs --scene my/train_set         after `darkroom data poses my/train_set`
    darkroom train dvgo photographs_small --scene my/train_set   126 pixels wide, in some ten minutes on two CPU cores
    darkroom view runs/dvgo/laptop            walk around in it

Over white; 8-bit images; the coarse stage finds free space, the fine one has a small network for colours.
"""

from typing import Literal

from darkroom.engine.run import Optimization, Published, Run, exponential
from darkroom.methods.dvgo import DirectVoxelGrid, Stage
from darkroom.radiance import named
from darkroom.radiance.masked_adam import MaskedAdam
from darkroom.radiance.rays import RayStream
from darkroom.radiance.scenes import Scene
from darkroom.radiance.space import Space
from darkroom.recipes.protocols import views

_LEGO: dict[str, object] = dict(scene="lego")

_LAPTOP: dict[str, object] = dict(
    scene="embedded",
    voxels=80,
    coarse_voxels=80,
    coarse_steps=200,
    fine_steps=1800,
    doublings=1,
    rays=1024,
    width=64,
    lr=0.5,
    network_lr=5e-3,
    occupancy_interval=250,
    occupancy_threshold=1e-2,
)
_SMALL: dict[str, object] = dict(
    scene="my/train_set",
    background=0.0,
    size=126,
    voxels=96,
    coarse_voxels=64,
    coarse_steps=300,
    fine_steps=1500,
    lr=0.3,
    network_lr=3e-3,
    variation=1e-3,
)
_POSES = {**_LAPTOP, "scene": "embedded-large", "size": 100}

ROWS: dict[str, dict[str, object]] = {
    "lego": _LEGO,
    "lego_step_2": {**_LEGO, "step": 2.0},
    "lego_step_4": {**_LEGO, "step": 4.0},
    "lego_80": {**_LEGO, "voxels": 80},
    "lego_120": {**_LEGO, "voxels": 120},
    "lego_180": {**_LEGO, "voxels": 180},
    "fern": dict(scene="fern", background=0.0, coarse_steps=0, fine_steps=30_000, rays=4096, voxels=200, variation=1e-3),
    "poses_known": {**_POSES, "poses": "known"},
    "poses_estimated": {**_POSES, "poses": "estimated"},
    "photographs": dict(scene="my/train_set", background=0.0),
    "photographs_small": {**_LAPTOP, **_SMALL},
    "laptop": _LAPTOP,
}

PROTOCOL = frozenset({"size", "background"})
"""Settings that, when changed, make a number measure something else than the paper's."""

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
    scene: str = "lego",
    size: int = 0,
    poses: Literal["known", "estimated"] = "known",
    background: float = 1.0,
    random_background: bool = False,
    voxels: int = 160,
    step: float = 0.5,
    coarse_voxels: int = 100,
    coarse_steps: int = 5000,
    fine_steps: int = 20_000,
    doublings: int = 4,
    features: int = 12,
    width: int = 128,
    rays: int = 8192,
    lr: float = 0.1,
    network_lr: float = 1e-3,
    entropy: tuple[float, float] = (0.01, 0.001),
    points: tuple[float, float] = (0.1, 0.01),
    variation: float = 0.0,
    occupancy_interval: int = 1000,
    occupancy_threshold: float = 1e-3,
    pixel_centre: float = 0.5,
    perceptual: bool = False,
    seed: int = 0,
) -> Run:
    """Voxel grids of a scene.

    Args:
        scene: embedded, lego and the like below the data root, or a folder.
        size: reduce images to this width; 0 for as they are.
        poses: those of the scene's files, or estimated from its photographs by structure from motion.
        background: behind transparent pixels: 1 white, 0 black.
        random_background: learn before another colour behind every ray, lest something white be taken for nothing.
        voxels: along each side of the fine grid, about: the grid has the cube of it.
        step: length of a step along a ray, in voxels.
        coarse_voxels: the same of the coarse grid.
        coarse_steps: length of the coarse stage; 0 for none, as a forward-facing scene wants it.
        fine_steps: length of the fine stage.
        doublings: so many times the fine grid's voxels are doubled on the way to their number.
        features: channels of the fine grid's colours.
        width: of the two hidden layers of the colour network.
        rays: a step.
        lr: Adam's, of the grids; it falls to a tenth over the training.
        network_lr: that of the network.
        entropy: weights of the background's entropy, of the coarse and the fine stage.
        points: weights of the single points' errors.
        variation: weight of the total variation of the fine grids; 1e-3 for real scenes seen from one side.
        occupancy_interval: steps between looks for free space.
        occupancy_threshold: opacity of a voxel below which space is free.
        pixel_centre: where in a pixel its ray goes through: 0.5, or 0 as in the NeRF papers' code.
        perceptual: download VGG's features (528 MB) to evaluation by LPIPS; where they are there already, it is done anyway.
        seed: of weights and rays.
    """

    learned_before = None if random_background else background

    def find() -> Scene:
        return named.scene(scene, size) if poses == "known" else named.with_estimated_poses(scene, size)

    method = DirectVoxelGrid(
        Space(pixel_centre),
        Stage(coarse_steps, coarse_voxels**3, entropy=entropy[0], points=points[0]),
        Stage(fine_steps, voxels**3, doublings, features, width, 1e-2, entropy[1], points[1], variation),
        step=step,
        background=background,
        seed=seed,
        occupancy_interval=occupancy_interval,
        occupancy_threshold=occupancy_threshold,
    )

    def optimizer(network) -> MaskedAdam:  # type: ignore[no-untyped-def]
        return MaskedAdam(network.field.groups(network_lr / lr), lr=lr)

    steps = coarse_steps + fine_steps
    evaluated = views.evaluations(scene, find, background)
    return Run(
        method=method,
        stream=RayStream(find, background=learned_before, rays=rays, seed=seed, pixel_centre=pixel_centre),
        optimizers={"field": Optimization(optimizer, lr, exponential(0.1))},
        steps=steps,
        validation=views.validation(evaluated[0]),
        validate_every=max(1, steps // 10),
        evaluations=evaluated,
        needs=[lambda: method.prepare(find()), *views.needs(perceptual)],
        remarks=lambda: find().remarks,
        seed=seed,
    )
