"""Downloads from a local server that fails in various ways."""

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.data import download
from darkroom.data.catalogue import Entry


def image() -> bytes:
    content = io.BytesIO()
    Image.effect_noise((90, 90), 60).save(content, format="PNG")
    return content.getvalue()


def tar_of(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def zip_of(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


GOOD = {f"top/set/{number}.png": image() for number in range(3)}


class Server:
    """Serves one file; the first `breaks` responses stop half way."""

    def __init__(self) -> None:
        self.content, self.breaks, self.requests, self.status = b"", 0, 0, 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.content)))
                self.end_headers()
                complete = outer.requests > outer.breaks
                self.wfile.write(outer.content if complete else outer.content[: len(outer.content) // 2])
                self.wfile.flush()
                if not complete:
                    self.connection.close()

            def log_message(self, *words: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def entry(self, content: bytes, ending: str = ".tgz", **changes) -> Entry:
        self.content = content
        settings = dict(
            name="toy",
            title="Toy",
            url=f"http://127.0.0.1:{self.server.server_port}/toy{ending}",
            megabytes=1,
            sha256=hashlib.sha256(content).hexdigest(),
            licence="free",
            citation="a paper",
            folder="Toy",
            inside="top/set",
            images={"": 3},
        )
        return Entry(**{**settings, **changes})


@pytest.fixture
def server(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path / "data"))
    server = Server()
    yield server
    server.server.shutdown()


def leftovers(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "data").iterdir()} - {".downloads"}


@pytest.mark.parametrize(("pack", "ending"), [(tar_of, ".tgz"), (zip_of, ".zip")])
def test_a_dataset_is_downloaded_into_its_folder(server: Server, tmp_path: Path, pack, ending: str):
    entry = server.entry(pack(GOOD), ending)
    assert download.get(entry) == tmp_path / "data" / "Toy"
    assert leftovers(tmp_path) == {"Toy"} and not list((tmp_path / "data" / ".downloads").iterdir())
    assert download.get(entry) and server.requests == 1  # an existing dataset is not downloaded again
    (tmp_path / "data" / "Toy" / "1.png").unlink()
    with pytest.raises(DarkroomError, match=r"has 2 images instead of 3.*darkroom data get toy"):
        download.get(entry)
    (tmp_path / "data" / "Toy" / "1.png").write_bytes(b"not an image")
    with pytest.raises(DarkroomError, match=r"1\.png"):
        entry.check()


def test_a_broken_connection_is_retried(server: Server):
    server.breaks = 2
    lines: list[str] = []
    assert download.get(server.entry(tar_of(GOOD)), log=lines.append).is_dir()
    assert server.requests == 3 and len(lines) == 2


@pytest.mark.parametrize("known", [True, False])
def test_a_connection_that_keeps_breaking_leaves_nothing(server: Server, tmp_path: Path, known: bool):
    server.breaks = 99
    entry = server.entry(tar_of(GOOD), **({} if known else {"sha256": None}))
    with pytest.raises(DarkroomError, match="3 times"):
        download.get(entry)
    assert leftovers(tmp_path) == set() and not list((tmp_path / "data" / ".downloads").iterdir())
    server.breaks = 0
    assert download.get(entry).is_dir()


def test_a_wrong_checksum_keeps_nothing(server: Server, tmp_path: Path):
    with pytest.raises(DarkroomError, match="SHA-256"):
        download.get(server.entry(tar_of(GOOD), sha256="0" * 64))
    assert leftovers(tmp_path) == set() and not list((tmp_path / "data" / ".downloads").iterdir())


def test_a_missing_file_and_a_dead_server(server: Server):
    server.status = 404
    with pytest.raises(DarkroomError, match="404"):
        download.get(server.entry(b"x"))
    with pytest.raises(DarkroomError, match="3 times"):
        download.get(server.entry(b"x", url="http://127.0.0.1:1/x.tgz"))


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
        link("top", "../../..", tarfile.SYMTYPE),
        link("top", "/etc", tarfile.SYMTYPE),
    ],
)
def test_a_hostile_archive_is_refused(server: Server, tmp_path: Path, content: bytes):
    with pytest.raises(DarkroomError, match=r"refused|no folder|cannot unpack"):
        download.get(server.entry(content, ".tar"))
    assert leftovers(tmp_path) == set()
    assert not list(tmp_path.rglob("evil.png"))


@pytest.mark.parametrize("content", [b"not an archive", tar_of(GOOD)[:2000], zip_of(GOOD)[:2000]])
def test_a_broken_archive_is_one_line(server: Server, tmp_path: Path, content: bytes):
    with pytest.raises(DarkroomError, match="not a complete archive|no folder|cannot unpack"):
        download.get(server.entry(content))
    assert leftovers(tmp_path) == set()


def test_an_incomplete_dataset_is_not_kept(server: Server, tmp_path: Path):
    with pytest.raises(DarkroomError, match="instead of 2"):
        download.get(server.entry(tar_of(GOOD), images={"": 2}))
    assert leftovers(tmp_path) == set()
