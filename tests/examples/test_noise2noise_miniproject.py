import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

EXAMPLE = Path(__file__).parents[2] / "examples" / "noise2noise_miniproject"

PREDICT_AND_TRAIN = """
import torch
import {module} as project
model = project.Model()
model.load_pretrained_model()
noisy = torch.load("noisy.pt", weights_only=True)
torch.save([model.predict(noisy), model.predict(noisy.float()), model.predict(noisy.float() / 255)], "predictions.pt")
model.train(noisy, noisy, 1)
model.train(noisy[:3].float() / 255, noisy[:3].float() / 255, num_epochs=1)
{more}
"""
SECOND_ONLY = """
from {module} import Conv2d, TransposeConv2d, NearestUpsampling, Upsampling, ReLU, Sigmoid, MSE, SGD, Sequential
model.train(noisy, noisy)
"""


def test_framework_is_generated_from_the_library(tmp_path: Path):
    copy = tmp_path / "examples" / "noise2noise_miniproject"
    shutil.copytree(EXAMPLE, copy)
    (copy / "Miniproject_2" / "framework.py").write_text("")
    shutil.copytree(EXAMPLE.parents[1] / "src" / "darkroom" / "scratch", tmp_path / "src" / "darkroom" / "scratch")
    subprocess.run([sys.executable, copy / "generate.py"], check=True, capture_output=True)
    written = (copy / "Miniproject_2" / "framework.py").read_text()
    assert written == (EXAMPLE / "Miniproject_2" / "framework.py").read_text()
    assert "class Conv2d(Module)" in written and "darkroom" not in "\n".join(written.splitlines()[4:])


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("packaged", [False, True])
def test_a_copied_folder_works_alone(number: int, packaged: bool, tmp_path: Path):
    folder = tmp_path / f"Miniproject_{number}"
    shutil.copytree(EXAMPLE / folder.name, folder)
    directory, module = (tmp_path, f"{folder.name}.model") if packaged else (folder, "model")
    clean = torch.linspace(20, 230, 22).expand(4, 3, 18, 22).contiguous()
    noisy = (clean + 25 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))).round().clamp(0, 255)
    torch.save(noisy.to(torch.uint8), directory / "noisy.pt")
    more = SECOND_ONLY.format(module=module) if number == 2 else ""
    command = [sys.executable, "-c", PREDICT_AND_TRAIN.format(module=module, more=more)]
    process = subprocess.run(command, cwd=directory, capture_output=True, text=True, env={"OMP_NUM_THREADS": "1"})
    assert process.returncode == 0, process.stderr
    from_bytes, from_floats, from_unit = torch.load(directory / "predictions.pt", weights_only=True)
    assert from_bytes.shape == noisy.shape and from_bytes.dtype == torch.float32
    torch.testing.assert_close(from_bytes, from_floats)
    torch.testing.assert_close(from_bytes, from_unit * 255, atol=1e-2, rtol=0)
    assert (from_bytes - clean).square().mean() < 0.5 * (noisy - clean).square().mean()


def test_only_pytorch_is_imported():
    for number, own in ((1, set()), (2, {"framework"})):
        tree = ast.parse((EXAMPLE / f"Miniproject_{number}" / "model.py").read_text())
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert names <= {"torch", "torch.nn", "time", "pathlib"} | own
        if number == 2:
            assert "nn" not in {
                alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
            }


@pytest.mark.parametrize("number", [1, 2])
def test_invalid_batches_raise(number: int, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLE))
    model = __import__(f"Miniproject_{number}.model", fromlist=["Model"]).Model()
    for invalid in (torch.zeros(3, 8, 8), torch.zeros(0, 3, 8, 8), torch.zeros(1, 1, 8, 8)):
        with pytest.raises(ValueError, match=r"images \(N, 3, H, W\)"):
            model.predict(invalid)
    with pytest.raises(ValueError, match="differ in shape"):
        model.train(torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, 9), 1)


@pytest.mark.parametrize("number", [1, 2])
def test_training_and_images_of_any_size(number: int, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(EXAMPLE))
    torch.manual_seed(0)
    model = __import__(f"Miniproject_{number}.model", fromlist=["Model"]).Model()
    clean = torch.rand(64, 3, 1, 1).expand(64, 3, 8, 8)
    inputs, targets = (clean + 0.2 * torch.randn(clean.shape) for _ in range(2))
    model.train(inputs, targets, 40)
    assert (model.predict(inputs) - clean).square().mean() < 0.5 * (inputs - clean).square().mean()
    assert model.predict(torch.rand(1, 3, 13, 7)).shape == (1, 3, 13, 7)
    assert "epoch 40 of 40" in capsys.readouterr().out
