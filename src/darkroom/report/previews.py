"""Previews of evaluations: images of one example to compare, crops of them, and single images."""

import base64
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.core.file_names import file_name
from darkroom.report.collect import Row
from darkroom.report.trained_run import TrainedRun, evaluation_title
from darkroom.report.words import place, presentable

CROP = 96
"""Side of the crop that is shown of every image, in pixels."""

LARGEST = 4096
"""Larger images are no previews."""

SAME_ASPECT = 0.02
"""Relative difference up to which two aspect ratios are equal: sizes are rounded when images are downscaled."""

Kind = Literal["input", "other", "baseline", "ours", "target"]
_ORDER: tuple[Kind, ...] = ("input", "other", "baseline", "ours", "target")


@dataclass(frozen=True)
class Crop:
    """The most detailed crop of an image; `psnr` is that of the crop in dB, None where it is not defined."""

    label: str
    address: str
    psnr: float | None


@dataclass(frozen=True)
class Comparison:
    """Images of one example and of equal aspect.

    Args:
        title: test set, variant and example, for example "BSD68, σ = 25: test001".
        views: `(label, data address)`, the input first and the target last.
        left, right: positions of the views that are shown first.
        width, height: in pixels.
        crops: the same crop of every view.
    """

    title: str
    views: list[tuple[str, str]]
    left: int
    right: int
    width: int
    height: int
    crops: list[Crop]

    @property
    def has_psnr(self) -> bool:
        """Whether a crop has a PSNR."""
        return any(crop.psnr is not None for crop in self.crops)


@dataclass(frozen=True)
class Single:
    """An image with nothing to compare it with, for example a grid of samples or a confusion matrix."""

    caption: str
    address: str


@dataclass(frozen=True)
class Previews:
    """All previews of some rows; `unreadable` has a line for every file that was left out."""

    comparisons: list[Comparison]
    singles: list[Single]
    unreadable: list[str]


@dataclass(frozen=True)
class _View:
    kind: Kind
    label: str
    image: Image.Image

    @property
    def aspect(self) -> float:
        return self.image.width / self.image.height


@dataclass
class _Example:
    title: str
    has_fidelity: bool
    views: dict[str, _View] = field(default_factory=dict)


def previews(rows: Sequence[Row]) -> Previews:
    """The previews that the first seed of every row kept, by example.

    Images of a row are labelled by its title; input, target and baselines are shown once.
    """
    examples: dict[tuple[str, str, str], _Example] = {}
    unreadable: list[str] = []
    for row in rows:
        run = row.runs[0]
        for file in sorted(run.folder.previews.glob("*/*/*.png")):
            try:
                image = _read(file)
            except DarkroomError as error:
                unreadable.append(presentable(str(error)))
                continue
            example = _example(run, file, examples)
            kind, label = _role(row, file.stem)
            example.views.setdefault(label, _View(kind, label, image))
    comparisons, singles = list[Comparison](), list[Single]()
    for example in examples.values():
        compared, alone = _grouped(sorted(example.views.values(), key=lambda view: _ORDER.index(view.kind)))
        if compared:
            comparisons.append(_comparison(example, compared))
        singles += [Single(f"{example.title}, {view.label}", _data(view.image, lossless=True)) for view in alone]
    return Previews(comparisons, singles, unreadable)


def _read(file: Path) -> Image.Image:
    """An image of a run's folder, which is a small one.

    Raises:
        DarkroomError: it is none, or a large one.
    """
    try:
        with Image.open(file) as image:
            if max(image.size) > LARGEST:
                raise ValueError(f"{image.width}x{image.height} pixels are more than {LARGEST} a side")
            return image.convert("RGB")
    except Exception as error:  # Pillow raises many kinds
        raise DarkroomError(f"{file} cannot be read: {error}") from error


def _example(run: TrainedRun, file: Path, examples: dict[tuple[str, str, str], _Example]) -> _Example:
    """The example that a file belongs to; examples of different protocols are kept apart."""
    folder, name = file.parent.parent.name, file.parent.name
    evaluation = next((e for e in run.record.evaluations if file_name(evaluation_title(e)) == folder), None)
    key = (folder, evaluation.protocol if evaluation else "", name)
    if key not in examples:
        where = place(evaluation.dataset, evaluation.variant) if evaluation else presentable(folder)
        title = f"{where}: {presentable(name)}"
        quality = [metric.quality for metric in evaluation.metrics.values()] if evaluation else []
        examples[key] = _Example(title, "fidelity" in quality)
    return examples[key]


