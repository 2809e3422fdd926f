"""`darkroom`: commands from typed signatures, and a user's mistake in one line."""

import importlib
import sys
import threading

from darkroom.cli.processes import end_if_one_of_several, is_first
from darkroom.core.errors import DarkroomError
from darkroom.core.files import no_room

USAGE = """usage: darkroom COMMAND [options]

  list        what can be trained, and what can be downloaded
  train       train a row of a recipe, or go on training it
  evaluate    evaluation weights on images, by a named protocol
  apply       restore an image or a folder of images; render views of a scene
  view        walk around in a scene, in the browser
  report      one page with tables, curves and images from runs
  data        datasets: list, get, check, make; poses of photographs
  demo        train a denoiser on embedded photographs and report on it

Each has --help with an example. --debug anywhere shows the traceback of an error.

  darkroom demo
  darkroom train dncnn laptop
  darkroom apply holiday.jpg -o clean.png --weights runs/dncnn/laptop"""


COMMANDS = ("list", "train", "evaluate", "apply", "view", "report", "data", "demo")


def _quiet_if_full(failed: threading.ExceptHookArgs) -> None:
    """TensorBoard writes from a thread of its own; that the disk is full is said once, by the main one."""
    if not isinstance(failed.exc_value, OSError) or no_room(failed.exc_value) is None:
        threading.__excepthook__(failed)


def main() -> None:
    """Run the command line; exits with 0, or 2 after a user's mistake, or 130 when asked to stop."""
    code = _run()
    end_if_one_of_several(code)
    if code:
        sys.exit(code)


def _run() -> int:
    """Run the command line; the exit code."""
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    debug = len(arguments) != len(sys.argv) - 1
    threading.excepthook = _quiet_if_full
    try:
        if not arguments or arguments[0] in ("-h", "--help", "help"):
            print(USAGE)
            return 0
        if arguments[0] == "--version":
            from darkroom.core.versions import code_version

            print(f"darkroom {code_version()}")
            return 0
        if arguments[0] not in COMMANDS:
            raise DarkroomError(f"no command {arguments[0]!r}; there are {', '.join(COMMANDS)} (darkroom --help)")
        importlib.import_module(f"darkroom.cli.{arguments[0]}").command(arguments[1:])
    except DarkroomError as error:
        if debug:
            raise
        if is_first():
            print(f"darkroom: {error}", file=sys.stderr)
        return error.exit_code
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
