"""Folders of runs with small untrained networks, as training leaves them."""

import json
from pathlib import Path
from typing import Any

from darkroom.core import weights
from darkroom.core.files import write_json
from darkroom.core.record import to_json
from darkroom.recipes import lookup
from tests.report.runs import run_record

TRANSLATION = dict(size=(32, 48), width=4, levels=4, discriminator_width=4)
"""Settings of a small run of pix2pix."""

SCORE = dict(width=4, samplers=("dpm_solver@4",))
"""Settings of a small score model."""


def untrained_run(root: Path, recipe: str, task: str, **changed: Any) -> Path:
    """Write the record and the weights of a run that was not trained."""
    settings = {**lookup.row(recipe, "laptop"), **changed}
    run = lookup.build(recipe, settings)
    header = json.loads(json.dumps(lookup.header(recipe, "laptop", settings, run)))
    folder = root / recipe / "laptop"
    record = run_record(recipe=recipe, kind=run.kind, task=task, settings={**header["settings"], "seed": 0})
    write_json(folder / "run.json", to_json(record))
    weights.save(folder / "checkpoints" / "final.safetensors", run.method.state_dict(), header)
    return folder
