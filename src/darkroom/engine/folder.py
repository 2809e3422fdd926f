"""A run is a folder."""

import fcntl
import json
import shutil
from pathlib import Path
from typing import IO, Any

from darkroom.core.errors import DarkroomError
from darkroom.core.files import json_text, read_json_lines, write_json, write_json_lines
from darkroom.core.record import Result, RunRecord, from_json, to_json


class RunFolder:
    """The files of one run, by their names.

    Args:
        path: the folder, `runs/<recipe>/<row>` by default.
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
        self.previews = path / "previews"
        self.report = path / "report.html"
        self._lock: IO[str] | None = None

    def lock(self) -> None:
        """Keep every other process from training here until this one ends.

        Raises:
            DarkroomError: another process is training here.
        """
        if self._lock:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        lock = (self.path / ".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise DarkroomError(
                f"another process is training in {self.path}: wait for it, or choose another folder with --out"
            ) from None
        self._lock = lock

    def unlock(self) -> None:
        """Let other processes train here; does nothing without a lock."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def claim(self, settings: dict[str, Any], precision: str, *, fresh: bool = False) -> bool:
        """Lock the folder for a run with these settings; true if a checkpoint to resume from is there.

        Args:
            settings: every option of the recipe.
            precision: of training.
            fresh: remove an earlier run first.

        Raises:
            DarkroomError: the folder holds a run with other settings, or files that are not a run's.
        """
        known = self.description.exists() or (self.path / ".lock").exists()
        if self.path.exists() and any(self.path.iterdir()) and not known:
            raise DarkroomError(f"{self.path} holds files that are not a run's; choose another folder with --out")
        self.lock()
        if fresh:
            for child in self.path.iterdir():
                if child.name != ".lock":
                    shutil.rmtree(child) if child.is_dir() else child.unlink()
        for leftover in self.path.rglob(".*.tmp"):
            leftover.unlink()
        if self.description.exists():
            record = self.read()
            before = {**record.settings, "precision": record.precision}
            now = {**json.loads(json_text(settings)), "precision": precision}
            changed = [f"{k}={before.get(k)} (now {now.get(k)})" for k in {**before, **now} if before.get(k) != now.get(k)]
            if changed:
                raise DarkroomError(
                    f"{self.path} holds a run with {', '.join(changed)}: use the same settings to resume it, --fresh to start over, "
                    "or another --out"
                )
        return self.last.exists()

    def write(self, record: RunRecord) -> None:
        """Write `run.json`."""
        write_json(self.description, to_json(record))

    def read(self) -> RunRecord:
        """The record in `run.json`.

        Raises:
            DarkroomError: the folder holds no run, or the file is damaged.
        """
        if not self.description.is_file():
            raise DarkroomError(f"{self.path} is not a run's folder (no run.json)")
        try:
            content = json.loads(self.description.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DarkroomError(f"{self.description} is damaged: {error}") from error
        return from_json(RunRecord, content, self.description)

    def precision(self) -> str | None:
        """The precision of the run that is here, or None if there is none."""
        return self.read().precision if self.description.is_file() else None

    def read_results(self) -> list[Result]:
        """The scores.

        Raises:
            DarkroomError: a line is not a result.
        """
        return [from_json(Result, line, self.results) for line in read_json_lines(self.results)]

    def write_results(self, results: list[Result]) -> None:
        """Write `results.jsonl`."""
        write_json_lines(self.results, [to_json(result) for result in results])

    def training_seconds(self) -> float | None:
        """Time that the finished training took, interruptions not counted, or None if it has not finished."""
        return next((result.training_seconds for result in self.read_results() if result.method == "ours"), None)

    def weights(self) -> Path:
        """The weights to use: the final ones if training has ended, else the best so far.

        Raises:
            DarkroomError: there are none yet.
        """
        for path in (self.final, self.best):
            if path.exists():
                return path
        raise DarkroomError(f"{self.path} has no weights yet: train for longer, up to the first validation")


def weights_file(path: Path) -> Path:
    """The weights of a run, if the path is its folder; otherwise the path itself.

    Raises:
        DarkroomError: the run has no weights yet.
    """
    return RunFolder(path).weights() if path.is_dir() else path


def runs_below(path: Path) -> list[RunFolder]:
    """Every run's folder at or below `path`, sorted.

    Raises:
        DarkroomError: there is none.
    """
    found = sorted(description.parent for description in path.rglob("run.json")) if path.is_dir() else []
    if not found:
        raise DarkroomError(f"no run at or below {path}: train one first, for example `darkroom train dncnn laptop`")
    return [RunFolder(folder) for folder in found]
