"""Evaluation of features: a linear classifier is fitted to them."""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.dataset import Dataset
from darkroom.core.evaluation import Outcome, Predictor, Progress, no_progress
from darkroom.core.metric import Metric
from darkroom.core.record import Variant
from darkroom.evaluations.batches import batches_of
from darkroom.evaluations.classification import class_names
from darkroom.evaluations.features import FeatureEvaluation


class LinearProbe(FeatureEvaluation):
    """Features are scored by a linear classifier: fitted on a training set, evaluated on a test set.

    The classifier is a ridge regression of ±1 targets on standardised features, in closed form and float64; so it is deterministic,
    and no features are kept.

    Args:
        train: the labelled images that the classifier is fitted to.
        test: the test set, of the same classes.
        regularization: weight of the squared norm, for the mean squared error.
        metrics, batch_size, variant, baselines, seed, optional: see `FeatureEvaluation`.
    """

    def __init__(
        self,
        train: Dataset,
        test: Dataset,
        metrics: Sequence[Metric],
        *,
        regularization: float = 1e-3,
        variant: Variant | None = None,
        baselines: Mapping[str, Predictor] | None = None,
        seed: int = 0,
        optional: bool = False,
        batch_size: int = 64,
    ) -> None:
        super().__init__(
            train, test, metrics, variant=variant, baselines=baselines, seed=seed, optional=optional, batch_size=batch_size
        )
        self.regularization = regularization

    def protocol(self) -> str:
        return (
            f"linear probe on features: ridge regression on standardised features with weight {self.regularization:g}, fitted to "
            f"{self.train.name}"
        )

    def evaluate(self, predictor: Predictor, device: torch.device, progress: Progress = no_progress) -> Outcome:
        total = len(self.train) + len(self)
        regression = Ridge(len(class_names(self.train)), self.regularization)
        with torch.inference_mode():
            for batch in batches_of(self.train, self.batch_size, device):
                regression.update(predictor(batch.input), batch.target)
                progress(regression.count, total)
        classify = regression.fit()

        def logits(images: Tensor) -> Tensor:
            return classify(predictor(images))

        return super().evaluate(logits, device, lambda done, _: progress(len(self.train) + done, total))


class Ridge:
    """Ridge regression of ±1 targets of classes on standardised features, from sums over batches.

    minimise over W, b: mean over examples of ‖Wᵀz + b − t‖² + λ ‖W‖², with z the features minus their mean, divided by their
    standard deviation, and t_c = 1 for the example's class, −1 for others.

    Args:
        classes: their number.
        regularization: λ.
    """

    def __init__(self, classes: int, regularization: float) -> None:
        self.classes, self.regularization, self.count = classes, regularization, 0
        self._sums: tuple[Tensor, ...] = ()

    def update(self, features: Float[Tensor, "batch features"], labels: Tensor) -> None:
        """Take in the features of a batch and its labels."""
        x = features.double().cpu()
        t = 2 * torch.nn.functional.one_hot(labels.cpu(), self.classes).double() - 1
        new = (x.sum(0), t.sum(0), x.T @ x, x.T @ t)
        self._sums = tuple(a + b for a, b in zip(self._sums, new, strict=True)) if self._sums else new
        self.count += len(x)

    def fit(self) -> Callable[[Float[Tensor, "batch features"]], Float[Tensor, "batch classes"]]:
        """The classifier: features to logits."""
        x, t, xx, xt = (total / self.count for total in self._sums)
        covariance = xx - torch.outer(x, x)
        scale = covariance.diagonal().clamp(min=0).sqrt()
        scale = torch.where(scale > 1e-12, scale, torch.ones_like(scale))  # constant features
        correlation = covariance / torch.outer(scale, scale)
        right = (xt - torch.outer(x, t)) / scale[:, None]
        penalised = correlation + self.regularization * torch.eye(len(x), dtype=torch.float64)
        weight = torch.linalg.solve(penalised, right)

        def classify(features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch classes"]:
            z = (features.double() - x.to(features.device)) / scale.to(features.device)
            return z @ weight.to(features.device) + t.to(features.device)

        return classify
