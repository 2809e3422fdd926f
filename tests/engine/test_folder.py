import json
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.core.record import Result
from darkroom.engine.folder import RunFolder, runs_below
from tests.engine.records import run_record

SETTINGS = {"steps": 5, "sigma": (0.0, 55.0)}


def begin(folder: RunFolder, settings: dict, precision: str = "32-true", *, fresh: bool = False) -> bool:
    """Claim a folder and write its record, as a run does."""
    resumed = folder.claim(settings, precision, fresh=fresh)
    if not folder.description.exists():
        folder.write(run_record(settings=settings, precision=precision))
    assert folder._lock is not None
    folder._lock.close()
    folder._lock = None
    return resumed


def test_other_settings_are_refused_and_fresh_starts_over(tmp_path: Path):
    folder = RunFolder(tmp_path / "run")
    assert begin(folder, SETTINGS) is False
    folder.last.parent.mkdir()
    folder.last.write_text("state")
    assert begin(RunFolder(tmp_path / "run"), SETTINGS) is True
    with pytest.raises(DarkroomError, match=r"steps=5 \(now 6\).*--fresh"):
        RunFolder(tmp_path / "run").claim({**SETTINGS, "steps": 6}, "32-true")
    with pytest.raises(DarkroomError, match=r"precision=32-true \(now bf16-mixed\)"):
        RunFolder(tmp_path / "run").claim(SETTINGS, "bf16-mixed")
    assert begin(RunFolder(tmp_path / "run"), {"steps": 6}, fresh=True) is False
    assert folder.read().settings == {"steps": 6}


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(DarkroomError, match="files that are not a run's"):
        RunFolder(tmp_path).claim({}, "32-true", fresh=True)
    assert (tmp_path / "letters.txt").read_text() == "dear"


def test_runs_are_found_below(tmp_path: Path):
    for name in ("b", "a/c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.json").write_text("{}")
    assert [run.path.name for run in runs_below(tmp_path)] == ["c", "b"]
    with pytest.raises(DarkroomError, match="no run at or below"):
        runs_below(tmp_path / "nothing")
    with pytest.raises(DarkroomError, match="no weights yet"):
        RunFolder(tmp_path / "b").weights()


def test_records_come_back_as_they_were_written(tmp_path: Path):
    folder, record = RunFolder(tmp_path), run_record(settings={"sigma": [0.0, 55.0], "clip": None})
    folder.write(record)
    assert folder.read() == record
    results = [
        Result(
            "ours",
            "psnr",
            "test",
            30.5,
            0.1,
            2,
            0.01,
            0,
            "a CPU",
            {"sigma": 25.0, "reduction": "bicubic"},
            9,
            1.5,
            [30.4, 30.6],
        ),
        Result("BM3D", "fid", "test", float("inf"), None, 2, 0.01, 0, "a CPU"),
    ]
    folder.write_results(results)
    assert folder.read_results() == results


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ("{}", "is missing"),
        (json.dumps({"schema": 1}), "another version of Darkroom"),
        (json.dumps({"recipe": 3}), r"RunRecord.recipe is '3', which is not str"),
    ],
)
def test_a_damaged_record_is_one_line(tmp_path: Path, content: str, words: str):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(DarkroomError, match=words) as error:
        RunFolder(tmp_path).read()
    assert "run.json" in str(error.value)
