"""What methods that generate images have in common."""

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Progress, no_progress
from darkroom.core.method import Method

Samples = Float[Tensor, "count channel height width"]


class GenerativeMethod(Method):
    """A training rule that ends in a generator of images.

    Attributes:
        shape: `(channel, height, width)` of a sample.
        samplers: names of the ways to draw samples; the first one is taken where none is named.
    """

    shape: tuple[int, int, int]
    samplers: tuple[str, ...] = ("generator",)

    @abstractmethod
    def sample(
        self,
        count: int,
        random: torch.Generator,
        *,
        sampler: str = "",
        steps: int = 0,
        progress: Progress = no_progress,
    ) -> Samples:
        """Draw samples in [0, 1].

        Of `random`, one number is drawn for each sample, and everything else is drawn from generators that these seed
        (`processes.noise.generators`): so the division into batches changes nothing.

        Args:
            count: number of samples, which are computed together.
            random: a generator of the CPU.
            sampler: one of `samplers`.
            steps: of the sampler; 0 for the usual number.
            progress: called with the steps done and their number.

        Raises:
            DarkroomError: there is no such sampler, or too few steps for it.
        """

    def check_sampler(self, name: str) -> str:
        """The name of a sampler, of the first one if `name` is empty.

        Raises:
            DarkroomError: there is none.
        """
        if name and name not in self.samplers:
            raise DarkroomError(f"no sampler {name!r} for these weights; there are {', '.join(self.samplers)}")
        return name or self.samplers[0]

    @property
    def device(self) -> torch.device:
        """Of the weights."""
        return next(self.parameters()).device
