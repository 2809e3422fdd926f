import functools
import json
import math
import multiprocessing
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from darkroom.core.evaluation import Outcome
from darkroom.core.method import Example
from darkroom.data.embedded import embedded
from darkroom.engine import baselines
from darkroom.engine.baselines import baseline_outcome, is_cached
from darkroom.engine.predictor_digest import predictor_digest
from darkroom.evaluations.paired_images import PairedImages
from darkroom.metrics.fidelity import l1, psnr
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.solvers import classical

CPU = torch.device("cpu")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch) -> Path:
    """An empty cache."""
    monkeypatch.setattr(baselines, "cache_root", lambda: tmp_path / "made")
    return tmp_path / "made" / "baselines"


def evaluation(sigma: float = 25.0, **settings) -> PairedImages:
    images = embedded("heldout").first(2)
    return PairedImages(images, NoisyPair(Gaussian(sigma)), (psnr, l1), variant={"sigma": sigma}, **settings)


CALLS: list[int] = []


def counting(batch: Example) -> torch.Tensor:
    CALLS.append(1)
    return batch.input.clamp(0, 1)


def iterative(batch: Example):
    yield batch.input * 0.5
    yield batch.input


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir()) if cache.exists() else []


def equal(a: Outcome, b: Outcome) -> bool:
    images = [preview.images for preview in a.previews], [preview.images for preview in b.previews]
    same = all(
        torch.equal((x[role] * 255).round(), (y[role] * 255).round()) for x, y in zip(*images, strict=True) for role in x
    )
    roles = [list(x) for x in images[0]] == [list(y) for y in images[1]]
    names = [preview.name for preview in a.previews] == [preview.name for preview in b.previews]
    return (a.scores, a.seconds, a.curves) == (b.scores, b.seconds, b.curves) and same and names and roles


@pytest.mark.parametrize("predictor", [counting, iterative])
def test_a_baseline_is_evaluated_once(cache: Path, predictor):
    CALLS.clear()
    assert not is_cached(evaluation(), "clipped", predictor)
    first = baseline_outcome(evaluation(), "clipped", predictor, CPU)
    calls, progress = len(CALLS), []
    assert is_cached(evaluation(), "clipped", predictor) and not first.cached
    second = baseline_outcome(evaluation(), "clipped", predictor, CPU, lambda *done: progress.append(done))
    assert second.cached and equal(first.outcome, second.outcome) and second.device == first.device != ""
    assert len(CALLS) == calls and progress == [(2, 2)]
    assert bool(second.outcome.curves) == (predictor is iterative)
    assert len(entries(cache)) == 1


def test_refreshing_evaluates_again_and_replaces(cache: Path):
    baseline_outcome(evaluation(), "clipped", counting, CPU)
    (entry,) = entries(cache)
    written = json.loads((entry / "outcome.json").read_text())
    (entry / "outcome.json").write_text(json.dumps({**written, "seconds": 1e9}))
    assert baseline_outcome(evaluation(), "clipped", counting, CPU).outcome.seconds == 1e9
    fresh = baseline_outcome(evaluation(), "clipped", counting, CPU, refresh=True)
    assert not fresh.cached and fresh.outcome.seconds < 1e3 and entries(cache) == [entry]
    assert baseline_outcome(evaluation(), "clipped", counting, CPU).outcome.seconds == fresh.outcome.seconds


def test_anything_that_changes_a_number_is_another_entry(cache: Path, monkeypatch):
    def clipped(limit: float):
        return lambda batch: batch.input.clamp(0, limit)

    variations = [
        (evaluation(), "clipped", clipped(1.0)),
        (evaluation(), "clipped", clipped(0.9)),
        (evaluation(), "other name", clipped(1.0)),
        (evaluation(15.0), "clipped", clipped(1.0)),
        (evaluation(seed=1), "clipped", clipped(1.0)),
        (evaluation().with_metrics((psnr,)), "clipped", clipped(1.0)),
    ]
    for number, (evaluated, name, predictor) in enumerate(variations, 1):
        assert not baseline_outcome(evaluated, name, predictor, CPU).cached
        assert len(entries(cache)) == number
    assert all(is_cached(*variation) for variation in variations)
    for attribute, value in (("VERSION", -1), ("_versions", lambda: {"scikit-image": "0"})):
        with monkeypatch.context() as context:
            context.setattr(baselines, attribute, value)
            assert not is_cached(*variations[0])


def _truncate(entry: Path) -> None:
    file = entry / "outcome.json"
    file.write_text(file.read_text()[:-20])


def _mistype(entry: Path) -> None:
    file = entry / "outcome.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "scores": {"psnr": "high"}}))


def _remove_image(entry: Path) -> None:
    (entry / "0-prediction.png").unlink()


def _break_image(entry: Path) -> None:
    (entry / "1-target.png").write_bytes(b"no image")


def _remove_metric(entry: Path) -> None:
    file = entry / "outcome.json"
    written = json.loads(file.read_text())
    del written["scores"]["l1"]
    file.write_text(json.dumps(written))


