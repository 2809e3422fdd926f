"""Direct voxel grid optimisation: a coarse stage that finds the occupied space, and a fine one in it (Sun, Sun, Chen 2022)."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.randomness import generator
from darkroom.methods.radiance import RadianceMethod, RenderedField, min_weight, missed
from darkroom.networks.voxel_field import VoxelField
from darkroom.radiance.cameras import Camera, Rays
from darkroom.radiance.occupancy import OccupancyGrid
from darkroom.radiance.ray_budget import RayBudget
from darkroom.radiance.rays import RayBatch
from darkroom.radiance.rendering import Background, Rendering
from darkroom.radiance.sampling import Samples, intersect_box, march
from darkroom.radiance.scenes import Scene
from darkroom.radiance.space import Space

VARIATION_FRACTION = 1 / 16
"""Fraction of the voxels at which the total variation is estimated in each step."""

MISSED = 0.01
"""Fraction of rays beyond which it is said that the scene is outside the box."""

NEAR_CAMERA = -100.0
"""Initial density, before activation, of voxels closer to a camera than the near plane."""


@dataclass(frozen=True)
class Stage:
    """One of the two stages.

    Args:
        steps: of training.
        voxels: final number.
        doublings: how many times the number of voxels is doubled on the way there, evenly in the first fifth of the stage.
        features, width: of the colour grid and its network (none for width 0).
        opacity: initial opacity of a voxel.
        entropy: weight of the entropy of the background's share, which favours rays that are either blocked or not.
        points: weight of the squared error of each sample's colour.
        variation: weight of the total variation of the grids.
    """

    steps: int
    voxels: int
    doublings: int = 0
    features: int = 3
    width: int = 0
    opacity: float = 1e-6
    entropy: float = 0.01
    points: float = 0.1
    variation: float = 0.0

    def grows_to(self, step: int) -> int | None:
        """The number of voxels from this step of the stage on, if it changes there; at step 0 the first one."""
        for number in range(self.doublings + 1):
            if step == round(number * self.steps / (5 * max(1, self.doublings))):
                return round(self.voxels / 2 ** (self.doublings - number))
        return None

    def min_weight(self, step: float) -> float:
        """Rendering weight below which colours are not computed, with steps of so many voxels."""
        return min_weight(step * self.opacity)


class DirectVoxelGrid(RadianceMethod):
    """Squared error of pixel colours, squared error of each sample's colour, and entropy of the background's share.

    The coarse stage finds the bounding box of the scene and the empty space in it; the density's learning rate is proportional
    to the number of views that see a voxel, and 0 for at most two. In a room, where cameras see each other's places before far, all
    views meet in empty space and few see the same wall: there the rate is the same for all voxels that more than two views see. The
    fine stage has a network for view-dependent colours, and its grids grow.

    Args:
        space: bounds and warp.
        coarse, fine: the stages; a forward-facing scene has only the fine one (0 steps of the coarse).
        step: length of a step along a ray, in voxels.
        background: 1 white, 0 black.
        seed: of the network's weights.
        occupancy_interval: steps between updates of the occupancy grid in the fine stage.
        occupancy_threshold: space is empty where the opacity of a voxel and of its neighbours is below this.
        samples_per_step: adapt the number of rays to take about so many samples in a step (see `RayBudget`); 0 for all rays of
            a batch.

    Source: sections 4 and 5 of the paper.
    """

    def __init__(
        self,
        space: Space,
        coarse: Stage,
        fine: Stage,
        *,
        step: float = 0.5,
        background: float = 1.0,
        seed: int = 0,
        occupancy_interval: int = 1000,
        occupancy_threshold: float = 1e-3,
        samples_per_step: int = 0,
    ) -> None:
        super().__init__(space, background)
        self.stages = (coarse, fine) if coarse.steps else (fine,)
        self.step, self.seed = step, seed
        self.occupancy_interval, self.occupancy_threshold = occupancy_interval, occupancy_threshold
        self.stage: Tensor
        self.register_buffer("stage", torch.tensor(0))
        self._stage = 0  # the same on the host, so that no step waits for the device
        self._messages: list[str] = []
        self._begin(self._field(self.stages[0], -torch.ones(3), torch.ones(3)))
        self.budget = RayBudget(samples_per_step) if samples_per_step else None

    def _field(self, stage: Stage, low: Tensor, high: Tensor) -> VoxelField:
        field = VoxelField(
            low,
            high,
            stage.grows_to(0) or stage.voxels,
            base=stage.voxels,
            features=stage.features,
            width=stage.width,
            opacity=stage.opacity,
        )
        return field.initialise(generator(self.seed, "weights"))

    def _begin(self, field: VoxelField, occupancy: OccupancyGrid | None = None) -> None:
        """Train another field, with all of its box occupied by default."""
        self.field = RenderedField(field)
        self.occupancy = occupancy or OccupancyGrid(field.low, field.high, field.size.tolist())

    def load_state_dict(self, state: Mapping[str, Any], *rest: Any, **more: Any) -> Any:  # type: ignore[override]
        """Load a state of any stage, and the size of its grids."""
        self._stage = int(state["stage"])
        low, high = (state[f"field.field.{name}"] for name in ("low", "high"))
        self._begin(self._field(self.stages[self._stage], low, high))
        return super().load_state_dict(state, *rest, **more)

    def prepare(self, scene: Scene) -> None:
        """Find the box that the training cameras see, and how many of them see each voxel.

        Raises:
            DarkroomError: no voxel is seen by more than two training views.
        """
        super().prepare(scene)
        cameras = [view.camera for view in scene.views["train"]]
        field = self._field(self.stages[0], *self.space.bounding_box(cameras))
        if len(self.stages) > 1:
            views, near = _views_of(self.space.to_world(field.centres()), cameras, self.space.near)
            seen, _ = _views_of(torch.stack([camera.centre for camera in cameras]), cameras, self.space.near, self.space.far)
            if not (views > 2).any():
                raise DarkroomError(
                    f"no part of the scene {scene.name} is seen by more than two of its {len(cameras)} training views"
                )
            amid = bool((seen > 2).float().mean() > 0.5)
            counts = torch.ones_like(views, dtype=torch.float32) if amid else views / views.max()
            field.lr_scales = torch.where(views > 2, counts, torch.zeros_like(counts))
            with torch.no_grad():
                field.density_rows[near] = NEAR_CAMERA
        self._begin(field)

    def networks(self) -> Mapping[str, nn.Module]:
        return {"field": self.field}

    @property
    def grids(self) -> VoxelField:
        """The voxel grids."""
        return self.field.field  # type: ignore[return-value]

    def samples(self, rays: Rays) -> Samples:
        """Samples in the occupied cells of the box, every `step` voxels."""
        field = self.grids
        enter, leave = intersect_box(rays, field.low, field.high)
        near, far = self.space.bounds(rays)
        return march(
            rays,
            torch.maximum(enter, near),
            torch.minimum(leave, far),
            self.step * field.voxel_size,
            spacing=field.spacing(self.step),
            occupied=self.occupancy.occupied,
        )

    def render(self, rays: Rays) -> Rendering:
        return self._rendered(rays, self.samples(rays), self.background)

    def _rendered(self, rays: Rays, samples: Samples, background: Background) -> Rendering:
        stage = self.stages[self._stage]
        return self.field(rays, samples, background, stage.min_weight(self.step))  # type: ignore[no-any-return]

    def losses(self, batch: RayBatch, step: int) -> Iterator[tuple[str, Tensor]]:
        drawn = len(batch.target)
        rays, target, background = self.budget.first(batch) if self.budget else batch
        self.check_cameras(batch.rays)
        self._messages = self._about(batch) if step == self._first_step() else []
        stage, samples = self.stages[self._stage], self.samples(rays)
        found = self._rendered(rays, samples, background)
        if self.budget:
            self.budget.update(step, used=len(target), drawn=drawn, samples=len(samples.t))
        loss = (found.colour - target).square().mean()
        share = (1 - found.opacity).clamp(1e-6, 1 - 1e-6)
        loss = loss - stage.entropy * (share * share.log() + (1 - share) * (1 - share).log()).mean()
        errors = (found.colours - target[samples.ray[found.visible]]).square().sum(-1)
        loss = loss + stage.points * (found.weights.detach()[found.visible] * errors).sum() / len(target)
        if stage.variation:
            loss = loss + stage.variation * self.grids.total_variation(VARIATION_FRACTION)
        yield "field", loss

    def _first_step(self) -> int:
        """Of the present stage."""
        return sum(stage.steps for stage in self.stages[: self._stage])

    @torch.no_grad()
    def _about(self, batch: RayBatch) -> list[str]:
        """What to say about the box: the fraction of the rays that see something and miss it."""
        enter, leave = intersect_box(batch.rays, self.grids.low, self.grids.high)
        near, far = self.space.bounds(batch.rays)
        outside = missed(batch, torch.maximum(enter, near) < torch.minimum(leave, far))
        if outside < MISSED:
            return []
        return [
            f"{outside:.0%} of the rays that see something miss the box of the {'fine' if self._stage else 'first'} stage: a longer "
            "coarse stage (--coarse-steps) or a lower --occupancy-threshold finds more of the scene"
        ]

    @torch.no_grad()
    def after_step(self, step: int) -> Collection[str]:
        stage, done = self.stages[self._stage], step + 1 - self._first_step()
        is_last = self._stage + 1 == len(self.stages)
        if done == stage.steps and not is_last:
            self._begin_next_stage()
            return ("field",)
        if is_last and done % self.occupancy_interval == 0:
            self._update_occupancy()
        voxels = stage.grows_to(done)
        if voxels is None:
            return ()
        field = self.grids
        field.resize(voxels)
        field.shift -= 1.0
        self._update_occupancy()
        self._messages.append(f"the grid grows to {' x '.join(map(str, field.size.tolist()))} voxels")
        return ("field",)

    def _update_occupancy(self) -> None:
        self.occupancy.narrow(self.grids.opacities(), self.occupancy_threshold)
        if not self.occupancy.mask.any():
            self.occupancy.fill()
            self._messages.append("the field is transparent everywhere: no space is skipped until the next update")

    def _begin_next_stage(self) -> None:
        """Begin the fine stage, in the box and the occupied space that the coarse one found."""
        coarse = self.grids
        low, high = coarse.bounding_box(self.occupancy_threshold)
        self.occupancy.narrow(coarse.opacities(), self.occupancy_threshold)
        fine = self._field(self.stages[self._stage + 1], low.cpu(), high.cpu()).to(low.device)
        occupancy = self.occupancy.resampled(fine.low, fine.high, fine.size.tolist())
        if not occupancy.mask.any():
            occupancy.fill()
            self._messages.append(
                "the coarse stage found no occupied space: check --background, --near and --far, and the poses"
            )
        self._stage += 1
        self.stage.fill_(self._stage)
        box = " x ".join(f"{side:.2f}" for side in (high - low).tolist())
        self._messages.append(f"fine stage in a box of {box}, {occupancy.fraction():.0%} of it occupied")
        self._begin(fine, occupancy)

    def messages(self) -> Collection[str]:
        return self._messages


def _views_of(
    points: Float[Tensor, "points 3"], cameras: list[Camera], near: float, far: float = float("inf")
) -> tuple[Int[Tensor, " points"], Bool[Tensor, " points"]]:
    """How many cameras have each point in view between near and far, and whether it is closer than near to any of them."""
    count = torch.zeros(len(points), dtype=torch.int32)
    close = torch.zeros(len(points), dtype=torch.bool)
    for camera in cameras:
        local = (points - camera.centre) @ camera.pose[:, :3]
        depth = -local[:, 2]
        x, y = camera.fx * local[:, 0] / depth + camera.cx, -camera.fy * local[:, 1] / depth + camera.cy
        count += (depth >= near) & (depth <= far) & (x >= 0) & (x <= camera.width) & (y >= 0) & (y <= camera.height)
        close |= local.norm(dim=1) <= near
    return count, close
