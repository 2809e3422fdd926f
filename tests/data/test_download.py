"""Datasets from a server on this machine: complete and verified, or nothing."""

import dataclasses
import fcntl
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.data import checksums, download, transfer
from darkroom.data.catalogue import CATALOGUE
from darkroom.data.cifar10 import Cifar10
from tests.data.test_archives import encrypted
from tests.data.toy_server import GOOD, Server, image, tar_of, zip_of


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(transfer, "WAIT", 0)
    return tmp_path / "data"


@pytest.fixture(params=[False, True], ids=["no ranges", "ranges"])
def server(root: Path, request):
    server = Server(ranges=request.param)
    yield server
    server.close()


def kept(root: Path) -> set[str]:
    """What lies below the data root, with what is in hidden folders."""
    hidden = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.relative_to(root).parts[0].startswith(".")}
    return {path.name for path in root.iterdir() if not path.name.startswith(".")} | hidden


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_a_dataset_is_downloaded_into_its_folder(server: Server, root: Path, pack):
    entry = server.entry(pack(GOOD))
    assert download.get(entry) == root / "Toy"
    assert kept(root) == {"Toy"} and sorted(os.listdir(root / "Toy")) == ["0.png", "1.png", "2.png"]
    assert download.get(entry) and len(server.requests) == 1  # an existing dataset is not downloaded again
    (root / "Toy" / "1.png").unlink()
    with pytest.raises(DarkroomError, match=r"has 2 images instead of 3: remove .*Toy and get it with `darkroom data get toy`"):
        download.get(entry)
    (root / "Toy" / "1.png").write_bytes(b"not an image")
    with pytest.raises(DarkroomError, match=r"1\.png"):
        entry.check()


def test_a_connection_that_keeps_breaking(server: Server, root: Path):
    server.breaks = 99
    entry = server.entry(tar_of({**GOOD, "top/set/3.png": os.urandom(90_000)}), images={"": 4})
    server.content = server.content[:-9]  # never the whole file
    with pytest.raises(DarkroomError, match="3 times"):
        download.get(entry)
    assert kept(root) == ({".downloads", ".downloads/toy.part", ".downloads/toy.part.json"} if server.ranges else set())


def test_a_broken_download_is_continued_by_the_next_call(server: Server, root: Path, monkeypatch):
    monkeypatch.setattr(transfer, "TRIES", 1)
    server.breaks, lines = 1, []
    with pytest.raises(DarkroomError, match="could not download"):
        download.get(server.entry(tar_of(GOOD)))
    assert download.get(server.entry(tar_of(GOOD)), log=lines.append).is_dir()
    assert any("continuing a download" in line for line in lines) == server.ranges
    assert kept(root) == {"Toy"}


@pytest.mark.parametrize("known", [True, False])
def test_a_continued_download_with_a_wrong_checksum_starts_over(root: Path, monkeypatch, known: bool):
    server, lines = Server(ranges=True), []
    monkeypatch.setattr(transfer, "TRIES", 1)
    entry = server.entry(tar_of({**GOOD, "top/more": os.urandom(90_000)}), **({} if known else {"sha256": None}))
    if not known:
        checksums.record(entry.url, checksums_of(server.content))
    server.breaks = 1
    with pytest.raises(DarkroomError, match="could not download"):
        download.get(entry)
    part = root / ".downloads" / "toy.part"
    part.write_bytes(b"x" + part.read_bytes()[1:])  # a damaged disk
    assert download.get(entry, log=lines.append).is_dir()
    assert "the continued download has a wrong checksum: starting over" in lines
    server.close()


