"""Evaluation image by image: scores are kept in a folder, for an interrupted evaluation and for several processes."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

import darkroom
from darkroom.core.averages import deviation, mean
from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Evaluation, Outcome, Predictor, Progress
from darkroom.core.metric import Score
from darkroom.engine.devices import device_name
from darkroom.engine.manifest import digest
from darkroom.engine.shared_lines import SharedLine, SharedLines
from darkroom.evaluations.paired_images import PairedImages
from darkroom.metrics.per_image import PerImageMetric
from darkroom.workflows.processes import place

NAME = "scored"
"""Of the files: `scored.jsonl`, and until the end `scored.3.jsonl` of the fourth of several processes."""


@dataclass(frozen=True)
class ScoredImage(SharedLine):
    """The scores of one image, made by weights, image and protocol.

    Args:
        method: name of the weights.
        evaluation: title of the test set and its variant.
        image: its name.
        scores: by the metric's name.
        seconds: of the prediction.
    """

    method: str
    evaluation: str
    image: str
    scores: dict[str, Any]
    seconds: float

    def about(self) -> str:
        """What was scored."""
        return _name(self.method, self.evaluation, self.image)


class ScoredImages:
    """Scores below a folder. Each process takes every n-th image; what is scored is not scored again.

    Args:
        folder: that keeps the scores.
    """

    def __init__(self, folder: Path) -> None:
        self.here = place()
        self.lines = SharedLines(folder, NAME, ScoredImage, ScoredImage.about, self.here.number, self.here.processes)
        self.wanted, self.complete = list[tuple[str, str]](), True

    def evaluate(
        self,
        method: str,
        weights: Sequence[Path],
        evaluation: Evaluation,
        predictor: Predictor,
        device: torch.device,
        progress: Progress,
    ) -> Outcome | None:
        """Score this process's images; the outcome, whose means are in the order of the images, or None until all are scored.

        Args:
            method: name of the weights.
            weights: their files, which identify scores, with the image's content, the protocol, the version and the device.
            evaluation: open, of images in pairs by metrics that have a value for every image.
            predictor: of the weights.
            device: of the predictor.
            progress: called with the images of this process that are scored, and their number.

        Raises:
            DarkroomError: the evaluation is of another kind.
        """
        if not isinstance(evaluation, PairedImages) or not all(isinstance(m, PerImageMetric) for m in evaluation.metrics):
            raise DarkroomError(
                f"scores image by image are for restoration networks; {evaluation.title} is evaluated as a whole"
            )
        images, job = evaluation.images.names, digest(weights, {"version": darkroom.__version__, "device": device_name(device)})
        names = [_name(method, evaluation.title, image) for image in images]

        @cache  # it reads the image
        def made_by(index: int) -> str:
            return digest([], {"job": job, "image": evaluation.only(index).fingerprint()})

        latest, mine = self.lines.latest(), range(self.here.number, len(images), self.here.processes)
        for done, index in enumerate(mine, 1):
            made, line = made_by(index), latest.get(names[index])
            if line is None or line.made_by != made:
                outcome = evaluation.only(index).evaluate(predictor, device)
                scores = {name: score.value for name, score in outcome.scores.items()}
                self.lines.add(ScoredImage(method, evaluation.title, images[index], scores, outcome.seconds, made_by=made))
            progress(done, len(mine))
        lines = [line for line in map(self.lines.latest().get, names) if line is not None]
        if len(lines) < len(names) or any(line.made_by != made_by(index) for index, line in enumerate(lines)):
            self.complete = False
            return None
        self.wanted += [(name, line.made_by) for name, line in zip(names, lines, strict=True)]
        return _outcome(evaluation, lines)

    def finish(self) -> Path | None:
        """Put the scores of all processes into one file, if every image is scored."""
        return self.lines.join(self.wanted) if self.complete else None


def _name(method: str, evaluation: str, image: str) -> str:
    """What is scored: weights, a test set and its variant, and one of its images."""
    return f"{method}\n{evaluation}\n{image}"


def _outcome(evaluation: PairedImages, lines: Sequence[ScoredImage]) -> Outcome:
    """Means in the order of the images."""
    values = {metric.name: [float(line.scores[metric.name]) for line in lines] for metric in evaluation.metrics}
    scores = {name: Score(mean(each), deviation(each), len(each), tuple(each)) for name, each in values.items()}
    return Outcome(scores, [], statistics.median(line.seconds for line in lines))
