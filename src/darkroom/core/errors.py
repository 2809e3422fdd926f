"""The user's mistake, as distinct from ours."""


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
    """A loss is not finite any more; the line names the player and the step."""
