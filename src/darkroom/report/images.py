"""Before and after, to be looked at."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from darkroom.report.collect import Row

PIECE = 96
"""Side, in pixels, of the piece that is shown under every method."""

_ORDER = {"source": 0, "target": 3}
_LABELS = {"source": "input", "target": "truth"}


@dataclass(frozen=True)
class Piece:
    """The most detailed piece of an image under one method; `psnr` is that of this piece, None for input and truth."""

    label: str
    address: str
    psnr: float | None


@dataclass(frozen=True)
class Comparison:
    """One image under every method.

    Args:
        title: dataset, what was variant, image.
        views: `(label, data address)`, the input first and the truth last.
        left, right: the positions of the input and of the first of ours.
        width, height: in pixels.
        pieces: the same piece under every method.
    """

    title: str
    views: list[tuple[str, str]]
    left: int
    right: int
    width: int
    height: int
    pieces: list[Piece]


def comparisons(rows: list[Row]) -> list[Comparison]:
    """The images that rows kept (each row's first seed): input, baselines, every row's answer, truth."""
    found: dict[tuple[str, ...], dict[str, Path]] = {}
    for row in rows:
        folder = row.folders[0].images
        for file in sorted(folder.glob("*/*/*/*.png")):
            if file.stem in ("noisy-input", "blurred-input"):  # the same as the source
                continue
            label = row.title if file.stem == "ours" else _LABELS.get(file.stem, file.stem.replace("-", " "))
            found.setdefault(file.parent.relative_to(folder).parts, {}).setdefault(label, file)
    return [_comparison(place, views) for place, views in found.items() if "input" in views and "truth" in views]


def _comparison(place: tuple[str, ...], files: dict[str, Path]) -> Comparison:
    dataset, variant, name = place
    ours = [label for label, file in files.items() if file.stem == "ours"]
    order = sorted(files, key=lambda label: _ORDER.get(files[label].stem, 2 if label in ours else 1))
    with Image.open(files["truth"]) as image:
        width, height = image.size
        truth = np.asarray(image.convert("RGB"))
    return Comparison(
        title=" · ".join([dataset, *([variant.replace("-", " ")] if variant != "plain" else []), name]),
        views=[(label, _address(files[label])) for label in order],
        left=0,
        right=order.index(ours[0]) if ours else len(order) - 1,
        width=width,
        height=height,
        pieces=_pieces(truth, {label: files[label] for label in order}),
    )


def _pieces(truth: np.ndarray, files: dict[str, Path]) -> list[Piece]:
    """The piece with the strongest gradients, cut out of every view; smaller views are cut in proportion."""
    height, width = truth.shape[:2]
    side = min(PIECE, height, width) // 8 * 8
    if not side:
        return []
    grey = truth.mean(2)
    strength = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    sums = {
        (top, left): strength[top : top + side, left : left + side].sum()
        for top in range(0, height - side + 1, 8)
        for left in range(0, width - side + 1, 8)
    }
    top, left = max(sums, key=lambda place: sums[place])
    pieces = []
    for label, file in files.items():
        with Image.open(file) as image:
            zoom = width / image.width
            x, y, across = (round(length / zoom) for length in (left, top, side))
            piece = image.convert("RGB").crop((x, y, x + across, y + across))
        psnr = None
        if label not in ("input", "truth"):
            error = (np.asarray(piece, float) - truth[top : top + side, left : left + side]) ** 2
            psnr = float(10 * np.log10(255**2 / max(error.mean(), 1e-9)))
        pieces.append(Piece(label, _data(piece, lossless=True), psnr))
    return pieces


def samples(row: Row, count: int = 4) -> list[tuple[str, str]]:
    """Strips (input, ours, truth) as training went on: `(step, data address)`."""
    files = sorted(row.folders[0].samples.glob("*.png"))
    if len(files) > count:
        files = [files[position * (len(files) - 1) // (count - 1)] for position in range(count)]
    return [(f"step {int(file.stem.rsplit('-', 1)[1])}", _address(file)) for file in files]


def _address(path: Path) -> str:
    with Image.open(path) as image:
        return _data(image, quality=90)


def _data(image: Image.Image, **options: Any) -> str:
    content = io.BytesIO()
    image.save(content, format="WEBP", **options)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()
