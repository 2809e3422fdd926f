"""`darkroom`: one module for each command; a user's mistake is one line."""

import importlib
import os
import sys
import threading

from darkroom.cli.processes import end_if_one_of_several
from darkroom.core.errors import DarkroomError
from darkroom.core.files import no_room
from darkroom.core.threads import bound_spinning
from darkroom.workflows.processes import is_first

USAGE = """usage: darkroom COMMAND [options]

  list        recipes by task, or the rows of one recipe
  train       train a row of a recipe, or resume training it
  evaluate    evaluate weights on a test set, by the protocol of the published tables
  apply       restore an image or a folder of images; render views of a scene
  view        look at a scene in the browser
  report      one page with tables, curves and images of runs
  data        datasets: list, get, check, make; poses of photographs
  demo        train a denoiser on embedded photographs and write the report

Each has --help with an example. --debug shows the traceback of an error.

  darkroom demo
  darkroom train dncnn laptop
  darkroom apply holiday.jpg -o clean.png --weights runs/dncnn/laptop"""

COMMANDS = ("list", "train", "evaluate", "apply", "view", "report", "data", "demo")


def main() -> None:
    """Run the command line; exits with 0, with 2 after a user's mistake, or with 130 after Ctrl-C."""
    bound_spinning()
    code = _run()
    end_if_one_of_several(code)
    if code:
        sys.exit(code)


def _run() -> int:
    """Run the command line; the exit code."""
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    debug = len(arguments) != len(sys.argv) - 1
    threading.excepthook = _silent_if_full
    try:
        _dispatch(arguments)
    except DarkroomError as error:
        if debug:
            raise
        if is_first():
            print(f"darkroom: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError as error:
        if debug:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered cannot be written either
        print(f"darkroom: the output cannot be written any more: {error}", file=sys.stderr)
        return DarkroomError.exit_code
    except OSError as error:
        if debug or no_room(error) is None:
            raise
        print(f"darkroom: {no_room(error)}: {error}; what was saved before is untouched", file=sys.stderr)
        return DarkroomError.exit_code
    except KeyboardInterrupt:
        if debug:
            raise
        print("darkroom: stopped", file=sys.stderr)
        return 130
    return 0


def _dispatch(arguments: list[str]) -> None:
    """Run the command that the first word names."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE)
    elif arguments[0] == "--version":
        from darkroom.core.versions import code_version

        print(f"darkroom {code_version()}")
    elif arguments[0] not in COMMANDS:
        raise DarkroomError(f"no command {arguments[0]!r}; there are {', '.join(COMMANDS)} (darkroom --help)")
    else:
        importlib.import_module(f"darkroom.cli.{arguments[0]}").command(arguments[1:])


def _silent_if_full(failed: threading.ExceptHookArgs) -> None:
    """TensorBoard writes in a thread of its own; that the disk is full is reported once, by the main thread."""
    if not isinstance(failed.exc_value, OSError) or no_room(failed.exc_value) is None:
        threading.__excepthook__(failed)
