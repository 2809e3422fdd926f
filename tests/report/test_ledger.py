from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.report import ledger

LEDGER = Path(__file__).parents[2] / "docs" / "results" / "ledger.csv"


def test_the_projects_ledger_is_read_and_written_back_unchanged(tmp_path: Path):
    entries = ledger.read(LEDGER)
    assert any(entry.variant == "sigma 25" for entry in entries)
    ledger.enter(tmp_path / "ledger.csv", entries)
    assert (tmp_path / "ledger.csv").read_bytes() == LEDGER.read_bytes()


def test_an_absent_or_empty_ledger_has_no_lines(tmp_path: Path):
    assert ledger.read(tmp_path / "ledger.csv") == []
    (tmp_path / "ledger.csv").touch()
    assert ledger.read(tmp_path / "ledger.csv") == []


def test_another_file_is_not_overwritten(tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DarkroomError, match="is not a ledger"):
        ledger.enter(path, [])
    assert path.read_text() == "a,b\n1,2\n"
