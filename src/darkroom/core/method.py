"""The contract between a paper's training rule and the training loop."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn


class Example(NamedTuple):
    """An input, the target that belongs to it, and what the network is conditioned on.

    Args:
        input: what the network is given, for example a noisy image `(batch, channel, height, width)` in [0, 1].
        target: the ground truth, or whatever a loss compares with; same convention.
        condition: further arguments of the network, in its order, for example the noise level `(batch,)`.
    """

    input: Tensor
    target: Tensor
    condition: tuple[Tensor, ...] = ()


Predict = Callable[[Example], Tensor]
"""A batch to its prediction: a method's `predict`, or a baseline."""

Iterate = Callable[[Example], Iterator[Tensor]]
"""A batch to a sequence of improving predictions: a method's `iterates`, or a solver."""


class Method(nn.Module, ABC):
    """One paper's training rule: its networks, and their losses in the order of their optimizer steps.

    `fit` takes `(network, loss)` from the generator that `losses` returns, back-propagates to the parameters of that network
    alone, steps its optimizer, and resumes the generator. A discriminator that takes five steps is a `for` loop; an image
    generated once and used by two losses is a local variable. Networks are the method's own modules: precision and
    several processes are the affair of the loop.

    Example:
        >>> import torch
        >>> class LeastSquares(Method):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.network = nn.Conv2d(3, 3, 3, padding=1)
        ...     def networks(self):
        ...         return {"network": self.network}
        ...     def losses(self, batch, step):
        ...         yield "network", (self.network(batch.input) - batch.target).square().mean()
        ...     def predict(self, batch):
        ...         return self.network(batch.input)
        >>> batch = Example(torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8))
        >>> [name for name, loss in LeastSquares().losses(batch, 0)]
        ['network']
    """

    batches_per_step: int = 1
    """Batches that a step draws. With more than one, `losses` is given a list of them."""

    @abstractmethod
    def networks(self) -> Mapping[str, nn.Module]:
        """The modules that an optimizer trains, by the name of the attribute that holds them."""

    @abstractmethod
    def losses(self, batch: Any, step: int) -> Iterator[tuple[str, Tensor]]:
        """Yield `(name of a network, loss)` in the order of the optimizer steps; `step` counts from 0."""

    @abstractmethod
    def predict(self, batch: Any) -> Tensor:
        """The prediction for a batch, as it is evaluated."""

    def iterates(self, batch: Any) -> Iterator[Tensor]:
        """Predictions in the order in which an iterative method finds them; the last one is `predict`'s."""
        yield self.predict(batch)

    def after_step(self, step: int) -> Collection[str]:
        """Update what no optimizer updates (target networks, grids); return the names of networks that were replaced."""
        return ()

    def frozen_networks(self) -> Collection[nn.Module]:
        """Networks that no optimizer trains and that run in the precision of training, for example a target network."""
        return ()

    def watched(self) -> Mapping[str, Tensor]:
        """Numbers about this step beside its losses, by name, on the device; they are read when losses are logged."""
        return {}

    def messages(self) -> Collection[str]:
        """Lines for the log about this step: a restart after a collapse, a grid that grew."""
        return ()
