"""Several processes give what one gives: data-parallel and fully sharded, stopped and resumed."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from darkroom.core import weights
from darkroom.engine import checkpoint, sharding
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.swinir import SwinIR
from tests.engine.commands import command, final, run, wait_for


@pytest.mark.parametrize("strategy", ["ddp", pytest.param("fsdp", marks=pytest.mark.long)])
def test_two_processes_give_what_one_gives(tmp_path: Path, two_photos: Path, strategy: str):
    """Batch statistics too."""
    one, two = tmp_path / "one", tmp_path / "two"
    run(*command(one, two_photos, 20))
    run(*command(two, two_photos, 20, "--devices", "2", "--strategy", strategy))
    for (name, a), b in zip(weights.load(final(one))[0].items(), weights.load(final(two))[0].values(), strict=True):
        torch.testing.assert_close(a.float(), b.float(), atol=2e-4, rtol=1e-3, msg=name)
    losses = []
    for out in (one, two):
        lines = [json.loads(line) for line in (out / "dncnn/laptop/metrics.jsonl").read_text().splitlines()]
        losses.append([line["value"] for line in lines if line["name"] in ("loss/network", "psnr@photos")])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.long
def test_fully_sharded_training_resumes_exactly(tmp_path: Path, two_photos: Path):
    """A transformer with averaged weights, stopped and resumed, by as many processes and by one alone."""

    def swinir(out: Path, *more: str) -> list[str]:
        words = ["train", "swinir", "laptop", "--out", str(out), "--train-set", str(two_photos), "--test-set", str(two_photos)]
        small = ["--width", "4", "--depths", "2", "--patch-size", "16", "--batch-size", "4", "--steps", "40", "--ema", "0.9"]
        options = ["--save-every", "0", "--precision", "32", "--accelerator", "cpu"]
        return [sys.executable, "-m", "darkroom", *words, *small, *options, *more]

    whole, parts, alone = tmp_path / "whole", tmp_path / "parts", tmp_path / "alone"
    sharded = ["--devices", "2", "--strategy", "fsdp"]
    run(*swinir(whole, *sharded))
    process = subprocess.Popen(swinir(parts, *sharded), stderr=subprocess.PIPE, text=True)
    last = Path("swinir", "laptop", "checkpoints", "last.ckpt")
    wait_for(process, parts / last)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert 0 < checkpoint.load(parts / last)["step"] < 40
    shutil.copytree(parts, alone)
    assert "resuming from step" in run(*swinir(parts, *sharded)).stderr
    run(*swinir(alone))
    expected, resumed, single = (weights.load((out / last).with_name("final.safetensors"))[0] for out in (whole, parts, alone))
    for name, tensor in expected.items():
        assert torch.equal(resumed[name], tensor), name
        torch.testing.assert_close(single[name], tensor, atol=2e-3, rtol=1e-2, msg=name)


def test_large_blocks_of_a_network_are_sharded_one_by_one():
    network = SwinIR(3, width=90, depths=(2, 2), heads=6)
    assert list(sharding._blocks(network)) == list(network.layers)
    assert not list(sharding._blocks(DnCNN(1)))


@pytest.mark.parametrize("strategy", ["ddp", pytest.param("fsdp", marks=pytest.mark.long)])
def test_two_processes_train_adversarially_as_one_does(tmp_path: Path, two_photos: Path, strategy: str):
    """Spectral normalisation, expectations over the whole batch, and two stages."""
    small = [
        "--blocks",
        "1",
        "--width",
        "4",
        "--growth",
        "2",
        "--discriminator-width",
        "4",
        "--patch-size",
        "16",
        "--batch-size",
        "4",
    ]
    words = ["train", "esrgan", "laptop", "--train-set", str(two_photos), "--test-set", str(two_photos), *small]
    losses = []
    for out, more in ((tmp_path / "one", []), (tmp_path / "two", ["--devices", "2", "--strategy", strategy])):
        stages = ["--steps", "20", "--pretraining", "10", "--precision", "32", "--accelerator", "cpu"]
        run(sys.executable, "-m", "darkroom", *words, *stages, "--out", str(out), *more)
        lines = [json.loads(line) for line in (out / "esrgan/laptop/metrics.jsonl").read_text().splitlines()]
        losses.append({line["name"]: line["value"] for line in lines if line["name"].startswith("loss/")})
    assert set(losses[0]) == {"loss/generator", "loss/discriminator"}
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
