"""What is done is recognised by content, weights and options; the files of several processes become one."""

import json
import os
from pathlib import Path

import pytest

from darkroom.engine.manifest import Manifest
from darkroom.engine.restore_files import RestoredFile


@pytest.fixture
def pairs(tmp_path: Path) -> list[tuple[Path, Path]]:
    found = []
    for number in range(3):
        source, output = tmp_path / f"{number}.png", tmp_path / "out" / "more" / f"{number}.png"
        output.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(b"in" + bytes([number]))
        output.write_bytes(b"out")
        found.append((source, output))
    return found


def test_a_file_is_done_while_its_content_its_output_and_the_weights_are_the_same(pairs, tmp_path: Path):
    manifest = Manifest(tmp_path / "out", "weights")
    assert manifest.pending(pairs) == pairs
    for pair in pairs:
        manifest.add(RestoredFile(*pair))
    assert manifest.pending(pairs) == [] and Manifest(tmp_path / "out", "others").pending(pairs) == pairs
    os.utime(pairs[0][0], (1, 1))
    assert manifest.pending(pairs) == [], "a copy with another date has the same content"
    pairs[0][0].write_bytes(b"other")
    pairs[1][1].unlink()
    assert manifest.pending(pairs) == pairs[:2]
    manifest.add(RestoredFile(*pairs[2], error="the disk is full"))
    assert manifest.pending(pairs) == pairs


def test_a_moved_folder_is_still_done(pairs, tmp_path: Path):
    manifest = Manifest(tmp_path / "out", "weights")
    for pair in pairs:
        manifest.add(RestoredFile(*pair))
    (tmp_path / "out").rename(tmp_path / "moved")
    moved = [(source, tmp_path / "moved" / "more" / output.name) for source, output in pairs]
    assert Manifest(tmp_path / "moved", "weights").pending(moved) == []


def test_the_last_process_joins_the_files_of_all(pairs, tmp_path: Path):
    folder = tmp_path / "out"
    first, second = (Manifest(folder, "weights", number, 2) for number in range(2))
    first.add(RestoredFile(*pairs[0]))
    second.add(RestoredFile(*pairs[1], error="broken"))
    assert second.join(pairs) is None
    first.add(RestoredFile(*pairs[2], remark="without EXIF"))
    assert first.join(pairs) == folder / "restored.jsonl" and second.join(pairs) == folder / "restored.jsonl"
    assert [path.name for path in folder.glob("*.jsonl")] == ["restored.jsonl"]
    lines = [json.loads(line) for line in (folder / "restored.jsonl").read_text().splitlines()]
    assert [(line["output"], line["error"], line["remark"]) for line in lines] == [
        ("more/0.png", "", ""),
        ("more/1.png", "broken", ""),
        ("more/2.png", "", "without EXIF"),
    ]
    first.add(RestoredFile(*pairs[1]))
    assert second.pending(pairs) == [], "the later entry counts"


def test_lines_that_are_joined_while_they_are_read_are_not_missed(pairs, tmp_path: Path, monkeypatch):
    """Another process lists the files, and before it reads them the last one has joined them."""
    folder = tmp_path / "out"
    for number, pair in enumerate(pairs):
        Manifest(folder, "weights", number, 3).add(RestoredFile(*pair))
    reader, listed, read = Manifest(folder, "weights", 0, 3), [], Path.read_text

    def joined_first(path: Path, *arguments, **settings):
        if not listed:
            listed.append(path)
            Manifest(folder, "weights", 2, 3).join(pairs)
        return read(path, *arguments, **settings)

    monkeypatch.setattr(Path, "read_text", joined_first)
    assert reader.pending(pairs) == [] and [path.name for path in listed] == ["restored.0.jsonl"]


def test_a_line_that_a_killed_process_left_unfinished_costs_that_line_alone(pairs, tmp_path: Path):
    manifest = Manifest(tmp_path / "out", "weights")
    manifest.add(RestoredFile(*pairs[0]))
    with manifest.lines.path.open("ab") as file:
        file.write(b'{"output": "more/1.p')
    manifest.add(RestoredFile(*pairs[2]))
    assert manifest.pending(pairs) == [pairs[1]]
