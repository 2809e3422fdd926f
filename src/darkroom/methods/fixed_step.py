"""A training step of a hash field in buffers of fixed capacity, which a CUDA graph can replay."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from darkroom.methods.radiance import RenderedField
from darkroom.radiance.buffers import Buffers, visible
from darkroom.radiance.cameras import Rays

Place = Callable[[Rays, Tensor, Tensor], Buffers]
"""Places samples on rays with random offsets; of rays from a given number on, none."""


class FixedStep(nn.Module):
    """The loss of a batch of rays, without the host waiting for the device: shapes depend on the batch alone.

    Args:
        field: with volume rendering.
        place: places samples.
        capacity: samples that gradients are computed for.
        min_transmittance: a ray ends where less than this is transmitted.
        delta: of the Huber loss.
    """

    def __init__(self, field: RenderedField, place: Place, capacity: int, min_transmittance: float, delta: float) -> None:
        super().__init__()
        self.field, self.place, self.capacity = field, place, capacity
        self.min_transmittance, self.delta = min_transmittance, delta

    def forward(
        self,
        origins: Float[Tensor, "rays 3"],
        directions: Float[Tensor, "rays 3"],
        viewing: Float[Tensor, "rays 3"],
        target: Float[Tensor, "rays 3"],
        background: Float[Tensor, "rays 3"],
        offset: Float[Tensor, " rays"],
        active: Int[Tensor, ""],
    ) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        """The mean loss of the first `active` rays that have room, and the number of samples that all of those want."""
        rays = Rays(origins, directions, viewing)
        with torch.no_grad():
            marched = self.place(rays, offset, active)
            density, _ = self.field.field.density(marched.samples.points(rays))  # type: ignore[operator,union-attr]
            buffers = visible(marched, density * marched.samples.spacing, self.capacity, self.min_transmittance)
        found = self.field(rays, buffers.samples, background, bounds=buffers.bounds)
        error = nn.functional.huber_loss(found.colour, target, delta=self.delta, reduction="none").mean(1)
        used = buffers.kept & (torch.arange(len(target), device=target.device) < active)
        return (error * used).sum() / used.sum().clamp(min=1), buffers.wanted


def replayed(step: FixedStep, inputs: tuple[Tensor, ...]) -> nn.Module:
    """The step with its forward and backward pass captured as CUDA graphs; inputs must keep their shapes.

    What the graphs read (occupancy, box, parameters) may change in place only. Not tried on hardware yet.
    """
    return torch.cuda.make_graphed_callables(step, inputs, allow_unused_input=True)  # type: ignore[return-value]
