"""Weights files of Darkroom's whose headers are wrong: one line, and no memory that the file does not justify."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.engine import checkpoint
from darkroom.engine.folder import RunFolder
from darkroom.recipes import lookup, trained

SMALL = {**lookup.row("dncnn", "laptop"), "width": 4, "depth": 3}


def saved(path: Path, **changes) -> Path:
    run = lookup.build("dncnn", SMALL)
    torch.nn.init.normal_(run.network.layers[-1].weight)
    header = lookup.header("dncnn", "laptop", {**SMALL, **changes.pop("settings", {})}, run)
    weights.save(path, run.method.state_dict(), json.loads(json.dumps({**header, **changes})))
    return path


def test_a_run_and_its_network_come_back(tmp_path: Path):
    path = saved(tmp_path / "w.safetensors")
    run, network = trained.run(path), trained.network(path)
    x = torch.rand(1, 3, 9, 9)
    assert torch.equal(network(x), run.method.eval().predict(Example(x, x))) and not torch.equal(network(x), x)
    assert trained.kind_of(path) == "restoration" and trained.kind_of(tmp_path / "none.pth") == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"width": 8000}, r"of \d+ kB describes a network of more than [\d,]+ MB"),
        ({"width": 10**9}, r"describes a network of more than [\d,]+ MB|settings that its recipe dncnn cannot be built with"),
        ({"depth": 10**9}, r"describes a network of more than [\d,]+ tensors"),
        ({"width": "wide"}, "settings that its recipe dncnn cannot be built with|width"),
        ({"width": None}, "settings that its recipe dncnn cannot be built with|width"),
        ({"width": -3}, "settings that its recipe dncnn cannot be built with|width"),
        ({"sigma": {"a": 1}}, "sigma|settings"),
        ({"width": 8}, "does not fit its own recipe dncnn"),
        ({"colour": 1}, "no setting colour"),
    ],
)
def test_settings_that_do_not_fit_the_file_are_one_line(tmp_path: Path, settings: dict, words: str):
    path = saved(tmp_path / "w.safetensors", settings=settings)
    begun = time.perf_counter()
    with pytest.raises(DarkroomError, match=words) as caught:
        trained.load(path)
    assert "\n" not in str(caught.value) and time.perf_counter() - begun < 10


@pytest.mark.parametrize(
    "header",
    [
        {"recipe": "dncnn"},
        {"recipe": "dncnn", "settings": 3},
        {"recipe": ["dncnn"], "settings": {}},
        {"recipe": "dncnn", "settings": None},
        {"recipe": "/etc/passwd.py", "settings": {}},
        {"recipe": "../../my_recipe.py", "settings": {}},
        {"recipe": "", "settings": {}},
        {"kind": ["restoration"], "recipe": "dncnn", "settings": {}},
    ],
)
def test_headers_that_describe_nothing_are_one_line(tmp_path: Path, header: dict):
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file({"a": torch.ones(2)}, path, metadata={"darkroom": json.dumps(header)})
    for read in (trained.load, trained.run, trained.network, trained.scene, trained.training_scene):
        with pytest.raises(DarkroomError) as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_a_scene_is_not_built_of_a_header_that_its_file_contradicts(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    settings = json.loads(json.dumps({**lookup.row("nerf", "laptop"), "width": 100_000}))
    weights.save(path, {"a": torch.ones(2)}, {"kind": "scene", "recipe": "nerf", "settings": settings, "step": "x"})
    for read in (trained.scene, trained.training_scene):
        with pytest.raises(DarkroomError, match="describes a network of more than"):
            read(path)
    weights.save(path, {"a": torch.ones(2)}, {"kind": "scene", "recipe": "dncnn", "settings": json.loads(json.dumps(SMALL))})
    with pytest.raises(DarkroomError, match="does not fit its own recipe|holds no scene"):
        trained.scene(path)


def test_a_huge_header_takes_no_memory(tmp_path: Path):
    path = saved(tmp_path / "w.safetensors", settings={"width": 8000})
    program = f"""
import resource
from pathlib import Path
from darkroom.recipes import lookup, trained
lookup.find("dncnn")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    trained.load(Path({str(path)!r}))
except Exception as error:
    print(type(error).__name__, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    name, kilobytes = done.stdout.split()
    assert name == "DarkroomError" and int(kilobytes) < 300_000, done.stderr


def test_weights_that_are_not_finite_or_damaged_are_refused(tmp_path: Path):
    path = saved(tmp_path / "w.safetensors")
    state, header = weights.load(path)
    weights.save(path, {**state, "network.layers.0.bias": torch.full((4,), torch.nan)}, header)
    with pytest.raises(DarkroomError, match=r"not finite, in network\.layers\.0\.bias"):
        trained.network(path)
    content = bytearray(saved(path).read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(DarkroomError, match="damaged"):
        trained.network(path)


def test_a_checkpoint_of_something_else_is_no_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "checkpoints").mkdir()
    checkpoint.save(tmp_path / "checkpoints" / "last.ckpt", {"something": 3})
    record = type("Record", (), {"kind": "scene", "recipe": "nerf", "settings": lookup.row("nerf", "laptop")})
    monkeypatch.setattr(RunFolder, "read", lambda self: record)
    with pytest.raises(DarkroomError, match=r"last\.ckpt"):
        trained.scene(tmp_path)
