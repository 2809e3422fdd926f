"""Commands that consist of several, such as `darkroom data`."""

from collections.abc import Callable, Mapping

from darkroom.core.errors import DarkroomError

Command = Callable[[list[str]], None]
"""Parses the words after its name, and runs; the first line of its docstring describes it."""


def choose(commands: Mapping[str, Command], arguments: list[str], command: str, example: str) -> None:
    """Run the command that the first word names with the words after it, or print the commands."""
    usage = "\n".join(f"  {name:14}{(found.__doc__ or '').splitlines()[0]}" for name, found in commands.items())
    if arguments and arguments[0] in ("-h", "--help"):
        print(f"usage: darkroom {command} COMMAND [options]\n\n{usage}\n\nExample: darkroom {example}")
    elif not arguments or arguments[0] not in commands:
        given = " ".join(arguments) or "nothing"
        raise DarkroomError(
            f"darkroom {command} needs one of {', '.join(commands)}; given {given} (example: darkroom {example})"
        )
    else:
        commands[arguments[0]](arguments[1:])
