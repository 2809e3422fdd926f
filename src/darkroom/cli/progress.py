"""Progress of training and of other work, on a terminal and in a log file."""

import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")

LINE_INTERVAL = 15.0
"""Seconds between lines where there is no terminal."""


class TrainingProgress:
    """A bar with losses, steps per second and remaining time on a terminal; a line now and then elsewhere.

    It implements `engine.train.Listener`.

    Args:
        title: recipe and row.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.console = Console(stderr=True)
        self.begun, self.first, self.printed = 0.0, -1, 0.0
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "TrainingProgress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.tasks:
            self.bar.stop()

    def progress(self, step: int, total: int, losses: Mapping[str, float]) -> None:
        """Show a step."""
        now = time.monotonic()
        if self.first < 0:
            self.begun, self.first = now, step
        speed = (step - self.first) / max(now - self.begun, 1e-9)
        state = " · ".join([*(f"loss {network} {loss:.4g}" for network, loss in losses.items()), f"{speed:.3g} steps/s"])
        self._update(self.title, step, total, state)
        if not self.console.is_terminal and (now - self.printed >= LINE_INTERVAL or step == total):
            self.printed = now
            left = f" · {clock((total - step) / speed)} left" if speed else ""
            self.say(f"{self.title} step {step} of {total} · {state}{left}")

    def validated(self, step: int, scores: Mapping[str, float]) -> None:
        """Show validation scores."""
        self.say(f"step {step}: validation " + ", ".join(f"{name} {value:.4g}" for name, value in scores.items()))

    def evaluated(self, title: str, done: int, total: int) -> None:
        """Show how far an evaluation is."""
        self._update(title, done, total, "")
        if done == total and title in self.tasks:
            self.bar.remove_task(self.tasks.pop(title))

    def say(self, line: str) -> None:
        """Print a line."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _update(self, title: str, done: int, total: int, state: str) -> None:
        if not self.console.is_terminal:
            return
        if title not in self.tasks:
            self.bar.start()
            self.tasks[title] = self.bar.add_task(title, total=total, state="")
        self.bar.update(self.tasks[title], completed=done, total=total, state=state)


class Bars:
    """Bars on a terminal by their titles; nothing elsewhere. A bar that is full disappears if `transient`."""

    def __init__(self, *, transient: bool = False) -> None:
        self.console, self.transient = Console(stderr=True), transient
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=self.console, transient=transient)
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Bars":
        if self.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.console.is_terminal:
            self.bar.stop()

    def show(self, title: str, done: int, total: int) -> None:
        """Show how far something is."""
        if title not in self.tasks:
            self.tasks[title] = self.bar.add_task(title)
        self.bar.update(self.tasks[title], completed=done, total=total)
        if self.transient and done == total:
            self.bar.remove_task(self.tasks.pop(title))

    def say(self, line: str) -> None:
        """Print a line."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)


class HowFar:
    """Shows how far work is: by bars on a terminal, by a line now and then elsewhere."""

    def __init__(self, bars: Bars) -> None:
        self.bars, self.printed = bars, time.monotonic()

    def __call__(self, title: str, done: int, total: int) -> None:
        """Show it.

        Args:
            title: of the work.
            done: how much of it is done.
            total: how much there is.
        """
        if self.bars.console.is_terminal:
            self.bars.show(title, done, total)
        elif time.monotonic() - self.printed >= LINE_INTERVAL:
            self.printed = time.monotonic()
            self.bars.say(f"{title}: {done} of {total}")


def counted(title: str, items: Iterable[T], total: int) -> Iterator[T]:
    """Pass items through, with a bar on a terminal."""
    with Bars(transient=True) as bars:
        for done, item in enumerate(items):
            bars.show(title, done, total)
            yield item


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
