"""What training writes as it goes on: `metrics.jsonl`, sample images, and TensorBoard events where it is installed."""

import importlib.util
from collections.abc import Mapping

from torch import Tensor

from darkroom.core.files import json_text, read_json_lines, write_json_lines
from darkroom.core.images import ImageFile, write
from darkroom.core.paths import printable
from darkroom.engine.folder import RunFolder


class Journal:
    """Appends to a run's metrics; lines after the step that training resumes from are removed first.

    Args:
        folder: the run's folder.
        start: the step that training resumes from.

    `remark` says where something is not written; it is empty otherwise.
    """

    def __init__(self, folder: RunFolder, start: int) -> None:
        # The steps of a solver are not steps of training.
        kept = [line for line in read_json_lines(folder.metrics) if line["step"] <= start or line["split"] == "solver"]
        write_json_lines(folder.metrics, kept)
        self.folder = folder
        self._lines = folder.metrics.open("a", encoding="utf-8", errors="backslashreplace")
        place, self.remark = str(folder.path / "tensorboard"), ""
        self._events = None
        if printable(place) != place:
            self.remark = f"no TensorBoard events: {printable(place)} is not UTF-8; metrics.jsonl has the same numbers"
        elif importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter  # slow to import

            self._events = SummaryWriter(place, purge_step=start + 1)

    def losses(self, step: int, losses: Mapping[str, float], lrs: Mapping[str, float]) -> None:
        """Write the mean losses since the last time, and the learning rates, by network."""
        for network, loss in losses.items():
            self.scalar(step, "train", f"loss/{network}", loss)
        for network, lr in lrs.items():
            self.scalar(step, "train", f"lr/{network}", lr)

    def scalar(self, step: int, split: str, name: str, value: float) -> None:
        """Write one number."""
        line = {"step": step, "split": split, "name": name, "value": value}
        self._lines.write(json_text(line) + "\n")
        self._lines.flush()
        if self._events:
            self._events.add_scalar(printable(f"{split}/{name}"), value, step)

    def image(self, step: int, name: str, image: Tensor) -> None:
        """Write an image `(channel, height, width)` in [0, 1] to `samples/` and to TensorBoard."""
        write(self.folder.samples / f"{name}-{step:07d}.png", ImageFile(image))
        if self._events:
            self._events.add_image(printable(f"samples/{name}"), image.clamp(0, 1), step)

    def close(self) -> None:
        """Write what is still buffered."""
        self._lines.close()
        if self._events:
            self._events.close()
