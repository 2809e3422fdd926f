"""Errors that the user can mend, as distinct from defects of the library."""

from collections.abc import Iterator
from contextlib import contextmanager


class DarkroomError(Exception):
    """A mistake or a circumstance that the user can mend, in one line: the value given, and what to do.

    The command line prints the line and exits with `exit_code`. Any other exception is a defect of this library and keeps
    its traceback.
    """

    exit_code = 2
    longest = 2000
    """Characters of a line; what exceeds them is left out in the middle: names and values may be of any length."""

    def __init__(self, line: str) -> None:
        line = " ".join(line.split())
        half = self.longest // 2
        super().__init__(line if len(line) <= self.longest else f"{line[:half]} […] {line[-half:]}")


class Interrupted(DarkroomError):
    """The process was interrupted (Ctrl-C or SIGTERM) and its state is saved; the line says how to resume."""

    exit_code = 130


class Diverged(DarkroomError):
    """A loss is no longer finite; the line names the network and the step."""


@contextmanager
def about(file: object) -> Iterator[None]:
    """Put the name of a file before the message of any `DarkroomError` raised inside the block.

    Example:
        >>> with about("photo.png"):
        ...     raise DarkroomError("too small")
        Traceback (most recent call last):
        darkroom.core.errors.DarkroomError: photo.png: too small
    """
    try:
        yield
    except DarkroomError as error:
        raise DarkroomError(f"{file}: {error}") from error
