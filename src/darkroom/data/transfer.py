"""One file over HTTP: an interrupted download is continued where the server allows that."""

import ssl
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import darkroom
from darkroom.core.errors import DarkroomError
from darkroom.core.files import no_room, read_json, write_json

TRIES = 3
WAIT = 1.0
"""Seconds before a broken connection is tried again."""

PATIENCE = 60.0
"""Seconds without an answer after which a connection counts as broken."""

_PIECE = 1 << 16  # bytes

_BROKEN = (URLError, HTTPException, ConnectionError, TimeoutError, ssl.SSLError)


@runtime_checkable
class ProgressBar(Protocol):
    """Shows how much has arrived."""

    total: int

    def update(self, amount: int) -> None: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...


class Transfer:
    """A download to a file, with a note beside it of what continues it in a later process.

    The note holds the address, the size, and the server's validator of the content (ETag or date): a server that has other content
    by then sends all of it.

    Args:
        url: the address.
        path: the file; the note has `.json` after its name.
        largest: bytes; a larger file is refused.
        progress: shows the download.
        log: is given a line when a broken connection is tried again, and when a download is continued.

    Attributes:
        resumed: whether a part of the file is of an earlier process.
    """

    def __init__(
        self,
        url: str,
        path: Path,
        largest: int,
        progress: ProgressBar | None = None,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.url, self.path, self.largest, self.progress, self.log = url, path, largest, progress, log
        self.note = path.with_name(f"{path.name}.json")
        self.resumed = False

    def run(self) -> None:
        """Download the file, or the rest of it.

        Raises:
            DarkroomError: the address is none of HTTP, the server responds with an error, the connection breaks three times without
                anything new arriving, the file is too large, or the disk is full. What can be continued later is kept.
        """
        if not self.url.startswith(("http:", "https:")):
            raise DarkroomError(f"an address to download from begins with https:// or http://, given {self.url}")
        if not self._noted():
            self.remove()
        self.resumed = self._size() > 0
        try:
            self._attempts()
        except BaseException:
            if not self.note.exists():
                self.remove()
            raise

    def remove(self) -> None:
        """Remove the file and its note."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _attempts(self) -> None:
        failures, furthest = 0, self._size()
        while not self._complete():
            try:
                return self._attempt()
            except (OSError, HTTPException) as error:
                self._require_connection(error)
                failures = 1 if self._size() > furthest else failures + 1
                furthest = max(furthest, self._size())
                if failures == TRIES:
                    line = f"could not download {self.url}: the connection failed, {TRIES} times; try again later"
                    raise DarkroomError(line) from error
            self.log(f"the connection broke; trying again ({failures + 1} of {TRIES})")
            time.sleep(WAIT)

    def _attempt(self) -> None:
        start, headers = self._size(), {"Accept-Encoding": "identity", "User-Agent": f"darkroom/{darkroom.__version__}"}
        if start and (validator := self._noted().get("validator")):
            headers |= {"Range": f"bytes={start}-", "If-Range": validator}
        with self._response(headers) as response:
            if self.url.startswith("https:") and not response.url.startswith("https:"):
                raise DarkroomError(f"{self.url} leads to {response.url}, without encryption: refused")
            if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                start = 0
            self._receive(response, start)

    def _response(self, headers: dict[str, str]) -> Any:
        try:
            return urlopen(Request(self.url, headers=headers), timeout=PATIENCE)
        except HTTPError as error:
            if error.code == 416:  # there is no such range
                self.remove()
                raise ConnectionError("the range is refused") from error
            raise DarkroomError(f"{self.url} responded: {error.code} {error.reason}") from error

    def _receive(self, response: Any, start: int) -> None:
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        self._begin(response, start, total)
        with self.path.open("ab" if start else "wb") as file:
            while piece := response.read1(_PIECE):
                file.write(piece)
                start += len(piece)
                self._require_size(start)
                if self.progress is not None:
                    self.progress.update(len(piece))
        if total is not None and start < total:
            raise ConnectionError(f"{start} of {total} bytes")

    def _begin(self, response: Any, start: int, total: int | None) -> None:
        """Write the note, or remove one that is no longer true, and show where the download begins."""
        self._require_size(total or 0)
        if start:
            self.log(f"continuing a download of {(total or 0) / 1e6:.1f} MB at {start / 1e6:.1f} MB")
        else:
            self.remove()
            validator = response.headers.get("ETag", "")
            validator = response.headers.get("Last-Modified", "") if not validator or validator.startswith("W/") else validator
            if validator and total and response.headers.get("Accept-Ranges", "").lower() == "bytes":
                write_json(self.note, {"url": self.url, "total": total, "validator": validator})
        if self.progress is not None:
            self.progress.reset()
            self.progress.total = total or 0
            self.progress.update(start)

    def _require_size(self, size: int) -> None:
        if size > self.largest:
            self.remove()
            raise DarkroomError(f"{self.url} has more than {self.largest / 1e6:.0f} MB, which is refused; nothing was kept")

    def _require_connection(self, error: OSError | HTTPException) -> None:
        """Raise what another attempt would not mend."""
        if isinstance(error, _BROKEN):
            return
        self.remove()
        raise DarkroomError(f"cannot download {self.url} to {self.path}: {no_room(error) or error}") from error

    def _complete(self) -> bool:
        return self._size() == self._noted().get("total")

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _noted(self) -> dict[str, Any]:
        """The note, if it is of this address."""
        try:
            note = read_json(self.note)
        except DarkroomError:
            return {}
        return note if note.get("url") == self.url and isinstance(note.get("validator"), str) else {}
