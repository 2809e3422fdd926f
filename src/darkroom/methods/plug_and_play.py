"""Plug-and-play: a solver with a denoiser that was trained for something else; nothing is learned."""

from collections.abc import Iterator, Mapping

from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Example, Method, Walk


class PlugAndPlay(Method):
    """A method without networks: it answers by walking.

    Args:
        walk: approaches the answer to a question.

    Source: Venkatakrishnan, Bouman, Wohlberg 2013.
    """

    def __init__(self, walk: Walk) -> None:
        super().__init__()
        self.walk = walk

    def networks(self) -> Mapping[str, nn.Module]:
        return {}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        return iter(())

    def iterates(self, batch: Example) -> Iterator[Tensor]:
        return self.walk(batch)

    def predict(self, batch: Example) -> Float[Tensor, "batch channel height width"]:
        *_, answer = self.walk(batch)
        return answer
