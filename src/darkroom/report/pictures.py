"""Before and after, to be looked at."""

import base64
import io
from dataclasses import dataclass

from PIL import Image

from darkroom.report.collect import Row

SETS_SHOWN = 3
_ENDS = {"source": "input", "target": "truth"}


@dataclass(frozen=True)
class Comparison:
    """One picture under every method.

    Args:
        title: dataset, what was varied, picture.
        views: `(label, data address)`, the input first and the truth last.
        left, right: the positions of the input and of ours.
        width, height: in pixels.
    """

    title: str
    views: list[tuple[str, str]]
    left: int
    right: int
    width: int
    height: int


def comparisons(row: Row) -> list[Comparison]:
    """The kept pictures of a row's first seed."""
    folder = row.folders[0].pictures
    found = []
    for place in sorted(path for path in folder.glob("*/*/*") if path.is_dir()):
        order = {"source": 0, "ours": 1, "target": 3}
        files = sorted(place.glob("*.png"), key=lambda file: (order.get(file.stem, 2), file.stem))
        files = [file for file in files if file.stem != "noisy-input"]
        if not files:
            continue
        with Image.open(files[0]) as image:
            width, height = image.size
        dataset, varied, name = place.relative_to(folder).parts
        views = [(_ENDS.get(file.stem, file.stem.replace("-", " ")), _address(file)) for file in files]
        right = next((position for position, file in enumerate(files) if file.stem == "ours"), len(files) - 1)
        title = " · ".join(part for part in (dataset, varied, name) if part != "plain")
        found.append(Comparison(title, views, 0, right, width, height))
    return found


def samples(row: Row, count: int = 4) -> list[tuple[str, str]]:
    """Strips (input, ours, truth) as training went on: `(step, data address)`."""
    files = sorted(row.folders[0].samples.glob("*.png"))
    if len(files) > count:
        files = [files[position * (len(files) - 1) // (count - 1)] for position in range(count)]
    return [(f"step {int(file.stem.rsplit('-', 1)[1])}", _address(file)) for file in files]


def _address(path: object) -> str:
    with Image.open(path) as image:  # type: ignore[arg-type]
        content = io.BytesIO()
        image.save(content, format="WEBP", quality=90)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()
