import dataclasses
import math
from pathlib import Path

from darkroom.core.record import ValidationRecord
from darkroom.report import ledger
from darkroom.report.collect import Row, rows_below
from darkroom.report.table import columns_of, comparisons_of, lines_of, tables_of
from tests.report.runs import PSNR, denoising_run, evaluation, result, run_record, write_run


def rows_of(path: Path) -> list[Row]:
    return rows_below([path])[0]


def test_error_bars_are_over_seeds(tmp_path: Path):
    for seed, value in ((0, 29.0), (1, 29.2), (2, 29.4)):
        denoising_run(tmp_path, value=value, seed=seed)
    rows = rows_of(tmp_path)
    ours = next(line for line in lines_of(rows, columns_of(rows)) if line.name == "dncnn s25")
    assert ours.numbers[0] == "29.20 ± 0.20"
    comparison, baseline = comparisons_of(rows)
    assert (comparison.measured, comparison.published, comparison.difference) == ("29.20 ± 0.20", "29.23", "-0.03")
    assert comparison.verdict.kind == "reproduced"
    assert (comparison.entry.deviation, comparison.entry.seeds, baseline.entry.deviation) == ("0.20", "0 1 2", "")
    assert (baseline.method, baseline.published, baseline.verdict.words) == ("BM3D", "28.57", "reproduced within 0.1 dB")


def test_the_table_has_the_baselines_once_and_marks_the_best(tmp_path: Path):
    denoising_run(tmp_path / "a", value=29.5, settings={"steps": 7})
    denoising_run(tmp_path / "b", value=29.2)
    rows = rows_of(tmp_path)
    lines = {line.name: line for line in lines_of(rows, columns_of(rows))}
    assert list(lines)[:4] == ["WNNM (published)", "TNRD (published)", "noisy input", "BM3D"]
    assert lines["TNRD (published)"].numbers == ["28.92", ""] and not any(lines["TNRD (published)"].best)
    assert lines["dncnn s25 (steps=7)"].best == [True, True]
    assert lines["dncnn s25"].best == [False, True]


def test_the_best_of_a_metric_where_lower_is_better(tmp_path: Path):
    lpips = dataclasses.replace(PSNR, title="LPIPS", higher_is_better=False, quality="perception")
    record = run_record(evaluations=[evaluation(lpips=lpips)], published=[])
    write_run(tmp_path, record, [result("ours", "lpips", 0.1), result("bicubic", "lpips", 0.4)])
    rows = rows_of(tmp_path)
    assert {line.name: line.best for line in lines_of(rows, columns_of(rows))} == {"dncnn s25": [True], "bicubic": [False]}


def test_numbers_of_unequal_protocols_are_never_in_one_column(tmp_path: Path):
    denoising_run(tmp_path / "a", value=29.2)
    denoising_run(
        tmp_path / "b",
        value=28.0,
        settings={"quantised": True},
        evaluations=[evaluation("Gaussian noise of sigma 25, rounded to 8 bits")],
        protocol_changes={"bsd68": ["quantised=True"]},
    )
    rows = rows_of(tmp_path)
    (table,) = tables_of(rows)
    assert table.heads == [("σ = 25 [1]", 2), ("σ = 25 [2]", 2)]
    assert table.protocols == [("1", "Gaussian noise of sigma 25"), ("2", "Gaussian noise of sigma 25, rounded to 8 bits")]
    numbers = {line.name: line.numbers for line in table.lines}
    assert numbers["BM3D"][0] == "28.60" and numbers["BM3D"][2] == "27.40"
    assert numbers["dncnn s25"][2:] == ["", ""] and numbers["dncnn s25 (quantised=True)"][:2] == ["", ""]
    assert numbers["WNNM (published)"] == ["28.83", "", "", ""]
    assert numbers["WNNM (published; other protocol)"] == ["", "", "28.83", ""]


def test_a_changed_protocol_concerns_baselines_too(tmp_path: Path):
    denoising_run(
        tmp_path, settings={"quantised": True, "steps": 10}, protocol_changes={"bsd68": ["quantised=True"], "set12": ["x=1"]}
    )
    ours, baseline = comparisons_of(rows_of(tmp_path))
    words = "not comparable: quantised=True changes the protocol"
    assert (ours.verdict.words, baseline.verdict.words) == (words, words)
    assert (ours.entry.changed, baseline.entry.changed) == ("quantised=True, steps=10", "quantised=True")


def test_a_protocol_changed_for_another_test_set_concerns_nothing(tmp_path: Path):
    denoising_run(tmp_path, settings={"quantised": True}, protocol_changes={"set12": ["quantised=True"]})
    ours, baseline = comparisons_of(rows_of(tmp_path))
    assert ours.verdict.words == "reproduced within 0.1 dB (with quantised=True)"
    assert baseline.verdict.words == "reproduced within 0.1 dB"


