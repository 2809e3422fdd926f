"""A whole training run in its folder: `fit`, and everything that listens to it."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from lightning_fabric import Fabric

from darkroom.core import weights
from darkroom.core.errors import DarkroomError, Diverged, Interrupted
from darkroom.core.files import read_json_lines, write_json_lines
from darkroom.core.images import ImageFile, write
from darkroom.core.method import Method, Predict, Walk
from darkroom.engine import checkpoint
from darkroom.engine.evaluate import Answer, answers, summarise, traced
from darkroom.engine.fit import Record, Training, fit
from darkroom.engine.folder import RunFolder
from darkroom.engine.journal import Journal, beside_each_other, file_name, middles
from darkroom.engine.run import Evaluation, Run

SHOWN = 3
"""Images of every evaluation that are kept for the report."""

STRIPS = 2
"""Validated images that are shown as training goes on."""


@runtime_checkable
class Listener(Protocol):
    """Somebody who watches: a progress bar, or nobody."""

    def record(self, record: Record) -> None: ...
    def validated(self, step: int, scores: dict[str, float]) -> None: ...
    def say(self, line: str) -> None: ...


@dataclass(frozen=True)
class LoopOptions:
    """How training is looked after; none of it changes the weights.

    Args:
        workers: processes that prepare batches.
        save_every: seconds between checkpoints.
        log_every: steps between written losses.
    """

    workers: int = 0
    save_every: float = 60.0
    log_every: int = 20


def prepared(run: Run) -> tuple[Run, list[str]]:
    """The run with everything it learns from and is evaluated on looked up; and what is to be said of that.

    Raises:
        DarkroomError: something that it cannot do without is missing.
    """
    run.stream.open()
    len(run.validation.images)
    for look_up in run.needs:
        look_up()
    evaluations, left_out = [], {}
    for evaluation in run.evaluations:
        try:
            len(evaluation.images)
        except DarkroomError as error:
            if not evaluation.optional:
                raise
            left_out[evaluation.images.name] = f"not evaluated on {evaluation.images.name}: {error}"
            continue
        without = {metric: reason for metric in evaluation.metrics if (reason := metric.missing())}
        left_out |= {metric.name: f"not evaluated by {metric.title}: {reason}" for metric, reason in without.items()}
        evaluations.append(replace(evaluation, metrics=[metric for metric in evaluation.metrics if metric not in without]))
    return replace(run, evaluations=evaluations), [*run.remarks(), *left_out.values()]


def train(
    run: Run, folder: RunFolder, fabric: Fabric, config: dict[str, Any], options: LoopOptions, listener: Listener
) -> None:
    """Train (or go on training) in a folder that has been claimed, its stream open, and evaluation the final weights.

    Args:
        config: goes into the header of every weights file, so that the network can be built again.

    Raises:
        Interrupted: asked to stop; everything is saved.
        DarkroomError: a loss was not finite, the disk is full, or the data is missing.
    """
    state = checkpoint.load(folder.last) if folder.last.exists() else None
    training = Training(run, fabric, state)
    if state:
        listener.say(f"going on from step {training.step} of {run.steps}")
    pending = state["pending"] if state else None
    # Of several processes, the first one writes.
    journal = Journal(folder, training.step, every=options.log_every, pending=pending) if fabric.is_global_zero else None
    keeper = _Keeper(training, folder, journal, options.save_every)
    try:
        with _asked_to_stop() as asked:
            for record in fit(training, workers=options.workers):
                if journal:
                    journal.record(record)
                    listener.record(record)
                    for line in record.messages:
                        listener.say(f"step {record.step}: {line}")
                if record.step % run.validate_every == 0 or record.step == run.steps:
                    with training.evaluating() as method:
                        if journal and method:
                            journal.number(record.step, "time", "seconds", keeper.seconds)
                            _validate(training, method, folder, journal, config, listener)
                stop, due = _agreed(fabric, (asked(), keeper.due()))
                if stop or record.step == run.steps or due:
                    keeper.save()
                if stop:
                    raise Interrupted(
                        f"stopped at step {record.step} of {run.steps}; everything is saved in {folder.path}: "
                        "run the same command to go on"
                    )
    except Diverged as error:
        raise Diverged(f"{error}; {keeper.said()}: try a lower --rate, or --precision 32 if it was bf16") from error
    finally:
        if journal:
            journal.close()
    with training.evaluating() as method:
        if method:
            _finish(training, method, folder, config, listener)


class _Keeper:
    """Saves a run's state now and then, by the clock."""

    def __init__(self, training: Training, folder: RunFolder, journal: Journal | None, every: float) -> None:
        self.training, self.folder, self.journal, self.every = training, folder, journal, every
        self.begun = time.monotonic() - training.seconds
        self.saved_at, self.saved_step = time.monotonic(), training.step

    @property
    def seconds(self) -> float:
        """How long the run has been trained, over all its sittings, validation included."""
        return time.monotonic() - self.begun

    def due(self) -> bool:
        return time.monotonic() - self.saved_at >= self.every

    def save(self) -> None:
        self.training.seconds = self.seconds
        if self.training.step > self.saved_step:
            state = self.training.state_dict()
            if self.journal:
                checkpoint.save(self.folder.last, {**state, "pending": self.journal.pending})
        self.saved_at, self.saved_step = time.monotonic(), self.training.step

    def said(self) -> str:
        if not self.saved_step:
            return "no checkpoint had been saved yet"
        return f"the last good checkpoint is step {self.saved_step} in {self.folder.last}"


