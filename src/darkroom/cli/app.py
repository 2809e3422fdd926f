"""`darkroom app`."""

import importlib.util
import time
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from darkroom.apps.addresses import PORT, check_local
from darkroom.cli.parse import parse
from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.recipes.ranges import MEMORY

if TYPE_CHECKING:
    from darkroom.apps.app import Choice
    from darkroom.engine.restore_files import ImageRestorer


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
    page = app.build({"Restore": _of_the_package(given.memory), "Your runs": _of_runs(given.runs, given.memory)}, jobs)
    try:
        print(f"{app.launch(page, given.host, given.port, open_browser=given.open_)}; stop with Ctrl-C", flush=True)
        while True:
            time.sleep(3600)
    finally:
        page.close()
        jobs.close()


def _of_the_package(memory: int) -> "list[Choice]":
    """The networks that are part of the package; the first fits the network to the image."""
    from darkroom.apps.app import Choice
    from darkroom.recipes import shipped

    made = partial(_restorer, memory)
    automatic = Choice(
        "Restore", "Removes noise or the artefacts of JPEG, whichever the image has.", partial(made, shipped.AUTO), True
    )
    return [
        automatic,
        *(
            Choice(
                _title(network.name),
                f"{network.purpose[0].upper()}{network.purpose[1:]}.",
                partial(made, network.name),
                strength=not network.name.startswith("enlarge"),
            )
            for network in shipped.NETWORKS.values()
        ),
    ]


def _of_runs(folder: Path, memory: int) -> "list[Choice]":
    """The restoration networks of a folder of runs; runs that cannot be read are left out."""
    from darkroom.apps.app import Choice
    from darkroom.recipes import trained

    found = []
    for weights in sorted(folder.glob("*/*/checkpoints/final.safetensors")):
        try:
            if trained.kind_of(weights) != "restoration":
                continue
        except DarkroomError:
            continue
        run = weights.parents[1]
        title = f"{run.parent.name}/{run.name}"
        found.append(Choice(title, f"The network of {run}.", partial(_restorer, memory, str(run)), True))
    return found


def _title(name: str) -> str:
    """A network's name as words: "Enlarge ×2" for "enlarge_2"."""
    task, _, scale = name.partition("_")
    return f"{task.capitalize()} ×{scale}" if scale else {"jpeg": "Remove JPEG artefacts"}.get(name, task.capitalize())


@lru_cache(maxsize=4)
def _restorer(memory: int, weights: str, strength: float) -> "ImageRestorer":
    """A restorer, made once for the latest weights and strengths."""
    from darkroom.workflows.restore import make_restorer

    return make_restorer(weights, strength=strength, memory=memory)