def _role(row: Row, stem: str) -> tuple[Kind, str]:
    """Kind and label of an image by the name of its file."""
    if stem == "ours":
        return "ours", row.title
    if stem == "input":
        return "input", "input"
    if stem == "target":
        return "target", "target"
    method = next((method for method in row.cells if file_name(method) == stem), None)
    return ("baseline", method) if method else ("other", presentable(stem.replace("-", " ")))


def _grouped(views: list[_View]) -> tuple[list[_View], list[_View]]:
    """The views to compare with each other, and the others.

    Compared are those with the aspect of the target, or of the first view where there is no target. Without anything to
    compare with (predictions only), and for a single view, there is no comparison. Baselines that return the input are left out.
    """
    given = [view for view in views if view.kind == "input"]
    views = [view for view in views if view.kind != "baseline" or not any(_equal(view, other) for other in given)]
    reference = _reference(views)
    alike = [view for view in views if abs(view.aspect / reference.aspect - 1) <= SAME_ASPECT]
    if len(alike) < 2 or all(view.kind in ("ours", "baseline") for view in alike):
        return [], views
    return alike, [view for view in views if view not in alike]


def _equal(first: _View, second: _View) -> bool:
    return first.image.size == second.image.size and np.array_equal(np.asarray(first.image), np.asarray(second.image))


def _reference(views: list[_View]) -> _View:
    return views[-1] if views[-1].kind == "target" else views[0]


def _comparison(example: _Example, views: list[_View]) -> Comparison:
    ours = [position for position, view in enumerate(views) if view.kind == "ours"]
    reference = max(views, key=lambda view: (view.kind == "target", view.image.width))
    return Comparison(
        title=example.title,
        views=[(view.label, _data(view.image, quality=90)) for view in views],
        left=0,
        right=ours[0] if ours and ours[0] else len(views) - 1,
        width=reference.image.width,
        height=reference.image.height,
        crops=_crops(reference, views, with_psnr=example.has_fidelity),
    )


def _crops(reference: _View, views: list[_View], *, with_psnr: bool) -> list[Crop]:
    """The crop with the strongest gradients in the reference, of every view; of other sizes in proportion."""
    side = min(CROP, *reference.image.size) // 8 * 8
    if not side:
        return []
    left, top = _most_detailed(np.asarray(reference.image, float), side)
    wanted = reference.image.crop((left, top, left + side, top + side))
    crops = []
    for view in views:
        zoom = reference.image.width / view.image.width
        x, y, across = (round(length / zoom) for length in (left, top, side))
        crop = view.image.crop((x, y, x + max(across, 1), y + max(across, 1)))
        comparable = (
            view.kind in ("baseline", "ours") and reference.kind == "target" and view.image.size == reference.image.size
        )
        psnr = _psnr(crop, wanted) if with_psnr and comparable else None
        crops.append(Crop(view.label, _data(crop, lossless=True), psnr))
    return crops


def _most_detailed(image: np.ndarray, side: int) -> tuple[int, int]:
    """Left and top of the square with the largest sum of absolute gradients, on a grid of 8 pixels."""
    grey = image.mean(2)
    gradients = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    integral = np.pad(gradients.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    tops, lefts = (np.arange(0, length - side + 1, 8) for length in grey.shape)
    sums = (
        integral[np.ix_(tops + side, lefts + side)]
        - integral[np.ix_(tops, lefts + side)]
        - integral[np.ix_(tops + side, lefts)]
        + integral[np.ix_(tops, lefts)]
    )
    row, column = np.unravel_index(sums.argmax(), sums.shape)
    return int(lefts[column]), int(tops[row])


def _psnr(image: Image.Image, target: Image.Image) -> float:
    """PSNR = 10 log10(255² / mean squared error) in dB, over all channels; infinite for equal images."""
    error = float(((np.asarray(image, float) - np.asarray(target, float)) ** 2).mean())
    return 10 * math.log10(255**2 / error) if error else math.inf


def samples(row: Row, count: int = 4) -> list[Single]:
    """Images that the row's first seed saved during training, `count` of each name at even distances."""
    named: dict[str, list[tuple[int, Path]]] = {}
    for file in sorted(row.runs[0].folder.samples.glob("*.png")):
        match = re.fullmatch(r"(.+)-(\d+)", file.stem)
        if match:
            named.setdefault(match[1], []).append((int(match[2]), file))
    shown = []
    for name, files in named.items():
        files.sort()
        if len(files) > count:
            files = [files[position * (len(files) - 1) // (count - 1)] for position in range(count)]
        for step, file in files:
            try:
                shown.append(Single(f"{presentable(name)}, step {step:,}", _data(_read(file), quality=90)))
            except DarkroomError:
                continue  # a file that is being written
    return shown


def _data(image: Image.Image, **options: Any) -> str:
    content = io.BytesIO()
    image.save(content, format="WEBP", **options)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()
