"""Runs as training leaves them, made up so that tests know every number."""

import json
from pathlib import Path
from typing import Any

import torch

from darkroom.core.files import write_json, write_json_lines
from darkroom.core.images import ImageFile, write
from darkroom.core.versions import versions
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.recipes import lookup


def made_up(root: Path, row: str = "s25", *, value: float = 29.2, seed: int = 0, finished: bool = True, **changed: Any) -> Path:
    """Write a run's folder with given scores; settings in `changed` differ from the row."""
    folder = root / "dncnn" / (row if not seed else f"{row}-seed{seed}")
    settings = {**lookup.row("dncnn", row), **changed, "seed": seed}
    dataset = "bsd68" if not settings["color"] else "cbsd68"
    write_json(
        folder / "run.json",
        {
            "recipe": "dncnn",
            "row": row,
            "settings": json.loads(json.dumps(settings)),
            "changed": {**changed, **({"seed": seed} if seed else {})},
            "command": f"darkroom train dncnn {row}",
            "started": "2026-01-02T03:04:05+00:00",
            "device": "a made-up device",
            "devices": 1,
            "precision": "32",
            "parameters": {"network": 556_032},
            "training": {"set": "bsds432", "images": 432, "sample": "patches", "samples a step": 128, "degradation": "noise"},
            "evaluated": [
                {
                    "set": dataset,
                    "images": 68,
                    "degradation": "noise",
                    "metrics": {m.name: m.described() for m in (psnr, ssim)},
                }
            ],
            "versions": versions(),
        },
    )
    curve = [(step, 10 / step) for step in range(100, 1100, 100)]
    lines = [{"step": s, "split": "train", "name": "loss/network", "value": v} for s, v in curve]
    lines += [{"step": s, "split": "validation", "name": f"psnr@{dataset}", "value": 29 - v * 10} for s, v in curve]
    lines += [{"step": s, "split": "time", "name": "seconds", "value": s / 7} for s, _ in curve]
    write_json_lines(folder / "metrics.jsonl", lines)
    if finished:
        results = []
        for method, offset in (("ours", 0.0), ("noisy input", -9.0), ("BM3D", -0.6)):
            for metric, number in (("psnr", value + offset), ("ssim", 0.8 + offset / 100)):
                results.append(
                    dict(method=method, metric=metric, dataset=dataset, value=number, deviation=2.0, count=68, seconds=0.5)
                    | dict(
                        seed=0, sigma=25.0, device="a made-up device", step=1000, seconds_trained=120.0, values=[number] * 68
                    )
                )
        write_json_lines(folder / "results.jsonl", results)
        place = folder / "images" / dataset / "sigma-25" / "test001"
        for name, level in (("source", 0.2), ("ours", 0.6), ("BM3D", 0.5), ("target", 0.9), ("noisy-input", 0.2)):
            write(place / f"{name}.png", ImageFile(torch.full((1, 60, 90), level)))
        write(folder / "samples" / "test001-0000100.png", ImageFile(torch.rand(1, 30, 90)))
    return folder
