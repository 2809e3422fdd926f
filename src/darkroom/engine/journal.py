"""What training writes down as it goes on: `metrics.jsonl`, TensorBoard events, sample images."""

import json
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from darkroom.core.files import read_json_lines, write_json_lines
from darkroom.core.images import ImageFile, write
from darkroom.engine.fit import Record
from darkroom.engine.folder import RunFolder


class Journal:
    """Appends to a run's records; what lies after the step it goes on from is taken back first.

    Args:
        folder: the run's folder.
        start: the step that training goes on from.
        every: steps between two written losses; each is the mean of those since the one before.
        pending: losses since the last written one, as an earlier journal left them.
    """

    def __init__(self, folder: RunFolder, start: int, *, every: int, pending: dict[str, list[float]] | None = None) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import

        # The steps of a solver are none of training's.
        kept = [line for line in read_json_lines(folder.metrics) if line["step"] <= start or line["split"] == "solver"]
        write_json_lines(folder.metrics, kept)
        self.folder, self.every = folder, every
        self._lines = folder.metrics.open("a", encoding="utf-8")
        self._events = SummaryWriter(str(folder.path / "tensorboard"), purge_step=start + 1)
        self.pending = pending or {}

    def record(self, record: Record) -> None:
        """Take in one step's losses; the mean is written every so many steps."""
        for network, loss in record.losses.items():
            self.pending.setdefault(f"loss/{network}", []).append(loss)
        if record.step % self.every == 0:
            for name, values in self.pending.items():
                self.number(record.step, "train", name, sum(values) / len(values))
            for network, rate in record.rates.items():
                self.number(record.step, "train", f"rate/{network}", rate)
            self.pending = {}

    def number(self, step: int, split: str, name: str, value: float) -> None:
        """Write one number."""
        line = {"step": step, "split": split, "name": name, "value": value}
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()
        self._events.add_scalar(f"{split}/{name}", value, step)

    def sample(self, step: int, name: str, strip: Tensor) -> None:
        """Write an image `(channel, height, width)` to `samples/` and to TensorBoard."""
        write(self.folder.samples / f"{name}-{step:07d}.png", ImageFile(strip))
        self._events.add_image(f"samples/{name}", strip.clamp(0, 1), step)

    def close(self) -> None:
        """Write what is still held back."""
        self._lines.close()
        self._events.close()


def middles(*images: Tensor, side: int) -> list[Tensor]:
    """The same middle of several images `(channel, height, width)` of one scene, clipped to [0, 1].

    Images may differ in resolution by whole factors (a reduced image and its enlargement): what is
    returned shows the same part of the scene in all of them, at most `side` pixels a side in the largest.
    """
    widths = [image.shape[-1] for image in images]
    within = side // (max(widths) // min(widths))  # in pixels of the smallest
    shown = []
    for image in images:
        zoom = round(image.shape[-1] / min(widths))
        cut = image
        for axis in (1, 2):
            length = image.shape[axis] // zoom
            kept = min(length, within)
            cut = cut.narrow(axis, (length - kept) // 2 * zoom, kept * zoom)
        shown.append(cut.clamp(0, 1))
    return shown


def beside_each_other(images: Sequence[Tensor]) -> Tensor:
    """One strip of images `(channel, height, width)`; smaller ones are enlarged by repeating pixels."""
    height, width = (max(image.shape[axis] for image in images) for axis in (1, 2))
    return torch.cat([nn.functional.interpolate(image[None], (height, width))[0] for image in images], dim=2)


def file_name(words: str) -> str:
    """Words as a file name, with nothing in it that a file system minds."""
    return "".join(letter if letter.isalnum() or letter in "._-+=" else "-" for letter in words)
