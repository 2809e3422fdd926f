"""Metrics of classification, of images or of pixels: top-k accuracy, pixel accuracy, mean intersection over union."""

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.metrics.whole_set import WholeSetMetric

Labels = Int[Tensor, "..."]


def accuracy(top: int = 1) -> WholeSetMetric:
    """Share of examples whose class is among the `top` largest logits.

    Example:
        >>> state = accuracy().accumulator(torch.device("cpu"))
        >>> state.update(torch.tensor([[0.1, 2.0], [1.5, 0.3]]), torch.tensor([1, 1]))
        >>> state.compute().value
        0.5
    """

    def update(state: Any, logits: Tensor, labels: Labels) -> None:
        _check_labels(labels, logits.shape[1], None)
        if logits.shape[1] < top:
            raise DarkroomError(f"top-{top} accuracy needs at least {top} classes; there are {logits.shape[1]}")
        state.update((logits.topk(top, 1).indices == labels[:, None]).any(1).double())

    def state() -> Any:
        from torchmetrics.aggregation import MeanMetric  # slow to import

        return MeanMetric().set_dtype(torch.float64)

    return WholeSetMetric(
        f"accuracy_top{top}",
        f"top-{top} accuracy" if top > 1 else "accuracy",
        "",
        f"share of images whose class is {'the largest logit' if top == 1 else f'among the {top} largest logits'}.",
        quality="other",
        state=state,
        update=update,
    )


def mean_iou(classes: int, ignore: int | None = None) -> WholeSetMetric:
    """Mean over classes of the intersection over union, from one confusion matrix of all pixels of the test set.

    IoU_c = n_cc / (Σ_i n_ci + Σ_i n_ic − n_cc). Classes that neither occur nor are predicted do not count. The state is updated
    with logits `(batch, classes, …)` or labels `(batch, …)`, and labels `(batch, …)`.

    Args:
        classes: their number; labels are 0 to classes − 1.
        ignore: a label whose pixels do not count.
    """
    words = "" if ignore is None else f"; pixels of label {ignore} are left out"
    return _of_confusion(
        "mean_iou",
        "mIoU",
        f"mean intersection over union of {classes} classes, from one confusion matrix of all pixels of the test set; classes "
        f"that neither occur nor are predicted do not count{words}.",
        classes,
        ignore,
        lambda matrix: _mean_iou(matrix, ignore),
    )


def pixel_accuracy(classes: int, ignore: int | None = None) -> WholeSetMetric:
    """Share of all pixels of the test set that are classified correctly; arguments as for `mean_iou`."""
    words = "" if ignore is None else f"; pixels of label {ignore} are left out"
    return _of_confusion(
        "pixel_accuracy",
        "pixel accuracy",
        f"share of all pixels of the test set that are classified correctly{words}.",
        classes,
        ignore,
        lambda matrix: float(matrix.diagonal().sum() / matrix.sum()),
    )


def _of_confusion(name: str, title: str, definition: str, classes: int, ignore: int | None, read: Any) -> WholeSetMetric:
    def state() -> Any:
        from torchmetrics.classification import MulticlassConfusionMatrix  # slow to import

        return MulticlassConfusionMatrix(classes, ignore_index=ignore, validate_args=False)

    def update(state: Any, prediction: Tensor, labels: Labels) -> None:
        predicted = prediction.argmax(1) if prediction.ndim > labels.ndim else prediction
        _check_labels(labels, classes, ignore)
        _check_labels(predicted, classes, None)
        state.update(predicted, labels)

    return WholeSetMetric(
        name, title, "", definition, quality="other", state=state, update=update, read=lambda matrix: read(matrix.double())
    )


def _mean_iou(matrix: Tensor, ignore: int | None) -> float:
    intersection = matrix.diagonal()
    union = matrix.sum(0) + matrix.sum(1) - intersection
    counted = union > 0
    if ignore is not None and 0 <= ignore < len(matrix):
        counted[ignore] = False
    return float((intersection / union)[counted].mean())


def _check_labels(labels: Labels, classes: int, ignore: int | None) -> None:
    counted = labels if ignore is None else labels[labels != ignore]
    if counted.numel() and not 0 <= int(counted.min()) <= int(counted.max()) < classes:
        wrong = int(counted.max()) if int(counted.max()) >= classes else int(counted.min())
        raise DarkroomError(f"label {wrong} is outside 0 to {classes - 1}")
