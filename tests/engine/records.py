"""A run's record for tests of folders and reports."""

from dataclasses import replace
from typing import Any

from darkroom.core.record import DataRecord, EvaluationRecord, MetricRecord, RunRecord

PSNR = MetricRecord("PSNR", "dB", "PSNR, peak 1.", True, 2, 0.1, 0.03, "fidelity")


def run_record(**changes: Any) -> RunRecord:
    record = RunRecord(
        recipe="dncnn",
        row="laptop",
        title="Beyond a Gaussian Denoiser",
        description="",
        row_number=0,
        kind="restoration",
        settings={"sigma": 25.0, "seed": 0},
        changed={},
        protocol_changes={},
        published=[],
        studies=[],
        command="darkroom train dncnn laptop",
        started="2026-01-01T00:00:00+00:00",
        device="a CPU",
        devices=1,
        threads=1,
        precision="32-true",
        parameters={"network": 10},
        training=DataRecord("photos", 2, 4, "patches", "noise"),
        evaluations=[EvaluationRecord("test", 1, "noise", {"sigma": 25.0}, {"psnr": PSNR})],
        versions={"darkroom": "0"},
    )
    return replace(record, **changes)
