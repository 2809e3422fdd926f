"""Downloads of one file from a server that breaks connections, with and without ranges."""

import os
import resource
from pathlib import Path
from urllib.request import urlopen

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.data import transfer
from darkroom.data.transfer import Transfer
from tests.data.toy_server import Server

CONTENT = os.urandom(400_000)


class Bar:
    """Counts what a progress bar would show."""

    def __init__(self) -> None:
        self.total = self.shown = 0

    def update(self, amount: int) -> None:
        self.shown += amount

    def reset(self) -> None:
        self.shown = 0

    def close(self) -> None:
        pass


@pytest.fixture(params=[True, False], ids=["ranges", "no ranges"])
def server(request, monkeypatch):
    monkeypatch.setattr(transfer, "WAIT", 0)
    server = Server(ranges=request.param)
    server.content = CONTENT
    yield server
    server.close()


def made(server: Server, folder: Path, **options) -> Transfer:
    return Transfer(server.url, folder / "x.part", options.pop("largest", 1 << 20), **options)


def test_a_file_arrives_whole(server: Server, tmp_path: Path):
    bar = Bar()
    made(server, tmp_path, progress=bar).run()
    assert (tmp_path / "x.part").read_bytes() == CONTENT and bar.shown == bar.total == len(CONTENT)
    assert server.requests == [None]


def test_a_cut_connection_is_continued_or_begins_anew(server: Server, tmp_path: Path):
    server.breaks, bar, lines = 2, Bar(), []
    made(server, tmp_path, progress=bar, log=lines.append).run()
    assert (tmp_path / "x.part").read_bytes() == CONTENT and bar.shown == bar.total == len(CONTENT)
    if server.ranges:
        assert server.requests == [None, "bytes=200000-", "bytes=300000-"] and server.sent == len(CONTENT)
        assert sum("continuing a download of 0.4 MB at 0." in line for line in lines) == 2
    else:
        assert server.requests == [None, None, None] and server.sent == 2 * len(CONTENT)
        assert lines == [f"the connection broke; trying again ({number} of 3)" for number in (2, 3)]


def test_many_cuts_are_no_obstacle_as_long_as_something_arrives(server: Server, tmp_path: Path):
    server.breaks, server.share = 8, 0.3
    if server.ranges:
        made(server, tmp_path).run()
        assert (tmp_path / "x.part").read_bytes() == CONTENT and len(server.requests) == 9
    else:
        with pytest.raises(DarkroomError, match=r"could not download http.*the connection failed, 3 times; try again later"):
            made(server, tmp_path).run()
        assert len(server.requests) == 3 and list(tmp_path.iterdir()) == []


def broken_off(server: Server, folder: Path) -> None:
    """A download that stops half way, for good."""
    server.breaks = 1
    with pytest.raises(DarkroomError, match="could not download"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "TRIES", 1)
        made(server, folder).run()
    server.requests, server.breaks, server.sent = [], 0, 0


def test_a_later_process_continues_where_the_server_can(server: Server, tmp_path: Path):
    broken_off(server, tmp_path)
    assert (tmp_path / "x.part").exists() == (tmp_path / "x.part.json").exists() == server.ranges
    later = made(server, tmp_path)
    later.run()
    assert (tmp_path / "x.part").read_bytes() == CONTENT
    assert later.resumed == server.ranges and server.sent == len(CONTENT) // (2 if server.ranges else 1)
    server.requests = []
    if server.ranges:
        made(server, tmp_path).run()  # it is whole: nothing is requested
        assert server.requests == []


def test_other_content_on_the_server_begins_anew(server: Server, tmp_path: Path):
    broken_off(server, tmp_path)
    server.content, server.etag = CONTENT[::-1], '"two"'
    made(server, tmp_path).run()
    assert (tmp_path / "x.part").read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("note", [b"", b"[]", b"{}", b"\xff", b'{"url": "http://elsewhere", "total": 9, "validator": "x"}'])
def test_a_part_whose_note_is_of_no_use_is_removed(server: Server, tmp_path: Path, note: bytes):
    (tmp_path / "x.part").write_bytes(b"what an interrupted process left")
    (tmp_path / "x.part.json").write_bytes(note)
    made(server, tmp_path).run()
    assert (tmp_path / "x.part").read_bytes() == CONTENT and server.requests == [None]


def test_a_part_that_is_longer_than_the_file_begins_anew(server: Server, tmp_path: Path):
    broken_off(server, tmp_path)
    if server.ranges:
        (tmp_path / "x.part").write_bytes(CONTENT + b"more")
    made(server, tmp_path).run()
    assert (tmp_path / "x.part").read_bytes() == CONTENT


@pytest.mark.parametrize("declared", [True, False])
def test_a_file_larger_than_expected_is_refused(server: Server, tmp_path: Path, declared: bool):
    server.headers = {} if declared else {"Content-Length": "none"}
    with pytest.raises(DarkroomError, match=r"has more than 0 MB, which is refused; nothing was kept"):
        made(server, tmp_path, largest=100_000).run()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line(server: Server, tmp_path: Path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(DarkroomError, match=r"cannot download http.* to .*x\.part: the file is larger than allowed"):
            made(server, tmp_path).run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == [] and len(server.requests) == 1  # trying again would be of no use


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_an_error_of_the_server_is_one_line(server: Server, tmp_path: Path, status: int):
    server.status = status
    with pytest.raises(DarkroomError, match=f"^http.*/toy responded: {status} "):
        made(server, tmp_path).run()
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(transfer, "WAIT", 0)
    for url in ("http://127.0.0.1:1/x", "http://no-such-host.invalid/x"):
        with pytest.raises(DarkroomError, match="could not download .* 3 times; try again later"):
            Transfer(url, tmp_path / "x.part", 1 << 20).run()
    for url in ("nonsense", "file:///etc/hostname", "ftp://127.0.0.1/x"):
        with pytest.raises(DarkroomError, match=f"begins with https:// or http://, given {url}$"):
            Transfer(url, tmp_path / "x.part", 1 << 20).run()
    assert list(tmp_path.iterdir()) == []


def test_leaving_encryption_is_refused(server: Server, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(transfer, "urlopen", lambda request, timeout: urlopen(server.url, timeout=timeout))
    with pytest.raises(DarkroomError, match="leads to http://127.*, without encryption: refused"):
        Transfer("https://example.org/x", tmp_path / "x.part", 1 << 20).run()
