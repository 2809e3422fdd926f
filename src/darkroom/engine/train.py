"""A whole training run in its folder: `fit`, and what is done with its records."""

import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from lightning_fabric import Fabric

from darkroom.core import weights
from darkroom.core.crops import centre_crops, side_by_side
from darkroom.core.errors import Diverged, Interrupted
from darkroom.core.file_names import file_name
from darkroom.core.method import Method
from darkroom.core.threads import Threads
from darkroom.engine import checkpoint
from darkroom.engine.fit import Record, Training, fit
from darkroom.engine.folder import RunFolder
from darkroom.engine.journal import Journal
from darkroom.engine.results import evaluate_final
from darkroom.engine.run import Run

AGREE_INTERVAL = 10
"""Steps between the moments at which several processes agree on stopping and saving."""

STRIPS = 2
"""Validation previews that are written as training goes on."""


@runtime_checkable
class Listener(Protocol):
    """Follows the progress of a run: a progress bar, a notebook, nothing."""

    def progress(self, step: int, total: int, losses: Mapping[str, float]) -> None:
        """A step is finished; `losses` are those last logged."""

    def validated(self, step: int, scores: Mapping[str, float]) -> None:
        """The validation at a step is finished."""

    def evaluated(self, title: str, done: int, total: int) -> None:
        """So many examples of an evaluation are done."""

    def say(self, line: str) -> None:
        """A message."""


class Silence:
    """A listener that does nothing."""

    def progress(self, step: int, total: int, losses: Mapping[str, float]) -> None:
        """Nothing."""

    def validated(self, step: int, scores: Mapping[str, float]) -> None:
        """Nothing."""

    def evaluated(self, title: str, done: int, total: int) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """Nothing."""


@dataclass(frozen=True)
class LoopOptions:
    """How training is run.

    Args:
        workers: processes that prepare batches.
        save_every: seconds between checkpoints.
        log_every: steps between logged losses.
        threads: the number of threads; None leaves PyTorch's own number alone. It may change with a checkpoint, which holds the number
            that the steps after it use: results depend on it, and so a resumed run repeats what was lost bit for bit.
    """

    workers: int = 0
    save_every: float = 60.0
    log_every: int = 20
    threads: Threads | None = None


def train(
    run: Run, folder: RunFolder, fabric: Fabric, header: Mapping[str, Any], options: LoopOptions, listener: Listener
) -> None:
    """Train, or resume training, in a folder that has been claimed, and evaluate the final weights.

    Args:
        run: open and, on a fresh start, prepared (`engine.prepare`).
        header: goes into every weights file; see `core.weights`.

    Raises:
        Interrupted: stopped by Ctrl-C or SIGTERM; everything is saved.
        DarkroomError: a loss was not finite, the disk is full, or data is missing.
    """
    with _stop_requested() as stop_requested:  # from the beginning, since a stop may come before the first step
        training = _train(run, folder, fabric, header, options, listener, stop_requested)
    with training.evaluating() as method:
        if method:
            weights.save(folder.final, method.state_dict(), {**header, "step": training.step})
            evaluate_final(training, method, folder, listener.say, listener.evaluated)


def _train(
    run: Run,
    folder: RunFolder,
    fabric: Fabric,
    header: Mapping[str, Any],
    options: LoopOptions,
    listener: Listener,
    stop_requested: Callable[[], bool],
) -> Training:
    """All steps, from the beginning or from the last checkpoint."""
    state = checkpoint.load(folder.last) if folder.last.exists() else None
    training = Training(run, fabric, state)
    if state:
        listener.say(f"resuming from step {training.step} of {run.steps}")
    # Of several processes, the first one writes.
    journal = Journal(folder, training.step) if fabric.is_global_zero else None
    if journal and journal.remark:
        listener.say(journal.remark)
    loop = _Loop(training, folder, journal, header, options, listener)
    loop.begin_threads(state.get("threads") if state else None)
    try:
        for record in fit(training, workers=options.workers):
            loop.log(record)
            if record.step % run.validation_interval == 0 or record.step == run.steps:
                loop.validate()
            if loop.save_if_due(stop_requested()):
                raise Interrupted(
                    f"stopped at step {record.step} of {run.steps}; everything is saved in {folder.path}: "
                    "run the same command to resume"
                )
    except Diverged as error:
        raise Diverged(f"{error}; {loop.last_good()}: try a lower --lr, or --precision 32 if it was bf16") from error
    finally:
        if journal:
            journal.close()
    return training