def checksums_of(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


def test_a_wrong_checksum_keeps_nothing(server: Server, root: Path):
    with pytest.raises(DarkroomError, match=r"does not have the SHA-256 0{64}, but [0-9a-f]{64}; nothing was kept"):
        download.get(server.entry(tar_of(GOOD), sha256="0" * 64))
    assert kept(root) == set()


def test_without_a_checksum_the_first_download_is_trusted_and_later_ones_compared(server: Server, root: Path):
    content, lines = tar_of(GOOD), list[str]()
    entry = server.entry(content, sha256=None)
    download.get(entry, log=lines.append)
    assert f"states no checksum: the SHA-256 of this download is recorded in {root}/checksums.json" in lines[-1]
    recorded = json.loads((root / "checksums.json").read_text())
    assert recorded[entry.url]["sha256"] == checksums_of(content) and kept(root) == {"Toy", "checksums.json"}
    for path in (root / "Toy").iterdir():
        path.unlink()
    (root / "Toy").rmdir()
    download.get(entry, log=lines.append)
    assert "the same content as at its first download on 20" in lines[-1]
    for path in (root / "Toy").iterdir():
        path.unlink()
    (root / "Toy").rmdir()
    other = server.entry(tar_of({name: image() for name in GOOD}), sha256=None)
    with pytest.raises(DarkroomError, match=r"has other content than at its first download on 20.*remove its line from .*json"):
        download.get(other)
    assert kept(root) == {"checksums.json"} and json.loads((root / "checksums.json").read_text()) == recorded


def test_a_first_download_that_is_of_no_use_is_not_recorded(server: Server, root: Path):
    with pytest.raises(DarkroomError, match="is not Toy as expected: .* has 3 images instead of 2; nothing was kept"):
        download.get(server.entry(tar_of(GOOD), sha256=None, images={"": 2}))
    assert kept(root) == set()


@pytest.mark.parametrize("content", ["{", "[]", '{"URL": 3}', '{"URL": {"sha256": 3}}'])
def test_a_damaged_file_of_checksums_is_one_line(root: Path, content: str):
    server = Server()
    entry = server.entry(tar_of(GOOD), sha256=None)
    root.mkdir()
    (root / "checksums.json").write_text(content.replace("URL", entry.url))
    with pytest.raises(DarkroomError, match=r"checksums\.json is damaged"):
        download.get(entry)
    assert kept(root) == {"checksums.json"}
    server.close()


@pytest.mark.parametrize(
    ("content", "changes", "words"),
    [
        (tar_of(GOOD), dict(images={"": 2}), "has 3 images instead of 2; nothing was kept"),
        (tar_of(GOOD), dict(inside="top/other"), "has no folder top/other; nothing was kept"),
        (tar_of({**GOOD, "top/set/1.png": b"broken"}), {}, r"1\.png cannot be read"),
        (tar_of(GOOD), dict(most_files=2), "is refused: it has more than 2 members"),
        (tar_of({**GOOD, "x": bytes(1_000_000)}), dict(unpacked_megabytes=1), "is refused: it would unpack to more than 1 MB"),
        (
            gzip.compress(os.urandom(2_000_000)),
            dict(unpacked_megabytes=1),
            "has more than 1 MB, which is refused; nothing was kept",
        ),
        (encrypted(), {}, "is encrypted"),
        (tar_of({"../evil.png": b"x"}), {}, "is refused"),
        (b"not an archive", {}, "the archive from http.* is not a complete archive"),
        (tar_of(GOOD)[:2000], {}, "is not a complete archive"),
    ],
)
def test_an_archive_that_is_of_no_use_leaves_nothing(root: Path, content: bytes, changes: dict, words: str):
    server = Server()
    with pytest.raises(DarkroomError, match=words) as caught:
        download.get(server.entry(content, **changes))
    assert kept(root) == set() and "\n" not in str(caught.value)
    server.close()


def test_what_killed_processes_left_is_removed(server: Server, root: Path):
    for folder in (".unpacking-toy", ".unpacking-x8d_f3", ".unpacking-set12"):
        (root / folder / "top").mkdir(parents=True)
        (root / folder / "top" / "1.png").write_bytes(b"x")
    (root / ".downloads").mkdir()
    left = [
        "tmpx7f2",
        "toy.tgz",
        "toy.part",
        "toy.lock",
        "set5.part",
        "set12.part",
        "set12.part.json",
        "kodak24.lock",
        "gone.part.json",
    ]
    for name in left:
        (root / ".downloads" / name).write_bytes(b"x")
    download.get(server.entry(tar_of(GOOD)))
    assert "set12" in CATALOGUE  # its download can be continued
    assert kept(root) == {"Toy", ".downloads", ".downloads/set12.part", ".downloads/set12.part.json"}


def test_what_another_process_is_downloading_is_left_alone(server: Server, root: Path):
    (root / ".unpacking-set5").mkdir(parents=True)
    (root / ".downloads").mkdir()
    (root / ".downloads" / "set5.part").write_bytes(b"x")
    with (root / ".downloads" / "set5.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        download.get(server.entry(tar_of(GOOD)))
    assert kept(root) == {"Toy", ".unpacking-set5", ".downloads", ".downloads/set5.part", ".downloads/set5.lock"}
    with (root / ".downloads" / "tiny.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DarkroomError, match="another process is downloading Toy to .*: wait for it"):
            download.get(server.entry(tar_of(GOOD), name="tiny", folder="Tiny"))


def test_kill_and_continue(root: Path):
    server = Server(ranges=True)
    entry = server.entry(tar_of({**GOOD, "top/more": os.urandom(400_000)}), sha256=None)
    server.breaks, server.hold = 1, 30.0
    child = os.fork()
    if child == 0:
        try:
            download.get(entry)
        finally:
            os._exit(1)
    part = root / ".downloads" / "toy.part"
    while not part.exists() or part.stat().st_size < 100_000:
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert kept(root) >= {".downloads/toy.part", ".downloads/toy.part.json", ".downloads/toy.lock"}
    server.hold, lines = 0.0, []
    assert download.get(entry, log=lines.append).is_dir()
    assert "continuing a download" in lines[0] and kept(root) == {"Toy", "checksums.json"}
    server.close()


def test_a_root_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path / "file" / "below"))
    server = Server()
    with pytest.raises(DarkroomError, match=r"cannot write Toy to .*below: Not a directory; another folder .* DARKROOM_DATA"):
        download.get(server.entry(tar_of(GOOD)))
    server.close()


def test_batches_of_images_are_counted_by_their_own_reader(server: Server, root: Path):
    """CIFAR-10's entry, on an archive of its layout with a hundredth of its images."""
    batch = bytes(3073) * 100
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    server.content = tar_of({f"cifar-10-batches-bin/{name}": batch for name in names})
    entry = dataclasses.replace(CATALOGUE["cifar10"], url=server.url, sha256=None)
    with pytest.raises(
        DarkroomError, match="has 500 training and 100 test images instead of 50000 and 10000; nothing was kept"
    ):
        download.get(entry)
    assert kept(root) == set()
    small = dataclasses.replace(entry, read=lambda folder: len(Cifar10("test", folder=folder)))
    assert download.get(small) == root / "cifar-10-batches-bin" and small.check() == 100
    (root / "cifar-10-batches-bin" / "test_batch.bin").unlink()
    with pytest.raises(DarkroomError, match=r"has no batch test_batch.* get it with `darkroom data get cifar10`"):
        entry.check()


def test_the_catalogue_is_listed_without_torch():
    code = "import sys, darkroom.data.catalogue; assert not {'torch', 'PIL', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_entry_has_limits_that_hold_it():
    for entry in CATALOGUE.values():
        assert entry.largest_bytes > 2e6 * (entry.megabytes or 50) and entry.most_files > sum(entry.images.values())
