"""A run is a folder."""

import fcntl
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from darkroom.core.errors import DarkroomError
from darkroom.core.files import read_json_lines, write_json


class RunFolder:
    """The files of one run, by their names.

    Args:
        path: the folder, `runs/<recipe>/<row>` by custom.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.description = path / "run.json"
        self.metrics = path / "metrics.jsonl"
        self.results = path / "results.jsonl"
        self.last = path / "checkpoints" / "last.ckpt"
        self.best = path / "checkpoints" / "best.safetensors"
        self.final = path / "checkpoints" / "final.safetensors"
        self.samples = path / "samples"
        self.images = path / "images"
        self.report = path / "report.html"
        self._lock: IO[str] | None = None

    def lock(self) -> None:
        """Keep every other process from training here until this one ends.

        Raises:
            DarkroomError: another process is at it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = (self.path / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise DarkroomError(
                f"another process is training in {self.path}: wait for it, or choose another folder with --out"
            ) from None

    def begin(self, description: Mapping[str, Any], *, fresh: bool = False) -> bool:
        """Claim the folder for a run and write `run.json`; true if there is a run to go on with.

        Raises:
            DarkroomError: the folder holds a run with other settings, or somebody else's files.
        """
        if (
            self.path.exists()
            and any(self.path.iterdir())
            and not self.description.exists()
            and not (self.path / ".lock").exists()
        ):
            raise DarkroomError(f"{self.path} holds files that are no run; choose another folder with --out")
        self.lock()
        if fresh:
            for child in self.path.iterdir():
                if child.name != ".lock":
                    shutil.rmtree(child) if child.is_dir() else child.unlink()
        for leftover in self.path.rglob(".*.tmp"):
            leftover.unlink()
        if self.description.exists():
            before, now = (_what_moves_weights(about) for about in (self.read(), json.loads(json.dumps(description))))
            changed = [f"{k}={before.get(k)} (now {now.get(k)})" for k in {**before, **now} if before.get(k) != now.get(k)]
            if changed:
                raise DarkroomError(
                    f"{self.path} holds a run with {', '.join(changed)}: use the same settings to go on, --fresh to start over, or another --out"
                )
        else:
            write_json(self.description, description)
        return self.last.exists()

    def read(self) -> dict[str, Any]:
        """What `run.json` says.

        Raises:
            DarkroomError: the folder holds no run.
        """
        if not self.description.is_file():
            raise DarkroomError(f"{self.path} is not a run's folder (no run.json)")
        return json.loads(self.description.read_text(encoding="utf-8"))

    def read_results(self) -> list[dict[str, Any]]:
        """The evaluated numbers, tidy."""
        return read_json_lines(self.results)

    def training_seconds(self) -> float | None:
        """Time that the finished training took, interruptions not counted, or None if it has not finished."""
        return next((line["seconds_trained"] for line in self.read_results() if line["method"] == "ours"), None)

    def weights(self) -> Path:
        """The weights to use: final ones if training has ended, else the best so far.

        Raises:
            DarkroomError: there are none yet.
        """
        for path in (self.final, self.best):
            if path.exists():
                return path
        raise DarkroomError(f"{self.path} has no weights yet: train for longer, up to the first validation")


def _what_moves_weights(description: dict[str, Any]) -> dict[str, Any]:
    return {**description["settings"], "precision": description.get("precision")}


def runs_below(path: Path) -> list[RunFolder]:
    """Every run's folder at or below `path`, sorted.

    Raises:
        DarkroomError: there is none.
    """
    found = sorted(description.parent for description in path.rglob("run.json")) if path.is_dir() else []
    if not found:
        raise DarkroomError(f"no run at or below {path}: train one first, for example `darkroom train dncnn laptop`")
    return [RunFolder(folder) for folder in found]
