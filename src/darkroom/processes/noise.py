"""Normal noise for a batch of samples: one source for all of them, or one for each, so that a sample is the same in any batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

Generator = torch.Generator | Sequence[torch.Generator]
"""The source of a batch's noise: one generator, or one for each sample. They are generators of the CPU."""


CPU = torch.device("cpu")


class Noise:
    """Standard normal draws `(batch, …)`, float32.

    With one generator for each sample, sample i of a batch depends on generator i alone, and not on the size of the batch.

    Args:
        generator: see `Generator`.
        shape: `(batch, …)`, of every draw.
        device: where the draws are put; they are made on the CPU, and are the same for every device.

    Example:
        >>> many = Noise(generators(torch.Generator().manual_seed(0), 4), (4, 3, 8, 8))
        >>> few = Noise(generators(torch.Generator().manual_seed(0), 2), (2, 3, 8, 8))
        >>> torch.equal(many()[:2], few())
        True
    """

    def __init__(self, generator: Generator, shape: Sequence[int], device: torch.device = CPU) -> None:
        self.generator, self.shape, self.device = generator, tuple(shape), device
        if not isinstance(generator, torch.Generator) and len(generator) != self.shape[0]:
            raise ValueError(f"{len(generator)} generators for a batch of {self.shape[0]}")

    def __call__(self) -> Tensor:
        """The next draw."""
        if isinstance(self.generator, torch.Generator):
            drawn = torch.randn(self.shape, generator=self.generator, device="cpu")
        else:
            drawn = torch.stack([torch.randn(self.shape[1:], generator=one, device="cpu") for one in self.generator])
        return drawn.to(self.device)


def generators(random: torch.Generator, count: int) -> list[torch.Generator]:
    """A generator for each of `count` samples, each seeded by one number drawn from `random`, in order.

    Further samples that are drawn from `random` later continue the sequence: the division into batches changes nothing.
    """
    seeds = torch.randint(1 << 62, (count,), generator=random, device="cpu").tolist()
    return [torch.Generator().manual_seed(seed) for seed in seeds]
