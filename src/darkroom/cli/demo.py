"""`darkroom demo`."""

from pathlib import Path
from typing import Annotated

import tyro

from darkroom.cli import report, train
from darkroom.cli.parse import parse


def command(arguments: list[str]) -> None:
    """Train a denoiser on embedded photographs, and report on it."""

    def show(out: Path = Path("runs"), fresh: bool = False, open_: Annotated[bool, tyro.conf.arg(name="open")] = False) -> None:
        """Train DnCNN on photographs that come with the installation, evaluation it on others, write the report.

        Example: darkroom demo --open

        Args:
            out: Folder that holds the runs.
            fresh: Train anew even if it was trained before.
            open_: Open the report in the browser.
        """
        train.command(["dncnn", "laptop", "--out", str(out), *(["--fresh"] if fresh else [])])
        folder = out / "dncnn" / "laptop"
        report.command([str(folder), *(["--open"] if open_ else [])])
        print(f"denoise an image of yours: darkroom apply PICTURE -o clean.png --weights {folder}")

    parse(show, arguments, "demo")
