import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.core.files import read_json_lines, replacing, write_json_lines, write_text


def test_an_exception_leaves_the_old_file_and_no_temporary_one(tmp_path: Path):
    place = tmp_path / "a" / "file.txt"
    write_text(place, "old")
    with pytest.raises(KeyError), replacing(place) as temporary:
        temporary.write_text("new")
        raise KeyError
    assert place.read_text() == "old"
    assert os.listdir(place.parent) == ["file.txt"]


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path: Path):
    write_text(tmp_path / "file", "old")
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from darkroom.core.files import write_text; from darkroom.core.errors import DarkroomError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_text(Path(sys.argv[1]), 'x' * 5000)\n"
        "except DarkroomError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "file")], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout and "untouched" in done.stdout
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


def test_a_path_that_cannot_be_written_is_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DarkroomError, match="cannot write"):
        write_text(tmp_path / "file" / "below", "x")


def test_a_line_cut_off_is_skipped(tmp_path: Path):
    write_json_lines(tmp_path / "x.jsonl", [{"a": 1}, {"a": 2}])
    with (tmp_path / "x.jsonl").open("a") as file:
        file.write('{"a": 3')
    assert read_json_lines(tmp_path / "x.jsonl") == [{"a": 1}, {"a": 2}]
