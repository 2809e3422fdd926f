"""Evaluation of kernel estimation where the true kernels are known: the kernels, the reblurred image, and the restored one."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from darkroom.core.crops import centre_crops
from darkroom.core.dataset import Dataset
from darkroom.core.errors import about
from darkroom.core.evaluation import PREVIEW_SIDE, PREVIEWS, Outcome, Predictor, Preview, Progress, no_progress
from darkroom.core.method import Example, Method
from darkroom.core.metric import Metric
from darkroom.core.record import Variant
from darkroom.data.shaken import DrawnForEachImage
from darkroom.evaluations.batches import collate
from darkroom.evaluations.kernel_metrics import FieldMetric
from darkroom.evaluations.paired_images import SeveralDegradations
from darkroom.evaluations.scoring import Scorer
from darkroom.operators.kernel_field import KernelField
from darkroom.operators.kernel_images import basis_image, field_image
from darkroom.solvers.blind import Restoration, restorations


class KernelFields(SeveralDegradations):
    """Kernel fields are compared with the true ones; with image metrics, images restored by them with the sharp ones too.

    A predictor takes a batch and returns its `KernelField`; that of a method is its `estimate`. Every predictor's images are
    restored alike. Baselines that make sense: the true kernels, and no blur.

    Args:
        images: sharp images.
        shakes: their degradations; fields are given.
        metrics: of fields (`FieldMetric`) and of restored images.
        restoration: how images are restored.
        variant, baselines, optional: see `Evaluation`.
    """

    def __init__(
        self,
        images: Dataset,
        shakes: DrawnForEachImage,
        metrics: Sequence[Metric],
        restoration: Restoration,
        *,
        variant: Variant | None = None,
        baselines: Mapping[str, Predictor] | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(images, shakes, metrics, variant=variant, baselines=baselines, optional=optional)
        self.restoration = restoration

    def protocol(self) -> str:
        if all(isinstance(metric, FieldMetric) for metric in self.metrics):
            return super().protocol()
        return f"{super().protocol()}; restored by {self.restoration}"

    def predictor(self, method: Method) -> Predictor:
        return method.estimate

    def evaluate(self, predictor: Predictor, device: torch.device, progress: Progress = no_progress) -> Outcome:
        fields = {metric: metric.accumulator(device) for metric in self.metrics if isinstance(metric, FieldMetric)}
        scorer = Scorer([metric for metric in self.metrics if not isinstance(metric, FieldMetric)], device)
        previews, total = list[Preview](), len(self)
        ours = not any(predictor is baseline for baseline in self.baselines.values())
        with torch.inference_mode():
            for done, item in enumerate(self._examples(), 1):
                with about(item.file):
                    batch = collate([item.example], device)
                    scorer.timer.start()
                    field = predictor(batch)
                    for accumulator in fields.values():
                        accumulator.update(field, batch)
                    restored = batch.input
                    if scorer.metrics:
                        iterates = restorations(batch.input, field, self.restoration)
                        # Curves over the iterations and figures of the estimate are shown once, of the method itself.
                        restored = scorer.update(iterates if ours else [_last(iterates)], _inner(batch))
                    else:
                        scorer.timer.stop()
                        scorer.timer.finish(1)
                if len(previews) < PREVIEWS:
                    images = centre_crops(batch.input[0], restored[0], _inner(batch)[0], side=PREVIEW_SIDE)
                    shown = dict(zip(("input", "prediction", "target"), (x.cpu() for x in images), strict=True))
                    previews.append(Preview(item.name, shown | (_figures(batch, field) if ours else {})))
                progress(done, total)
        scores = {metric.name: accumulator.compute() for metric, accumulator in fields.items()}
        return Outcome(scores | scorer.scores(), previews, scorer.timer.median, scorer.curves() if scorer.metrics else {})


def true_kernels(batch: Example) -> KernelField:
    """The true field: a baseline that no estimate beats."""
    return KernelField(*batch.condition)


def no_blur(batch: Example) -> KernelField:
    """Points for kernels: the restored image is the blurred one."""
    kernels, masks = batch.condition
    points = torch.zeros_like(kernels)
    points[..., points.shape[-2] // 2, points.shape[-1] // 2] = 1
    return KernelField(points, masks)


def _last(iterates: Iterator[Tensor]) -> Tensor:
    *_, last = iterates
    return last


def _inner(batch: Example) -> Tensor:
    """The part of the sharp image that the blurred one shows."""
    height, width = batch.input.shape[-2:]
    top, left = (batch.target.shape[-2] - height) // 2, (batch.target.shape[-1] - width) // 2
    return batch.target[..., top : top + height, left : left + width]


def _figures(batch: Example, field: KernelField) -> dict[str, Tensor]:
    found, true = (KernelField(*(x[0].cpu() for x in each)) for each in (field, KernelField(*batch.condition)))
    image = batch.input[0].cpu()
    return {
        "estimated kernels": field_image(image, found),
        "true kernels": field_image(image, true),
        "basis and masks": basis_image(found),
    }
