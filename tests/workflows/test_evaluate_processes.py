"""Evaluation by several processes: each image once, the same numbers as one process gives, also when one is killed."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.core.method import Method
from darkroom.core.record import Result
from darkroom.evaluations.classification import Classification
from darkroom.evaluations.paired_images import PairedImages
from darkroom.workflows.evaluate import Protocol, compare, evaluate
from darkroom.workflows.scored_images import ScoredImages
from tests.workflows.several import exit_codes, save_foreign_dncnn

COUNT = 9
SIGMAS = (15.0, 50.0)


@pytest.fixture
def job(tmp_path: Path) -> tuple[Path, Path]:
    """Weights as another program saves them, and photographs of several sizes."""
    folder, random = tmp_path / "photos", np.random.default_rng(0)
    folder.mkdir()
    for number in range(COUNT):
        pixels = random.integers(0, 256, (20 + number, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    save_foreign_dncnn(tmp_path / "dncnn.pth")
    return tmp_path / "dncnn.pth", folder


def scored(job: tuple[Path, Path], scores: Path | None) -> list[Result]:
    weights, folder = job
    return evaluate(weights, str(folder), test_sigmas=SIGMAS, accelerator="cpu", scores=scores)


def numbers(results: list[Result]) -> list[tuple]:
    return [(r.method, r.metric, r.dataset, r.variant, r.value, r.deviation, r.count, list(r.values)) for r in results]


def work(job: tuple[Path, Path], scores: Path, number: int, processes: int, killed_at: int | None) -> None:
    """One process, as torchrun would start it; it may kill itself in the middle of an image."""
    os.environ.update(RANK=str(number), WORLD_SIZE=str(processes), LOCAL_RANK=str(number))
    predictor, begun = PairedImages.predictor, []

    def counted(self: PairedImages, method: Method):
        predict = predictor(self, method)

        def one(batch):
            begun.append(batch)
            if len(begun) == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return predict(batch)

        return one

    PairedImages.predictor = counted
    scored(job, scores)
    (scores / f"begun.{number}").write_text(str(len(begun)))


def run(job: tuple[Path, Path], scores: Path, processes: int, killed: dict[int, int] | None = None) -> list[int | None]:
    """Exit codes of processes that share a job."""
    return exit_codes(work, [(job, scores, number, processes, (killed or {}).get(number)) for number in range(processes)])


def predicted(scores: Path) -> int:
    """Predictions of the processes that ended."""
    counts = list(scores.glob("begun.*"))
    total = sum(int(path.read_text()) for path in counts)
    for path in counts:
        path.unlink()
    return total


@pytest.mark.parametrize("processes", [2, pytest.param(4, marks=pytest.mark.long)])
def test_several_processes_find_bit_for_bit_what_one_does(job, processes: int, tmp_path: Path):
    scores = tmp_path / "scores"
    assert run(job, scores, processes) == [0] * processes
    assert predicted(scores) == COUNT * len(SIGMAS)
    assert [path.name for path in scores.iterdir()] == ["scored.jsonl"]
    lines = [json.loads(line) for line in (scores / "scored.jsonl").read_text().splitlines()]
    assert len({(line["evaluation"], line["image"]) for line in lines}) == len(lines) == COUNT * len(SIGMAS)
    ours = [result for result in scored(job, None) if result.method == "dncnn.pth"]
    shared = [result for result in scored(job, scores) if result.method == "dncnn.pth"]
    assert numbers(shared) == numbers(ours) and len(ours) == 2 * len(SIGMAS)


@pytest.mark.parametrize("again", [2, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 4))])
def test_after_a_kill_the_same_command_scores_the_rest(job, again: int, tmp_path: Path):
    scores = tmp_path / "scores"
    assert run(job, scores, 4, killed={1: 2}) == [0, -signal.SIGKILL, 0, 0]
    assert not (scores / "scored.jsonl").exists()
    before = predicted(scores) + 1  # of the killed one, one was kept
    assert run(job, scores, again) == [0] * again
    assert before + predicted(scores) == COUNT * len(SIGMAS), "what was scored is not scored again"
    assert numbers(scored(job, scores)) == numbers(scored(job, None))


def test_what_a_score_depends_on_is_noticed(job, tmp_path: Path, monkeypatch):
    calls, evaluated = [], PairedImages.evaluate
    monkeypatch.setattr(PairedImages, "evaluate", lambda self, *a, **k: calls.append(len(self)) or evaluated(self, *a, **k))

    def count(**options) -> int:
        calls.clear()
        given = {"test_sigmas": (25.0,), **options}
        found = compare(
            [job[0]], Protocol([str(job[1])], **given), accelerator="cpu", scores=tmp_path / "scores", baselines="cached"
        )
        assert found.complete
        return calls.count(1)

    assert [count(), count(), count(quantised=True), count(quantised=True), count()] == [COUNT, 0, COUNT, 0, COUNT]
    Image.fromarray(np.zeros((30, 31, 3), np.uint8)).save(job[1] / "4.png")
    assert count() == 1
    state = torch.load(job[0])
    torch.save({name: tensor * 0.5 for name, tensor in state.items()}, job[0])
    assert count() == COUNT


def test_what_is_scored_as_a_whole_is_refused(tmp_path: Path):
    evaluation = Classification.__new__(Classification)
    evaluation.name, evaluation.variant, evaluation.metrics = "digits", {}, ()
    with pytest.raises(DarkroomError, match="digits is evaluated as a whole"):
        ScoredImages(tmp_path).evaluate("x", [], evaluation, None, torch.device("cpu"), lambda done, total: None)
