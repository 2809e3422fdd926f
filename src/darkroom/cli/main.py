"""`darkroom`: one module for each command; a user's mistake is one line."""

import importlib
import io
import os
import sys
import threading

from darkroom.cli.processes import end_if_one_of_several
from darkroom.core.errors import DarkroomError
from darkroom.core.files import no_room
from darkroom.core.paths import printable
from darkroom.core.threads import bound_spinning
from darkroom.workflows.processes import is_first

USAGE = """usage: darkroom COMMAND [options]

  list        recipes by task, or the rows of one recipe
  train       train a row of a recipe, or resume training it
  evaluate    evaluate weights on a test set, by the protocol of the published tables
  restore     restore photographs with the networks that are part of Darkroom
  models      the networks that are part of Darkroom: list, card
  apply       restore images with weights of your own; render views of a scene
  sample      draw samples of a generator; fill in, upscale or denoise an image with a score model
  export      write a network as ONNX or torch.export, checked against PyTorch
  app         restore images in the browser
  view        look at a scene in the browser
  report      one page with tables, curves and images of runs
  data        datasets: list, get, check, make; poses of photographs
  demo        train a denoiser on embedded photographs and write the report

Each has --help with an example. --debug shows the traceback of an error.

  darkroom restore photo.jpg
  darkroom demo
  darkroom train dncnn laptop
  darkroom apply holiday.jpg -o clean.png --weights runs/dncnn/laptop"""

_NO_MEMORY = ("can't allocate memory", "out of memory", "Storage size calculation overflowed")
"""What torch says in a `RuntimeError` where there is not enough memory."""

COMMANDS = (
    "list",
    "train",
    "evaluate",
    "restore",
    "models",
    "apply",
    "sample",
    "export",
    "app",
    "view",
    "report",
    "data",
    "demo",
)


def main() -> None:
    """Run the command line; exits with 0, with 2 after a user's mistake, or with 130 after Ctrl-C."""
    bound_spinning()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be text that the terminal can show
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
    except (Exception, KeyboardInterrupt) as error:
        line = None if debug else _line(error)
        if line is None:
            raise
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered cannot be written either
        if is_first() or not isinstance(error, DarkroomError):
            print(f"darkroom: {line}", file=sys.stderr)
        if isinstance(error, KeyboardInterrupt):
            return 130
        return error.exit_code if isinstance(error, DarkroomError) else DarkroomError.exit_code
    return 0


def _line(error: BaseException) -> str | None:
    """What the user can mend, in one line; None for a defect, which keeps its traceback."""
    if isinstance(error, DarkroomError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "stopped"
    if isinstance(error, BrokenPipeError):
        return f"the output cannot be written any more: {error}"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)):
        return (
            f"not enough memory: {next(iter(str(error).splitlines()), '')} (smaller sizes, for example --batch-size, take less)"
        )
    if isinstance(error, OSError) and no_room(error):
        return f"{no_room(error)}: {error}; what was saved before is untouched"
    if isinstance(error, OSError) and isinstance(error.filename, str | bytes):
        return f"{printable(os.fsdecode(error.filename))}: {error.strerror or type(error).__name__}"
    return None


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
