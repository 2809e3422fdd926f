"""Which of several training processes this one is, and how it ends."""

import os
import sys


def is_first() -> bool:
    """Whether this process speaks and claims folders on its machine; the only process is the first."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def end_if_one_of_several(code: int) -> None:
    """End at once with an exit code where several processes trained together; else do nothing.

    Threads of the process group may let go of Python objects at any time; should the interpreter be shutting down
    just then, they abort it, and with it the other processes.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
