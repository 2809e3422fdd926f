"""The tabs to paint and to sample, in a headless Chromium: what they show, what they say after a mistake, names for screen readers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("gradio")

from darkroom.apps import app, painting, sampling
from darkroom.apps.painting import Painter, as_painted
from darkroom.apps.restoration import Jobs
from darkroom.apps.sampling import Sampler
from darkroom.core.errors import DarkroomError
from tests.apps.browser import CHROMIUM, opened

PALETTE = [(0, 0, 200), (0, 200, 0)]


def test_blended_colours_become_the_nearest_of_the_palette():
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (40, 30, 3), dtype=np.uint8)
    distances = [((image.astype(int) - colour) ** 2).sum(2) for colour in PALETTE]
    expected = np.where((distances[0] <= distances[1])[..., None], PALETTE[0], PALETTE[1])
    assert (np.asarray(as_painted(Image.fromarray(image), PALETTE)) == expected).all()
    assert as_painted(Image.fromarray(image), ()).tobytes() == image.tobytes()


def draw(count: int, way: str, steps: int, seed: int, progress: Callable[[int, int], None]) -> torch.Tensor:
    if steps == 1:
        raise DarkroomError("too few steps")
    progress(count, count)
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def broken() -> Painter:
    raise DarkroomError("there are no weights")


@pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium")
def test_painting_and_sampling_in_the_browser(tmp_path: Path):
    seen: list[Image.Image] = []

    def translate(painted: Image.Image) -> Image.Image:
        seen.append(painted)
        return painted.resize((24, 16))

    jobs, painter = Jobs(), Painter(PALETTE, ["sea", "<land>"], (16, 24), translate)
    tabs = [
        lambda jobs: painting.tab({"a/b": lambda: painter, "c/d": broken}),
        lambda jobs: sampling.tab({"e/f": lambda: Sampler(["heun", "ddim"], draw)}, jobs),
    ]
    page = app.build({}, jobs, tabs)
    try:
        with opened(app.launch(page, "127.0.0.1", 17865), width=390, dark=True) as browser:
            browser.wait("!!document.querySelector('#paint-start') && !!document.querySelector('#paint-editor canvas')")
            assert "<land>" in browser.run("document.querySelector('#paint-legend').innerText")
            browser.wait("document.querySelector('#paint-start').click() || !!document.querySelector('#paint-result img')")
            assert seen[0].size == (504, 336) and seen[0].getpixel((9, 9)) == PALETTE[0]
            assert browser.run("document.documentElement.scrollWidth") <= 390
            browser.run("[...document.querySelectorAll('button[role=tab]')].find(b => b.innerText.trim() == 'Sample').click()")
            browser.wait("!!document.querySelector('#sample-start')?.offsetParent")
            browser.run("document.querySelector('#sample-start').click()")
            browser.wait("document.querySelector('#sample-status').innerText.includes('16 samples of 16x16 pixels')")
            browser.wait("!!document.querySelector('#sample-grid img')")
            unnamed = (
                "[...document.querySelectorAll('button')].filter(b => b.offsetParent && !b.innerText.trim() && !b.ariaLabel)"
            )
            browser.wait(f"{unnamed}.length == 0")
    finally:
        page.close()
        jobs.close()
