from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.engine.folder import RunFolder, runs_below


def test_other_settings_are_refused_and_fresh_starts_over(tmp_path: Path):
    description = {"settings": {"steps": 5, "sigma": (0.0, 55.0)}}
    first = RunFolder(tmp_path / "run")
    assert first.begin(description) is False
    first.last.parent.mkdir()
    first.last.write_text("state")
    first._lock.close()
    second = RunFolder(tmp_path / "run")
    assert second.begin(description) is True
    second._lock.close()
    other = RunFolder(tmp_path / "run")
    with pytest.raises(DarkroomError, match=r"steps=5 \(now 6\).*--fresh"):
        other.begin({"settings": {"steps": 6, "sigma": (0.0, 55.0)}})
    other._lock.close()
    assert RunFolder(tmp_path / "run").begin({"settings": {"steps": 6}}, fresh=True) is False
    assert other.read()["settings"] == {"steps": 6}


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(DarkroomError, match="files that are no run"):
        RunFolder(tmp_path).begin({"settings": {}}, fresh=True)
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
