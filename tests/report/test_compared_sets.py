"""Distances of distributions under different protocols never share a column."""

import dataclasses
from pathlib import Path

from darkroom.core.record import MetricRecord, Published
from darkroom.report import page
from darkroom.report.collect import rows_below
from darkroom.report.table import comparisons_of, tables_of
from tests.report.runs import PSNR, evaluation, result, run_record, write_run

INCEPTION, OTHER = (
    "features of Inception (weights 6726825d); 68 predictions against 68 images (PNG)",
    "features of another network",
)


def fid(protocol: str) -> MetricRecord:
    return MetricRecord("FID", "", "Fréchet distance.", False, 4, 0.0, 0.03, "perception", protocol)


def write(root: Path, row: str, protocol: str, value: float) -> None:
    record = run_record(
        row,
        evaluations=[evaluation(psnr=PSNR, fid=fid(protocol))],
        published=[Published("fid", "bsd68", 20.0, "a paper", {"sigma": 25.0})],
    )
    write_run(root, record, [result("ours", "psnr", 29.0), result("ours", "fid", value, deviation=None, values=[])])


def test_two_protocols_have_two_columns_and_equal_ones_share_one(tmp_path: Path):
    write(tmp_path, "s15", INCEPTION, 10.0)
    write(tmp_path, "s25", OTHER, 5.0)
    write(tmp_path, "s50", INCEPTION, 12.0)
    rows, unreadable = rows_below([tmp_path])
    (table,) = tables_of(rows)
    assert not unreadable
    assert table.metrics == ["PSNR (dB)", "FID [1]", "FID [2]"]
    assert [line.numbers[1:] for line in table.lines] == [["10.0000", ""], ["", "5.0000"], ["12.0000", ""]]
    assert [line.best[1:] for line in table.lines] == [[True, False], [False, True], [False, False]]
    assert table.protocols == [("", "Gaussian noise of sigma 25"), ("1", INCEPTION), ("2", OTHER)]
    page.write(tmp_path / "page.html", rows)
    assert f"[1] {INCEPTION}." in (tmp_path / "page.html").read_text()


def test_psnr_of_runs_with_and_without_a_distance_is_one_column(tmp_path: Path):
    write(tmp_path, "s15", INCEPTION, 10.0)
    write_run(tmp_path, run_record("s25", evaluations=[evaluation(psnr=PSNR)], published=[]), [result("ours", "psnr", 30.0)])
    (table,) = tables_of(rows_below([tmp_path])[0])
    assert [line.numbers for line in table.lines] == [["29.00", "10.0000"], ["30.00", ""]]


def test_a_published_number_is_compared_in_the_column_of_its_row(tmp_path: Path):
    write(tmp_path, "s15", INCEPTION, 19.9)
    (row,), _ = rows_below([tmp_path])
    (comparison,) = comparisons_of([row])
    assert (comparison.measured, comparison.published) == ("19.9000", "20.0000")


def test_several_evaluation_protocols_are_numbered_first(tmp_path: Path):
    write(tmp_path, "s15", INCEPTION, 10.0)
    quantised = evaluation("Gaussian noise of sigma 25, rounded", psnr=PSNR, fid=fid(OTHER))
    write_run(tmp_path, run_record("s25", evaluations=[quantised]), [result("ours", "fid", 3.0)])
    (table,) = tables_of(rows_below([tmp_path])[0])
    assert [mark for mark, _ in table.protocols] == ["1", "2", "3", "4"]
    assert table.metrics == ["PSNR (dB)", "FID [3]", "FID [4]"]


def test_a_record_of_before_has_no_words_of_its_own():
    record = dataclasses.asdict(PSNR)
    del record["protocol"]
    assert MetricRecord(**record) == PSNR


def test_times_have_a_column_for_each_device(tmp_path: Path):
    time = MetricRecord("time", "ms", "Median.", False, 1, 0.0, 0.2, "time")
    for row, device, value in (("s15", "a GPU", 3.0), ("s25", "a CPU, 1 thread", 50.0), ("s50", "a GPU", 4.0)):
        record = run_record(row, evaluations=[evaluation(psnr=PSNR, milliseconds=time)], published=[])
        write_run(tmp_path, record, [result("ours", "psnr", 29.0), result("ours", "milliseconds", value, device=device)])
    (table,) = tables_of(rows_below([tmp_path])[0])
    assert table.metrics == ["PSNR (dB)", "time (ms) [1]", "time (ms) [2]"]
    assert [line.numbers[1:] for line in table.lines] == [["3.0", ""], ["", "50.0"], ["4.0", ""]]
    assert table.protocols[1:] == [("1", "on a GPU"), ("2", "on a CPU, 1 thread")]
