"""Whole runs in their folders, through the command line: killed, interrupted, run twice, on a full disk."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from darkroom.core import weights
from tests.engine.commands import command, final, last_step, run, wait_for


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, two_photos: Path) -> Path:
    out = tmp_path_factory.mktemp("whole")
    run(*command(out, two_photos, 300))
    return out


def test_killed_at_any_moment_it_ends_with_the_same_weights(tmp_path: Path, two_photos: Path, undisturbed: Path):
    out, kills = tmp_path / "killed", 0
    moment = random.Random(0)
    while not final(out).exists():
        process = subprocess.Popen(
            command(out, two_photos, 300, "--save-every", "0"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
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


def test_ctrl_c_saves_and_says_how_to_resume(tmp_path: Path, two_photos: Path, undisturbed: Path):
    out = tmp_path / "stopped"
    process = subprocess.Popen(command(out, two_photos, 300), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(process, out / "dncnn" / "laptop" / "metrics.jsonl")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=240)
    if process.returncode == 0:
        pytest.fail("it finished before it could be stopped")
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "run the same command to resume" in said.splitlines()[-1]
    assert 0 < last_step(out) < 300
    done = run(*command(out, two_photos, 300))
    assert "resuming from step" in done.stderr
    assert final(out).read_bytes() == final(undisturbed).read_bytes()
    again = run(*command(out, two_photos, 300))
    assert "evaluating" not in again.stderr  # finished: nothing is done twice


@pytest.mark.long
def test_a_full_disk_loses_nothing_written(tmp_path: Path, two_photos: Path, undisturbed: Path):
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
    words = command(out, two_photos, 300, "--save-every", "0")[3:]
    done = run(sys.executable, "-c", code, *words, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "the old content is untouched" in done.stderr.splitlines()[-1]
    assert last_step(out) == 3
    run(*command(out, two_photos, 300))
    assert final(out).read_bytes() == final(undisturbed).read_bytes()


def test_a_disk_that_fills_up_under_the_journal_is_one_line(tmp_path: Path, two_photos: Path):
    code = (
        "import resource, sys; from darkroom.cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))\n"
        "sys.argv = ['darkroom', *sys.argv[1:]]; main()"
    )
    done = run(sys.executable, "-c", code, *command(tmp_path / "x", two_photos, 3000)[3:], check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "the file is larger than allowed here" in done.stderr.splitlines()[-1]


def test_a_second_process_in_the_folder_is_refused(tmp_path: Path, two_photos: Path):
    out = tmp_path / "shared"
    first = subprocess.Popen(command(out, two_photos, 100_000), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(first, out / "dncnn" / "laptop" / "metrics.jsonl")
        second = run(*command(out, two_photos, 100_000), check=False)
        assert second.returncode == 2
        assert "another process is training in" in second.stderr.splitlines()[-1]
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()


def test_a_loss_that_blows_up_says_where_the_last_good_weights_are(tmp_path: Path, two_photos: Path):
    done = run(*command(tmp_path / "x", two_photos, 200, "--lr", "1e30", "--save-every", "0"), check=False)
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert "loss of network is" in line
    assert "checkpoint" in line
    assert "--lr" in line
    assert "Traceback" not in done.stderr


def test_a_sigterm_saves_too(tmp_path: Path, two_photos: Path):
    out = tmp_path / "preempted"
    process = subprocess.Popen(command(out, two_photos, 100_000), stderr=subprocess.PIPE, text=True)
    wait_for(process, out / "dncnn" / "laptop" / "metrics.jsonl")
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "everything is saved" in said
    assert last_step(out) > 0
