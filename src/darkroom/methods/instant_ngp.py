"""Instant-NGP: a hash-encoded field, trained at the samples that matter (Müller, Evans, Schied, Keller 2022)."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.methods.radiance import RadianceMethod, RenderedField
from darkroom.networks.hash_field import HashField
from darkroom.radiance.cameras import Rays
from darkroom.radiance.occupancy import OccupancyGrid, is_due
from darkroom.radiance.ray_budget import RayBudget
from darkroom.radiance.rays import RayBatch
from darkroom.radiance.rendering import Background, Rendering
from darkroom.radiance.sampling import Samples, intersect_box, march
from darkroom.radiance.scenes import Scene
from darkroom.radiance.space import Space

MIN_WEIGHT = 1e-4
"""Colours of samples with a smaller rendering weight are not computed."""

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
    """

    steps: int = 1024
    cone: float = 0.0
    cells: int = 128
    warmup: int = 256
    samples: int = 2**18


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
        domain, cameras = self.tables.domain, [view.camera for view in scene.views["train"]]
        if self.space.forward_facing:
            domain.set(*self.space.bounding_box(cameras))
            return
        distance = float((self.space.poses[:, :, 3] - self.space.centre).norm(dim=1).mean())
        extent = self.extent or max(distance - self.space.near, 0.1 * distance)
        domain.set(self.space.centre - extent, self.space.centre + extent)
        if not domain.unbounded and not any(self._meets(camera.with_width(32).rays()).any() for camera in cameras):
            raise DarkroomError(
                f"no training ray of {scene.name} meets the box of half side {extent:g} around {self.space.centre.tolist()}: give "
                "another --extent, or --unbounded true"
            )

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
        domain, marching = self.tables.domain, self.marching
        return march(
            rays,
            *self.range_of(rays),
            float(domain.size.norm()) / marching.steps,
            cone=marching.cone,
            offset=offset,
            spacing=self._thickness,
            occupied=lambda points: self.occupancy.occupied(domain.unit(points)),
        )

    @property
    def _thickness(self) -> float:
        """Length of the shortest step in the field's unit of length."""
        return float(self.tables.domain.size.norm() / self.tables.unit_length) / self.marching.steps

    def render(self, rays: Rays) -> Rendering:
        return self._rendered(rays, self.samples(rays), self.background)

    def _rendered(self, rays: Rays, samples: Samples, background: Background) -> Rendering:
        return self.field(rays, samples, background, MIN_WEIGHT, MIN_TRANSMITTANCE)  # type: ignore[no-any-return]

    def losses(self, batch: RayBatch, step: int) -> Iterator[tuple[str, Tensor]]:
        drawn = len(batch.target)
        rays, target, background = self.budget.first(batch)
        self._messages = self._about(rays, target, background) if step == 0 else []
        samples = self.samples(rays, torch.rand_like(rays.origins[:, 0]))
        used = max(1, samples.rays_within(CROWD * self.marching.samples))
        if used < len(target):
            within = slice(used)
            rays, target, background = rays.subset(within), target[within], background[within]
            samples = Samples(*samples.subset(samples.ray < used)[:3], used)
        found = self._rendered(rays, samples, background)
        self.budget.update(step, used=used, drawn=drawn, samples=len(found.samples.t))
        yield "field", nn.functional.huber_loss(found.colour, target, delta=HUBER)

    def _about(self, rays: Rays, target: Tensor, background: Tensor) -> list[str]:
        """What to say about the box: how many rays see something and miss it."""
        seen = (target - background).abs().amax(1) > 1 / 128
        outside = float((seen & ~self._meets(rays)).sum() / seen.sum().clamp(min=1))
        if outside < 0.01:
            return []
        return [f"{outside:.0%} of the rays that see something miss the box: enlarge it with --extent, or train with --unbounded true"]

    @torch.no_grad()
    def after_step(self, step: int) -> Collection[str]:
        if not is_due(step):
            return ()
        cells = None if step < self.marching.warmup else self.occupancy.some_cells()
        thickness = self._thickness
        self.occupancy.update(lambda points: thickness * self.tables.density_in_cube(points)[0], OPAQUE_THICKNESS, cells=cells)
        if not self.occupancy.mask.any():
            self.occupancy.fill()
            self._messages = [*self._messages, "the field is transparent everywhere: no space is skipped until the next update"]
        return ()

    def messages(self) -> Collection[str]:
        return self._messages
