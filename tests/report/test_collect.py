import json
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.report.collect import rows_below
from darkroom.report.trained_run import Column
from tests.report.runs import PSNR, change_record, denoising_run, evaluation, result, run_record, write_run


def test_seeds_are_one_row(tmp_path: Path):
    for seed, value in ((0, 29.0), (1, 29.2), (2, 29.4)):
        denoising_run(tmp_path, value=value, seed=seed)
    denoising_run(tmp_path, "s50", settings={"steps": 10})
    rows, unreadable = rows_below([tmp_path])
    assert [row.title for row in rows] == ["dncnn s25", "dncnn s50 (steps=10)"] and not unreadable
    assert rows[0].seeds == [0, 1, 2]
    cell = rows[0].cells["ours"][Column("bsd68", "psnr", (("sigma", 25.0),), "Gaussian noise of sigma 25")]
    assert (cell.value, cell.deviation, cell.count) == (pytest.approx(29.2), pytest.approx(0.2), 68)


def test_rows_have_the_order_of_their_recipe(tmp_path: Path):
    denoising_run(tmp_path / "another", "s50", settings={"steps": 7})
    for row in ("s50", "s15", "s25"):
        denoising_run(tmp_path, row)
    change_record(tmp_path / "dncnn" / "s15", row_number=7)
    titles = [row.title for row in rows_below([tmp_path])[0]]
    assert titles == ["dncnn s25", "dncnn s50", "dncnn s50 (steps=7)", "dncnn s15"]


def test_a_run_below_two_given_folders_is_read_once(tmp_path: Path):
    folder = denoising_run(tmp_path)
    ((row,), _) = rows_below([tmp_path, folder])
    assert len(row.runs) == 1


def test_settings_that_all_rows_changed_are_not_in_their_titles(tmp_path: Path):
    denoising_run(tmp_path, settings={"steps": 10})
    denoising_run(tmp_path, "s50", settings={"steps": 10, "batch_size": 3})
    rows, _ = rows_below([tmp_path])
    assert [row.title for row in rows] == ["dncnn s25", "dncnn s50 (batch_size=3)"]
    assert rows[0].shared == {"steps": 10}
    assert [row.title for row in rows_below([tmp_path / "dncnn" / "s25"])[0]] == ["dncnn s25 (steps=10)"]


def test_a_recipe_that_is_not_installed_is_reported_all_the_same(tmp_path: Path):
    write_run(tmp_path, run_record(recipe="their_own_recipe", published=[]), [result("ours", "psnr", 30.0)])
    ((row,), _) = rows_below([tmp_path])
    assert row.title == "their_own_recipe s25" and not row.published()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", "{"),
        ("run.json", '{"recipe": "dncnn"}'),
        ("run.json", '{"schema": 1}'),
        ("results.jsonl", '{"method": "ours"}\n'),
        ("metrics.jsonl", '{"step": 1}\n'),
        ("metrics.jsonl", "[1]\n"),
    ],
)
def test_an_unreadable_run_is_named_and_the_others_are_read(tmp_path: Path, name: str, content: str):
    denoising_run(tmp_path)
    damaged = denoising_run(tmp_path, "s50")
    (damaged / name).write_text(content)
    rows, (line,) = rows_below([tmp_path])
    assert [row.row for row in rows] == ["s25"]
    assert str(damaged / name) in line and "\n" not in line
    with pytest.raises(DarkroomError, match=f"no run can be read: .*{name}"):
        rows_below([damaged])


def test_results_without_a_record_are_left_out_with_a_notice(tmp_path: Path):
    results = [
        result("ours", "psnr", 29.0),
        result("ours", "lpips", 0.1),
        result("ours", "psnr", 29.0, variant={"sigma": 50.0}),
    ]
    write_run(tmp_path, run_record(), results)
    ((row,), (line,)) = rows_below([tmp_path])
    assert [column.metric for column in row.cells["ours"]] == ["psnr"]
    assert "lpips on bsd68, sigma 25; psnr on bsd68, sigma 50" in line


def test_of_two_results_for_one_cell_the_last_counts(tmp_path: Path):
    write_run(tmp_path, run_record(), [result("ours", "psnr", 20.0), result("ours", "psnr", 29.0)])
    ((row,), _) = rows_below([tmp_path])
    (cell,) = row.cells["ours"].values()
    assert (cell.value, cell.deviation) == (29.0, None)


def test_the_overlap_is_that_of_the_column(tmp_path: Path):
    record = run_record(evaluations=[evaluation(overlap=["b", "a"], psnr=PSNR)])
    write_run(tmp_path, record, [result("ours", "psnr", 29.0)])
    ((row,), _) = rows_below([tmp_path])
    (column,) = row.cells["ours"]
    assert row.overlap(column) == ["a", "b"]
    assert row.overlap(column._replace(dataset="set12")) == []


def test_no_run_is_one_line(tmp_path: Path):
    with pytest.raises(DarkroomError, match="no run at or below"):
        rows_below([tmp_path / "nothing"])
    (tmp_path / "run.json").write_text(json.dumps([]))
    with pytest.raises(DarkroomError, match="no run can be read"):
        rows_below([tmp_path])
