"""Addresses that a server listens on, and the pages that may connect to it."""

import http
import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from darkroom.core.errors import DarkroomError
from darkroom.recipes.ranges import Range

PORT = Range(1, 64000)
"""Of ports that a server may listen on; if one is taken, the next free one is."""


def check_local(host: str) -> None:
    """Check that a server can listen on an address: viser repeats a failing attempt without end.

    Raises:
        DarkroomError: it is not an address of this computer.

    Example:
        >>> check_local("127.0.0.1")
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        raise DarkroomError(f"cannot listen on {host!r}: use an address of this computer, for example 127.0.0.1") from error


def is_own_page(host: str, origin: str | None, listening: str) -> bool:
    """Whether a browser's page may open a connection: only a page of the same server.

    Browsers let every page connect to every address, so that any page could look at the scene of a viewer on this computer. They
    name the page's origin, which has to be the address that it connects to; and where the server listens to this computer only,
    that address has to be one of this computer's, not a name of somebody's that points here.

    Args:
        host: the address that is connected to, of the header `Host`.
        origin: of the page, of the header `Origin`; None for a program that is not a browser.
        listening: the address that the server listens on.

    Example:
        >>> own, other = "http://localhost:8080", "http://example.org"
        >>> is_own_page("localhost:8080", own, "127.0.0.1"), is_own_page("localhost:8080", other, "127.0.0.1")
        (True, False)
        >>> is_own_page("example.org:8080", "http://example.org:8080", "127.0.0.1")
        False
    """
    if origin not in (None, f"http://{host}", f"https://{host}"):
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return not _is_loopback(listening) or _is_loopback(name)


@contextmanager
def own_pages_only(listening: str) -> Iterator[None]:
    """Refuse connections of other pages (see `is_own_page`) in servers of `websockets` that start inside the block.

    viser starts such a server and does not look at origins itself.
    """
    import websockets.asyncio.server as servers

    serve = servers.serve
    servers.serve = partial(_serve, serve, listening)  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        servers.serve = serve  # type: ignore[misc]


def _serve(serve: Callable[..., Any], listening: str, *arguments: Any, process_request: Any = None, **options: Any) -> Any:
    """`websockets.asyncio.server.serve` with the check before the server's own treatment of a request."""

    def process(connection: Any, request: Any) -> Any:
        headers = request.headers
        if "Upgrade" in headers and not is_own_page(headers.get("Host", ""), headers.get("Origin"), listening):
            return connection.respond(http.HTTPStatus.FORBIDDEN, "only the page of this server may connect\n")
        return process_request(connection, request) if process_request is not None else None

    return serve(*arguments, process_request=process, **options)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
