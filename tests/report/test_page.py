import dataclasses
import json
import os
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


def test_runs_of_several_tasks_have_a_heading_and_a_table_each(tmp_path: Path):
    denoising_run(tmp_path / "a", task="denoising")
    views = dataclasses.replace(evaluation("over white"), dataset="lego", variant={}, unit="view", count=200)
    record = run_record(recipe="dvgo", task="views of a scene", evaluations=[views], published=[])
    write_run(tmp_path / "b", record, [result("ours", "psnr", 33.0, dataset="lego", variant={}, count=200)])
    denoising_run(tmp_path / "c", recipe="another", task="super-resolution", published=[])  # on the same images
    text = written(tmp_path)
    headings = re.findall("<h3>(.*?)</h3>", text.split("<h2>Results</h2>")[1].split("<h2>")[0])
    assert sorted(headings) == ["Denoising", "Super-resolution", "Views of a scene"]
    curves = text.split("<h2>Training curves</h2>")[1].split("<h2>")[0]  # losses of different tasks share no figure
    assert re.findall("<h3>(.*?)</h3>", curves) == headings and curves.count("<figcaption>Training loss of the network<") == 3
    assert len(re.findall('<table class="results">', text)) == 3
    assert "seconds per view" in text and "200 views. Protocol: over white." in text and "seconds per image" in text
    assert text.count("<summary>") == 3  # of three recipes the descriptions are folded
    alone = written(tmp_path / "a")
    assert "<h3>Denoising</h3>" not in alone and "<summary>" not in alone


def test_a_recipes_description_is_set_as_prose(tmp_path: Path):
    description = "    darkroom train dncnn s25     a night, as `s50`\n\nWords with `code` & <b>.\n\n    x  y\n    1  2"
    denoising_run(tmp_path, description=description)
    text = written(tmp_path)
    assert "<dt><code>darkroom train dncnn s25</code></dt><dd>a night, as <code>s50</code></dd>" in text
    assert "<p>Words with <code>code</code> &amp; &lt;b&gt;.</p>" in text
    assert "<pre>x  y\n1  2</pre>" in text


def test_every_image_says_what_it_shows(tmp_path: Path):
    denoising_run(tmp_path)
    alts = set(re.findall(r'<img[^>]*alt="([^"]*)"', written(tmp_path)))
    assert {"input, BSD68, σ = 25: test001", "dncnn s25, BSD68, σ = 25: test001", "dncnn s25: test001, step 100"} <= alts
    assert "crop of target, BSD68, σ = 25: test001" in alts and "Plot: Validation PSNR on BSD68; dncnn s25" in alts


HOSTILE = [
    "$x_$ \\frac{",
    "caf\udce9",
    "a" * 100_000,
    "</script><script>alert(1)</script>",
    "a\x00\x0b\u202eb",
    "[/] [bold]",
    "{{ 7 * 7 }}",
]


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_in_a_record_is_shown_or_refused_by_name(tmp_path: Path, words: str):
    denoising_run(tmp_path / "good")
    folder = denoising_run(
        tmp_path / "other", "s50", settings={"train_set": words}, command=words, description=words, task=words
    )
    change_record(folder, title=words, device=words)
    text = written(tmp_path)
    assert "reproduced within 0.1 dB" in text and "dncnn s50" in text
    assert "<script>alert" not in text and "49" not in re.findall("<dd>49</dd>", text) and len(text) < 3_000_000
    change_record(folder, recipe=words, row=words)
    _, unreadable = rows_below([tmp_path])
    assert len(unreadable) == (len(words) > 255) and all(str(folder / "run.json") in line for line in unreadable)


def test_a_folder_of_any_name_is_reported(tmp_path: Path):
    for name in (os.fsdecode(b"caf\xe9"), "$x_$ \\frac{", "[bold]"):
        folder = denoising_run(tmp_path / name, settings={"train_set": name})
        (folder / "previews").rename(folder / "old")
        (folder / "old" / "bsd68--sigma-25").rename(folder / "old" / name)
        (folder / "old").rename(folder / "previews")
        change_record(denoising_run(tmp_path / name, "s50"), threads="two")
    text = written(tmp_path)
    assert "caf\\xe9" in text and text.count("Not in this report:") == 3


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
    assert found["changed"] and found["shown"] == "target, BSD68, σ = 25: test001"
    assert found["broken"] == 0 and found["images"] >= 5
    assert found["options"] == ["input", "BM3D", "dncnn s25", "target"]
    assert not found["wide"]
    assert found["cells"] == 5
    assert "reproduced" in found["verdict"]
