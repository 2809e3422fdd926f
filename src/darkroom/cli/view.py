"""`darkroom view`."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from darkroom.apps.addresses import PORT
from darkroom.cli.parse import parse
from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.recipes.paths import weights_path
from darkroom.recipes.ranges import AT_LEAST_0
from darkroom.workflows.options import Accelerator


@dataclass
class View:
    """Look at a learned scene in the browser, also during training: the latest checkpoint is shown.

    Example: darkroom view runs/dvgo/laptop
    """

    run: Annotated[Path, tyro.conf.Positional]
    """A run's folder, RECIPE/ROW for one below runs/, or a weights file."""
    recipe: str | None = None
    """The recipe's file, for a recipe outside the package."""
    port: Annotated[int, PORT] = 8080
    """The page is served at http://localhost:PORT."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for access from other machines."""
    max_width: Annotated[int, AT_LEAST_0] = 0
    """Maximum width of the rendering in pixels; by default as wide as can be rendered smoothly."""
    accelerator: Accelerator = "auto"
    """Device to compute on."""


def command(arguments: list[str]) -> None:
    """Look at a scene in the browser."""
    given = parse(View, arguments, "view")
    run = weights_path(str(given.run))
    try:
        from darkroom.apps.viewer import Viewer
    except ImportError as error:
        raise DarkroomError(f"the viewer needs viser: {install('view')}") from error
    from darkroom.engine.devices import choose_device, device_name

    device = choose_device(given.accelerator)
    viewer = Viewer(run, device, host=given.host, port=given.port, max_width=given.max_width, recipe=given.recipe)
    host = "localhost" if given.host == "127.0.0.1" else given.host
    print(f"http://{host}:{viewer.port} shows {run} on {device_name(device)}; stop with Ctrl-C")
    try:
        while True:
            viewer.refresh()
            time.sleep(2)
    finally:
        viewer.close()
