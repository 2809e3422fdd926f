"""How many threads to compute with on a machine that other processes use too."""

import math
import os
import sys
import time
from collections.abc import Collection, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from darkroom.core.errors import DarkroomError

SPINNING = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "1"}
"""Bounds on the busy waiting of OpenMP threads: turns of a loop for GNU's library, milliseconds for Intel's and LLVM's."""

NUMBERS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables by which the user fixes the number of threads."""

WINDOW = 0.5
"""Least time in seconds over which the load of other processes is measured."""

INTERVAL = 30.0
"""Least time in seconds between two changes of the number of threads."""

SLACK = 0.25
"""A core counts as free if other processes take less than this share of it."""


def bound_spinning(environment: MutableMapping[str, str] = os.environ) -> None:
    """Bound the time for which idle OpenMP threads wait by spinning; to be called before torch is imported.

    By default they spin for milliseconds and take the cores from the threads that they wait for, as soon as another process
    uses one of them. Nothing is changed if the user has set any of the variables that govern it.

    Example:
        >>> environment = {}
        >>> bound_spinning(environment)
        >>> environment["GOMP_SPINCOUNT"]
        '1000'
    """
    if not {*SPINNING, "OMP_WAIT_POLICY"} & set(environment):
        environment.update(SPINNING)


def _affinity() -> frozenset[int]:
    """Numbers of the CPUs that this process may run on."""
    if sys.platform == "linux":
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


@dataclass(frozen=True)
class Reading:
    """CPU time in seconds at a moment.

    Args:
        at: seconds of a monotonic clock.
        all: CPU time of all processes on the CPUs that this process may use.
        own: CPU time of this process.
    """

    at: float
    all: float
    own: float


@dataclass(frozen=True)
class Machine:
    """The CPUs that this process may use, as Linux describes them below `/proc` and `/sys`.

    On other systems every CPU is a core, there is no quota, and other processes are taken to be idle.

    Args:
        root: the root of the file system.
        allowed: numbers of the CPUs that this process may run on.
    """

    root: Path = Path("/")
    allowed: Collection[int] = field(default_factory=_affinity)

    def cores(self) -> int:
        """Physical cores among the allowed CPUs; CPUs that share a core count once."""
        topology = self.root / "sys" / "devices" / "system" / "cpu"
        siblings = (_read(topology / f"cpu{cpu}" / "topology" / "thread_siblings_list") or str(cpu) for cpu in self.allowed)
        return len(set(siblings))

    def quota(self) -> float:
        """CPUs that the control groups of this process grant, versions 1 and 2; infinite if they set no limit.

        A group's own limit and those of the groups around it count. In a container the outermost visible one is its own.
        """
        limits = [math.inf]
        for line in (_read(self.root / "proc" / "self" / "cgroup") or "0::/").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            for mount in ("", controllers, "cpu"):
                top = self.root / "sys" / "fs" / "cgroup" / mount
                group = top / path.lstrip("/")
                limits += [_limit(folder) for folder in (group, *group.parents) if folder.is_relative_to(top)]
        return min(limits)

    def read(self) -> Reading:
        """The CPU times now."""
        ticks = 0
        for line in (_read(self.root / "proc" / "stat") or "").splitlines():
            name, *values = line.split()
            if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in self.allowed:
                user, nice, system, _, _, *interrupts = map(int, values[:8])  # without idle and waiting for disks
                ticks += user + nice + system + sum(interrupts)
        per_second = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
        return Reading(time.monotonic(), ticks / per_second, time.process_time())


class Threads:
    """The number of threads that a process computes with: fixed, or as many as are free.

    A sum depends in its last bits on the number of threads that its terms are shared out to, and so do trained weights:
    they repeat bit for bit if the sequence of numbers repeats. Training therefore changes the number only where it
    saves a checkpoint, which holds the number used from there on; what is lost by an interruption is computed again with
    the number that it was computed with.

    Args:
        number: fixes it; so does `OMP_NUM_THREADS` in the environment.
        processes: that share the machine for the same training, and are equally busy.
        machine: the CPUs.

    Raises:
        DarkroomError: the number is less than 1.
    """

    def __init__(self, number: int | None = None, *, processes: int = 1, machine: Machine | None = None) -> None:
        if number is not None and number < 1:
            raise DarkroomError(f"--threads {number}: at least one is needed")
        self.processes, self.machine = processes, machine or Machine()
        given = number if number is not None else _of_environment()
        self.fixed, self.number = given is not None, given or 1
        self.others = 0.0
        """Cores that other processes use, as last measured."""
        self._last: Reading | None = None
        self._chosen = self.fixed

    def watch(self) -> None:
        """Begin to measure the load of other processes."""
        self._last = self.machine.read()

    def choose(self) -> int:
        """The number for the load since `watch`, or over a short time from now; at least 1."""
        if not self.fixed:
            if self._last is None:
                self.watch()
            time.sleep(max(0.0, WINDOW - (time.monotonic() - self._last.at)))  # type: ignore[union-attr]
            self.number, self._chosen = self._free(), True
        return self.number

    def begin(self, recorded: int | None = None) -> str:
        """Set torch's number of threads, to `recorded` (of a checkpoint) where that is possible; a line for the log."""
        if not self._chosen:
            self.choose()
        words = ""
        if recorded is not None and recorded != self.number:
            if self.fixed or recorded > self.machine.cores():
                words = f"; it was {recorded} before, so weights can differ in their last bits from an uninterrupted run's"
            else:
                self.number, words = recorded, ", as before"
        self.use(self.number)
        return f"computing with {self.spelled()}{words}"

    def wanted(self) -> int:
        """The number for the load since the last measurement; the one in use if it is fixed or was measured a moment ago.

        On machines of many cores a difference of an eighth is ignored.
        """
        if self.fixed or self._last is None or time.monotonic() - self._last.at < INTERVAL:
            return self.number
        number = self._free()
        return number if abs(number - self.number) > self.number // 8 else self.number

    def use(self, number: int) -> None:
        """Set torch's number of threads, and measure the load from now on."""
        import torch

        self.number = number
        torch.set_num_threads(number)
        if not self.fixed:
            self.watch()

    def spelled(self) -> str:
        """The number in use, and why, in words."""
        words = f"{self.number} thread{'' if self.number == 1 else 's'}"
        return words if self.fixed else f"{words} ({self.reason})"

    @property
    def reason(self) -> str:
        """The load that was last measured, in words."""
        return f"other processes use {self.others:.1f} of {len(self.machine.allowed)} CPUs"

    def _free(self) -> int:
        before, now = self._last, self.machine.read()
        assert before is not None
        seconds = max(now.at - before.at, 1e-9)
        self.others = max(0.0, (now.all - before.all - self.processes * (now.own - before.own)) / seconds)
        self._last = now
        free = min(len(self.machine.allowed) - self.others, self.machine.quota())
        return max(1, min(self.machine.cores(), math.floor(free + SLACK)) // self.processes)


def _of_environment() -> int | None:
    """The number of threads that the environment fixes."""
    for name in NUMBERS:
        word = os.environ.get(name, "").split(",")[0].strip()
        if word.isdigit() and int(word) > 0:
            return int(word)
    return None


def _limit(group: Path) -> float:
    """CPUs that one control group grants."""
    both = (_read(group / "cpu.max") or "max").split()
    if len(both) != 2:
        both = [_read(group / "cpu.cfs_quota_us") or "-1", _read(group / "cpu.cfs_period_us") or "0"]
    quota, period = ("-1" if word == "max" else word for word in both)
    return int(quota) / int(period) if int(quota) > 0 and int(period) > 0 else math.inf


def _read(file: Path) -> str | None:
    """The content of a file, or None where there is none."""
    try:
        return file.read_text().strip()
    except OSError:
        return None