@pytest.mark.parametrize("damage", [_truncate, _mistype, _remove_image, _break_image, _remove_metric])
def test_a_damaged_entry_is_evaluated_again(cache: Path, damage):
    first = baseline_outcome(evaluation(), "clipped", counting, CPU)
    (entry,) = entries(cache)
    damage(entry)
    assert not is_cached(evaluation(), "clipped", counting)
    again = baseline_outcome(evaluation(), "clipped", counting, CPU)
    assert not again.cached and again.outcome.scores == first.outcome.scores
    assert baseline_outcome(evaluation(), "clipped", counting, CPU).cached and entries(cache) == [entry]


def test_values_that_are_not_finite_are_kept(cache: Path):
    def perfect(batch: Example) -> torch.Tensor:
        return batch.target

    first = baseline_outcome(evaluation(), "perfect", perfect, CPU)
    second = baseline_outcome(evaluation(), "perfect", perfect, CPU)
    assert second.cached and math.isinf(second.outcome.scores["psnr"].value)
    assert second.outcome.scores == first.outcome.scores and second.outcome.scores["psnr"].deviation is None


def test_what_cannot_be_identified_is_not_kept(cache: Path):
    network = torch.nn.Identity()
    assert not baseline_outcome(evaluation(), "network", lambda batch: network(batch.input), CPU).cached
    assert not baseline_outcome(evaluation(), "network", lambda batch: network(batch.input), CPU).cached

    class Anonymous(PairedImages):
        def digests(self) -> dict[str, str]:
            return {}

    anonymous = Anonymous(embedded("heldout").first(1), NoisyPair(Gaussian(25.0)), (psnr,))
    baseline_outcome(anonymous, "clipped", counting, CPU)
    assert not is_cached(anonymous, "clipped", counting) and entries(cache) == []


def test_a_cache_that_cannot_be_written_is_done_without(cache: Path):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file in the way")
    outcome = baseline_outcome(evaluation(), "clipped", counting, CPU)
    assert not outcome.cached and outcome.outcome.scores["psnr"].count == 2


def _evaluate(root: str, barrier, results) -> None:
    baselines.cache_root = lambda: Path(root)
    torch.set_num_threads(1)
    barrier.wait(timeout=120)
    for _ in range(3):
        outcome = baseline_outcome(evaluation(), "clipped", counting, CPU, refresh=True)
        results.put(outcome.outcome.scores["psnr"].values)


def test_two_processes_that_evaluate_the_same_baseline_do_not_disturb_each_other(cache: Path):
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_evaluate, args=(str(cache.parent), barrier, results)) for _ in range(2)]
    for process in processes:
        process.start()
    values = [results.get(timeout=180) for _ in range(6)]
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0, 0] and all(value == values[0] for value in values)
    assert len(entries(cache)) == 1 and is_cached(evaluation(), "clipped", counting)


@pytest.mark.parametrize("name", list(classical.available()))
def test_classical_denoisers_are_identified_by_function_and_noise_level(name: str):
    one, same, other = (predictor_digest(classical.baselines(sigma)[name]) for sigma in (25.0, 25.0, 15.0))
    assert one is not None and one == same != other
    digests = {predictor_digest(baseline) for baseline in classical.baselines(25.0).values()}
    assert len(digests) == len(classical.available()) and None not in digests


def test_deblurring_and_upscaling_baselines_are_identified():
    from darkroom.operators.resample import upscalings
    from darkroom.solvers.deblur import baselines as deblurring

    made = [*upscalings(2).values(), *upscalings(3).values(), *deblurring("valid").values(), *deblurring("circular").values()]
    digests = [predictor_digest(baseline) for baseline in made]
    assert None not in digests and len(set(digests)) == len(made)


@dataclass(frozen=True)
class Scaled:
    factor: float
    weight: torch.Tensor

    def __call__(self, batch: Example) -> torch.Tensor:
        return self.factor * batch.input

    def method(self, batch: Example) -> torch.Tensor:
        return batch.input


def _source(folder: Path, name: str, text: str) -> object:
    """The function `f` of a module that is loaded from a file, as a recipe outside the package is."""
    file = folder / f"{name}.py"
    file.write_text(text)
    namespace: dict[str, object] = {"__name__": name}
    exec(compile(text, str(file), "exec"), namespace)
    return namespace["f"]


def test_a_digest_covers_fields_arguments_tensors_and_source(tmp_path: Path):
    zero, one = torch.zeros(2), torch.ones(2)
    made = [
        Scaled(1.0, zero),
        Scaled(2.0, zero),
        Scaled(1.0, one),
        Scaled(1.0, zero).method,
        functools.partial(counting, 1),
        functools.partial(counting, 2),
        counting,
        iterative,
    ]
    digests = [predictor_digest(predictor) for predictor in made]
    assert None not in digests and len(set(digests)) == len(made)
    assert digests[0] == predictor_digest(Scaled(1.0, torch.zeros(2)))
    first = predictor_digest(_source(tmp_path, "recipe", "K = 1\ndef f(batch):\n    return batch.input * K\n"))
    assert first == predictor_digest(_source(tmp_path, "recipe", "K = 1\ndef f(batch):\n    return batch.input * K\n"))
    assert first != predictor_digest(_source(tmp_path, "recipe", "K = 2\ndef f(batch):\n    return batch.input * K\n"))
    shutil.rmtree(tmp_path)


def test_functions_that_refer_to_themselves_have_a_digest():
    def countdown(batch, left=3):
        return countdown(batch, left - 1) if left else batch.input

    assert predictor_digest(countdown) is not None
