import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from darkroom.report import ledger, page
from darkroom.report.collect import rows_below
from darkroom.report.table import comparisons_of
from tests.report.runs import change_record, denoising_run, evaluation, result, run_record, write_run


def written(path: Path, **arguments) -> str:
    rows, unreadable = rows_below([path])
    page.write(path / "report.html", rows, unreadable=unreadable, **arguments)
    return (path / "report.html").read_text()


def test_the_page_is_complete_and_refers_to_no_other_file(tmp_path: Path):
    denoising_run(tmp_path)
    text = written(tmp_path)
    addresses = re.findall(r"(?:src|href)=\"([^\"]{0,30})", text)
    assert addresses and all(address.startswith("data:") for address in addresses)
    assert "http://" not in text and "https://" not in text
    for words in (
        "DnCNN (Zhang et al. 2017): a residual denoiser.",
        "Trained on patches with Gaussian noise.",
        "reproduced within 0.1 dB",
        "556,032 parameters",
        "bsds432, 432 images",
        "a made-up device",
        "2.0 minutes",
        "68 images. Protocol: Gaussian noise of sigma 25.",
    ):
        assert words in text, words
    assert all("alt=" in image for image in re.findall(r"<img[^>]*>", text))


def test_settings_that_all_rows_changed_are_stated_once(tmp_path: Path):
    denoising_run(tmp_path, settings={"steps": 10})
    denoising_run(tmp_path, "s50", settings={"steps": 10, "batch_size": 3})
    assert "All rows with steps=10." in written(tmp_path)


def test_an_unfinished_run_is_reported_as_such(tmp_path: Path):
    denoising_run(tmp_path, finished=False)
    text = written(tmp_path)
    assert "training or evaluation has not finished" in text
    assert "not finished" in text and "not evaluated yet" in text


def test_an_unreadable_run_is_named_beside_the_others(tmp_path: Path):
    denoising_run(tmp_path)
    damaged = denoising_run(tmp_path, "s50")
    change_record(damaged, threads="two")
    (denoising_run(tmp_path, "s15") / "previews" / "bsd68--sigma-25" / "test001" / "ours.png").write_bytes(b"")
    text = written(tmp_path)
    assert f"Not in this report: {damaged / 'run.json'}" in text and "threads" in text
    assert "s15/previews/bsd68--sigma-25/test001/ours.png cannot be read" in text
    assert "reproduced within 0.1 dB" in text


def test_a_run_without_published_numbers_and_images(tmp_path: Path):
    write_run(tmp_path, run_record(published=[], description=""), [result("ours", "psnr", 29.0)])
    text = written(tmp_path)
    assert "None of these numbers has a published counterpart." in text
    assert "<h2>Images</h2>" not in text and 'id="published"' not in text


def test_an_overlap_is_in_the_verdict_and_in_the_checklist(tmp_path: Path):
    denoising_run(tmp_path, evaluations=[evaluation(overlap=["test001"])])
    text = written(tmp_path)
    assert "not comparable: 1 of 68 test images is in the training set" in text
    assert "1 of 68 test images, compared by content: test001." in text


def test_earlier_measurements_are_those_of_the_same_recipe(tmp_path: Path):
    denoising_run(tmp_path, value=28.0)
    rows, _ = rows_below([tmp_path])
    entries = [comparison.entry for comparison in comparisons_of(rows)]
    ledger.enter(tmp_path / "ledger.csv", entries)
    assert "short by 1.23 dB" in written(tmp_path, ledger_path=tmp_path / "ledger.csv").split("Earlier measurements")[1]
    change_record(tmp_path / "dncnn" / "s25", recipe="another")
    assert "Earlier measurements" not in written(tmp_path, ledger_path=tmp_path / "ledger.csv")


def test_markup_in_names_is_escaped(tmp_path: Path):
    folder = denoising_run(tmp_path)
    change_record(folder, command="<script>alert(1)</script>", title="<b>bold</b>", description="</div><img src=x>")
    text = written(tmp_path)
    assert "<script>alert(1)" not in text and "<b>bold" not in text and "<img src=x" not in text


PROBE = """
<script>
addEventListener("load", () => {
  const box = document.querySelector(".compare"), range = box.querySelector("input"), stage = box.querySelector(".stage");
  const before = stage.querySelector(".before"), images = [...document.images];
  const broken = images.filter(image => !image.complete || !image.naturalWidth).length;
  range.value = 20; range.dispatchEvent(new Event("input"));
  const cut = getComputedStyle(before).clipPath, [left, right] = box.querySelectorAll("select");
  const first = stage.querySelector(".after").src;
  right.selectedIndex = right.options.length - 1; right.dispatchEvent(new Event("change"));
  document.body.dataset.found = JSON.stringify({
    cut, changed: stage.querySelector(".after").src !== first, shown: stage.querySelector(".after").alt,
    broken, images: images.length,
    options: [...left.options].map(option => option.text), wide: document.documentElement.scrollWidth > innerWidth,
    cells: document.querySelectorAll(".results tbody tr").length, verdict: document.querySelector("#published .reproduced").textContent });
});
</script>
"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the browser chromium")
def test_in_a_browser_the_slider_moves_and_every_image_loads(tmp_path: Path):
    denoising_run(tmp_path)
    probed = tmp_path / "probed.html"
    probed.write_text(written(tmp_path).replace("</body>", PROBE + "</body>"))
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
    done = subprocess.run(
        [
            "chromium",
            *flags.split(),
            "--disable-component-update",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            probed.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    match = re.search(r'data-found="([^"]+)"', done.stdout)
    assert match, done.stderr[-2000:]
    found = json.loads(match[1].replace("&quot;", '"'))
    assert found["cut"].replace(" ", "") in ("inset(0px80%0px0px)", "inset(0pxcalc(80%)0px0px)")
    assert found["changed"] and found["shown"] == "target"
    assert found["broken"] == 0 and found["images"] >= 5
    assert found["options"] == ["input", "BM3D", "dncnn s25", "target"]
    assert not found["wide"]
    assert found["cells"] == 5
    assert "reproduced" in found["verdict"]
