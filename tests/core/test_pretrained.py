import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.core.pretrained import ALEXNET, INCEPTION, OFFLINE, VGG16, VGG19, Pretrained, sha256

CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
DIGEST = SHA256[:8]


@pytest.fixture
def server(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(OFFLINE, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path != "/gone-00000000.pth" else 404)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *words: object) -> None: ...

    running = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()


@pytest.mark.parametrize("full", [SHA256, ""])
def test_given_file_then_cache_then_download(server: str, tmp_path: Path, full: str):
    network = Pretrained("X", f"{server}/x-{DIGEST}.pth", 1, full)
    (tmp_path / "mine.pth").write_bytes(b"mine")
    assert network.find(tmp_path / "mine.pth") == tmp_path / "mine.pth"
    assert "X (1 MB) is not at" in network.missing()
    found = network.find()
    assert found.read_bytes() == CONTENT and found.parent == tmp_path / "cache" / "hub" / "checkpoints"
    assert network.find() == found and not network.missing()


def test_a_damaged_file_in_the_cache_is_refused_by_its_digest(server: str):
    network = Pretrained("X", f"{server}/x-{DIGEST}.pth", 1)
    found = network.find()
    found.write_bytes(b"damaged")
    words = f"{found} is not X: its SHA-256 is {hashlib.sha256(b'damaged').hexdigest()}, not {DIGEST}; delete it"
    assert network.missing().startswith(words)
    with pytest.raises(DarkroomError, match="delete it, and it is downloaded again"):
        network.find()
    assert found.read_bytes() == b"damaged"


def test_the_whole_digest_counts_where_it_is_known(server: str):
    network = Pretrained("X", f"{server}/x-{DIGEST}.pth", 1, DIGEST + "0" * 56)
    with pytest.raises(DarkroomError, match="could not be downloaded"):
        network.find()
    assert not any(network.path().parent.iterdir())


@pytest.mark.parametrize("name", ["x-11111111.pth", "gone-00000000.pth"])
def test_a_wrong_or_absent_file_leaves_nothing_behind(server: str, name: str):
    network = Pretrained("X", f"{server}/{name}", 1)
    with pytest.raises(DarkroomError, match="X .* could not be downloaded from .*: put the file there"):
        network.find()
    assert not any(network.path().parent.iterdir())


def test_without_downloads_the_message_has_file_digest_and_command(server: str, monkeypatch):
    monkeypatch.setenv(OFFLINE, "1")
    network = Pretrained("X", f"{server}/x-{DIGEST}.pth", 1)
    with pytest.raises(DarkroomError) as caught:
        network.find()
    text = str(caught.value)
    assert f"not at {network.path()}, and downloads are forbidden by {OFFLINE}" in text and "\n" not in text
    assert f"(SHA-256 {DIGEST}...), with `curl -L --create-dirs -o {network.path()} {network.url}`" in text
    assert not network.path().parent.exists()


def test_a_given_file_that_does_not_exist_is_one_line(tmp_path: Path):
    with pytest.raises(DarkroomError, match="no weights of VGG-19 at .*nothing.pth"):
        VGG19.find(tmp_path / "nothing.pth")


def test_digests_of_published_files_begin_as_their_names_end():
    for network in (VGG16, VGG19, ALEXNET, INCEPTION):
        assert network.path().stem.endswith(f"-{network.digest[:8]}")
        assert len(network.digest) in (8, 64) and set(network.digest) <= set("0123456789abcdef")


def test_a_changed_file_has_a_new_digest(tmp_path: Path):
    file = tmp_path / "x"
    for content in (b"a", b"bb"):
        file.write_bytes(content)
        assert sha256(file) == hashlib.sha256(content).hexdigest()
    with pytest.raises(DarkroomError, match="gone cannot be read"):
        sha256(tmp_path / "gone")
