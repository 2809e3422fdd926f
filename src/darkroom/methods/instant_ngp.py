"""Instant-NGP: a hash-encoded field, trained at the samples that matter (Müller, Evans, Schied, Keller 2022)."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.layers import kernels
from darkroom.methods.fixed_step import FixedStep, replayed
from darkroom.methods.radiance import RadianceMethod, RenderedField, min_weight, missed
from darkroom.networks.hash_field import HashField
from darkroom.radiance.buffers import Buffers
from darkroom.radiance.cameras import Camera, Rays
from darkroom.radiance.occupancy import OccupancyGrid, is_due
from darkroom.radiance.ray_budget import RayBudget
from darkroom.radiance.rays import RayBatch
from darkroom.radiance.rendering import Background, Rendering
from darkroom.radiance.sampling import Samples, intersect_box, march
from darkroom.radiance.scenes import Scene
from darkroom.radiance.space import Space

MIN_TRANSMITTANCE = 1e-4
"""A ray ends where less than this is transmitted."""

HUBER = 0.1
"""Difference of colours beyond which the loss is linear."""

OPAQUE_THICKNESS = 0.01
"""Optical thickness of a step through a cell that is not empty."""

CROWD = 4
"""Samples are marched to this many times the budget before rays are left out; most end at a surface."""

LATTICE = 2**21
"""Positions along rays that are looked up in the occupancy grid at a time."""

FARTHEST = 1e3
"""Half of the box's diagonal, times this, is as far as an unbounded scene is sampled."""


@dataclass(frozen=True)
class Marching:
    """Where samples are placed.

    Args:
        steps: along the diagonal of the box.
        cone: growth of a step with its distance; 0 for none.
        cells: along each side of the occupancy grid.
        warmup: during so many steps of the training every cell is updated.
        samples: per step, about; the number of rays follows.
        replay: training steps on a GPU are replayed as CUDA graphs (not tried on hardware yet).
    """

    steps: int = 1024
    cone: float = 0.0
    cells: int = 128
    warmup: int = 256
    samples: int = 2**18
    replay: bool = False


