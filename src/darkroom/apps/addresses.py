"""Addresses that a server can listen on."""

import socket

from darkroom.core.errors import DarkroomError


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
