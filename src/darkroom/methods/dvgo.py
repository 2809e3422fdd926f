"""Direct voxel grid optimisation: find out coarsely where something is, then look closely there (Sun, Sun, Chen 2022)."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.randomness import generator
from darkroom.methods.radiance import RadianceMethod, Rendered, bare
from darkroom.networks.voxel_field import VoxelField
from darkroom.radiance.cameras import Camera, Rays
from darkroom.radiance.rays import SeenRays
from darkroom.radiance.rendering import Background, Rendering, Samples, steps_in_box
from darkroom.radiance.scenes import Scene
from darkroom.radiance.space import Space

LEAST = 1e-4
"""Samples with a smaller weight are not asked for their colour."""

VARIED = 1 / 16
"""Share of the voxels at which the total variation is estimated at every step."""

HIDDEN = -100.0
"""Density, before activation, of voxels nearer to a camera than the near plane."""


@dataclass(frozen=True)
class Stage:
    """One of the two stages.

    Args:
        steps: of training.
        voxels: in the end.
        doublings: so many times the number of voxels is doubled on the way there, evenly in the first fifth of the stage.
        features, width: of the colour grid and its network (none for width 0).
        opacity: of a voxel in the beginning.
        entropy: weight of the background's entropy, which wants rays to be stopped or not.
        points: weight of the single points' squared error.
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
        """The number of voxels from this step of the stage on, where it changes; at step 0 the first one."""
        for number in range(self.doublings + 1):
            if step == round(number * self.steps / (5 * max(1, self.doublings))):
                return round(self.voxels / 2 ** (self.doublings - number))
        return None


