import json
from pathlib import Path

import numpy as np
from PIL import Image

from darkroom.core import weights
from darkroom.recipes import lookup

SETTINGS = {**lookup.row("pix2pix", "laptop"), "size": (32, 48), "width": 4, "levels": 4, "discriminator_width": 4}


def test_a_folder_of_label_maps_becomes_photographs(darkroom, tmp_path: Path):
    run = lookup.build("pix2pix", SETTINGS)
    header = lookup.header("pix2pix", "laptop", SETTINGS, run)
    weights.save(tmp_path / "w.safetensors", run.method.state_dict(), json.loads(json.dumps(header)))
    (tmp_path / "maps").mkdir()
    for name, size in (("a", (32, 48)), ("b", (50, 70))):
        Image.fromarray(np.full(size, 3, np.uint8)).save(tmp_path / "maps" / f"{name}.png")
    words = [
        "apply",
        tmp_path / "maps",
        "-o",
        tmp_path / "out",
        "--weights",
        tmp_path / "w.safetensors",
        "--accelerator",
        "cpu",
    ]
    code, out, error = darkroom(*words)
    assert code == 2 and "1 of 2 images translated" in out and "b.png: this network takes sizes" in error
    assert error.splitlines()[-1].endswith("1 of 2 images could not be translated; the reasons are given above")
    assert darkroom(*words, "--resize")[0] == 0
    assert {Image.open(path).size for path in (tmp_path / "out").iterdir()} == {(48, 32)}
