"""The viewer's server, with requests as raw bytes: only the files of viser's page are served, to this computer only."""

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from darkroom.cli import view
from darkroom.cli.parse import parse
from darkroom.core.errors import DarkroomError

viser = pytest.importorskip("viser")
viewers = pytest.importorskip("darkroom.apps.viewer")

PAGE = Path(viser.__file__).parent / "client" / "build"
UP = "/" + "../" * 30

TRAVERSALS = [
    f"{UP}etc/passwd",
    f"{UP}etc/passwd".replace(".", "%2e"),
    f"{UP}etc/passwd".replace("/", "%2f"),
    f"{UP}etc/passwd".replace(".", "%252e"),
    f"{UP}etc/passwd".replace(".", "%c0%ae"),
    f"{UP}etc/passwd".replace("/", "\\"),
    f"/assets{UP}etc/passwd",
    f"{UP[1:]}etc/passwd",
    f"/index.html?{UP}etc/passwd",
    "/..;/..;/etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "/%2fetc/passwd",
    "file:///etc/passwd",
    "http://127.0.0.1/../../etc/passwd",
    "/../index.html",
    "/../../__init__.py",
    "/%2e%2e/%2e%2e/__init__.py",
]
ODD = [
    "/\0",
    "/%00",
    "/index.html%00.png",
    "/a\0b",
    "/" + "a" * 300,
    "/" + "a" * 100_000,
    "/assets",
    "/%zz",
    "/\xff\xfe",
    "C:\\",
    "",
]
RAW = [
    b"",
    b"\r\n\r\n",
    b"\0" * 5000,
    b"A" * 200_000,
    b"GET / HTTP/1.1\r\n",
    b"GET /\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
]


class Method:
    """Of a scene, what the viewer shows: three cameras and a grey image."""

    def __init__(self) -> None:
        pose = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 4]])
        camera = viewers.Camera(8, 8, 8.0, 8.0, 4.0, 4.0, pose)
        cameras, centre = [camera] * 3, torch.zeros(3)
        self.space = SimpleNamespace(poses=pose.expand(3, 3, 4), cameras=cameras, centre=centre, forward_facing=False)

    def to(self, device: torch.device) -> "Method":
        return self


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a viewer with its default address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(viewers.trained, "scene", lambda run, recipe: (Method(), 1))
        patch.setattr(viewers, "_training_scene", lambda run, recipe: None)
        viewer = viewers.Viewer(tmp_path_factory.mktemp("run"), torch.device("cpu"), port=18180)
        yield viewer.port
        viewer.close()


def answer(port: int, request: bytes) -> bytes:
    """All that the server sends, until it closes the connection or is silent for 0.3 s."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=0.3 if request in RAW else 5) as connection:
        try:
            connection.sendall(request)
            while some := connection.recv(1 << 16):
                received += some
        except OSError:  # refused, or waiting for the rest of the request
            pass
    return received


def get(port: int, path: str) -> tuple[bytes, bytes]:
    """Status line and body."""
    head, _, body = answer(port, b"GET " + path.encode("latin1") + b" HTTP/1.1\r\nHost: x\r\n\r\n").partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], body


def is_served(port: int) -> bool:
    return get(port, "/") == (b"HTTP/1.1 200 OK", (PAGE / "index.html").read_bytes())


@pytest.mark.parametrize("path", TRAVERSALS)
def test_nothing_outside_the_page_is_served(port: int, path: str):
    """The files exist, and this process may read them."""
    assert Path("/etc/passwd").exists() and (PAGE / "../../__init__.py").exists()
    status, body = get(port, path)
    if path.startswith("/index.html?"):
        assert body == (PAGE / "index.html").read_bytes()
    else:
        assert (status, body) == (b"HTTP/1.1 404 NOT FOUND", b"")
    assert is_served(port)


@pytest.mark.parametrize("path", ODD, ids=lambda path: ascii(path[:20]))
def test_odd_paths_do_not_stop_the_server(port: int, path: str):
    _, body = get(port, path)
    assert len(body) < 1000 or body == (PAGE / "index.html").read_bytes()
    assert is_served(port)


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:{}", "http://localhost:{}", b"101"),
        ("127.0.0.1:{}", "http://127.0.0.1:{}", b"101"),
        ("[::1]:{}", "http://[::1]:{}", b"101"),
        ("localhost:{}", None, b"101"),  # a program, not a browser
        ("localhost:{}", "http://evil.example", b"403"),
        ("localhost:{}", "http://localhost", b"403"),
        ("localhost:{}", "null", b"403"),
        ("localhost:{}", "", b"403"),
        ("evil.example:{}", "http://evil.example:{}", b"403"),  # whose name points to this computer
        ("evil.example:{}", None, b"403"),
        ("", None, b"403"),
        ("[", "http://[", b"403"),
    ],
)
def test_only_the_viewers_own_page_connects(port: int, host: str, origin: str | None, status: bytes):
    """Browsers let any page open a websocket to any address, and name the page."""
    protocol = f"viser-v{viser.__version__}"
    headers = {"Host": host.format(port), "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Protocol": protocol}
    headers |= {} if origin is None else {"Origin": origin.format(port)}
    request = "GET / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request.encode())
        assert connection.recv(1 << 16).split()[1] == status
    assert is_served(port)


@pytest.mark.parametrize("wrong", [{"port": 0}, {"port": 70_000}, {"port": -1}, {"max_width": -1}])
def test_a_number_outside_its_range_is_refused(tmp_path: Path, wrong: dict[str, int]):
    with pytest.raises(DarkroomError, match="must be"):
        viewers.Viewer(tmp_path, torch.device("cpu"), **wrong)


@pytest.mark.parametrize("request_bytes", RAW, ids=lambda some: ascii(some[:20]))
def test_malformed_requests_do_not_stop_the_server(port: int, request_bytes: bytes):
    assert len(answer(port, request_bytes)) < 1000
    assert is_served(port)


def test_other_addresses_than_the_default_are_closed(port: int):
    """A server on all addresses would accept 127.0.0.2 on Linux."""
    assert parse(view.View, ["run"], "view").host == "127.0.0.1"
    with pytest.raises((ConnectionRefusedError, TimeoutError)), socket.create_connection(("127.0.0.2", port), timeout=0.5):
        pass


@pytest.mark.parametrize("host", ["nowhere.invalid", "203.0.113.1", "", "a" * 70 + ".b"])
def test_an_address_of_another_computer_is_refused(host: str, tmp_path: Path):
    with pytest.raises(DarkroomError, match="cannot listen on"):
        viewers.Viewer(tmp_path, torch.device("cpu"), host=host)


def test_the_command_passes_its_options_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    given = {}

    class Recorded:
        def __init__(self, run: Path, device: torch.device, **options: object) -> None:
            given.update(options, run=run)
            self.port = 1

        def refresh(self) -> None:
            raise KeyboardInterrupt

        def close(self) -> None:
            given["closed"] = True

    monkeypatch.setattr(viewers, "Viewer", Recorded)
    words = [str(tmp_path), "--recipe", "mine.py", "--host", "::1", "--port", "9", "--max-width", "64", "--accelerator", "cpu"]
    with pytest.raises(KeyboardInterrupt):
        view.command(words)
    assert given == dict(run=tmp_path, recipe="mine.py", host="::1", port=9, max_width=64, closed=True)
    for option, value in (("--port", "70000"), ("--port", "0"), ("--max-width", "-1")):
        with pytest.raises(DarkroomError, match=option.strip("-")):
            view.command([str(tmp_path), option, value])
