"""Photographs the pages in a headless Chromium: the app, the report and the site, in light and dark; pages_light.jpg and pages_dark.jpg.

    make docs && darkroom report RUN -o report.html && python docs/figures/draw_pages.py report.html

The report is any file that `darkroom report` wrote, the site that of `make docs`.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from darkroom.apps import app
from darkroom.cli import app as command
from darkroom.core import images
from darkroom.core.images import ImageFile, to_float
from darkroom.data.embedded import embedded
from darkroom.operators.jpeg import compress

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tests.apps.browser import Page, opened  # noqa: E402

WIDTH, HEIGHT = 900, 1000


def restored(page: Page, photo: Path) -> None:
    """Drop an image onto the app, and wait for its result."""
    page.wait("!!document.querySelector('#restore-start')")
    page.choose_files("#restore-files input[type=file]", photo)
    page.wait(f"document.querySelector('#restore-files').innerText.includes('{photo.stem}')")
    page.run("document.querySelector('#restore-start').click()")
    page.wait("document.querySelector('#restore-status').innerText.includes('restored')")


def photographed(address: str, *, dark: bool, photo: Path | None = None) -> Image.Image:
    """A page as it looks, after a photograph is restored on it."""
    with opened(address, width=WIDTH, height=HEIGHT, dark=dark) as page:
        page.wait("document.readyState == 'complete'")
        if photo is not None:
            restored(page, photo)
        page.send("Runtime.evaluate", expression="new Promise(done => setTimeout(done, 1500))", awaitPromise=True)
        with tempfile.TemporaryDirectory() as folder:
            page.screenshot(file := Path(folder, "page.png"))
            return Image.open(file).convert("RGB")


def main() -> None:
    report, site = Path(sys.argv[1]).resolve(), ROOT / "site" / "index.html"
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "photo.png")
        compressed = compress(to_float(embedded("heldout")[1][:, :320, :480]), 12)
        images.write(photo, ImageFile(compressed))
        jobs = app.Jobs()
        page = app.build({"Restore": command._of_the_package(256)}, jobs, [])
        address = app.launch(page, "127.0.0.1", 17_877)
        try:
            for name, dark in (("light", False), ("dark", True)):
                shots = [photographed(address, dark=dark, photo=photo)]
                shots += [photographed(file.as_uri(), dark=dark) for file in (report, site)]
                joined = Image.new("RGB", (len(shots) * WIDTH, HEIGHT))
                for number, shot in enumerate(shots):
                    joined.paste(shot, (number * WIDTH, 0))
                joined.resize((1620, 600)).save(Path(__file__).with_name(f"pages_{name}.jpg"), quality=85)
        finally:
            page.close()
            jobs.close()


if __name__ == "__main__":
    main()
