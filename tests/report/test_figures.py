import dataclasses
import json
from pathlib import Path

import pytest

from darkroom.report import figures
from darkroom.report.collect import rows_below
from darkroom.report.figures import curves, over_seconds, side_by_side, studies, tradeoffs
from darkroom.report.trained_run import Column
from tests.report.runs import PSNR, denoising_run, depth_study, evaluation, result, run_record, write_run

COLUMN = Column("bsd68", "psnr", (("sigma", 25.0),), "Gaussian noise of sigma 25")


def test_a_study_compares_two_settings_at_every_place(tmp_path: Path):
    for depth, many, few in ((9, 28.0, 27.0), (17, 29.0, 28.7), (20, 29.1, None)):
        denoising_run(tmp_path / f"a{depth}", value=many, settings={"depth": depth, "train_set": "many"}, studies=depth_study())
        if few is not None:
            denoising_run(tmp_path / f"b{depth}", value=few, settings={"depth": depth, "train_set": "few"})
    rows, _ = rows_below([tmp_path])
    ((others, places),) = side_by_side(rows, depth_study()[0]).items()
    assert others == "" and sorted(places) == [9, 17]  # where there is one setting only there is no gap
    assert [round(many[COLUMN] - few[COLUMN], 6) for many, few in (places[9], places[17])] == [1.0, 0.3]
    both, gap = studies(rows)[:2]
    assert (both.caption, both.names) == ("PSNR on BSD68, σ = 25, against depth", ["many train set", "few train set"])
    assert gap.caption == "PSNR on BSD68, σ = 25, against depth: many minus few train set"


def test_a_study_keeps_rows_with_other_settings_apart(tmp_path: Path):
    for batch_size in (128, 7):
        for train_set in ("many", "few"):
            settings = {"depth": 9, "train_set": train_set, "batch_size": batch_size}
            denoising_run(tmp_path / f"{train_set}{batch_size}", settings=settings)
    assert sorted(side_by_side(rows_below([tmp_path])[0], depth_study()[0])) == ["batch_size=128", "batch_size=7"]


def test_metrics_are_plotted_over_steps_and_over_seconds(tmp_path: Path):
    denoising_run(tmp_path)
    ((row,), _) = rows_below([tmp_path])
    assert over_seconds(row, "psnr@bsd68")[0] == (100 / 7, row.curve("validation", "psnr@bsd68")[0][1])
    assert [figure.caption for figure in curves([row])] == [
        "Training loss of the network",
        "Validation PSNR on BSD68",
        "Validation PSNR on BSD68, against training time",
    ]
    assert curves([row])[1].alt == "Plot: Validation PSNR on BSD68; dncnn s25"


@pytest.mark.parametrize("quality", ["fidelity", "perception"])
def test_fidelity_against_perceptual_quality(tmp_path: Path, quality: str, monkeypatch: pytest.MonkeyPatch):
    drawn = []
    monkeypatch.setattr(figures, "scatter", lambda *arguments, **options: drawn.append((arguments, options)) or "data:")
    lpips = dataclasses.replace(PSNR, title="LPIPS", unit="", higher_is_better=False, quality=quality)
    write_run(
        tmp_path,
        run_record(evaluations=[evaluation(psnr=PSNR, lpips=lpips)]),
        [
            result(m, n, v)
            for m, n, v in (("ours", "psnr", 29.0), ("ours", "lpips", 0.1), ("A", "psnr", 28.0), ("A", "lpips", 0.3))
        ],
    )
    found = tradeoffs(rows_below([tmp_path])[0])
    if quality == "fidelity":
        assert not found
        return
    (((points, x, y), options),) = drawn
    assert found[0].caption == "PSNR against LPIPS on BSD68, σ = 25"
    assert dict(zip(found[0].names, points, strict=True)) == {"dncnn s25": (29.0, 0.1), "A": (28.0, 0.3)}
    assert [(key.name, key.marker) for key in found[0].legend] == [("dncnn s25", "●"), ("A", "■")]
    assert (x, y) == ("PSNR (dB), higher is better", "LPIPS, lower is better")
    assert options == {"invert_x": False, "invert_y": True}


def test_a_baseline_of_two_protocols_is_in_both_tradeoffs(tmp_path: Path):
    lpips = dataclasses.replace(PSNR, title="LPIPS", unit="", higher_is_better=False, quality="perception")
    for number, protocol in enumerate(("clipped", "not clipped")):
        record = run_record(settings={"depth": number}, evaluations=[evaluation(protocol, psnr=PSNR, lpips=lpips)])
        results = [result(method, metric, 1.0) for method in ("ours", "A") for metric in ("psnr", "lpips")]
        write_run(tmp_path / protocol, record, results)
    captions = [figure.caption for figure in tradeoffs(rows_below([tmp_path])[0])]
    assert captions == [f"PSNR against LPIPS on BSD68, σ = 25 ({protocol})" for protocol in ("clipped", "not clipped")]


def test_perceptual_quality_alone_is_no_tradeoff(tmp_path: Path):
    fid = dataclasses.replace(PSNR, title="FID", unit="", higher_is_better=False, quality="perception")
    record = run_record(evaluations=[evaluation(fid=fid)], published=[])
    write_run(tmp_path, record, [result("ours", "fid", 3.0, deviation=None), result("A", "fid", 4.0, deviation=None)])
    assert tradeoffs(rows_below([tmp_path])[0]) == []


def test_many_lines_are_told_apart_by_colour_and_style(tmp_path: Path):
    for number in range(17):
        denoising_run(tmp_path / f"{number:02}", settings={"depth": number})
    legend = curves(rows_below([tmp_path])[0])[0].legend
    assert len(legend) == 17 and len({(key.colour, key.style) for key in legend}) == 17
    assert [legend[place].style for place in (0, 7, 8, 16)] == ["solid", "solid", "dashed", "dotted"]


def test_curves_of_a_solver_are_called_after_their_evaluation(tmp_path: Path):
    folder = denoising_run(tmp_path)
    lines = [{"step": k, "split": "solver", "name": "psnr@bsd68 sigma 25", "value": 20.0 + k} for k in (1, 2, 3)]
    with (folder / "metrics.jsonl").open("a") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))
    captions = [figure.caption for figure in curves(rows_below([tmp_path])[0])]
    assert "Along the iterations, PSNR on BSD68, σ = 25" in captions
