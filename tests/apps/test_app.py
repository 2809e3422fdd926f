"""The page in the browser: jobs without it, and the page in a headless Chromium with a photograph and a broken file."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from darkroom.apps import restoration
from darkroom.apps.restoration import Jobs, Shown, Stopped, restore
from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.engine.restorer import Restorer
from tests.apps.browser import CHROMIUM, opened
from tests.tiny import write_photos

pytest.importorskip("gradio")


class Negative(RestorationNetwork):
    channels, halo = 3, 0

    def __init__(self, scale: int = 1) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return 1 - torch.nn.functional.interpolate(image, scale_factor=self.scale)


def negative(scale: int = 1) -> Restorer:
    return Restorer(Negative(scale), precision="32")


@pytest.fixture
def jobs():
    made = Jobs()
    yield made
    made.close()
    assert not made.folder.exists()


def test_a_broken_file_does_not_stop_the_others_and_names_no_path_of_the_server(tmp_path: Path, jobs: Jobs):
    photos = sorted(write_photos(tmp_path / "photos").iterdir())[:2]
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    found = list(restore([photos[0], tmp_path / "broken.jpg", photos[1]], negative(), jobs.begin("a")))
    assert [type(result) for result in found] == [Shown, DarkroomError, Shown]
    assert str(found[1]).startswith("broken.jpg: ") and str(tmp_path) not in str(found[1])
    before, after = (Image.open(path).convert("RGB").getpixel((5, 5)) for path in (found[0].before, found[0].after))
    assert all(abs(x + y - 255) <= 1 for x, y in zip(before, after, strict=True))


def test_before_and_after_are_of_one_size_and_not_larger_than_a_screen(tmp_path: Path, jobs: Jobs, monkeypatch):
    monkeypatch.setattr(restoration, "PREVIEW_SIDE", 40)
    Image.new("RGB", (50, 30), (10, 20, 30)).save(tmp_path / "photo.png")
    (shown,) = restore([tmp_path / "photo.png"], negative(2), jobs.begin("a"))
    assert Image.open(shown.before).size == Image.open(shown.after).size == (40, 24)
    assert Image.open(shown.file).size == (100, 60)


def test_files_of_one_name_and_jobs_of_several_visitors_are_kept_apart(tmp_path: Path, jobs: Jobs):
    sources = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        sources.append(tmp_path / str(number) / "photo.png")
        Image.new("RGB", (16, 16), (100 * number, 0, 0)).save(sources[-1])
    found = [*restore(sources, negative(), jobs.begin("a")), *restore(sources[:1], negative(), jobs.begin("b"))]
    assert len({shown.file for shown in found}) == 3
    assert [Image.open(shown.file).getpixel((0, 0))[0] for shown in found] == [255, 155, 255]


def test_a_job_stops_at_the_next_tile_and_others_go_on(tmp_path: Path, jobs: Jobs):
    photo = write_photos(tmp_path / "photos") / "p0.png"
    folder = jobs.begin("a")
    jobs.begin("b")
    jobs.stop("a")
    with pytest.raises(Stopped):
        list(restore([photo], negative(), folder, lambda done, total: jobs.check("a")))
    jobs.check("b")


@pytest.mark.parametrize(("count", "message"), [(0, "choose an image first"), (21, "21 images; at most 20")])
def test_no_image_and_too_many_are_one_line(tmp_path: Path, jobs: Jobs, count, message):
    with pytest.raises(DarkroomError, match=message):
        list(restore([tmp_path / "a.png"] * count, negative(), jobs.begin("a")))


@pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium")
def test_the_page_restores_a_photograph_and_names_a_broken_file(tmp_path: Path, jobs: Jobs):
    from darkroom.apps import app

    photo = write_photos(tmp_path / "photos") / "p0.png"
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    choice = app.Choice("Negative", "Inverts the colours.", lambda strength: negative(), strength=True)
    page = app.build({"Restore": [choice], "Your runs": []}, jobs)
    try:
        address = app.launch(page, "127.0.0.1", 17861)
        with opened(address) as browser:
            browser.wait("!!document.querySelector('#restore-start')")
            browser.choose_files("#restore-files input[type=file]", photo, tmp_path / "broken.jpg")
            browser.wait("document.querySelector('#restore-files').innerText.includes('broken')")
            browser.run("document.querySelector('#restore-start').click()")
            browser.wait("document.querySelector('#restore-status').innerText.includes('images restored')")
            status = browser.run("document.querySelector('#restore-status').innerText")
            assert "broken.jpg: the file cannot be read" in status and "1 of 2 images restored" in status
            browser.wait("document.querySelectorAll('#restore-slider img').length == 2")
            loaded = browser.run("performance.getEntriesByType('resource').map(entry => new URL(entry.name).host)")
            assert {host for host in loaded if host} == {"127.0.0.1:17861"}
            assert browser.run("[...document.querySelectorAll('button')].filter(b => !b.innerText && !b.ariaLabel).length") == 0
    finally:
        page.close()