class _Loop:
    """What happens after a step: logging, validation, checkpoints."""

    def __init__(
        self,
        training: Training,
        folder: RunFolder,
        journal: Journal | None,
        header: Mapping[str, Any],
        options: LoopOptions,
        listener: Listener,
    ) -> None:
        self.training, self.folder, self.journal, self.header = training, folder, journal, header
        self.options, self.listener = options, listener
        self.begun = time.monotonic() - training.seconds
        self.saved_at, self.saved_step = time.monotonic(), training.step
        self.losses: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """How long the run has been trained, interruptions not counted, validation included."""
        return time.monotonic() - self.begun

    def begin_threads(self, number: int | None) -> None:
        """Set the number of threads: that of the checkpoint, or as many as are free."""
        threads = self.options.threads
        if threads is None:
            return
        message = threads.begin(number)
        if self.journal:
            self.journal.scalar(self.training.step, "time", "threads", float(threads.number))
            if message:
                self.listener.say(message)

    def _adapt_threads(self) -> None:
        """Look again how many threads are free. A collective operation."""
        threads, fabric = self.options.threads, self.training.fabric
        if threads is None:
            return
        number = threads.wanted()
        number = fabric.broadcast(number) if fabric.world_size > 1 else number
        if number != threads.number:
            threads.use(number)
            if self.journal:
                self.journal.scalar(self.training.step, "time", "threads", float(number))
                self.listener.say(f"step {self.training.step}: computing with {threads.spelled()} from here on")

    def log(self, record: Record) -> None:
        """Write the losses if it is time to, and pass on the step."""
        if record.step % self.options.log_every == 0:
            self.losses = self.training.losses.means()
            if self.journal:
                self.journal.losses(record.step, self.losses, record.lrs)
                for name, value in self.training.method.watched().items():
                    self.journal.scalar(record.step, "train", name, float(value))
        if self.journal:
            self.listener.progress(record.step, self.training.run.steps, self.losses)
            for line in record.messages:
                self.listener.say(f"step {record.step}: {line}")

    def validate(self) -> None:
        """Evaluate the validation set, and keep the best weights."""
        self.training.losses.check()
        with self.training.evaluating() as method:
            if self.journal and method:
                self.journal.scalar(self.training.step, "time", "seconds", self.seconds)
                self._validate(method, self.journal)

    def _validate(self, method: Method, journal: Journal) -> None:
        training, evaluation = self.training, self.training.run.validation
        outcome = evaluation.evaluate(evaluation.predictor(method), training.fabric.device)
        for name, score in outcome.scores.items():
            journal.scalar(training.step, "validation", f"{name}@{evaluation.name}", score.value)
        for preview in outcome.previews[:STRIPS]:
            journal.image(
                training.step, file_name(preview.name), side_by_side(centre_crops(*preview.images.values(), side=256))
            )
        first = evaluation.metrics[0]
        value = outcome.scores[first.name].value * (1 if first.higher_is_better else -1)
        value = -math.inf if math.isnan(value) else value
        if training.best is None or value > training.best:
            training.best = value
            weights.save(self.folder.best, method.state_dict(), {**self.header, "step": training.step})
        self.listener.validated(training.step, {name: score.value for name, score in outcome.scores.items()})

    def save_if_due(self, stop: bool) -> bool:
        """Save a checkpoint if the clock, the end or a stop says so; whether all processes are to stop."""
        step, fabric = self.training.step, self.training.fabric
        last = step == self.training.run.steps
        due = time.monotonic() - self.saved_at >= self.options.save_every
        if fabric.world_size > 1:
            if not last and step % AGREE_INTERVAL:
                return False
            stop, due = fabric.broadcast((stop, due))
        if stop or last or due:
            self._save()
        return stop

    def _save(self) -> None:
        self.training.seconds = self.seconds
        if self.training.step > self.saved_step:
            self._adapt_threads()
            state = self.training.state_dict()
            if self.journal:
                checkpoint.save(self.folder.last, {**state, "threads": torch.get_num_threads()})
        self.saved_at, self.saved_step = time.monotonic(), self.training.step

    def last_good(self) -> str:
        """Where the last good checkpoint is, in words."""
        if not self.saved_step:
            return "no checkpoint had been saved yet"
        return f"the last good checkpoint is step {self.saved_step} in {self.folder.last}"


@contextmanager
def _stop_requested() -> Iterator[Callable[[], bool]]:
    """Catch Ctrl-C and SIGTERM; the function that is yielded returns whether one of them has come."""
    requested = False

    def request(number: int, frame: object) -> None:
        nonlocal requested
        if requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        requested = True

    try:
        before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread, where no signal arrives
        yield lambda: False
        return
    try:
        yield lambda: requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
