import base64
import io
import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.core.images import ImageFile, write
from darkroom.engine.run import Study
from darkroom.report import ledger, page
from darkroom.report.collect import rows_below
from darkroom.report.figures import _over_seconds, curves, side_by_side
from darkroom.report.images import comparisons
from darkroom.report.table import columns_of, comparisons_of, lines_of
from tests.report.runs import made_up


def test_seeds_are_gathered_into_one_row_with_error_bars(tmp_path: Path):
    for seed, value in ((0, 29.0), (1, 29.2), (2, 29.4)):
        made_up(tmp_path, value=value, seed=seed)
    made_up(tmp_path, "s50", steps=10)
    rows = rows_below([tmp_path])
    assert [row.title for row in rows] == ["dncnn s25", "dncnn s50 (steps=10)"]
    assert sorted(rows[0].seeds) == [0, 1, 2]
    ours = next(line for line in lines_of(rows, columns_of(rows)) if line.name == "dncnn s25")
    assert ours.numbers[0] == "29.20 ± 0.20"
    comparison, baseline = comparisons_of(rows[:1])
    assert (comparison.ours, comparison.published, comparison.difference) == ("29.20 ± 0.20", "29.23", "-0.03")
    assert comparison.verdict.kind == "reproduced"
    assert (baseline.who, baseline.published, baseline.verdict.words) == (
        "BM3D", "28.57", "reproduced within 0.1 dB"
    )  # fmt: skip


def test_the_table_has_the_baselines_once_and_marks_the_best(tmp_path: Path):
    made_up(tmp_path, value=29.2)
    made_up(tmp_path, "s25", value=29.5, seed=0, steps=7).rename(tmp_path / "again")
    made_up(tmp_path, value=29.2)
    rows = rows_below([tmp_path])
    lines = {line.name: line for line in lines_of(rows, columns_of(rows))}
    assert list(lines)[:4] == ["WNNM (published)", "TNRD (published)", "noisy input", "BM3D"]
    assert lines["TNRD (published)"].numbers == ["28.92", ""] and not any(lines["TNRD (published)"].best)
    assert lines["dncnn s25 (steps=7)"].best == [True, True]
    assert lines["dncnn s25"].best == [False, True]


def test_a_study_sets_two_ways_beside_each_other_place_by_place(tmp_path: Path):
    study = Study(along="depth", between="photos", first="many", second="few")
    for depth, many, few in ((9, 28.0, 27.0), (17, 29.0, 28.7), (20, 29.1, None)):
        made_up(tmp_path / f"a{depth}", value=many, depth=depth, photos="many")
        if few is not None:
            made_up(tmp_path / f"b{depth}", value=few, depth=depth, photos="few")
    ((others, places),) = side_by_side(rows_below([tmp_path]), study).items()
    column = ("bsd68", "psnr", (("sigma", 25.0),))
    assert others == "" and sorted(places) == [9, 17]  # where only one way was run there is no gap
    assert [round(many[column] - few[column], 6) for many, few in (places[9], places[17])] == [1.0, 0.3]
    made_up(tmp_path / "c", value=20.0, depth=9, photos="few", batch=7)
    assert sorted(side_by_side(rows_below([tmp_path]), study)) == ["batch=128", "batch=7"]


def test_the_ledger_is_entered_once_a_cell(tmp_path: Path):
    made_up(tmp_path, value=28.0, steps=10)
    path = tmp_path / "ledger.csv"
    for _ in range(2):
        ledger.enter(path, [comparison.entry for comparison in comparisons_of(rows_below([tmp_path]))])
    entry, baseline = ledger.read(path)
    assert (baseline.method, baseline.measured, baseline.changed) == ("BM3D", "27.40", "")
    assert (entry.recipe, entry.row, entry.dataset, entry.variant, entry.count) == ("dncnn", "s25", "bsd68", "sigma 25", "68")
    assert (entry.measured, entry.published, entry.changed) == ("28.00", "29.23", "steps=10")
    assert entry.verdict == "short by 1.23 dB (with steps=10)"
    assert entry.date == "2026-01-02" and "Table II" in entry.source


def test_the_page_is_whole_and_fetches_nothing(tmp_path: Path):
    made_up(tmp_path)
    page.write(tmp_path / "report.html", rows_below([tmp_path]))
    text = (tmp_path / "report.html").read_text()
    addresses = re.findall(r"(?:src|href)=\"([^\"]{0,30})", text)
    assert addresses and all(address.startswith("data:") for address in addresses)
    assert "http://" not in text and "https://" not in text
    for words in (
        "reproduced within 0.1 dB",
        "556,032 trained numbers",
        "bsds432, 432 images",
        "a made-up device",
        "2.0 minutes",
    ):
        assert words in text, words


