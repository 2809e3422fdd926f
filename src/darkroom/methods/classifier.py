"""Training a classifier of images with labels."""

from collections.abc import Iterator, Mapping

from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Example, Method
from darkroom.networks.image_classifier import ImageClassifier


class Classifier(Method):
    """Minimise the cross-entropy −log softmax(h(f(x)))_y over the classifier h, and over the backbone f unless it is frozen.

    Args:
        network: h ∘ f.
    """

    def __init__(self, network: ImageClassifier) -> None:
        super().__init__()
        self.network = network

    def networks(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        yield "network", nn.functional.cross_entropy(self.network(batch.input), batch.target)

    def predict(self, batch: Example) -> Float[Tensor, "batch classes"]:
        return self.network(batch.input)

    def features(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """Images in [0, 1] to features of the backbone."""
        return self.network.backbone(images)
