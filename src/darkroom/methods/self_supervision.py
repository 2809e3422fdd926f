"""What self-supervised training rules share: an encoder, its features, and a watch for collapse."""

from collections.abc import Collection, Mapping

from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Example, Method
from darkroom.networks.encoder import Encoder

COLLAPSED = 0.1
"""A spread of the projections below which training is reported to collapse; fresh networks begin near 1."""

WATCH_INTERVAL = 50
"""Steps between looks at the spread; each look makes the host wait for the device."""


class SelfSupervision(Method):
    """Training on pairs of views of unlabelled images: a batch's inputs are the first views, its targets the second ones.

    What is evaluated and kept is the backbone: `features` and `predict` are the pooled features of f. A training rule sets
    `projections` in `losses`, the z of one view; their spread is logged, and reported when it says that the network collapses.

    Args:
        network: backbone, projector and predictor; trained by one optimizer.
    """

    def __init__(self, network: Encoder) -> None:
        super().__init__()
        self.network = network
        self.projections: Tensor | None = None
        self._steps, self._reported = 0, False

    def networks(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def features(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """Images in [0, 1] to features of the backbone."""
        return self.network.backbone(images)

    def predict(self, batch: Example) -> Float[Tensor, "batch features"]:
        return self.features(batch.input)

    def watched(self) -> Mapping[str, Tensor]:
        return {} if self.projections is None else {"spread": spread(self.projections)}

    def messages(self) -> Collection[str]:
        self._steps += 1
        if self.projections is None or self._reported or self._steps % WATCH_INTERVAL:
            return ()
        value = float(spread(self.projections))
        self._reported = value < COLLAPSED
        if not self._reported:
            return ()
        return [
            f"the projections collapse to one point: their spread is {value:.3f} (about 1 where they fill the sphere, 0 for a constant)"
        ]


def spread(projections: Float[Tensor, "batch features"]) -> Float[Tensor, ""]:
    """√d · mean over features of the standard deviation over the batch of z / ‖z‖: 1 for a uniform sphere, 0 after a collapse.

    Source: Chen & He 2021, section 4.1 (there without √d).

    Example:
        >>> import torch
        >>> spread(torch.ones(4, 8)).item(), round(spread(torch.eye(8) - 1 / 8).item(), 1)
        (0.0, 1.1)
    """
    unit = nn.functional.normalize(projections.detach().float(), dim=1)
    return unit.std(0).mean() * projections.shape[1] ** 0.5


def cosine(p: Float[Tensor, "batch features"], z: Float[Tensor, "batch features"]) -> Float[Tensor, " batch"]:
    """⟨p, z⟩ / (‖p‖ ‖z‖), in float32."""
    return nn.functional.cosine_similarity(p.float(), z.float(), dim=1)
