"""Archives of strangers: hostile, broken, encrypted, or bombs."""

import bz2
import gzip
import io
import lzma
import os
import resource
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.data.archives import Limit, unpack
from tests.data.toy_server import GOOD, tar_of, zip_of

PLAIN = gzip.decompress(tar_of(GOOD))


def unpacked(content: bytes, folder: Path, *, largest: int = 10**6, most: int = 100) -> set[str]:
    (folder / "x").write_bytes(content)
    (folder / "out").mkdir(exist_ok=True)
    try:
        unpack(folder / "x", folder / "out", "top/set", Limit(largest, most), "the archive")
    finally:
        assert {path.name for path in folder.iterdir()} == {"x", "out"}  # nothing outside
        (folder / "x").unlink()
    return {path.relative_to(folder / "out").as_posix() for path in (folder / "out").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "content",
    [tar_of(GOOD), PLAIN, bz2.compress(PLAIN), lzma.compress(PLAIN), zip_of(GOOD)],
    ids=["gz", "plain", "bz2", "xz", "zip"],
)
def test_every_kind_of_archive(tmp_path: Path, content: bytes):
    assert unpacked(content, tmp_path) == set(GOOD)


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_only_the_wanted_folder_is_unpacked(tmp_path: Path, pack):
    others = {"top/settings.txt": b"x", "top/set.png": b"x", "other/a.png": b"x", "a.png": b"x"}
    assert unpacked(pack({**others, **GOOD}), tmp_path) == set(GOOD)


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_an_archive_beyond_its_limits_is_refused(tmp_path: Path, pack):
    with pytest.raises(DarkroomError, match="the archive is refused: it would unpack to more than 0 MB"):
        unpacked(pack({**GOOD, "elsewhere": bytes(200_000)}), tmp_path, largest=100_000)
    with pytest.raises(DarkroomError, match="the archive is refused: it has more than 50 members"):
        unpacked(pack({**GOOD, **{f"elsewhere/{number}": b"" for number in range(60)}}), tmp_path, most=50)
    assert unpacked(pack(GOOD), tmp_path, largest=sum(map(len, GOOD.values())), most=3) == set(GOOD)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, bytes])
def test_a_bomb_is_refused_by_what_it_declares(tmp_path: Path, compress):
    header = tarfile.TarInfo("top/set/a.png")
    header.size = 3 << 30
    with pytest.raises(DarkroomError, match="more than 1 MB"):  # although none of its content is there
        unpacked(compress(header.tobuf() + bytes(512)), tmp_path)


def test_a_zip_bomb_is_refused_by_what_it_declares(tmp_path: Path):
    with pytest.raises(DarkroomError, match="more than 1 MB"):
        unpacked(zip_of({"top/set/a.png": bytes(8 << 20)}), tmp_path)


def test_a_zip_member_larger_than_it_declares_is_cut_off(tmp_path: Path):
    content = zip_of({"top/set/a.png": bytes(8 << 20)}).replace(struct.pack("<I", 8 << 20), struct.pack("<I", 1000))
    with pytest.raises(DarkroomError, match=r"the archive is not a complete archive \(Bad CRC-32.*; download it again"):
        unpacked(content, tmp_path)
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file()) <= 1000


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_tar_header_that_fills_the_memory_is_refused(tmp_path: Path, kind: bytes):
    header = tarfile.TarInfo("top/set/a.png")
    header.type, header.size = kind, 1 << 40
    with pytest.raises(DarkroomError, match=r"not a complete archive \(a header of \d+ bytes\)"):
        unpacked(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096)), tmp_path)


def test_a_sparse_file_counts_as_large_as_it_is(tmp_path: Path):
    header = tarfile.TarInfo("top/set/a.png")
    header.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "0",
        "GNU.sparse.size": str(1 << 40),
        "GNU.sparse.map": "0,0",
    }
    content = header.tobuf(tarfile.PAX_FORMAT) + bytes(1024)
    with pytest.raises(DarkroomError, match="more than 1 MB"):
        unpacked(gzip.compress(content), tmp_path)


