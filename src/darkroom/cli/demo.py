"""`darkroom demo`."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from darkroom.cli.parse import parse
from darkroom.recipes.ranges import THREADS


@dataclass
class Demo:
    """Train DnCNN on photographs that come with the installation, evaluate it on others, and write the report.

    Example: darkroom demo --open
    """

    out: Path = Path("runs")
    """Folder that holds the runs."""
    fresh: bool = False
    """Start over, even if it was trained before."""
    threads: Annotated[int | None, THREADS] = None
    """CPU threads; by default as many as are free."""
    open_: Annotated[bool, tyro.conf.arg(name="open")] = False
    """Open the report in the browser."""


def command(arguments: list[str]) -> None:
    """Train a denoiser on embedded photographs, and write the report."""
    given = parse(Demo, arguments, "demo")
    from darkroom.cli import report, train

    threads = [] if given.threads is None else ["--threads", str(given.threads)]
    train.command(["dncnn", "laptop", "--out", str(given.out), *(["--fresh"] if given.fresh else []), *threads])
    folder = given.out / "dncnn" / "laptop"
    report.command([str(folder), *(["--open"] if given.open_ else [])])
    out = "" if given.out == Path("runs") else f" --out {shlex.quote(str(given.out))}"
    photo = shlex.quote(str(given.out / "dncnn" / "laptop_photo"))
    print(
        f"these weights are for noise of sigma 25; for photographs, train those for unknown noise: darkroom train dncnn laptop_photo{out}"
    )
    print(f"then denoise an image of yours: darkroom apply IMAGE -o clean.png --weights {photo}")
