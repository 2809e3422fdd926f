"""A tab of the page in the browser: draw samples of a trained generator."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import torch

from darkroom.apps import stop_button
from darkroom.apps.restoration import Jobs, Stopped
from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import Progress
from darkroom.core.generative import Samples
from darkroom.core.images import ImageFile, write
from darkroom.evaluations.grid import grid

MOST = 64
"""Samples of one job."""

LEAST_SIDE = 128
"""Smaller samples are shown larger, every pixel as a square."""


@dataclass(frozen=True)
class Sampler:
    """A generator.

    Args:
        samplers: names of the ways to draw samples; the first one is the usual one.
        draw: draws samples: their number, the sampler's name, its steps (0 for the usual number), seed, progress.
    """

    samplers: Sequence[str]
    draw: Callable[[int, str, int, int, Progress], Samples]


def tab(generators: Mapping[str, Callable[[], Sampler]], jobs: Jobs) -> None:
    """The tab, for at least one generator; each is loaded when it is chosen, the first one now.

    Args:
        generators: what loads a generator, by its title.
        jobs: where samples are kept.

    Raises:
        DarkroomError: the first one cannot be read.
    """
    first = next(iter(generators))
    names = generators[first]().samplers
    with gr.Tab("Sample"), gr.Row():
        with gr.Column(scale=1, min_width=280):
            choice = gr.Dropdown(list(generators), value=first, label="Generator", elem_id="sample-choice")
            count = gr.Slider(1, MOST, 16, step=1, label="Samples", elem_id="sample-count")
            way = gr.Dropdown(list(names), value=names[0], label="Sampler", elem_id="sample-way", visible=len(names) > 1)
            steps = gr.Slider(0, 1000, 0, step=1, label="Steps", info="0 takes the sampler's usual number")
            seed = gr.Number(0, label="Seed", info="The same seed draws the same samples", precision=0, minimum=0)
            with gr.Row():
                start = gr.Button("Draw", variant="primary", elem_id="sample-start")
                stop = gr.Button("Stop", elem_id="sample-stop")
            status = gr.Markdown("", elem_id="sample-status")
        with gr.Column(scale=2, min_width=320):
            shown, files = _results()

    def chosen(title: str) -> tuple[Any, str]:
        try:
            found = generators[title]().samplers
        except DarkroomError as error:
            return gr.update(), f"Not done: {error}."
        return gr.update(choices=list(found), value=found[0], visible=len(found) > 1), ""

    def run(
        title: str,
        count: int,
        way: str,
        steps: int,
        seed: float | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008, gradio recognises it by its default
    ) -> tuple[Any, Any, str]:
        asked = min(int(count), MOST), way, int(steps), int(seed or 0)
        return _run(jobs, str(request.session_hash), generators[title], asked, progress)

    choice.change(chosen, choice, [way, status], show_progress="hidden", api_visibility="private")
    outputs = [shown, files, status]
    start.click(run, [choice, count, way, steps, seed], outputs, api_visibility="private", show_progress_on=status)
    stop_button.connect(stop, jobs)


def _results() -> tuple[gr.Image, gr.File]:
    """Where samples are shown, and their files."""
    buttons: Any = ["download", "fullscreen"]
    shown = gr.Image(label="Samples", interactive=False, type="filepath", buttons=buttons, elem_id="sample-grid")
    files = gr.File(label="Files", interactive=False, visible=False, file_count="multiple", elem_id="sample-files", height=240)
    return shown, files


def _run(
    jobs: Jobs, visitor: str, load: Callable[[], Sampler], asked: tuple[int, str, int, int], progress: Any
) -> tuple[Any, Any, str]:
    """The values of the tab's outputs: a grid, files, and a line."""
    folder = jobs.begin(visitor)

    def step(done: int, total: int) -> None:
        jobs.check(visitor)
        progress((done, total), desc=f"{done} of {total} samples")

    try:
        found = load().draw(*asked, step)
        paths = write_all(found, folder)
    except Stopped:
        return None, gr.update(), "Stopped."
    except DarkroomError as error:
        return None, gr.update(), f"Not done: {error}."
    finally:
        jobs.end(visitor)
    side = "x".join(map(str, found.shape[:1:-1]))
    return (
        str(paths[0]),
        gr.update(value=[str(path) for path in paths], visible=True),
        f"{len(found)} samples of {side} pixels.",
    )


def write_all(samples: Samples, folder: Path) -> list[Path]:
    """Write a grid of all samples, enlarged to be seen, and a PNG file for each; the files, the grid first."""
    zoom = max(1, -(-LEAST_SIDE // max(samples.shape[2:])))
    enlarged = torch.nn.functional.interpolate(samples, scale_factor=zoom, mode="nearest") if zoom > 1 else samples
    side_by_side = max(1, round(len(samples) ** 0.5))
    images = {"grid": grid(list(enlarged), side_by_side), **{f"{number:02}": image for number, image in enumerate(samples)}}
    paths = []
    for name, image in images.items():
        paths.append(folder / f"{name}.png")
        write(paths[-1], ImageFile(image.contiguous()))
    return paths
