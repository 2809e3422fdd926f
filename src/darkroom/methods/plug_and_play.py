"""Plug-and-play: a solver with a denoiser that was trained for something else; nothing is learned."""

from collections.abc import Iterator, Mapping

from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Method, Pair, Walk


class PlugAndPlay(Method):
    """A method without players: it answers by walking.

    Args:
        walk: approaches the answer to a question.

    Source: Venkatakrishnan, Bouman, Wohlberg 2013.
    """

    def __init__(self, walk: Walk) -> None:
        super().__init__()
        self.walk = walk

    def players(self) -> Mapping[str, nn.Module]:
        return {}

    def turns(self, batch: Pair, step: int) -> Iterator[tuple[str, Tensor]]:
        return iter(())

    def iterates(self, batch: Pair) -> Iterator[Tensor]:
        return self.walk(batch)

    def predict(self, batch: Pair) -> Float[Tensor, "batch channel height width"]:
        *_, answer = self.walk(batch)
        return answer
