import json
from contextlib import nullcontext

import pytest
import torch

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.threads import Threads
from darkroom.engine import checkpoint
from darkroom.engine.folder import RunFolder
from darkroom.workflows import train as module
from darkroom.workflows.options import RunOptions
from darkroom.workflows.train import command_line, settings_of, train
from tests.workflows.conftest import Recorder


def test_a_recipe_of_ones_own_trains_like_a_built_in(trained):
    folder = trained.folder
    assert folder.path == trained.root / "runs" / "my_recipe" / "laptop"
    record = folder.read()
    assert (record.recipe, record.row, record.title) == (
        "my_recipe",
        "laptop",
        "A network of two convolutions, in a file of its own.",
    )
    assert record.settings["width"] == 4 and record.settings["train_set"] == str(trained.photos)
    assert set(record.changed) == {"train_set", "test_set"}
    assert [published.value for published in record.published] == [25.0, 26.5]
    results = folder.read_results()
    assert {result.method for result in results} > {"ours", "noisy input", "total variation"}
    header = weights.read_header(folder.weights())
    assert (header["kind"], header["recipe"], header["row"], header["step"]) == ("restoration", "my_recipe", "laptop", 6)


def test_the_listener_receives_everything(trained):
    listener = trained.listener
    assert listener.steps == [(step, 6) for step in range(1, 7)]
    assert listener.validations == [1, 2, 3, 4, 5, 6]
    assert listener.evaluations["ours: photos, sigma 25"] == (4, 4)
    assert any(line.startswith("computing with 1 thread") for line in listener.lines)


def test_nothing_is_printed(trained, capfd):
    trained.train(seed=1)
    out, error = capfd.readouterr()
    assert (out, error) == ("", "")
    assert (trained.root / "runs" / "my_recipe" / "laptop-seed1" / "checkpoints" / "final.safetensors").exists()


def test_the_same_call_resumes_and_other_settings_are_refused(trained):
    before = trained.folder.final.read_bytes()
    assert trained.train().final.read_bytes() == before
    with pytest.raises(DarkroomError, match="width=4 \\(now 5\\)"):
        trained.train(width=5)


def test_a_resumed_run_keeps_its_precision(trained, monkeypatch):
    """Though bfloat16 is measured to be faster this time; a precision that is given and differs is refused."""
    monkeypatch.setattr(module, "has_fast_bf16", lambda device: True)
    settings = dict(train_set=str(trained.photos), test_set=str(trained.photos))

    def again(**options):
        return train(
            trained.recipe,
            options=RunOptions(out=trained.root / "runs", accelerator="cpu", threads=1, **options),
            **settings,
        )

    assert again().read().precision == "32-true"
    with pytest.raises(DarkroomError, match=r"precision=32-true \(now bf16-mixed\)"):
        again(precision="bf16")


@pytest.mark.parametrize(
    ("recipe", "row", "settings", "line"),
    [
        ("dncn", "s25", {}, "no recipe 'dncn'"),
        ("dncnn", "s26", {}, "has no row 's26'"),
        ("dncnn", "s25", {"colour": True}, "recipe dncnn has no setting colour; it has sigma, test_sigmas"),
        ("nowhere.py", "laptop", {}, "no recipe at nowhere.py"),
    ],
)
def test_mistakes_are_named(recipe, row, settings, line):
    with pytest.raises(DarkroomError, match=line):
        train(recipe, row, **settings)


def test_a_file_that_is_no_recipe_is_named(tmp_path):
    (tmp_path / "plain.py").write_text("x = 1\n")
    with pytest.raises(DarkroomError, match=r"plain\.py is not a recipe"):
        train(tmp_path / "plain.py")


def test_the_recorded_command_says_what_was_changed(trained):
    settings = settings_of("dncnn", "laptop", {"sigma": (0.0, 55.0), "color": False, "clip": None, "train_set": "my photos"})
    words = command_line("dncnn", "laptop", settings, RunOptions(threads=2, save_every=5.0))
    expected = "--sigma 0.0 55.0 --no-color --train-set 'my photos' --clip None --threads 2"
    assert words == f"darkroom train dncnn laptop {expected}"
    assert trained.folder.read().command.startswith(f"darkroom train {trained.recipe} laptop --train-set")


class Machine:
    """Says how many threads are free, look by look."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)

    def threads(self, number=None, *, processes=1) -> Threads:
        """Threads that take the next number at every look, however soon it is."""
        machine = self

        class Scripted(Threads):
            def choose(self) -> int:
                self.number, self._chosen = machine.numbers.pop(0), True
                return self.number

            def wanted(self) -> int:
                return machine.numbers.pop(0) if machine.numbers else self.number

        scripted = Scripted(1)
        scripted.fixed = False
        return scripted


@pytest.fixture
def two_cores():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_cores")
def test_the_number_of_threads_changes_with_checkpoints_and_is_recorded(trained, monkeypatch):
    monkeypatch.setattr(module, "Threads", Machine(2, 1, 1, 2).threads)
    options = RunOptions(out=trained.root / "threads", accelerator="cpu", precision="32", save_every=0.0)
    folder = train(trained.recipe, options=options, train_set=str(trained.photos), test_set=str(trained.photos))
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert [(line["step"], line["value"]) for line in lines if line["name"] == "threads"] == [(0, 2), (1, 1), (3, 2)]
    assert folder.read().threads == 2
    assert checkpoint.load(folder.last)["threads"] == 2


@pytest.mark.usefixtures("two_cores")
def test_a_resumed_run_uses_the_number_of_its_checkpoint(trained, monkeypatch):
    """Killed and resumed while another number is free, it computes every step with the number of an uninterrupted run."""
    sets = dict(train_set=str(trained.photos), test_set=str(trained.photos))

    def run(name: str, *numbers: int, stop: int = 0):
        monkeypatch.setattr(module, "Threads", Machine(*numbers).threads)
        options = RunOptions(out=trained.root / name, accelerator="cpu", precision="32", save_every=0.0)
        listener = Watcher(stop)
        with pytest.raises(Killed) if stop else nullcontext():
            train(trained.recipe, options=options, listener=listener, **sets)
        return listener.threads, RunFolder(trained.root / name / "my_recipe" / "laptop")

    sequence, whole = run("whole", 2, 2, 1, 1, 1, 1, 1)
    assert sequence == {1: 2, 2: 2, 3: 1, 4: 1, 5: 1, 6: 1}
    first, _ = run("killed", 2, 2, 1, 1, stop=4)
    second, killed = run("killed", 2, 1, 1, 1)  # at the start of the second, two are free
    assert {**first, **second} == sequence and min(second) == 4
    states = [weights.load(folder.final)[0] for folder in (whole, killed)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


class Killed(Exception):
    """Stands for the end of the process."""


class Watcher(Recorder):
    """Notes the number of threads of every step; the process ends at one of them."""

    def __init__(self, end: int) -> None:
        super().__init__()
        self.end, self.threads = end, {}

    def progress(self, step, total, losses) -> None:
        self.threads[step] = torch.get_num_threads()
        if step == self.end:
            raise Killed
