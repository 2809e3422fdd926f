"""What training looks like on a screen, and in a log file."""

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from darkroom.engine.fit import Record
from darkroom.engine.run import Run

T = TypeVar("T")

LINE_EVERY = 15.0
"""Seconds between lines where there is no terminal."""


class TrainingProgress:
    """A bar with losses, images a second and time left on a terminal; a line now and then elsewhere.

    Args:
        run: what is trained.
        title: what to call it.
    """

    def __init__(self, run: Run, title: str) -> None:
        self.run, self.title = run, title
        self.console = Console(stderr=True)
        about = run.stream.describe()
        self.count, self.unit = about["samples a step"], about.get("unit", "images")
        self.begun, self.first, self.said = time.monotonic(), -1, 0.0
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[news]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task(title, total=run.steps, news="")

    def __enter__(self) -> "TrainingProgress":
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bar.stop()

    def record(self, record: Record) -> None:
        """Show a step."""
        now = time.monotonic()
        if self.first < 0:
            self.begun, self.first = now, record.step
        speed = (record.step - self.first) / max(now - self.begun, 1e-9)
        losses = " ".join(f"{network} {loss:.4g}" for network, loss in record.losses.items())
        news = f"loss {losses} · {speed * self.count:.0f} {self.unit}/s"
        self.bar.update(self.task, completed=record.step, news=news)
        if not self.console.is_terminal and (now - self.said >= LINE_EVERY or record.step == self.run.steps):
            self.said = now
            left = f" · {clock((self.run.steps - record.step) / speed)} left" if speed else ""
            self.say(f"{self.title} step {record.step} of {self.run.steps} · {news}{left}")

    def validated(self, step: int, scores: dict[str, float]) -> None:
        """Show validation scores."""
        self.say(f"step {step}: validation " + ", ".join(f"{name} {value:.4g}" for name, value in scores.items()))

    def say(self, line: str) -> None:
        """Show a line."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)


class Silence:
    """For the processes that have nothing to say."""

    def __enter__(self) -> "Silence":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def record(self, record: Record) -> None:
        pass

    def validated(self, step: int, scores: dict[str, float]) -> None:
        pass

    def say(self, line: str) -> None:
        pass


def counted(title: str, items: Iterable[T], total: int) -> Iterator[T]:
    """Pass items through, with a bar on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield from bar.track(items, total=total, description=title)


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
