"""A number of rays that follows what they cost."""

import torch
from torch import Tensor, nn

from darkroom.radiance.rays import RayBatch

INTERVAL = 16
"""Steps between two adjustments, as in Instant-NGP."""

GRANULARITY = 16
"""The number of rays is a multiple of this."""


class RayBudget(nn.Module):
    """Chooses how many rays of a batch are used, so that they take about a given number of samples together.

    Every 16 steps

        rays <- rays · budget / samples,

    between 16 and the size of the batch. The number is part of the state, so a resumed run goes on with it; in several
    processes it follows the mean over them.

    Args:
        samples: the budget, per process.

    Source: Müller et al. 2022, appendix E.

    Example:
        >>> budget = RayBudget(samples=10_000)
        >>> budget.update(step=15, used=1024, drawn=4096, samples=20_000)  # 1024 rays took twice the budget
        >>> budget.count(4096)
        512
    """

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples
        self.rays: Tensor
        self.register_buffer("rays", torch.tensor(0))  # 0: as many as there are
        self._rays = 0  # the same on the host, so that no step waits for the device

    def _load_from_state_dict(self, *args: object) -> None:  # type: ignore[override]
        super()._load_from_state_dict(*args)  # type: ignore[arg-type]
        self._rays = int(self.rays)

    def count(self, drawn: int) -> int:
        """The number of rays to use of those drawn."""
        return min(self._rays, drawn) if self._rays else drawn

    def first(self, batch: RayBatch) -> RayBatch:
        """That many rays of a batch, the first ones; rays of a batch are in random order."""
        index = slice(self.count(len(batch.target)))
        return RayBatch(batch.rays.subset(index), batch.target[index], batch.background[index])

    def update(self, step: int, used: int, drawn: int, samples: int | Tensor) -> None:
        """Adjust the number after a step.

        Args:
            step: counts from 0.
            used: rays of the step.
            drawn: rays of its batch.
            samples: that the used rays took; a tensor is read only when the number is adjusted.
        """
        if (step + 1) % INTERVAL:
            return
        mean = torch.tensor(float(samples), device=self.rays.device)
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(mean)
            mean /= torch.distributed.get_world_size()
        wanted = used * self.samples / max(1.0, float(mean))
        self._rays = min(drawn, max(GRANULARITY, int(wanted) // GRANULARITY * GRANULARITY))
        self.rays.fill_(self._rays)
