"""Baselines are evaluated once for a test set and a degradation, and kept in a cache.

An entry is a folder below `cache_root() / "baselines"`, named by a digest of everything that its numbers depend on: the content of
the test images, the protocol, variant, seed and metrics; the baseline and the files that define it; and the versions of the
packages that compute it. It holds `outcome.json` and the previews as PNG files. An entry is written in a folder of its own and
renamed, so that processes that evaluate the same baseline at the same time do not disturb each other.
"""

import hashlib
import importlib.metadata
import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

import darkroom
from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Evaluation, Outcome, Predictor, Preview, Progress, no_progress
from darkroom.core.file_names import file_name
from darkroom.core.files import write_json
from darkroom.core.images import ImageFile, read, write
from darkroom.core.metric import Score
from darkroom.core.paths import cache_root
from darkroom.core.record import from_json, to_json
from darkroom.engine.devices import device_name
from darkroom.engine.predictor_digest import predictor_digest

VERSION = 1
"""Counted up when the code of degradations, metrics or solvers changes numbers, or the layout of the cache changes."""

PACKAGES = ("torch", "torchvision", "torchmetrics", "numpy", "scipy", "scikit-image", "PyWavelets", "bm3d", "pillow")
"""Packages whose version is part of the digest, where they are installed."""

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class BaselineOutcome:
    """What a baseline's evaluation found.

    Args:
        outcome: scores, previews and time.
        device: what the time was measured on.
        cached: whether it comes from the cache.
    """

    outcome: Outcome
    device: str
    cached: bool


@dataclass(frozen=True)
class _ScoreEntry:
    value: float
    deviation: float | None
    count: int
    values: list[float]


@dataclass(frozen=True)
class _PreviewEntry:
    name: str
    roles: list[str]


@dataclass(frozen=True)
class _Entry:
    """`outcome.json`: an outcome without its images, and the device."""

    scores: dict[str, _ScoreEntry]
    seconds: float
    curves: dict[str, list[float]]
    previews: list[_PreviewEntry]
    device: str


def baseline_outcome(
    evaluation: Evaluation,
    name: str,
    predictor: Predictor,
    device: torch.device,
    progress: Progress = no_progress,
    *,
    refresh: bool = False,
) -> BaselineOutcome:
    """The outcome of a baseline, from the cache if it was evaluated before.

    Nothing is kept where the evaluation has no fingerprint or the predictor no digest. A damaged entry is evaluated again.

    Args:
        evaluation: open.
        name: of the baseline.
        predictor: the baseline.
        device: to evaluate it on.
        progress: see `Evaluation.evaluate`.
        refresh: evaluate it again in any case.
    """
    entry = _folder(evaluation, name, predictor, device)
    found = None if entry is None or refresh else _load(entry, evaluation)
    if found is not None:
        progress(len(evaluation), len(evaluation))
        return found
    outcome = evaluation.evaluate(predictor, device, progress)
    if entry is not None:
        _save(entry, outcome, device_name(device))
    return BaselineOutcome(outcome, device_name(device), cached=False)


def is_cached(evaluation: Evaluation, name: str, predictor: Predictor, device: torch.device = _CPU) -> bool:
    """Whether a baseline was evaluated before, on this kind of device."""
    entry = _folder(evaluation, name, predictor, device)
    return entry is not None and _load(entry, evaluation) is not None


def _folder(evaluation: Evaluation, name: str, predictor: Predictor, device: torch.device) -> Path | None:
    """The folder of an entry, whether it exists or not; None where nothing can be kept."""
    fingerprint, baseline = evaluation.fingerprint(), predictor_digest(predictor)
    if not fingerprint or baseline is None:
        return None
    described = json.dumps([VERSION, fingerprint, name, baseline, device.type, _versions()])
    return cache_root() / "baselines" / hashlib.blake2b(described.encode(), digest_size=16).hexdigest()


def _versions() -> dict[str, str]:
    versions = {"darkroom": darkroom.__version__}
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def _load(folder: Path, evaluation: Evaluation) -> BaselineOutcome | None:
    """An entry, or None if it does not exist or is damaged."""
    file = folder / "outcome.json"
    try:
        entry = from_json(_Entry, json.loads(file.read_text(encoding="utf-8")), file)
        previews = [
            Preview(preview.name, {role: read(_image(folder, number, role)).pixels for role in preview.roles})
            for number, preview in enumerate(entry.previews)
        ]
    except (OSError, ValueError, DarkroomError):
        return None
    if set(entry.scores) != {metric.name for metric in evaluation.metrics}:
        return None
    scores = {name: Score(s.value, s.deviation, s.count, tuple(s.values)) for name, s in entry.scores.items()}
    return BaselineOutcome(Outcome(scores, previews, entry.seconds, entry.curves), entry.device, cached=True)


def _save(folder: Path, outcome: Outcome, device: str) -> None:
    """Write an entry, whole or not at all. Where the cache cannot be written, nothing is kept, and nothing is lost."""
    scores = {name: _ScoreEntry(s.value, s.deviation, s.count, list(s.values)) for name, s in outcome.scores.items()}
    previews = [_PreviewEntry(preview.name, list(preview.images)) for preview in outcome.previews]
    curves = {name: list(values) for name, values in outcome.curves.items()}
    entry = _Entry(scores, outcome.seconds, curves, previews, device)
    with suppress(OSError, DarkroomError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=folder.parent, ignore_cleanup_errors=True) as temporary:
            made = Path(temporary) / "entry"
            for number, preview in enumerate(outcome.previews):
                for role, image in preview.images.items():
                    write(_image(made, number, role), ImageFile(image))
            write_json(made / "outcome.json", to_json(entry))
            if folder.exists():
                folder.rename(Path(temporary) / "replaced")
            made.rename(folder)


def _image(folder: Path, number: int, role: str) -> Path:
    return folder / f"{number}-{file_name(role)}.png"