def encrypted() -> bytes:
    content = bytearray(zip_of(GOOD))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            content[start + offset] |= 1
    return bytes(content)


def test_an_encrypted_archive_is_one_line(tmp_path: Path):
    with pytest.raises(DarkroomError, match=r"^the archive is encrypted: its member 'top/set/0\.png' needs a password$"):
        unpacked(encrypted(), tmp_path)


def link(name: str, target: str, kind: bytes) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
        inner = tarfile.TarInfo(f"{name}/x.png")
        inner.size = 1
        archive.addfile(inner, io.BytesIO(b"x"))
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        tar_of({"../evil.png": b"x"}),
        tar_of({"top/set/../../../evil.png": b"x"}),
        zip_of({"../evil.png": b"x"}),
        zip_of({"/evil.png": b"x"}),
        zip_of({"top/set/..\\..\\evil.png": b"x"}),
        link("top", "../../..", tarfile.SYMTYPE),
        link("top/set", "../../..", tarfile.SYMTYPE),
        link("top/set/a", "/etc/passwd", tarfile.LNKTYPE),
        link("top/set/device", "", tarfile.CHRTYPE),
        link("top", "/etc", tarfile.SYMTYPE),
    ],
)
def test_a_hostile_archive_is_refused(tmp_path: Path, content: bytes):
    with pytest.raises(DarkroomError, match="the archive is refused: "):
        unpacked(content, tmp_path)
    assert not list(tmp_path.rglob("evil.png"))


def damaged(content: bytes) -> list[bytes]:
    middle = len(content) // 2
    return [content[:middle], content[:middle] + bytes(40) + content[middle + 40 :], content[:-40] + bytes(40), content[:20]]


@pytest.mark.parametrize(
    "content",
    [b"", b"not an archive", b"PK", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0", *damaged(tar_of(GOOD)), *damaged(zip_of(GOOD))],
    ids=range(14),  # archives hold the time, and workers have to collect equal names
)
def test_a_broken_archive_is_one_line_or_not_damaged_where_it_matters(tmp_path: Path, content: bytes):
    try:
        unpacked(content, tmp_path)
    except DarkroomError as error:
        assert "the archive" in str(error) and "\n" not in str(error) and len(str(error)) < 400  # noqa: PT017


def test_another_compression_within_a_zip_file_is_one_line(tmp_path: Path):
    content = bytearray(zip_of({"top/set/a.png": b"x" * 99}))
    content[content.index(b"PK\x03\x04") + 8] = content[content.index(b"PK\x01\x02") + 10] = 9  # Deflate64
    with pytest.raises(DarkroomError, match=r"not a complete archive \(.*compression.*\)"):
        unpacked(bytes(content), tmp_path)


def test_names_that_are_not_utf_8(tmp_path: Path):
    name = os.fsdecode(b"top/set/caf\xe9.png")
    assert unpacked(tar_of({name: b"x"}), tmp_path) == {name}


def test_a_full_disk_is_one_line(tmp_path: Path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for content in (tar_of({"top/set/a.png": bytes(90_000)}), zip_of({"top/set/a.png": bytes(90_000)})):
        (tmp_path / "x").write_bytes(content)
        (tmp_path / "out").mkdir(exist_ok=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
        try:
            with pytest.raises(DarkroomError, match="^cannot unpack the archive: the file is larger than allowed here$"):
                unpack(tmp_path / "x", tmp_path / "out", "top/set", Limit(10**6, 9), "the archive")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_contents_are_those_that_zipfile_reads(tmp_path: Path):
    unpacked(zip_of(GOOD), tmp_path)
    with zipfile.ZipFile(io.BytesIO(zip_of(GOOD))) as archive:
        assert all((tmp_path / "out" / name).read_bytes() == archive.read(name) for name in GOOD)