class DirectVoxelGrid(RadianceMethod):
    """Squared error of the colour, of every point's colour, and the entropy of what gets through.

    The coarse stage finds the box around the scene and its free space; voxels that few views see move slowly, those that at
    most two see not at all. The fine stage has a network for colours that depend on direction, and grows.

    Args:
        space: depths and warp.
        coarse, fine: the stages; a forward-facing scene has only the fine one.
        step: length of a step along a ray, in voxels.
        background: 1 white, 0 black.
        seed: of the network's weights.
        occupancy_interval: steps between looks for free space, in the fine stage.
        occupancy_threshold: where the opacity of a voxel and its neighbours stays below this, space is free.

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
    ) -> None:
        super().__init__(space, background)
        self.stages = (coarse, fine) if coarse.steps else (fine,)
        self.step, self.seed, self.occupancy_interval, self.occupancy_threshold = step, seed, occupancy_interval, free
        self.register_buffer("stage", torch.tensor(0))
        self.stage: Tensor
        self.field = Rendered(self._field(self.stages[0], -torch.ones(3), torch.ones(3)))
        self._messages: list[str] = []

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

    def load_state_dict(self, state: Mapping[str, Any], *rest: Any, **more: Any) -> Any:  # type: ignore[override]
        """Take a state of any stage, and the size of its grids."""
        stage = self.stages[int(state["stage"])]
        low, high = (state[f"field.field.{name}"] for name in ("low", "high"))
        self.field = Rendered(self._field(stage, low, high))
        return super().load_state_dict(state, *rest, **more)

    def prepare(self, scene: Scene) -> None:
        """The box that the training cameras see, and how many of them see each voxel."""
        super().prepare(scene)
        cameras = [view.camera for view in scene.views["train"]]
        low, high = self.space.corners(cameras)
        field = self._field(self.stages[0], low, high)
        if len(self.stages) > 1:
            seen, near = _seen(self.space.places(field.centres()), cameras, self.space.near)
            counts = seen.float()
            if not (counts > 2).any():
                raise DarkroomError(
                    f"no part of the scene {scene.name} is seen by more than two of its {len(cameras)} training views"
                )
            field.rates = torch.where(seen > 2, counts / counts.max(), torch.zeros_like(counts))
            with torch.no_grad():
                field.density_rows[near] = HIDDEN
        self.field = Rendered(field)

    def networks(self) -> Mapping[str, nn.Module]:
        return {"field": self.field}

    @property
    def grids(self) -> VoxelField:
        """The field, whatever is wrapped around it."""
        return bare(self.field).field  # type: ignore[no-any-return]

    def samples(self, rays: Rays) -> Samples:
        """Points in the box, every `step` voxels, but where space is known to be free."""
        field = self.grids
        near, far = self.space.reach(rays)
        found = steps_in_box(
            rays,
            field.low,
            field.high,
            self.step * field.voxel,
            spacing=field.spacing(self.step),
            near=near,
            far=far,
        )
        there, _, points = found.points(rays)
        inside = torch.zeros(found.t.numel(), dtype=torch.bool, device=found.t.device)
        inside[there] = field.occupied(points)
        return found._replace(inside=inside.view_as(found.t))

    def render(self, rays: Rays) -> Rendering:
        return self._before(rays, self.background)

    def _before(self, rays: Rays, background: Background) -> Rendering:
        return self.field(rays, self.samples(rays), background, LEAST)  # type: ignore[no-any-return]

    def losses(self, batch: SeenRays, step: int) -> Iterator[tuple[str, Tensor]]:
        rays, seen, behind = batch
        stage, answer = self.stages[int(self.stage)], self._before(rays, behind)
        loss = (answer.colour - seen).square().mean()
        through = (1 - answer.opacity).clamp(1e-6, 1 - 1e-6)
        loss = loss - stage.entropy * (through * through.log() + (1 - through) * (1 - through).log()).mean()
        count = answer.weights.shape[1]
        errors = (answer.points - seen[answer.which // count]).square().sum(-1)
        loss = loss + stage.points * (answer.weights.detach().flatten()[answer.which] * errors).sum() / len(seen)
        if stage.variation:
            loss = loss + stage.variation * self.grids.variation(VARIED)
        yield "field", loss

    @torch.no_grad()
    def after_step(self, step: int) -> Collection[str]:
        self._messages = []
        before = sum(stage.steps for stage in self.stages[: int(self.stage)])
        stage, done = self.stages[int(self.stage)], step + 1 - before
        field = self.grids
        if done == stage.steps and int(self.stage) + 1 < len(self.stages):
            self._look_closely(field)
            return ("field",)
        if int(self.stage) + 1 == len(self.stages) and done % self.occupancy_interval == 0:
            self._look(field)
        voxels = stage.grows_to(done)
        if voxels is None:
            return ()
        field.grown(voxels)
        field.shift -= 1.0
        self._look(field)
        self._messages.append(f"the grid grows to {' x '.join(map(str, field.size.tolist()))}")
        self.field = Rendered(field)
        return ("field",)

    def _look(self, field: VoxelField) -> None:
        field.update_occupancy(self.occupancy_threshold)
        if not field.mask.any():
            field.mask = torch.ones_like(field.mask)
            self._messages.append("everything has become transparent; no space is passed over until something is there again")

    def _look_closely(self, coarse: VoxelField) -> None:
        """Go on with the fine stage, in the box around what the coarse one found."""
        low, high = coarse.box_of(self.occupancy_threshold)
        coarse.update_occupancy(self.occupancy_threshold)
        fine = self._field(self.stages[int(self.stage) + 1], low.cpu(), high.cpu()).to(low.device)
        fine.mask = coarse.occupied(fine.centres()).view(*fine.size.tolist())
        if not fine.mask.any():
            fine.mask = torch.ones_like(fine.mask)
            self._messages.append("the coarse stage found nothing: is the background right, are the poses?")
        self.stage += 1
        share = float(fine.mask.float().mean())
        box = " x ".join(f"{side:.2f}" for side in (high - low).tolist())
        self._messages.append(f"fine stage in a box of {box}, {share:.0%} of it not free")
        self.field = Rendered(fine)

    def messages(self) -> Collection[str]:
        return self._messages


def _seen(
    points: Float[Tensor, "points 3"], cameras: list[Camera], near: float
) -> tuple[Int[Tensor, " points"], Bool[Tensor, " points"]]:
    """How many cameras have each point in their image, beyond the near plane; and which are nearer to one than that."""
    count = torch.zeros(len(points), dtype=torch.int32)
    close = torch.zeros(len(points), dtype=torch.bool)
    for camera in cameras:
        own = (points - camera.centre) @ camera.pose[:, :3]
        depth = -own[:, 2]
        x, y = camera.fx * own[:, 0] / depth + camera.cx, -camera.fy * own[:, 1] / depth + camera.cy
        count += (depth >= near) & (x >= 0) & (x <= camera.width) & (y >= 0) & (y <= camera.height)
        close |= own.norm(dim=1) <= near
    return count, close
