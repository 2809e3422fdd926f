"""What evaluations of features share: labelled training images beside the test set."""

from collections.abc import Mapping, Sequence
from typing import Any

from darkroom.core.dataset import Dataset
from darkroom.core.evaluation import Predictor
from darkroom.core.method import Method
from darkroom.core.metric import Metric
from darkroom.core.record import Variant
from darkroom.evaluations.classification import Classification, labels_digest


class FeatureEvaluation(Classification):
    """Features are scored by a simple classifier of them, made from a training set and evaluated on a test set.

    A predictor takes images `(batch, channel, height, width)` in [0, 1] and returns features `(batch, features)`. That of a method
    is its `features`.

    Args:
        train: the labelled images that the classifier is made from.
        test: the test set, of the same classes.
        metrics, batch_size, variant, baselines, seed, optional: see `Classification`.
    """

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        metrics: Sequence[Metric],
        *,
        variant: Variant | None = None,
        baselines: Mapping[str, Predictor] | None = None,
        seed: int = 0,
        optional: bool = False,
        batch_size: int = 64,
    ) -> None:
        super().__init__(
            test,
            metrics,
            variant=variant,
            baselines=baselines,
            seed=seed,
            optional=optional,
            batch_size=batch_size,
        )
        self.train = train

    def open(self) -> None:
        self.train.open()
        super().open()

    def predictor(self, method: Method) -> Predictor:
        backbone: Any = method
        return backbone.features

    def fingerprint(self) -> str:
        """As for classification, and of the training images and their labels."""
        described, training = super().fingerprint(), self.train.digests()
        if not described or not training:
            return ""
        return labels_digest("/".join([described, *training.values()]), self.train)
