"""The user's mistake, as distinct from ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DarkroomError(Exception):
    """A mistake or a circumstance that the user can mend, said in one line.

    The line says what was given and what to do. The command line prints it and exits with
    `exit_code`; anything else that is raised is a defect of this library and keeps its traceback.
    """

    exit_code = 2

    def __init__(self, line: str) -> None:
        super().__init__(" ".join(line.split()))


class Interrupted(DarkroomError):
    """The work was asked to stop (Ctrl-C or SIGTERM) and has been saved; the line says how to go on."""

    exit_code = 130


class Diverged(DarkroomError):
    """A loss is not finite any more; the line names the network and the step."""


@contextmanager
def about(file: Path) -> Iterator[None]:
    """Say which file a mistake is about: its name is put before the words."""
    try:
        yield
    except DarkroomError as error:
        raise DarkroomError(f"{file}: {error}") from error
