"""Evaluation of generated photographs by a segmentation network: does it find in them what the label map asked for?"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from darkroom.core.crops import centre_crops
from darkroom.core.dataset import Dataset, float_example
from darkroom.core.errors import DarkroomError, about
from darkroom.core.evaluation import (
    PREVIEW_SIDE,
    PREVIEWS,
    Evaluation,
    Outcome,
    Predictor,
    Preview,
    Progress,
    no_progress,
)
from darkroom.core.images import round_to_8_bits, to_float
from darkroom.core.method import Example
from darkroom.core.record import EvaluationRecord, Variant
from darkroom.data.palettes import Palette, coloured
from darkroom.evaluations.batches import collate, grouped, shapes
from darkroom.evaluations.scoring import Timer
from darkroom.metrics.classification import mean_iou, pixel_accuracy


@dataclass(frozen=True)
class Segmenter:
    """The network that looks at photographs.

    Args:
        title: its name, for example "segmentation/camvid".
        network: makes it when an evaluation begins: images `(batch, 3, height, width)` in [0, 1] to ids `(batch, 1, height, width)`.
        size: height and width of the images that it is given.
        requires: what is required and missing, in words.
        digest: of its weights, once they are there.
    """

    title: str
    network: Callable[[], nn.Module]
    size: tuple[int, int]
    requires: Callable[[], str] = str
    digest: Callable[[], str] = str

    def __str__(self) -> str:
        return f"{self.title} at {_spelled(self.size)}"


@dataclass(frozen=True)
class Numbering:
    """The classes that are compared.

    Args:
        classes: their number.
        ignored: the id of pixels that do not count; or None.
        palette: the colour of each id, `ignored` included, for previews.
        ids: from the ids of the dataset's label maps to those of the classes; None where they are the same.
    """

    classes: int
    ignored: int | None
    palette: Palette
    ids: Callable[[Tensor], Tensor] | None = None


class SegmentationScore(Evaluation):
    """mIoU and pixel accuracy of a segmentation network on photographs that were generated from label maps.

    A generated photograph is clipped, rounded to 8 bits and resized (bilinear, antialiased) to the network's size; the ids that the
    network finds are resized by nearest neighbours to the label map's own size and compared with it, in one confusion matrix of all
    pixels. What the network finds in the real photographs, the baseline "photographs", is the ceiling.

    A predictor takes a batch (an `Example` of label maps) and returns photographs `(batch, channel, height, width)`.

    Args:
        images: label maps as inputs, and photographs as targets; for example `data.label_maps.LabelMaps`.
        segmenter: the network.
        numbering: its classes.
        batch_size: label maps of equal size are translated together, at most so many.
        baselines, seed, optional: see `Evaluation`.
    """

    def __init__(
        self,
        images: Dataset,
        segmenter: Segmenter,
        numbering: Numbering,
        *,
        baselines: Mapping[str, Predictor] | None = None,
        seed: int = 0,
        optional: bool = False,
        batch_size: int = 1,
    ) -> None:
        metrics = (mean_iou(numbering.classes, numbering.ignored), pixel_accuracy(numbering.classes, numbering.ignored))
        variant: Variant = {"segmented at": _spelled(segmenter.size)}
        given = {"photographs": photographs, **(baselines or {})}
        super().__init__(images.name, metrics, variant=variant, baselines=given, seed=seed, optional=optional)
        self.images, self.segmenter, self.numbering, self.batch_size = images, segmenter, numbering, batch_size

    def open(self) -> None:
        """Look up the test set and the network.

        Raises:
            DarkroomError: one of them is not there.
        """
        if missing := self.segmenter.requires():
            raise DarkroomError(f"no network labels the photographs: {missing}")
        self.images.open()

    def __len__(self) -> int:
        return len(self.images)

    def protocol(self) -> str:
        ignored = "" if self.numbering.ignored is None else f"; pixels of id {self.numbering.ignored} are left out"
        return f"photographs generated from label maps, labelled by {self.segmenter}, at the label maps' size{ignored}"

    def describe(self) -> EvaluationRecord:
        record, digest = super().describe(), self.segmenter.digest()
        return dataclasses.replace(record, protocol=f"{record.protocol}; weights {digest[:8]}") if digest else record

    def digests(self) -> dict[str, str]:
        return self.images.digests()

    def evaluate(self, predictor: Predictor, device: torch.device, progress: Progress = no_progress) -> Outcome:
        accumulators = {metric.name: metric.accumulator(device) for metric in self.metrics}
        network, timer, previews, finite = self.segmenter.network().to(device).eval(), Timer(device), list[Preview](), True
        done, files = 0, getattr(self.images, "files", {})
        with torch.inference_mode():
            for names, batch in self._batches(device):
                with about(files.get(names[0], names[0])):
                    timer.start()
                    generated = predictor(batch)
                    timer.stop()
                    timer.finish(len(names))
                    ids = batch.input if self.numbering.ids is None else self.numbering.ids(batch.input)
                    found = self._segmented(network, generated, ids.shape[2:])
                    for accumulator in accumulators.values():
                        accumulator.update(found, ids)
                finite = finite and bool(generated.isfinite().all())
                for name, *both in zip(names[: PREVIEWS - len(previews)], found.cpu(), ids.cpu(), strict=False):
                    previews.append(self._preview(name, *both))
                done += len(names)
                progress(done, len(self))
        scores = {name: accumulator.compute() for name, accumulator in accumulators.items()}
        if not finite:  # the classes that a network finds in such an image mean nothing
            scores = {name: dataclasses.replace(score, value=math.nan) for name, score in scores.items()}
        return Outcome(scores, previews, timer.median)

    def _segmented(
        self, network: nn.Module, images: Float[Tensor, "batch channel height width"], size: Sequence[int]
    ) -> Int[Tensor, "batch 1 label_height label_width"]:
        """The ids that the network finds in images, at a size."""
        seen = round_to_8_bits(images).expand(-1, 3, -1, -1)
        if tuple(seen.shape[2:]) != tuple(self.segmenter.size):
            seen = nn.functional.interpolate(seen, self.segmenter.size, mode="bilinear", antialias=True)
        found: Tensor = network(seen)
        return nn.functional.interpolate(found.float(), tuple(size), mode="nearest-exact").long()

    def _preview(self, name: str, found: Tensor, ids: Tensor) -> Preview:
        images = (to_float(coloured(each, self.numbering.palette)) for each in (found, ids))
        return Preview(name, dict(zip(("prediction", "target"), centre_crops(*images, side=PREVIEW_SIDE), strict=True)))

    def _batches(self, device: torch.device) -> Iterator[tuple[list[str], Example]]:
        names = self.images.names
        examples = ((name, float_example(self.images.example(index))) for index, name in enumerate(names))
        for group in grouped(examples, lambda item: shapes(item[1]), self.batch_size):
            yield [name for name, _ in group], collate([example for _, example in group], device)


def photographs(batch: Example) -> Tensor:
    """The real photographs, in place of generated ones."""
    return batch.target


def _spelled(size: Sequence[int]) -> str:
    return "x".join(map(str, size))
