"""Restoration of a folder by several processes: each file once, none lost or in part, also when one process is killed."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.workflows import restore as module
from darkroom.workflows.processes import Place, place
from darkroom.workflows.restore import restore_files
from tests.workflows.several import exit_codes, save_foreign_dncnn

COUNT = 9


@pytest.fixture
def job(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Photographs, an output, and weights as another program saves them."""
    folder = tmp_path / "photos"
    (folder / "sea").mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(COUNT):
        Image.fromarray(random.integers(0, 256, (12, 15, 3), dtype=np.uint8)).save(
            folder / ("sea", ".")[number % 2] / f"{number}.png"
        )
    save_foreign_dncnn(tmp_path / "dncnn.pth")
    return folder, tmp_path / "out", tmp_path / "dncnn.pth"


def work(job: tuple[Path, Path, Path], place: Place, killed_at: int | None) -> None:
    """One process, as torchrun would start it; it may kill itself while it writes a file."""
    os.environ.update(RANK=str(place.number), WORLD_SIZE=str(place.processes), LOCAL_RANK=str(place.here))
    write, begun = images.write, []

    def count(path: Path, image: images.ImageFile) -> list[str]:
        begun.append(path)
        if len(begun) == killed_at:
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / f".{path.name}.half.tmp").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        return write(path, image)

    images.write = count
    restore_files(*job, accelerator="cpu", precision="32")


def run(job: tuple[Path, Path, Path], processes: int, killed: dict[int, int] | None = None) -> list[int | None]:
    """Exit codes of processes that share a job."""
    return exit_codes(
        work, [(job, Place(number, processes, number), (killed or {}).get(number)) for number in range(processes)]
    )


def check_complete(job: tuple[Path, Path, Path]) -> list[dict]:
    """Every file is there and whole, and the manifest has each once."""
    photos, out, _ = job
    names = sorted(str(path.relative_to(photos)) for path in photos.rglob("*.png"))
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.png")) == names and len(names) == COUNT
    for name in names:
        assert np.asarray(Image.open(out / name)).shape == (12, 15, 3)
    lines = [json.loads(line) for line in (out / "restored.jsonl").read_text().splitlines()]
    assert [line["output"] for line in lines] == names and not any(line["error"] for line in lines)
    assert list(out.glob("restored*.jsonl")) == [out / "restored.jsonl"]
    return lines


@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_restore_what_one_does(job, processes: int, tmp_path: Path):
    photos, out, weights = job
    assert run(job, processes) == [0] * processes
    check_complete(job)
    restore_files(photos, tmp_path / "alone", weights, accelerator="cpu", precision="32")
    for path in out.rglob("*.png"):
        assert path.read_bytes() == (tmp_path / "alone" / path.relative_to(out)).read_bytes()


@pytest.mark.parametrize("again", [1, 2, 4])
def test_a_killed_process_costs_nothing_but_its_own_files_and_the_same_command_does_them(job, again: int):
    out = job[1]
    assert run(job, 4, killed={1: 2}) == [0, -signal.SIGKILL, 0, 0]
    assert not (out / "restored.jsonl").exists()
    done = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert len(done) == COUNT - 1, "the second process had two files"
    assert run(job, again) == [0] * again
    check_complete(job)
    assert done == {path: path.stat().st_mtime_ns for path in done}, "what was done is not done again"


def test_what_is_done_is_skipped_unless_the_options_differ(job):
    seen = []
    for options in ({}, {}, {"strength": 0.5}):
        files = restore_files(
            *job, finished=lambda file, total: seen.append(total), accelerator="cpu", precision="32", **options
        )
        assert len(files) == COUNT
        seen.append("skipped" if all(file.before for file in files) else "restored")
    assert [word for word in seen if isinstance(word, str)] == ["restored", "skipped", "restored"]
    assert seen.count(COUNT) == 3 * COUNT
    check_complete(job)


def test_a_folder_beside_its_photographs_is_resumed_by_the_same_command_and_otherwise_numbered(job, monkeypatch):
    photos, _, weights = job
    options = dict(accelerator="cpu", precision="32")
    for number, (more, folder) in enumerate(
        (({}, "photos_restored"), ({}, "photos_restored"), ({"strength": 0.5}, "photos_restored_2"))
    ):
        files = restore_files(photos, None, weights, **options, **more)
        assert {file.output.relative_to(photos.parent).parts[0] for file in files} == {folder}
        assert all(file.before == (number == 1) for file in files)
        assert (photos.parent / folder / "restored.jsonl").is_file()
    monkeypatch.setattr(module, "place", lambda: Place(0, 2, 0))
    with pytest.raises(DarkroomError, match="several processes need an output"):
        restore_files(photos, None, weights, **options)


def test_the_place_is_that_of_torchrun_or_of_slurms_step():
    slurm = {"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "8", "SLURM_LOCALID": "1"}
    assert place(slurm) == Place(3, 8, 1)
    assert place({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", **slurm}) == Place(0, 2, 0)
    assert place({"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0"}) == Place(), "a batch script is alone"
    assert place({"RANK": "2", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}) == Place()
