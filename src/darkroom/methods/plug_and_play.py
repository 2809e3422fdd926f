"""Plug-and-play: an iterative solver with a denoiser that was trained for something else; nothing is learned."""

from collections.abc import Iterator, Mapping

from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Example, Iterate, Method


class PlugAndPlay(Method):
    """A method without networks to train: its prediction is a solver's last iterate.

    Args:
        solver: yields the iterates for a batch.

    Source: Venkatakrishnan, Bouman, Wohlberg 2013.
    """

    def __init__(self, solver: Iterate) -> None:
        super().__init__()
        self.solver = solver

    def networks(self) -> Mapping[str, nn.Module]:
        return {}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        return iter(())

    def iterates(self, batch: Example) -> Iterator[Tensor]:
        return self.solver(batch)

    def predict(self, batch: Example) -> Float[Tensor, "batch channel height width"]:
        *_, prediction = self.solver(batch)
        return prediction
