"""A small dataset, and a server on this machine that fails in various ways."""

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from typing import Any

from PIL import Image

from darkroom.data.catalogue import Entry


def image() -> bytes:
    content = io.BytesIO()
    Image.effect_noise((90, 90), 60).save(content, format="PNG")
    return content.getvalue()


GOOD = {f"top/set/{number}.png": image() for number in range(3)}


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
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


class Server:
    """Serves one file; the first `breaks` responses stop after `share` of what they should send.

    Args:
        ranges: whether a part of the file can be requested.

    Attributes:
        hold: seconds before a broken connection is closed.
    """

    def __init__(self, ranges: bool = False) -> None:
        self.content, self.breaks, self.status, self.share, self.ranges = b"", 0, 200, 0.5, ranges
        self.etag, self.headers = '"one"', dict[str, str]()
        self.requests: list[str | None] = []
        self.sent, self.hold, self.released = 0, 0.0, threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=lambda: self.server.serve_forever(poll_interval=0.01), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/toy"

    def _handler(outer) -> type:  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                outer.requests.append(asked)
                start = 0
                if outer.ranges and asked and self.headers.get("If-Range") == outer.etag:
                    start = int(asked.removeprefix("bytes=").removesuffix("-"))
                body = outer.content[start:]
                if start >= len(outer.content) > 0:
                    self.send_response(416)
                    body = b""
                else:
                    self.send_response(206 if start else outer.status)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(outer.content) - 1}/{len(outer.content)}")
                if outer.ranges:
                    self.send_header("Accept-Ranges", "bytes")
                    self.send_header("ETag", outer.etag)
                for name, value in {"Content-Length": str(len(body)), **outer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if len(outer.requests) <= outer.breaks:
                    body = body[: int(len(body) * outer.share)]
                outer.sent += len(body)
                self.wfile.write(body)
                self.wfile.flush()
                if len(outer.requests) <= outer.breaks:
                    outer.released.wait(outer.hold)
                self.close_connection = True

            def log_message(self, *words: object) -> None:
                pass

        return Handler

    def entry(self, content: bytes, **changes: Any) -> Entry:
        self.content = content
        settings = dict(
            name="toy",
            title="Toy",
            url=self.url,
            megabytes=1,
            sha256=hashlib.sha256(content).hexdigest(),
            licence="free",
            citation="a paper",
            folder="Toy",
            inside="top/set",
            images={"": 3},
        )
        return Entry(**{**settings, **changes})

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
