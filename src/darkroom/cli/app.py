"""`darkroom app`."""

import importlib.util
import time
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import tyro

from darkroom.apps.addresses import PORT, check_local
from darkroom.cli.parse import parse
from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.recipes.ranges import MEMORY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from darkroom.apps.app import Choice
    from darkroom.apps.painting import Painter
    from darkroom.apps.restoration import Jobs
    from darkroom.apps.sampling import Sampler
    from darkroom.core.evaluation import Progress
    from darkroom.core.generative import Samples
    from darkroom.engine.restore_files import ImageRestorer

T = TypeVar("T")

TRANSLATION = "image translation"
"""The task of recipes whose networks translate label maps or images."""


@dataclass
class App:
    """Restore images in the browser: drop them on a page, compare before and after, download the results.

    Where there are runs for it, a further tab translates label maps that are painted there, and another one draws samples.

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
    groups = {"Restore": _of_the_package(given.memory), "Your runs": _of_runs(given.runs, given.memory)}
    page = app.build(groups, jobs, [*_paint_tab(given.runs), *_sample_tab(given.runs)])
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
    """The restoration networks of a folder of runs."""
    from darkroom.apps.app import Choice

    return [
        Choice(title, f"The network of {run}.", partial(_restorer, memory, str(run)), True)
        for title, run in _finished(folder, "restoration").items()
    ]


def _paint_tab(folder: Path) -> "list[Callable[[Jobs], None]]":
    """The tab that translates what is painted, if there are runs for it."""
    from darkroom.apps import painting

    painters = {title: partial(_painter, str(run)) for title, run in _finished(folder, "generator", translates=True).items()}
    readable = _from_readable(painters)
    return [lambda jobs: painting.tab(readable)] if readable else []


def _sample_tab(folder: Path) -> "list[Callable[[Jobs], None]]":
    """The tab that draws samples, if there are runs for it."""
    from darkroom.apps import sampling

    generators = {title: partial(_generator, str(run)) for title, run in _finished(folder, "generator").items()}
    readable = _from_readable(generators)
    return [lambda jobs: sampling.tab(readable, jobs)] if readable else []


def _finished(folder: Path, kind: str, *, translates: bool = False) -> dict[str, Path]:
    """The runs of a folder whose weights are of a kind, by recipe and row; runs that cannot be read are left out.

    Args:
        folder: of runs.
        kind: see `core.weights`.
        translates: those that translate images, or those that do not.
    """
    from darkroom.engine.folder import RunFolder

    found = {}
    for weights in sorted(folder.glob("*/*/checkpoints/final.safetensors")):
        run = weights.parents[1]
        try:
            record = RunFolder(run).read()
        except DarkroomError:
            continue
        if record.kind == kind and (record.task == TRANSLATION) == translates:
            found[f"{run.parent.name}/{run.name}"] = run
    return found


def _from_readable(loaders: "Mapping[str, Callable[[], T]]") -> dict[str, "Callable[[], T]"]:
    """The loaders from the first one that succeeds: the page begins with that one."""
    titles = list(loaders)
    for number, title in enumerate(titles):
        try:
            loaders[title]()
        except DarkroomError as error:
            print(f"{title} is left out: {error}", flush=True)
        else:
            return {title: loaders[title] for title in titles[number:]}
    return {}


@lru_cache(maxsize=2)
def _painter(run: str) -> "Painter":
    """The network of a run that translates images, kept for the latest runs."""
    from darkroom.apps.painting import Painter
    from darkroom.workflows.translate import make_translator, translate

    translator = make_translator(run, resize=True)
    if translator.size is None:
        raise DarkroomError(f"{run} does not say how large its images are")
    return Painter(translator.palette, translator.classes, translator.size, lambda painted: translate(painted, translator))


@lru_cache(maxsize=2)
def _generator(run: str) -> "Sampler":
    """The generator of a run, kept for the latest runs."""
    from darkroom.apps.sampling import Sampler
    from darkroom.workflows.sample import load_generator, sample

    method = load_generator(run)

    def draw(count: int, sampler: str, steps: int, seed: int, progress: "Progress") -> "Samples":
        return sample(method, count, sampler=sampler, steps=steps, seed=seed, batch_size=16, progress=progress)

    return Sampler(method.samplers, draw)


def _title(name: str) -> str:
    """A network's name as words.

    Example:
        >>> [_title(name) for name in ("denoise", "jpeg", "enlarge_2", "enlarge_2_jpeg")]
        ['Denoise', 'Remove JPEG artefacts', 'Enlarge ×2', 'Enlarge ×2, JPEG photographs']
    """
    task, *more = name.split("_")
    if task == "jpeg":
        return "Remove JPEG artefacts"
    scale = "".join(f" ×{word}" for word in more if word.isdecimal())
    return f"{task.capitalize()}{scale}{', JPEG photographs' if 'jpeg' in more else ''}"


@lru_cache(maxsize=4)
def _restorer(memory: int, weights: str, strength: float) -> "ImageRestorer":
    """A restorer, made once for the latest weights and strengths."""
    from darkroom.workflows.restore import make_restorer

    return make_restorer(weights, strength=strength, memory=memory)