class InstantNGP(RadianceMethod):
    """Huber loss of the colours of rays, sampled in the occupied cells of a grid that follows the field.

    Args:
        space: bounds and warp.
        field: in its domain; an unbounded one for photographs of a place.
        marching: where samples are placed.
        extent: half the side of the box around the point that the cameras look at; 0 for the distance between the cameras and the near
            plane. In an unbounded scene it is the part that is resolved evenly.
        background: 1 white, 0 black.

    Source: sections 5.4 and appendix E of the paper.
    """

    def __init__(
        self, space: Space, field: HashField, marching: Marching, *, extent: float = 0.0, background: float = 1.0
    ) -> None:
        super().__init__(space, background, chunk=max(256, LATTICE // marching.steps))
        self.marching, self.extent = marching, extent
        self.field = RenderedField(field)
        zero = torch.zeros(3)
        self.occupancy = OccupancyGrid(zero, zero + 1, [marching.cells] * 3)  # of the unit cube
        self.budget = RayBudget(marching.samples)
        self._messages: list[str] = []
        self._fixed: list[nn.Module] = []  # the step on a GPU; a list, since its parts are modules of this method already
        self._measure()

    def _measure(self) -> None:
        """The shortest step in world units, and in the field's unit of length; numbers, so that no step waits for the device."""
        domain = self.tables.domain
        self.step = float(domain.size.norm()) / self.marching.steps
        self.spacing = self.step / float(self.tables.unit_length)
        self.min_weight = min_weight(self.spacing)  # a new field has the density exp(0)

    def load_state_dict(self, state: Mapping[str, Any], *rest: Any, **more: Any) -> Any:  # type: ignore[override]
        """Load a state, and the size of its box."""
        found = super().load_state_dict(state, *rest, **more)
        self._measure()
        return found

    @property
    def tables(self) -> HashField:
        """The field itself."""
        return self.field.field  # type: ignore[return-value]

    def prepare(self, scene: Scene) -> None:
        """Place the box around what the training cameras see.

        Raises:
            DarkroomError: no training ray meets the box.
        """
        super().prepare(scene)
        cameras = [view.camera for view in scene.views["train"]]
        self.tables.domain.set(*self._box(cameras))
        self._measure()
        if not self.tables.domain.unbounded and not any(self._meets(self._coarse(camera)).any() for camera in cameras):
            raise DarkroomError(
                f"no training ray of {scene.name} meets the box around {self.space.centre.tolist()}: give another --extent, or "
                "--unbounded true"
            )

    def _box(self, cameras: list[Camera]) -> tuple[Tensor, Tensor]:
        """Corners of the box: around the point that the cameras look at, or around all that a forward-facing scene shows."""
        if self.space.forward_facing:
            return self.space.bounding_box(cameras)
        distance = float((self.space.poses[:, :, 3] - self.space.centre).norm(dim=1).mean())
        extent = self.extent or max(distance - self.space.near, 0.1 * distance)
        return self.space.centre - extent, self.space.centre + extent

    def _coarse(self, camera: Camera) -> Rays:
        """The rays of a small image of a camera."""
        small = camera.with_width(32)
        return self.space.rays(small.intrinsics, small.pose, small.width, small.height)

    def networks(self) -> Mapping[str, nn.Module]:
        return {"field": self.field}

    def range_of(self, rays: Rays) -> tuple[Float[Tensor, " rays"], Float[Tensor, " rays"]]:
        """t at which each ray enters and leaves the space that is sampled."""
        domain, (near, far) = self.tables.domain, self.space.bounds(rays)
        if domain.unbounded:
            reach = FARTHEST * domain.size.norm() / rays.directions.norm(dim=-1)
            return near, torch.maximum(far, reach)
        enter, leave = intersect_box(rays, domain.low, domain.high)
        return torch.maximum(enter, near), torch.minimum(leave, far)

    def _meets(self, rays: Rays) -> Tensor:
        enter, leave = self.range_of(rays)
        return enter < leave

    def samples(self, rays: Rays, offset: Tensor | None = None) -> Samples:
        """Samples in the occupied cells."""
        if kernels.usable(rays.origins):
            return self._place(rays, offset, None, capacity=None).samples
        domain = self.tables.domain
        return march(
            rays,
            *self.range_of(rays),
            self.step,
            cone=self.marching.cone,
            offset=offset,
            spacing=self.spacing,
            occupied=lambda points: self.occupancy.occupied(domain.unit(points)),
        )

    def _place(self, rays: Rays, offset: Tensor | None, active: Tensor | None, capacity: int | None) -> Buffers:
        """`samples` by the kernel: those of the first `active` rays, in buffers."""
        from darkroom.radiance.triton_marching import march_into

        enter, leave = self.range_of(rays)
        if active is not None:
            leave = torch.where(torch.arange(len(leave), device=leave.device) < active, leave, enter)
        domain, mask, cone = self.tables.domain, self.occupancy.mask, self.marching.cone
        return march_into(
            rays,
            enter,
            leave,
            self.step,
            capacity=capacity,
            offset=offset,
            spacing=self.spacing,
            domain=domain,
            mask=mask,
            cone=cone,
        )

    def render(self, rays: Rays) -> Rendering:
        return self._rendered(rays, self.samples(rays), self.background)

    def _rendered(self, rays: Rays, samples: Samples, background: Background) -> Rendering:
        return self.field(rays, samples, background, self.min_weight, MIN_TRANSMITTANCE)  # type: ignore[no-any-return]

    def losses(self, batch: RayBatch, step: int) -> Iterator[tuple[str, Tensor]]:
        self.check_cameras(batch.rays)
        self._messages = self._about(batch) if step == 0 else []
        offset = torch.rand_like(batch.rays.origins[:, 0])
        if kernels.usable(batch.target):
            yield "field", self._fixed_loss(batch, offset, step)
        else:
            yield "field", self._loss(batch, offset, step)

    def _loss(self, batch: RayBatch, offset: Tensor, step: int) -> Tensor:
        """The loss of as many rays of the batch as the budget allows."""
        drawn = len(batch.target)
        rays, target, background = self.budget.first(batch)
        samples = self.samples(rays, offset[: len(target)])
        used = max(1, samples.rays_within(CROWD * self.marching.samples))
        if used < len(target):
            within = slice(used)
            rays, target, background = rays.subset(within), target[within], background[within]
            samples = samples._replace(rays=used).subset(samples.ray < used)
        found = self._rendered(rays, samples, background)
        self.budget.update(step, used=used, drawn=drawn, samples=len(found.samples.t))
        return nn.functional.huber_loss(found.colour, target, delta=HUBER)

    def _fixed_loss(self, batch: RayBatch, offset: Tensor, step: int) -> Tensor:
        """The same by kernels, in buffers of fixed capacity."""
        drawn = len(batch.target)
        used = self.budget.count(drawn)
        inputs = (*batch.rays, batch.target, batch.background, offset, torch.full_like(self.budget.rays, used))
        if not self._fixed:
            capacity = self.marching.samples
            place = partial(self._place, capacity=CROWD * capacity)
            fixed = FixedStep(self.field, place, capacity, MIN_TRANSMITTANCE, HUBER)
            self._fixed = [replayed(fixed, inputs) if self.marching.replay else fixed]
        loss, wanted = self._fixed[0](*inputs)
        self.budget.update(step, used=used, drawn=drawn, samples=wanted)
        return loss  # type: ignore[no-any-return]

    def _about(self, batch: RayBatch) -> list[str]:
        """What to say about the box: how many rays see something and miss it."""
        outside = missed(batch, self._meets(batch.rays))
        if outside < 0.01:
            return []
        return [
            f"{outside:.0%} of the rays that see something miss the box: enlarge it with --extent, or train with --unbounded true"
        ]

    @torch.no_grad()
    def after_step(self, step: int) -> Collection[str]:
        if not is_due(step):
            return ()
        cells = None if step < self.marching.warmup else self.occupancy.some_cells()
        self.occupancy.update(
            lambda points: self.spacing * self.tables.density_in_cube(points)[0], OPAQUE_THICKNESS, cells=cells
        )
        if not self.occupancy.mask.any():
            self.occupancy.fill()
            self._messages = [*self._messages, "the field is transparent everywhere: no space is skipped until the next update"]
        return ()

    def messages(self) -> Collection[str]:
        return self._messages
