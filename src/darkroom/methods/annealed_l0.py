"""The annealed version of the L0 loss: estimate the conditional mode, not the mean."""

from collections.abc import Iterator, Mapping

from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Example, Method


class AnnealedL0(Method):
    """Minimise E (|f(x) − y| + ε)^γ over the network f, with γ falling from 2 to 0 linearly during training.

    Under random-valued impulses the clean value is more frequent among the targets than any other value: it is their mode, but
    neither their mean nor their median.

    Args:
        network: f, called with the input and the conditions.
        steps: length of the training.
        epsilon: ε.

    Source: Lehtinen et al. 2018 (Noise2Noise), section 3.4.
    """

    def __init__(self, network: nn.Module, steps: int, *, epsilon: float = 1e-8) -> None:
        super().__init__()
        self.network, self.steps, self.epsilon = network, steps, epsilon

    def networks(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        gamma = 2 * (1 - step / self.steps)
        yield "network", ((self.predict(batch).float() - batch.target).abs() + self.epsilon).pow(gamma).mean()

    def predict(self, batch: Example) -> Float[Tensor, "batch channel height width"]:
        return self.network(batch.input, *batch.condition)
