"""Folders of runs with made-up numbers, as training writes them."""

import json
from pathlib import Path
from typing import Any

import torch

from darkroom.core.files import write_json, write_json_lines
from darkroom.core.images import ImageFile, write
from darkroom.core.record import (
    DataRecord,
    EvaluationRecord,
    MetricRecord,
    Published,
    Result,
    RunRecord,
    Study,
    to_json,
)

PSNR = MetricRecord("PSNR", "dB", "PSNR over all channels, peak 1.", True, 2, 0.1, 0.0, "fidelity")
SSIM = MetricRecord("SSIM", "", "SSIM with an 11x11 Gaussian window.", True, 4, 0.0, 0.03, "fidelity")

ROWS = {"s15": 0, "s25": 1, "s50": 2}

PUBLISHED = [
    Published("psnr", "bsd68", 29.23, "Zhang et al. 2017, Table II", {"sigma": 25.0}),
    Published("psnr", "bsd68", 28.57, "Zhang et al. 2017, Table II", {"sigma": 25.0}, method="BM3D"),
    Published("psnr", "bsd68", 28.83, "Zhang et al. 2017, Table II", {"sigma": 25.0}, method="WNNM"),
    Published("psnr", "bsd68", 28.92, "Zhang et al. 2017, Table II", {"sigma": 25.0}, method="TNRD"),
]


def run_record(row: str = "s25", *, seed: int = 0, settings: dict[str, Any] | None = None, **fields: Any) -> RunRecord:
    """The record of a denoising run.

    Args:
        row: of the recipe.
        seed: of the run.
        settings: those that differ from the row.
        fields: of the record, in place of the made-up ones.
    """
    changed = {**(settings or {}), **({"seed": seed} if seed else {})}
    made_up: dict[str, Any] = dict(
        recipe="dncnn",
        row=row,
        title="DnCNN (Zhang et al. 2017): a residual denoiser.",
        description="Trained on patches with Gaussian noise.",
        row_number=ROWS[row],
        kind="restoration",
        settings={"depth": 17, "steps": 1000, "batch_size": 128, "seed": 0, "row": row, **changed},
        changed=changed,
        protocol_changes={},
        published=PUBLISHED,
        studies=[],
        command=f"darkroom train dncnn {row}",
        started="2026-01-02T03:04:05+00:00",
        device="a made-up device",
        devices=1,
        threads=2,
        precision="32",
        parameters={"network": 556_032},
        training=DataRecord("bsds432", 432, 128, "patches of 40 pixels", "Gaussian noise, sigma 25", unit="patches"),
        evaluations=[evaluation()],
        versions={"darkroom": "0.1.0 (abc1234)", "torch": "2.11.0"},
    )
    return RunRecord(**{**made_up, **fields})


def evaluation(
    protocol: str = "Gaussian noise of sigma 25", *, overlap: list[str] | None = None, **metrics: MetricRecord
) -> EvaluationRecord:
    """The record of a denoising evaluation."""
    return EvaluationRecord("bsd68", 68, protocol, {"sigma": 25.0}, metrics or {"psnr": PSNR, "ssim": SSIM}, overlap)


def result(method: str, metric: str, value: float, **fields: Any) -> Result:
    """A score of the evaluation above."""
    made_up: dict[str, Any] = dict(
        dataset="bsd68",
        value=value,
        deviation=2.0,
        count=68,
        seconds=0.5,
        seed=0,
        device="a made-up device",
        variant={"sigma": 25.0},
        step=1000 if method == "ours" else 0,
        training_seconds=120.0 if method == "ours" else 0.0,
        values=[value] * 68,
    )
    return Result(method, metric, **{**made_up, **fields})


def write_run(root: Path, record: RunRecord, results: list[Result]) -> Path:
    """Write a run's folder: record, results and curves."""
    seed = record.settings["seed"]
    folder = root / record.recipe / (f"{record.row}-seed{seed}" if seed else record.row)
    write_json(folder / "run.json", to_json(record))
    curve = [(step, 10 / step) for step in range(100, 1100, 100)]
    lines = [{"step": s, "split": "train", "name": "loss/network", "value": v} for s, v in curve]
    lines += [{"step": s, "split": "train", "name": "lr/network", "value": 1e-3} for s, v in curve]
    lines += [{"step": s, "split": "validation", "name": "psnr@bsd68", "value": 29 - v * 10} for s, v in curve]
    lines += [{"step": s, "split": "time", "name": "seconds", "value": s / 7} for s, _ in curve]
    write_json_lines(folder / "metrics.jsonl", lines)
    if results:
        write_json_lines(folder / "results.jsonl", [to_json(result) for result in results])
    return folder


def denoising_run(root: Path, row: str = "s25", *, value: float = 29.2, finished: bool = True, **arguments: Any) -> Path:
    """Write the folder of a denoising run with previews; `arguments` are those of `run_record`."""
    results = [
        result(method, metric, number)
        for method, offset in (("ours", 0.0), ("noisy input", -9.0), ("BM3D", -0.6))
        for metric, number in (("psnr", value + offset), ("ssim", 0.8 + offset / 100))
    ]
    folder = write_run(root, run_record(row, **arguments), results if finished else [])
    if finished:
        for name, level in (("input", 0.2), ("ours", 0.6), ("BM3D", 0.5), ("target", 0.9), ("noisy-input", 0.2)):
            grey(folder / "previews" / "bsd68--sigma-25" / "test001" / f"{name}.png", level)
        write(folder / "samples" / "test001-0000100.png", ImageFile(torch.rand(1, 30, 90)))
    return folder


def grey(path: Path, level: float, height: int = 60, width: int = 90) -> None:
    """Write an image of one grey level."""
    write(path, ImageFile(torch.full((1, height, width), level)))


def change_record(folder: Path, **fields: Any) -> None:
    """Change fields of a run's `run.json`."""
    file = folder / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def depth_study() -> list[Study]:
    """Two training sets side by side over the depth of the network."""
    return [Study(along="depth", between="train_set", first="many", second="few")]