def test_training_images_in_the_test_set_concern_trained_methods_only(tmp_path: Path):
    for number, (overlap, kind) in enumerate(((None, "reproduced"), ([], "reproduced"), (["a", "b", "c"], "not comparable"))):
        denoising_run(tmp_path / str(number), evaluations=[evaluation(overlap=overlap)])
        ours, baseline = comparisons_of(rows_of(tmp_path / str(number)))
        assert (ours.verdict.kind, baseline.verdict.kind) == (kind, "reproduced")
    assert ours.verdict.words == "not comparable: 3 of 68 test images are in the training set"
    assert ours.entry.verdict == ours.verdict.words


def test_a_number_with_training_images_in_the_test_set_is_never_the_best(tmp_path: Path):
    denoising_run(tmp_path / "a", value=29.5, settings={"steps": 7}, evaluations=[evaluation(overlap=["a"])])
    denoising_run(tmp_path / "b", value=29.2)
    (table,) = tables_of(rows_of(tmp_path))
    lines = {line.name: line for line in table.lines}
    assert lines["dncnn s25"].best == [True, True] and lines["dncnn s25 (steps=7)"].best == [False, False]
    assert lines["dncnn s25 (steps=7)"].numbers[0] == "29.50"
    (remark,) = table.remarks
    assert remark.startswith("dncnn s25 (steps=7): 1 of 68 test images is in the training set")


def test_the_ledger_has_one_line_for_a_cell(tmp_path: Path):
    denoising_run(tmp_path, value=28.0, settings={"steps": 10})
    path = tmp_path / "ledger.csv"
    for _ in range(2):
        ledger.enter(path, [comparison.entry for comparison in comparisons_of(rows_of(tmp_path))])
    entry, baseline = ledger.read(path)
    assert (baseline.method, baseline.measured, baseline.changed) == ("BM3D", "27.40", "")
    assert (entry.recipe, entry.row, entry.dataset, entry.variant, entry.count) == ("dncnn", "s25", "bsd68", "sigma 25", "68")
    assert (entry.measured, entry.published, entry.changed) == ("28.00", "29.23", "steps=10")
    assert entry.verdict == "short by 1.23 dB (with steps=10)"
    assert entry.date == "2026-01-02" and "Table II" in entry.source and entry.code == "0.1.0 (abc1234)"


def test_infinite_numbers_and_nan_are_shown(tmp_path: Path):
    for seed, value in ((0, math.inf), (1, 29.0)):
        denoising_run(tmp_path, value=value, seed=seed)
    write_run(tmp_path / "other", run_record("s15"), [result("ours", "psnr", math.nan), result("ours", "ssim", 0.9)])
    rows = rows_of(tmp_path)
    lines = {line.name: line for line in lines_of(rows, columns_of(rows))}
    assert (lines["dncnn s25"].numbers[0], lines["dncnn s25"].best[0]) == ("inf", True)
    assert lines["dncnn s15"].numbers == ["nan", "0.9000"] and lines["dncnn s15"].best == [False, True]
    ours = next(comparison for comparison in comparisons_of(rows) if comparison.method == "dncnn s25")
    assert (ours.measured, ours.difference, ours.verdict.kind) == ("inf", "+inf", "not comparable")
    assert (ours.entry.measured, ours.entry.deviation) == ("inf", "")


def test_test_images_that_were_used_for_validation_are_stated_once(tmp_path: Path):
    for row in ("s15", "s25"):
        validation = ValidationRecord("bsd68", 8, "PSNR", "curves", {"bsd68": 8, "set12": 0})
        write_run(tmp_path, run_record(row, validation=validation), [result("ours", "psnr", 29.0)])
    (table,) = tables_of(rows_of(tmp_path))
    assert table.remarks == ["8 of these images were used for validation during training, which did not choose the weights"]


def test_samplers_are_lines_and_share_their_columns(tmp_path: Path):
    variants = [{"sampler": "generator"}, {"sampler": "ddls:0.1:1", "steps": 20.0}, {"sampler": "ddls:0.1:1", "steps": 50.0}]
    how = {"generator": "the generator alone", "ddls:0.1:1": "Langevin dynamics"}
    evaluations = [
        dataclasses.replace(evaluation(f"100 samples; {how[str(v['sampler'])]}"), dataset="digits", variant=v) for v in variants
    ]
    results = [result("ours", "psnr", 20.0 + n, dataset="digits", variant=v) for n, v in enumerate(variants)]
    results += [result("test images", "psnr", 30.0, dataset="digits", variant=v) for v in variants]
    write_run(tmp_path / "gan", run_record(recipe="gan_ebm", published=[], evaluations=evaluations), results)
    (table,) = tables_of(rows_of(tmp_path))
    assert table.heads == [("", len(table.metrics))] and ("", "100 samples") in table.protocols
    assert ("ddls:0.1:1", "Langevin dynamics") in table.protocols
    numbers = {line.name: line.numbers[0] for line in table.lines}
    assert numbers == {
        "test images": "30.00",
        "gan_ebm s25, generator": "20.00",
        "gan_ebm s25, ddls:0.1:1, 20 steps": "21.00",
        "gan_ebm s25, ddls:0.1:1, 50 steps": "22.00",
    }