def test_what_all_rows_changed_is_said_once(tmp_path: Path):
    made_up(tmp_path, steps=10)
    made_up(tmp_path, "s50", steps=10, batch=3)
    rows = rows_below([tmp_path])
    assert [row.title for row in rows] == ["dncnn s25", "dncnn s50 (batch=3)"]
    page.write(tmp_path / "report.html", rows)
    assert "All rows with steps=10." in (tmp_path / "report.html").read_text()
    assert [row.title for row in rows_below([tmp_path / "dncnn" / "s25"])] == ["dncnn s25 (steps=10)"]


def test_a_picture_stands_under_every_method_of_every_row(tmp_path: Path):
    made_up(tmp_path)
    made_up(tmp_path, steps=7).rename(tmp_path / "again")
    made_up(tmp_path)
    (comparison,) = comparisons(rows_below([tmp_path]))
    labels = ["input", "BM3D", "dncnn s25 (steps=7)", "dncnn s25", "truth"]
    assert sorted(label for label, _ in comparison.views) == sorted(labels)
    assert [label for label, _ in comparison.views][:2] == labels[:2] and comparison.views[-1][0] == "truth"
    assert comparison.title == "bsd68 · sigma 25 · test001"
    assert comparison.views[comparison.right][0].startswith("dncnn s25")
    psnr = {piece.label: piece.psnr for piece in comparison.pieces}
    assert psnr["input"] is None and psnr["truth"] is None
    assert psnr["dncnn s25"] == pytest.approx(-20 * math.log10(77 / 255))  # grey levels 153 and 230


def test_the_piece_is_where_the_detail_is_and_the_same_in_a_reduced_input(tmp_path: Path):
    place = made_up(tmp_path) / "images" / "bsd68" / "sigma-25" / "test001"
    shutil.rmtree(place)
    truth = torch.zeros(1, 256, 192)
    truth[:, 152:248, 88:184] = torch.rand(1, 96, 96)
    write(place / "target.png", ImageFile(truth))
    write(place / "ours.png", ImageFile(truth))
    write(place / "source.png", ImageFile(torch.nn.functional.avg_pool2d(truth, 2)))
    (comparison,) = comparisons(rows_below([tmp_path]))
    decoded = {}
    for piece in comparison.pieces:
        decoded[piece.label] = Image.open(io.BytesIO(base64.b64decode(piece.address.split(",")[1]))).convert("L")
    assert decoded["truth"].size == (96, 96) and decoded["input"].size == (48, 48)
    assert torch.equal(torch.from_numpy(np.array(decoded["truth"])), (truth[0, 152:248, 88:184] * 255).round().byte())
    small = np.asarray(decoded["truth"], float).reshape(48, 2, 48, 2).mean((1, 3))
    assert np.abs(small - np.asarray(decoded["input"], float)).max() <= 1.5


def test_an_unfinished_run_is_reported_as_such(tmp_path: Path):
    made_up(tmp_path, finished=False)
    page.write(tmp_path / "report.html", rows_below([tmp_path]))
    text = (tmp_path / "report.html").read_text()
    assert "has not been trained to its end yet" in text
    assert "not finished" in text


def test_names_with_markup_stay_words(tmp_path: Path):
    folder = made_up(tmp_path)
    about = json.loads((folder / "run.json").read_text())
    about["command"] = "<script>alert(1)</script>"
    (folder / "run.json").write_text(json.dumps(about))
    page.write(tmp_path / "report.html", rows_below([tmp_path]))
    assert "<script>alert(1)" not in (tmp_path / "report.html").read_text()


def test_no_runs_is_one_line(tmp_path: Path):
    with pytest.raises(DarkroomError, match="no run at or below"):
        rows_below([tmp_path / "nothing"])


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
def test_in_a_real_browser_the_slider_moves_and_every_picture_loads(tmp_path: Path):
    made_up(tmp_path)
    page.write(tmp_path / "report.html", rows_below([tmp_path]))
    probed = tmp_path / "probed.html"
    probed.write_text((tmp_path / "report.html").read_text().replace("</body>", PROBE + "</body>"))
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
    assert found["changed"] and found["shown"] == "truth"
    assert found["broken"] == 0 and found["images"] >= 5
    assert found["options"] == ["input", "BM3D", "dncnn s25", "truth"]
    assert not found["wide"]
    assert found["cells"] == 5
    assert "reproduced" in found["verdict"]


def test_scores_stand_over_seconds_too(tmp_path: Path):
    made_up(tmp_path)
    (row,) = rows_below([tmp_path])
    (name,) = [name for split, name in row.curves() if split == "validation"]
    assert _over_seconds(row, name)[0] == (100 / 7, row.curve("validation", name)[0][1])
    titles = [title for title, _ in curves([row])]
    assert f"validation: {name}, over time" in titles
    assert not any(title.startswith("time") for title in titles)
