"""A tab of the page in the browser: paint a label map, or give an image, and a trained network translates it."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.data.palettes import Palette

SIDE = 512
"""The longer side of the canvas, about, in pixels."""


@dataclass(frozen=True)
class Painter:
    """A network that translates what is painted.

    Args:
        palette: the colour of each label; empty for a network that takes images.
        classes: the name of each label, where they are known.
        size: height and width that the network was trained on.
        translate: makes an image of a label map in the palette's colours, or of an image, of any size.
    """

    palette: Palette
    classes: Sequence[str]
    size: tuple[int, int]
    translate: Callable[[Image.Image], Image.Image]


def tab(painters: Mapping[str, Callable[[], Painter]]) -> None:
    """The tab, for at least one network; each is loaded when it is chosen, the first one now.

    Args:
        painters: what loads a network, by its title.

    Raises:
        DarkroomError: the first one cannot be read.
    """
    first = next(iter(painters))
    shown = painters[first]()
    with gr.Tab("Paint"), gr.Row():
        with gr.Column(scale=1, min_width=320):
            choice = gr.Dropdown(list(painters), value=first, label="Network", elem_id="paint-choice")
            legend = gr.HTML(_legend(shown), elem_id="paint-legend")
            editor = gr.ImageEditor(
                type="pil",
                format="png",
                image_mode="RGB",
                sources=["upload"],
                transforms=None,
                layers=False,
                fixed_canvas=True,
                elem_id="paint-editor",
                **_canvas(shown),
            )
            start = gr.Button("Translate", variant="primary", elem_id="paint-start")
            status = gr.Markdown("", elem_id="paint-status")
        with gr.Column(scale=1, min_width=320):
            result = gr.Image(
                label="Result", interactive=False, format="png", buttons=["download", "fullscreen"], elem_id="paint-result"
            )

    def chosen(title: str) -> tuple[Any, Any, Any, str]:
        try:
            painter = painters[title]()
        except DarkroomError as error:
            return gr.update(), gr.update(), None, f"Not done: {error}."
        return _legend(painter), gr.update(**_canvas(painter)), None, ""

    def translated(title: str, drawn: dict[str, Any] | None) -> tuple[Any, str]:
        if not drawn or drawn.get("composite") is None:
            return None, "Not done: paint something, or choose an image, first."
        try:
            painter = painters[title]()
            return painter.translate(as_painted(drawn["composite"].convert("RGB"), painter.palette)), ""
        except DarkroomError as error:
            return None, f"Not done: {error}."

    choice.change(chosen, choice, [legend, editor, result, status], show_progress="hidden", api_visibility="private")
    start.click(translated, [choice, editor], [result, status], api_visibility="private", show_progress_on=result)


def as_painted(image: Image.Image, palette: Palette) -> Image.Image:
    """The image with every colour replaced by the nearest one of the palette: a brush blends colours at its edges.

    Example:
        >>> as_painted(Image.new("RGB", (1, 1), (250, 9, 0)), [(0, 0, 0), (255, 0, 0)]).getpixel((0, 0))
        (255, 0, 0)
    """
    if not palette:
        return image
    colours, place = np.unique(np.asarray(image).reshape(-1, 3), axis=0, return_inverse=True)
    known, nearest = np.array(palette, int), np.empty_like(colours)
    for begin in range(0, len(colours), 4096):
        some = colours[begin : begin + 4096].astype(int)
        nearest[begin : begin + 4096] = known[((some[:, None] - known[None]) ** 2).sum(2).argmin(1)]
    return Image.fromarray(nearest[place.reshape(image.height, image.width)].astype(np.uint8))


def _canvas(painter: Painter) -> dict[str, Any]:
    """What the editor needs to know: an empty canvas of the network's shape, and a brush for each label."""
    height, width = painter.size
    zoom = max(1, round(SIDE / max(height, width)))
    size = (width * zoom, height * zoom)
    if not painter.palette:
        return dict(value=None, brush=False, canvas_size=size, label="Image")
    colours = [_hexadecimal(colour) for colour in painter.palette]
    brush = gr.Brush(default_size=max(4, max(size) // 16), colors=list(colours), default_color=colours[-1], color_mode="fixed")
    empty = Image.new("RGB", size, tuple(painter.palette[0]))
    return dict(value=empty, brush=brush, canvas_size=size, label="Label map")


def _legend(painter: Painter) -> str:
    """The name of each colour."""
    if not painter.palette:
        return "This network takes images."
    names = [*painter.classes, *(f"label {number}" for number in range(len(painter.classes), len(painter.palette)))]
    swatch = (
        '<span aria-hidden="true" style="background:{};display:inline-block;width:1em;height:1em;border-radius:3px"></span>'
    )
    items = [
        f'<li style="display:flex;gap:.4em;align-items:center">{swatch.format(_hexadecimal(colour))} {html.escape(name)}</li>'
        for name, colour in zip(names, painter.palette, strict=False)
    ]
    style = "display:flex;flex-wrap:wrap;gap:.2em 1em;list-style:none;padding:0;margin:0"
    return f'<ul aria-label="Colours of the label map" style="{style}">{"".join(items)}</ul>'


def _hexadecimal(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
