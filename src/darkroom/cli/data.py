"""`darkroom data`."""

import sys
from collections.abc import Callable
from typing import Annotated

import tyro
from rich import box
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from darkroom.cli.parse import parse
from darkroom.core.errors import DarkroomError
from darkroom.core.paths import data_root
from darkroom.data import download
from darkroom.data.catalogue import CATALOGUE, Entry, entry


def command(arguments: list[str]) -> None:
    """Datasets: list, get, check."""

    def show() -> None:
        """Show what can be downloaded, and what is there.

        Example: darkroom data list
        """
        Console().print(datasets())

    def get(name: Annotated[str, tyro.conf.Positional]) -> None:
        """Download a dataset, verify it and unpack it below the data root ($DARKROOM_DATA).

        Example: darkroom data get bsds500

        Args:
            name: A name from `darkroom data list`.
        """
        wanted = entry(name)
        print(f"{wanted.title}: {_size(wanted)} from {wanted.address}\nlicence: {wanted.licence}\ncite: {wanted.citation}")
        with _DownloadBar(wanted.title) as bar:
            print(f"in {download.get(wanted, progress=bar, say=print)}")

    def check(name: Annotated[str, tyro.conf.Positional]) -> None:
        """Count a dataset's pictures and decode every one of them.

        Example: darkroom data check bsds500

        Args:
            name: A name from `darkroom data list`.
        """
        wanted = entry(name)
        count = wanted.check()
        print(f"{wanted.title}: complete, {count} readable pictures in {wanted.place()}")

    commands: dict[str, Callable[..., None]] = {"list": show, "get": get, "check": check}
    if not arguments or arguments[0] not in commands:
        usage = "usage: darkroom data {list, get NAME, check NAME}\n\nExample: darkroom data get bsds500"
        if arguments and arguments[0] in ("-h", "--help"):
            print(usage)
            return
        raise DarkroomError(f"darkroom data needs one of {', '.join(commands)}; given {' '.join(arguments) or 'nothing'}")
    parse(commands[arguments[0]], arguments[1:], f"data {arguments[0]}")


def datasets() -> Table:
    """What can be downloaded, and what is there."""
    table = Table(
        "name", "what", "size", "licence", "here", title=f"below {data_root()}", title_justify="left", box=box.SIMPLE_HEAD
    )
    table.add_row("embedded", "photographs of scikit-image and scikit-learn", "", "free", "yes")
    for found in CATALOGUE.values():
        here = "yes" if found.place().is_dir() else "no"
        table.add_row(found.name, found.citation, _size(found), found.licence, here)
    return table


def _size(found: Entry) -> str:
    if found.megabytes is None or found.minutes is None:
        return "size not known"
    return f"{found.megabytes} MB, {found.minutes:.1f} min at 20 Mbit/s"


class _DownloadBar:
    """A rich bar that speaks as pooch asks."""

    def __init__(self, title: str) -> None:
        console = Console(stderr=True)
        self.bar = Progress(
            TextColumn(title),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task(title, total=None)
        self.total = 0

    def __enter__(self) -> "_DownloadBar":
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def update(self, amount: int) -> None:
        self.bar.update(self.task, advance=amount, total=self.total or None)

    def reset(self) -> None:
        self.bar.reset(self.task)

    def close(self) -> None:
        sys.stderr.flush()
