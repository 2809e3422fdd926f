"""The contract between a paper's training rule and the engine."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn


class Pair(NamedTuple):
    """What a network is shown, and what it should have answered.

    Args:
        source: what is known, for example a noisy picture, `(batch, channel, height, width)` in [0, 1].
        target: what is wanted, same convention; a judge compares with it, a method may learn from it.
        given: what else the network is told, in its argument order, for example the noise level `(batch,)`.
    """

    source: Tensor
    target: Tensor
    given: tuple[Tensor, ...] = ()


Predict = Callable[[Pair], Tensor]
"""Answers a batch: a method's `predict`, or something that was not trained."""

Walk = Callable[[Pair], Iterator[Tensor]]
"""Approaches its answer: a method's `iterates`."""


class Method(nn.Module, ABC):
    """One paper's training rule: its players, and the losses they minimise in the order they move.

    `fit` walks the generator returned by `turns`: it takes `(player, loss)`, clears that player's
    gradients, back-propagates, steps its optimizer and resumes the generator. A network that moves
    five times is a `for` loop; a picture made once and used by two players is a local variable.
    """

    @abstractmethod
    def players(self) -> Mapping[str, nn.Module]:
        """The modules that an optimizer trains, by the name of the attribute that holds them."""

    @abstractmethod
    def turns(self, batch: Any, step: int) -> Iterator[tuple[str, Tensor]]:
        """Yield `(player, loss)` in the order the players move; `step` counts from 0."""

    @abstractmethod
    def predict(self, batch: Any) -> Tensor:
        """The method's answer for a batch, as it is judged."""

    def iterates(self, batch: Any) -> Iterator[Tensor]:
        """The answer as it is approached, for a method that walks there; the last one is `predict`'s."""
        yield self.predict(batch)

    def after_step(self, step: int) -> Collection[str]:
        """Move what no optimizer moves (targets, grids); return the names of players that were replaced."""
        return ()

    def news(self) -> Collection[str]:
        """What a person should know of this step, a line each: a start that failed and was begun anew, a grid that grew."""
        return ()