def _validate(
    training: Training, method: Method, folder: RunFolder, journal: Journal, config: dict[str, Any], listener: Listener
) -> None:
    evaluation, step = training.run.validation, training.step
    answered = list(answers(method.predict, evaluation, training.fabric.device))
    results = summarise("ours", evaluation, answered)
    for result in results:
        journal.number(step, "validation", f"{result.metric}@{result.dataset}", result.value)
    for shown in answered[:STRIPS]:
        trio = middles(shown.pair.input, shown.prediction, shown.pair.target, side=256)
        journal.sample(step, file_name(shown.name), beside_each_other(trio))
    score = results[0].value if evaluation.metrics[0].higher_is_better else -results[0].value
    if training.best is None or score > training.best:
        training.best = score
        weights.save(folder.best, method.state_dict(), {**config, "step": step})
    listener.validated(step, {result.metric: result.value for result in results})


def _finish(training: Training, method: Method, folder: RunFolder, config: dict[str, Any], listener: Listener) -> None:
    """Evaluation the final weights, and the baselines beside them; what was evaluated before is kept."""
    run, device = training.run, training.fabric.device
    weights.save(folder.final, method.state_dict(), {**config, "step": training.step})
    done = folder.read_results()
    for evaluation in run.evaluations:
        methods: dict[str, Predict | Walk] = {"ours": method.iterates, **evaluation.baselines}
        for name, predict in methods.items():
            if any(_same(line, name, evaluation) for line in done):
                continue
            listener.say(", ".join([f"evaluating {name} on {evaluation.images.name}", *spell_variant(evaluation.variant)]))
            answered: list[Answer] = []
            where = device if name == "ours" else torch.device("cpu")
            for answer in answers(predict, evaluation, where):
                if len(answered) < SHOWN:
                    keep_images(folder.images, name, evaluation, answer)
                answered.append(answer)
            seconds = training.seconds if name == "ours" else 0.0
            made = {"device": device_name(where), "step": training.step, "seconds_trained": seconds}
            done += [{**result.line(), **made} for result in summarise(name, evaluation, answered)]
            write_json_lines(folder.results, done)
            if any(answer.trace for answer in answered):
                _write_walk(folder, evaluation, answered)


def _write_walk(folder: RunFolder, evaluation: Evaluation, answered: list[Answer]) -> None:
    """Scores against the steps of a solver, among the other curves; written again, they replace what was there."""
    new = [
        {"step": step, "split": "solver", "name": name, "value": value} for step, name, value in traced(evaluation, answered)
    ]
    names = {line["name"] for line in new}
    old = [line for line in read_json_lines(folder.metrics) if line["split"] != "solver" or line["name"] not in names]
    write_json_lines(folder.metrics, [*old, *new])


def keep_images(folder: Path, method: str, evaluation: Evaluation, answer: Answer) -> None:
    """Write question, answer and truth of one evaluated image (its middle, if it is large) as PNG files.

    They lie in `<folder>/<dataset>/<what was variant>/<image>/{source,<method>,target}.png`.
    """
    place = (
        folder
        / file_name(evaluation.images.name)
        / (file_name("-".join(spell_variant(evaluation.variant))) or "plain")
        / file_name(answer.name)
    )
    source, prediction, target = middles(answer.pair.input, answer.prediction, answer.pair.target, side=512)
    for kind, pixels in (("source", source), (method, prediction), ("target", target)):
        write(place / f"{file_name(kind)}.png", ImageFile(pixels))


def _same(line: dict[str, Any], method: str, evaluation: Evaluation) -> bool:
    return (
        line["method"] == method
        and line["dataset"] == evaluation.images.name
        and all(line.get(key) == value for key, value in evaluation.variant.items())
    )


def device_name(device: torch.device) -> str:
    """What a table says a number was measured on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        import platform

        model = platform.processor() or platform.machine()
    return f"{model}, {torch.get_num_threads()} threads"


def _agreed(fabric: Fabric, said: tuple[bool, bool]) -> tuple[bool, bool]:
    """What the first process says, so that all do the same."""
    return fabric.broadcast(said) if fabric.world_size > 1 else said


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Catch Ctrl-C and SIGTERM; give a question that is answered with whether they were heard."""
    heard = False

    def hear(number: int, frame: object) -> None:
        nonlocal heard
        if heard and number == signal.SIGINT:
            raise KeyboardInterrupt
        heard = True

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
