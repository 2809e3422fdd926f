"""Several visitors at once: each gets the result of its own image, and one image is restored at a time, so memory is bounded."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from PIL import Image

from darkroom.apps.restoration import Jobs
from darkroom.core.network import RestorationNetwork
from darkroom.engine.restorer import Restorer

pytest.importorskip("gradio")

from tests.apps.visitors import restored

VISITORS = 6


class Watch:
    """How many calls there are at once, counted in all copies of a network together."""

    def __init__(self) -> None:
        self.busy, self.most, self.calls, self.lock = 0, 0, 0, threading.Lock()

    def __deepcopy__(self, memo: dict) -> "Watch":
        return self

    def __enter__(self) -> None:
        with self.lock:
            self.busy, self.calls = self.busy + 1, self.calls + 1
            self.most = max(self.most, self.busy)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.busy -= 1


class Kept(RestorationNetwork):
    """The identity; slow enough that calls would meet."""

    channels, halo = 3, 0

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        with self.watch:
            threading.Event().wait(0.05)
        return image


def test_visitors_wait_for_each_other_and_get_their_own_image(tmp_path: Path):
    from darkroom.apps import app

    photos = []
    for number in range(VISITORS):
        photos.append(tmp_path / f"photo{number}.png")
        Image.new("RGB", (24, 24), (40 * number, 0, 0)).save(photos[-1])
    watch, jobs = Watch(), Jobs()
    choice = app.Choice("Keep", "Keeps the image.", lambda strength: Restorer(Kept(watch), precision="32"))
    page = app.build({"Restore": [choice]}, jobs)
    try:
        address = app.launch(page, "127.0.0.1", 17863)
        with ThreadPoolExecutor(VISITORS) as visitors:
            said = list(visitors.map(lambda photo: restored(address, photo, "Keep"), photos))
        assert all("1 of 1 images restored." in words for words in said)
        assert all(f"photo{number}" in words for number, words in enumerate(said))
        assert watch.most == 1 and watch.calls >= VISITORS
        kept = sorted(Image.open(file).getpixel((5, 5))[0] for file in jobs.folder.rglob("restored/*.png"))
        assert kept == [40 * number for number in range(VISITORS)]
    finally:
        page.close()
        jobs.close()
