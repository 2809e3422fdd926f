import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.core.files import read_json, read_json_lines, replacing, write_json, write_json_lines, write_text


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
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DarkroomError, match="cannot write .*untouched"):
            write_text(tmp_path / "file", "x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_path_that_cannot_be_written_is_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "below", tmp_path, Path("/"), Path("."), Path("..")):
        with pytest.raises(DarkroomError, match="cannot write"):
            write_text(path, "x")


WRITER = """
import os, signal, sys
from pathlib import Path
from darkroom.core.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.Signals[sys.argv[2]])
"""


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path):
    other_programs = {".mine.tmp", ".photo.00000000-7.tmp", ".photo.png.tmp"}
    for name in other_programs:
        (tmp_path / name).touch()
    running = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "b.png", "SIGSTOP"])
    os.waitpid(running.pid, os.WUNTRACED)
    subprocess.run([sys.executable, "-c", WRITER, tmp_path / ("a" * 251 + ".png"), "SIGKILL"], check=False)
    (of_running,) = (path.name for path in tmp_path.glob(".b.png.*"))
    assert len(os.listdir(tmp_path)) == 5
    write_text(tmp_path / "c.png", "new")
    assert set(os.listdir(tmp_path)) == {*other_programs, of_running, "c.png"}
    running.kill()
    running.wait()


def test_a_line_cut_off_is_skipped(tmp_path: Path):
    write_json_lines(tmp_path / "x.jsonl", [{"a": 1}, {"a": 2}])
    with (tmp_path / "x.jsonl").open("a") as file:
        file.write('{"a": 3')
    assert read_json_lines(tmp_path / "x.jsonl") == [{"a": 1}, {"a": 2}]
    (tmp_path / "y.jsonl").write_text('{"a": 1}')
    assert read_json_lines(tmp_path / "y.jsonl") == [{"a": 1}]


DAMAGED = [b"{", b"[1]", b"3", b"null", b'"words"', b"\xff\xfe", b'{"a": \xe9}', b"\0" * 9, b'{"a":' * 100_000]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_is_one_line_with_its_name(tmp_path: Path, content: bytes):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DarkroomError, match=r"x\.json is damaged: ") as caught:
        read_json(tmp_path / "x.json")
    (tmp_path / "x.jsonl").write_bytes(b'{"a": 1}\n' + content + b'\n{"a": 2}\n')
    with pytest.raises(DarkroomError, match=r"x\.jsonl is damaged in line 2 .*correct the line, or remove it") as other:
        read_json_lines(tmp_path / "x.jsonl")
    assert all("\n" not in str(error.value) and len(str(error.value)) < 500 for error in (caught, other))


def test_missing_json(tmp_path: Path):
    assert read_json_lines(tmp_path / "x.jsonl") == []
    (tmp_path / "y.jsonl").write_bytes(b'\n{"a": 1}\r\n\n')
    assert read_json_lines(tmp_path / "y.jsonl") == [{"a": 1}]
    for path in (tmp_path / "x.json", tmp_path):
        with pytest.raises(DarkroomError, match=r"cannot be read: (No such file|Is a directory)"):
            read_json(path)


@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9"), "line\u2028separator", "\x85", "größe"])
def test_any_name_of_a_file_is_written_and_read_back(tmp_path: Path, name: str):
    write_json(tmp_path / "x.json", {name: name})
    write_json_lines(tmp_path / "x.jsonl", [{name: name}, {"a": 1}])
    assert read_json(tmp_path / "x.json") == {name: name}
    assert read_json_lines(tmp_path / "x.jsonl") == [{name: name}, {"a": 1}]
    write_text(tmp_path / name, name)
    assert (tmp_path / name).read_bytes().decode()
    assert sorted(os.listdir(tmp_path)) == sorted(["x.json", "x.jsonl", name])


def test_the_longest_name_that_a_file_can_have(tmp_path: Path):
    for name in ("a" * 255, "ü" * 127, "short"):
        write_text(tmp_path / name, "content")
        with pytest.raises(KeyError), replacing(tmp_path / name) as temporary:
            temporary.write_text("new")
            raise KeyError
        assert (tmp_path / name).read_text() == "content"
    assert len(os.listdir(tmp_path)) == 3
    with pytest.raises(DarkroomError, match="cannot write .*name too long"):
        write_text(tmp_path / ("a" * 256), "content")
