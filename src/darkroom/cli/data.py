"""`darkroom data`: the catalogue of datasets. Making data and finding poses are in `data_make` and `data_poses`."""

import sys
from typing import TYPE_CHECKING, Annotated

import tyro
from rich import box
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from darkroom.cli.parse import parse
from darkroom.cli.subcommands import choose
from darkroom.core.paths import data_root

if TYPE_CHECKING:
    from darkroom.data.catalogue import Entry


def command(arguments: list[str]) -> None:
    """Datasets: list, get, check, make; poses of photographs."""
    commands = {"list": _list, "get": _get, "check": _check, "make": _make, "poses": _poses}
    choose(commands, arguments, "data", "data get bsds500")


def _list(arguments: list[str]) -> None:
    """Show the datasets that can be downloaded, and which are present."""

    def show() -> None:
        """Show the datasets that can be downloaded, and which are present.

        Example: darkroom data list
        """
        Console(markup=False).print(datasets())

    parse(show, arguments, "data list")


def _get(arguments: list[str]) -> None:
    """Download a dataset."""

    def get(name: Annotated[str, tyro.conf.Positional]) -> None:
        """Download a dataset, verify it and unpack it below the data root ($DARKROOM_DATA).

        Example: darkroom data get bsds500

        Args:
            name: A name from `darkroom data list`.
        """
        from darkroom.data import download
        from darkroom.data.catalogue import entry

        found = entry(name)
        print(f"{found.title}: {_size(found)} from {found.url}\nlicence: {found.licence}\ncite: {found.citation}")
        with DownloadBar(found.title) as bar:
            print(f"in {download.get(found, progress=bar, log=print)}")

    parse(get, arguments, "data get")


def _check(arguments: list[str]) -> None:
    """Count and decode a dataset's images."""

    def check(name: Annotated[str, tyro.conf.Positional]) -> None:
        """Count a dataset's images and decode each of them.

        Example: darkroom data check bsds500

        Args:
            name: A name from `darkroom data list`.
        """
        from darkroom.data.catalogue import entry

        found = entry(name)
        count = found.check()
        print(f"{found.title}: complete, {count} readable images in {found.path()}")

    parse(check, arguments, "data check")


def _make(arguments: list[str]) -> None:
    """Make data: noisy pairs, a scene."""
    from darkroom.cli import data_make

    data_make.command(arguments)


def _poses(arguments: list[str]) -> None:
    """Estimate the camera poses of photographs (structure from motion by COLMAP)."""
    from darkroom.cli import data_poses

    data_poses.command(arguments)


def datasets() -> Table:
    """The datasets that can be downloaded, and which are present."""
    from darkroom.data.catalogue import CATALOGUE

    title = f"below {data_root()}"
    table = Table("name", "content", "size", "licence", "present", title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_row("embedded", "photographs that are part of Darkroom", "", "free", "yes")
    for found in CATALOGUE.values():
        present = "yes" if found.path().is_dir() else "no"
        table.add_row(found.name, found.citation, _size(found), found.licence, present)
    return table


def _size(found: "Entry") -> str:
    if found.megabytes is None or found.minutes is None:
        return "size not known"
    return f"{found.megabytes} MB, {found.minutes:.1f} min at 20 Mbit/s"


class DownloadBar:
    """A bar with the interface that pooch requires."""

    def __init__(self, title: str) -> None:
        console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task(title, total=None)
        self.total = 0

    def __enter__(self) -> "DownloadBar":
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def update(self, amount: int) -> None:
        """Show that so many more bytes have arrived."""
        self.bar.update(self.task, advance=amount, total=self.total or None)

    def reset(self) -> None:
        """Begin anew."""
        self.bar.reset(self.task)

    def close(self) -> None:
        """End."""
        sys.stderr.flush()
