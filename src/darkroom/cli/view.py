"""`darkroom view`."""

import time
from pathlib import Path
from typing import Annotated

import tyro

from darkroom.cli.device import Accelerator, chosen
from darkroom.cli.parse import parse
from darkroom.core.errors import DarkroomError
from darkroom.engine.train import device_name


def command(arguments: list[str]) -> None:
    """Walk around in a learned scene, in the browser."""

    def view(
        run: Annotated[Path, tyro.conf.Positional],
        port: int = 8080,
        host: str = "127.0.0.1",
        size: int = 0,
        accelerator: Accelerator = "auto",
    ) -> None:
        """Walk around in a learned scene, in the browser; also while training goes on, from its latest checkpoint.

        Example: darkroom view runs/dvgo/laptop

        Args:
            run: A run's folder, or a weights file.
            port: Where the page is served: http://localhost:PORT.
            host: Address to listen on; 0.0.0.0 lets other machines look too.
            size: Greatest width of the rendering in pixels; by default as fast as it stays fluent.
            accelerator: What to compute on.
        """
        try:
            from darkroom.apps.viewer import Viewer
        except ImportError as error:
            raise DarkroomError("the viewer needs viser: pip install 'darkroom[view]'") from error
        device = chosen(accelerator)
        viewer = Viewer(run, device, host=host, port=port, greatest=size)
        print(
            f"http://{'localhost' if host == '127.0.0.1' else host}:{viewer.port} shows {run} on {device_name(device)}; Ctrl-C ends it"
        )
        try:
            while True:
                viewer.refresh()
                time.sleep(2)
        finally:
            viewer.close()

    parse(view, arguments, "view")
