"""Several processes: the command in each of them, and how it ends."""

import os
import signal
import subprocess
import sys

from darkroom.core.errors import DarkroomError
from darkroom.workflows.options import Accelerator
from darkroom.workflows.processes import place


def run_in_several(processes: int | None, accelerator: Accelerator, files: int, *, silent: bool = False) -> bool:
    """Run this very command in several processes of this machine, numbered as torchrun does, and wait for them.

    Args:
        processes: their number; by default one for each CUDA device, and one on a CPU.
        accelerator: of the command.
        files: to work on; there are no more processes than files.
        silent: show nothing but their errors.

    Returns:
        Whether it was done; not in a process that is one of several already, and not for one process.

    Raises:
        DarkroomError: one of them failed or was killed.
    """
    if place().processes > 1:
        return False
    number = min(processes or _devices(accelerator), files)
    if number < 2:
        return False
    command, shown = [sys.executable, "-m", "darkroom", *sys.argv[1:]], subprocess.DEVNULL if silent else None
    started = [subprocess.Popen(command, env={**os.environ, **_numbered(each, number)}, stdout=shown) for each in range(number)]
    try:
        codes = [process.wait() for process in started]
    except KeyboardInterrupt:  # Ctrl-C reaches them too
        for process in started:
            process.wait()
        raise
    finally:
        for process in started:
            process.terminate()
    if killed := [signal.Signals(-code).name for code in codes if code < 0]:
        raise DarkroomError(
            f"of {number} processes {len(killed)} were killed ({', '.join(killed)}): the same command does the rest"
        )
    if any(codes):
        raise DarkroomError("not everything was done; the reasons are given above")
    return True


def _devices(accelerator: Accelerator) -> int:
    if accelerator == "cpu":
        return 1
    import torch

    return max(1, torch.cuda.device_count())


def _numbered(number: int, processes: int) -> dict[str, str]:
    return {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(processes)}


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
