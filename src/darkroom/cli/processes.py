"""How the command ends where several processes train together."""

import os
import sys


def end_if_one_of_several(code: int) -> None:
    """End at once with an exit code where a process group exists; otherwise return.

    Threads of the process group may release Python objects at any time. If the interpreter is shutting down at that moment, they
    abort it, and the other processes with it.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
