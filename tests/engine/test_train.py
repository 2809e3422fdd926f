"""Whole runs in their folders, through the command line: killed, interrupted, run twice, on a full disk."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core import weights
from darkroom.engine import checkpoint, sharding
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.swinir import SwinIR

TINY = ["--width", "6", "--depth", "3", "--patch-size", "12", "--batch-size", "4", "--precision", "32", "--accelerator", "cpu"]


def command(out: Path, photos: Path, steps: int, *more: str) -> list[str]:
    words = ["train", "dncnn", "laptop", "--out", str(out), "--train-set", str(photos), "--test-set", str(photos)]
    return [sys.executable, "-m", "darkroom", *words, "--steps", str(steps), *TINY, *more]


def run(*arguments: str, check: bool = True, **more) -> subprocess.CompletedProcess:
    return subprocess.run(arguments, capture_output=True, text=True, check=check, timeout=240, **more)


def final(out: Path) -> Path:
    return out / "dncnn" / "laptop" / "checkpoints" / "final.safetensors"


def wait_for(process: subprocess.Popen, *paths: Path) -> None:
    """Until one of the paths is there with something in it; the process must not end before."""
    while not any(path.exists() and path.stat().st_size for path in paths):
        assert process.poll() is None, "it ended too early"
        time.sleep(0.005)


def last_step(out: Path) -> int:
    return checkpoint.load(out / "dncnn" / "laptop" / "checkpoints" / "last.ckpt")["step"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Two small images, so that evaluation is fast."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(2):
        coarse = np.random.default_rng(number).integers(0, 256, (7, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((56, 48), Image.Resampling.BICUBIC).save(folder / f"p{number}.png")
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, photos: Path) -> Path:
    out = tmp_path_factory.mktemp("whole")
    run(*command(out, photos, 300))
    return out


def test_killed_at_any_moment_it_ends_with_the_same_weights(tmp_path: Path, photos: Path, undisturbed: Path):
    out, kills = tmp_path / "killed", 0
    moment = random.Random(0)
    while not final(out).exists():
        process = subprocess.Popen(
            command(out, photos, 300, "--save-every", "0"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        last = out / "dncnn" / "laptop" / "checkpoints" / "last.ckpt"
        begun = last.stat().st_mtime_ns if last.exists() else 0
        while process.poll() is None and kills < 3 and not (last.exists() and last.stat().st_mtime_ns != begun):
            time.sleep(0.005)
        if kills < 3:
            time.sleep(moment.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)
            kills += 1
        _, said = process.communicate(timeout=240)
        assert process.returncode in (0, -signal.SIGKILL), said.decode()
    assert kills == 3
    expected, _ = weights.load(final(undisturbed))
    got, config = weights.load(final(out))
    assert all(torch.equal(tensor, got[name]) for name, tensor in expected.items())
    assert config["recipe"] == "dncnn" and config["step"] == 300
    for name in ("metrics.jsonl", "results.jsonl"):
        lines = [json.loads(line) for line in (out / "dncnn" / "laptop" / name).read_text().splitlines()]
        whole = [json.loads(line) for line in (undisturbed / "dncnn" / "laptop" / name).read_text().splitlines()]
        mine, theirs = ([line["value"] for line in some if line.get("split") != "time"] for some in (lines, whole))
        assert mine == pytest.approx(theirs, rel=1e-5)  # BM3D, on several threads, differs in the sixth digit
    assert not list(out.rglob(".*.tmp"))


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path, photos: Path, undisturbed: Path):
    out = tmp_path / "stopped"
    process = subprocess.Popen(command(out, photos, 300), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(process, out / "dncnn" / "laptop" / "metrics.jsonl")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=240)
    if process.returncode == 0:
        pytest.fail("it finished before it could be stopped")
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "run the same command to resume" in said.splitlines()[-1]
    assert 0 < last_step(out) < 300
    done = run(*command(out, photos, 300))
    assert "resuming from step" in done.stderr
    assert final(out).read_bytes() == final(undisturbed).read_bytes()
    again = run(*command(out, photos, 300))
    assert "evaluating" not in again.stderr  # finished: nothing is done twice


def test_a_full_disk_loses_nothing_written(tmp_path: Path, photos: Path, undisturbed: Path):
    out = tmp_path / "full"
    code = (
        "import resource, sys; from darkroom.cli.main import main\n"
        "import darkroom.engine.checkpoint as c; save = c.save; n = 0\n"
        "def limited(path, state):\n"
        "    global n; n += 1\n"
        "    if n == 4: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))\n"
        "    save(path, state)\n"
        "c.save = limited; sys.argv = ['darkroom', *sys.argv[1:]]; main()"
    )
    words = command(out, photos, 300, "--save-every", "0")[3:]
    done = run(sys.executable, "-c", code, *words, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "the old content is untouched" in done.stderr.splitlines()[-1]
    assert last_step(out) == 3
    run(*command(out, photos, 300))
    assert final(out).read_bytes() == final(undisturbed).read_bytes()


def test_a_disk_that_fills_up_under_the_journal_is_one_line(tmp_path: Path, photos: Path):
    code = (
        "import resource, sys; from darkroom.cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))\n"
        "sys.argv = ['darkroom', *sys.argv[1:]]; main()"
    )
    done = run(sys.executable, "-c", code, *command(tmp_path / "x", photos, 3000)[3:], check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "the file is larger than allowed here" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_give_what_one_gives(tmp_path: Path, photos: Path, strategy: str):
    """Batch statistics too."""
    one, two = tmp_path / "one", tmp_path / "two"
    run(*command(one, photos, 20))
    run(*command(two, photos, 20, "--devices", "2", "--strategy", strategy))
    for (name, a), b in zip(weights.load(final(one))[0].items(), weights.load(final(two))[0].values(), strict=True):
        torch.testing.assert_close(a.float(), b.float(), atol=2e-4, rtol=1e-3, msg=name)
    losses = []
    for out in (one, two):
        lines = [json.loads(line) for line in (out / "dncnn/laptop/metrics.jsonl").read_text().splitlines()]
        losses.append([line["value"] for line in lines if line["name"] in ("loss/network", "psnr@photos")])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_what_was_fully_sharded_goes_on_as_if_nothing_had_happened(tmp_path: Path, photos: Path):
    """A transformer with averaged weights, stopped and resumed, by as many processes and by one alone."""

    def swinir(out: Path, *more: str) -> list[str]:
        words = ["train", "swinir", "laptop", "--out", str(out), "--train-set", str(photos), "--test-set", str(photos)]
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


def test_large_blocks_of_a_network_are_shared_out_one_by_one():
    network = SwinIR(3, width=90, depths=(2, 2), heads=6)
    assert list(sharding._blocks(network)) == list(network.layers)
    assert not list(sharding._blocks(DnCNN(1)))


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_play_the_same_adversarial_game(tmp_path: Path, photos: Path, strategy: str):
    """Spectral normalisation, expectations over the whole batch, and two stages."""
    small = ["--blocks", "1", "--width", "4", "--growth", "2", "--discriminator-width", "4", "--patch-size", "16", "--batch-size", "4"]
    words = ["train", "esrgan", "laptop", "--train-set", str(photos), "--test-set", str(photos), *small]
    losses = []
    for out, more in ((tmp_path / "one", []), (tmp_path / "two", ["--devices", "2", "--strategy", strategy])):
        stages = ["--steps", "20", "--pretraining", "10", "--precision", "32", "--accelerator", "cpu"]
        run(sys.executable, "-m", "darkroom", *words, *stages, "--out", str(out), *more)
        lines = [json.loads(line) for line in (out / "esrgan/laptop/metrics.jsonl").read_text().splitlines()]
        losses.append({line["name"]: line["value"] for line in lines if line["name"].startswith("loss/")})
    assert set(losses[0]) == {"loss/generator", "loss/discriminator"}
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_second_process_in_the_folder_is_refused(tmp_path: Path, photos: Path):
    out = tmp_path / "shared"
    first = subprocess.Popen(command(out, photos, 100_000), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(first, out / "dncnn" / "laptop" / "metrics.jsonl")
        second = run(*command(out, photos, 100_000), check=False)
        assert second.returncode == 2
        assert "another process is training in" in second.stderr.splitlines()[-1]
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()


def test_a_loss_that_blows_up_says_where_the_last_good_weights_are(tmp_path: Path, photos: Path):
    done = run(*command(tmp_path / "x", photos, 200, "--lr", "1e30", "--save-every", "0"), check=False)
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert "loss of network is" in line
    assert "checkpoint" in line
    assert "--lr" in line
    assert "Traceback" not in done.stderr


def test_a_sigterm_saves_too(tmp_path: Path, photos: Path):
    out = tmp_path / "preempted"
    process = subprocess.Popen(command(out, photos, 100_000), stderr=subprocess.PIPE, text=True)
    wait_for(process, out / "dncnn" / "laptop" / "metrics.jsonl")
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "everything is saved" in said
    assert last_step(out) > 0
