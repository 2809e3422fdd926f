"""Training a network for semantic segmentation."""

from collections.abc import Iterator, Mapping

from jaxtyping import Float, Int
from torch import Tensor, nn

from darkroom.core.method import Example, Method
from darkroom.networks.segmentation_network import SegmentationNetwork


class Segmentation(Method):
    """Minimise the cross-entropy −log softmax(f(x))_y of every pixel's class y over the network f, mean over labelled pixels.

    Args:
        network: f.
        ignored: the id of pixels without a class, which do not count; or None.

    Example:
        >>> import torch
        >>> method = Segmentation(SegmentationNetwork(5), ignored=5)
        >>> batch = Example(torch.rand(2, 3, 32, 48), torch.full((2, 1, 32, 48), 5))
        >>> [(name, loss.item()) for name, loss in method.losses(batch, 0)]  # nothing is labelled
        [('network', 0.0)]
    """

    def __init__(self, network: SegmentationNetwork, ignored: int | None = None) -> None:
        super().__init__()
        self.network, self.ignored = network, ignored

    def networks(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        ids, none = batch.target[:, 0], -1 if self.ignored is None else self.ignored
        total = nn.functional.cross_entropy(self.network(batch.input).float(), ids, ignore_index=none, reduction="sum")
        yield "network", total / (ids != none).sum().clamp(min=1)

    def predict(self, batch: Example) -> Int[Tensor, "batch 1 height width"]:
        """The id of the most probable class of every pixel."""
        return self.network(batch.input).argmax(1, keepdim=True)

    def features(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """Images in [0, 1] to features of the encoder."""
        return self.network.features(images)
