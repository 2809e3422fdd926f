import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.core.pretrained import VGG19, Pretrained

CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()[:8]


@pytest.fixture
def server(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path != "/gone-00000000.pth" else 404)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *words: object) -> None: ...

    running = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()


def test_given_file_then_cache_then_download(server: str, tmp_path: Path):
    network = Pretrained("X", f"{server}/x-{DIGEST}.pth", 1)
    (tmp_path / "mine.pth").write_bytes(b"mine")
    assert network.find(tmp_path / "mine.pth") == tmp_path / "mine.pth"
    found = network.find()
    assert found.read_bytes() == CONTENT and found.parent == tmp_path / "cache" / "hub" / "checkpoints"
    found.write_bytes(b"cached")
    assert network.find().read_bytes() == b"cached"


@pytest.mark.parametrize("name", ["x-11111111.pth", "gone-00000000.pth"])
def test_a_wrong_or_absent_file_leaves_nothing_behind(server: str, name: str):
    network = Pretrained("X", f"{server}/{name}", 1)
    with pytest.raises(DarkroomError, match="X .* could not be downloaded from .*: put the file there"):
        network.find()
    assert not any(network.path().parent.iterdir())


def test_a_given_file_that_does_not_exist_is_one_line(tmp_path: Path):
    with pytest.raises(DarkroomError, match="no weights of VGG-19 at .*nothing.pth"):
        VGG19.find(tmp_path / "nothing.pth")
