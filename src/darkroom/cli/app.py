"""`darkroom app`."""

import importlib.util
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from darkroom.cli.parse import parse
from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.apps.addresses import PORT, check_local
from darkroom.recipes.ranges import MEMORY


@dataclass
class App:
    """Restore images in the browser: drop them on a page, compare before and after, download the results.

    The page is served to this computer only, unless --host says otherwise, and loads nothing from the network.

    Example: darkroom app
    """

    runs: Annotated[Path, tyro.conf.Positional] = Path("runs")
    """Folder of runs whose networks are offered too."""
    port: Annotated[int, PORT] = 7860
    """The page is served at http://localhost:PORT."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for access from other machines."""
    memory: Annotated[int, MEMORY] = 512
    """MiB that a network's activations may take; larger images are restored in tiles."""
    open_: Annotated[bool, tyro.conf.arg(name="open")] = False
    """Open the page in the browser."""


def command(arguments: list[str]) -> None:
    """Restore images in the browser."""
    given = parse(App, arguments, "app")
    if not importlib.util.find_spec("gradio"):
        raise DarkroomError(f"the page in the browser needs gradio: {install('app')}")
    check_local(given.host)
    from darkroom.apps import app

    jobs = app.Jobs()
    page = app.build(app.choices(given.runs, given.memory), jobs)
    try:
        print(f"{app.launch(page, given.host, given.port, open_browser=given.open_)}; stop with Ctrl-C")
        while True:
            time.sleep(3600)
    finally:
        page.close()
        jobs.close()
