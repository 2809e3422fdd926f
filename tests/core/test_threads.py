import math
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from darkroom.core import threads
from darkroom.core.errors import DarkroomError
from darkroom.core.threads import INTERVAL, Machine, Threads, bound_spinning

TICKS = 100


class Clock:
    """Time, this process's CPU time, and a made-up `/proc/stat` of two CPUs, all under the test's control."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, cpus: int = 2) -> None:
        self.now, self.own, self.busy, self.file = 0.0, 0.0, [0.0] * cpus, root / "proc" / "stat"
        self.file.parent.mkdir(parents=True)
        monkeypatch.setattr(threads.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(threads.time, "process_time", lambda: self.own)
        monkeypatch.setattr(threads.time, "sleep", self.sleep)
        monkeypatch.setattr(threads.os, "sysconf", lambda name: TICKS)
        for name in threads.NUMBERS:
            monkeypatch.delenv(name, raising=False)
        self.others, self.mine = 0.0, 0.0
        self.pass_by(0)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self.own += self.mine * seconds
        total = (self.others + self.mine) * seconds
        self.busy = [busy + total / len(self.busy) for busy in self.busy]
        lines = [f"cpu{n} {round(b * TICKS)} 0 0 {round(9 * self.now * TICKS)} 5 0 0 0 0 0" for n, b in enumerate(self.busy)]
        self.file.write_text("\n".join(["cpu  1 2 3 4 5 6 7 8 0 0", *lines, "intr 12 3"]) + "\n")

    def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(tmp_path, monkeypatch)


@pytest.fixture(autouse=True)
def one_thread_afterwards():
    yield
    torch.set_num_threads(1)


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n")


def test_spinning_is_bounded_unless_the_user_governs_it():
    environment: dict[str, str] = {"PATH": "/bin"}
    bound_spinning(environment)
    assert environment == {"PATH": "/bin", **threads.SPINNING}
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"):
        environment = {name: "given"}
        bound_spinning(environment)
        assert environment == {name: "given"}


def test_neither_torch_nor_numpy_is_imported():
    code = "import sys, darkroom.core.threads; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_physical_cores_count_once(tmp_path: Path):
    siblings = {0: "0,4", 1: "1,5", 4: "0,4", 5: "1,5"}
    write(tmp_path, {f"sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list": s for n, s in siblings.items()})
    assert Machine(tmp_path, {0, 1, 4, 5}).cores() == 2
    assert Machine(tmp_path, {0, 4}).cores() == 1
    assert Machine(tmp_path / "nowhere", {0, 1, 2}).cores() == 3


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, math.inf),
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/cpu.max": "max 100000"}, math.inf),
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/cpu.max": "150000 100000"}, 1.5),
        (
            {
                "proc/self/cgroup": "0::/a/b",
                "sys/fs/cgroup/a/b/cpu.max": "800000 100000",
                "sys/fs/cgroup/a/cpu.max": "300000 100000",
            },
            3.0,
        ),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "50000 100000"}, 0.5),
        # Version 1; in a container the group's path names a folder of the host, and the limit lies at the top.
        (
            {
                "proc/self/cgroup": "9:name=systemd:/x\n4:cpu,cpuacct:/docker/1f",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            2.0,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            math.inf,
        ),
        ({"proc/self/cgroup": "3:cpuset:/a", "sys/fs/cgroup/cpuset/a/cpu.max": "100000 100000"}, math.inf),
    ],
)
def test_quotas_of_control_groups(tmp_path: Path, files, quota):
    write(tmp_path, files)
    assert Machine(tmp_path, {0}).quota() == quota


@pytest.mark.parametrize(
    ("others", "mine", "number"),
    [(0.0, 1.0, 2), (0.2, 1.0, 2), (0.5, 1.0, 1), (1.0, 1.0, 1), (1.9, 0.1, 1)],
)
def test_free_cores_are_those_that_other_processes_leave(clock: Clock, tmp_path: Path, others, mine, number):
    clock.others, clock.mine = others, mine
    chosen = Threads(machine=Machine(tmp_path, {0, 1}))
    assert chosen.choose() == number
    assert chosen.others == pytest.approx(others, abs=0.05)
    assert clock.now == threads.WINDOW


def test_a_longer_watch_needs_no_waiting(clock: Clock, tmp_path: Path):
    chosen = Threads(machine=Machine(tmp_path, {0, 1}))
    chosen.watch()
    clock.pass_by(3.0)
    assert chosen.choose() == 2 and clock.now == 3.0


def test_affinity_quota_and_several_processes_are_limits(tmp_path: Path, monkeypatch):
    clock = Clock(tmp_path, monkeypatch, cpus=8)
    assert Threads(machine=Machine(tmp_path, range(8))).choose() == 8
    assert Threads(machine=Machine(tmp_path, {1, 2, 3})).choose() == 3
    assert Threads(machine=Machine(tmp_path, range(8)), processes=3).choose() == 2
    assert Threads(machine=Machine(tmp_path, range(8)), processes=20).choose() == 1
    write(tmp_path, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "250000 100000"})
    assert Threads(machine=Machine(tmp_path, range(8))).choose() == 2
    clock.mine = 1.0  # two processes, each as busy as this one
    clock.others = 1.0
    chosen = Threads(machine=Machine(tmp_path, range(8)), processes=2)
    chosen.choose()
    assert chosen.others == pytest.approx(0.0, abs=0.05)


def test_the_number_follows_the_load_now_and_then(clock: Clock, tmp_path: Path):
    chosen = Threads(machine=Machine(tmp_path, {0, 1}))
    clock.mine = 1.0
    assert "computing with 2 threads" in chosen.begin()
    assert torch.get_num_threads() == 2
    clock.others = 0.9
    clock.pass_by(INTERVAL - 1)
    assert chosen.wanted() == 2
    clock.pass_by(2)
    assert chosen.wanted() == 1
    chosen.use(1)
    assert torch.get_num_threads() == 1
    assert chosen.spelled() == "1 thread (other processes use 0.9 of 2 CPUs)"
    clock.others = 0.0
    clock.pass_by(INTERVAL + 1)
    assert chosen.wanted() == 2


def test_small_changes_on_many_cores_are_ignored(tmp_path: Path, monkeypatch):
    clock = Clock(tmp_path, monkeypatch, cpus=16)
    chosen = Threads(machine=Machine(tmp_path, range(16)))
    chosen.begin()
    clock.others = 2.0
    clock.pass_by(INTERVAL + 1)
    assert chosen.number == chosen.wanted() == 16
    clock.others = 5.0
    clock.pass_by(INTERVAL + 1)
    assert chosen.wanted() == 11


def test_a_fixed_number_stays(clock: Clock, tmp_path: Path, monkeypatch):
    clock.others = 2.0
    chosen = Threads(3, machine=Machine(tmp_path, {0, 1}))
    assert chosen.choose() == 3 and clock.now == 0.0
    chosen.begin()
    clock.pass_by(10 * INTERVAL)
    assert chosen.wanted() == 3 == torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    assert Threads(machine=Machine(tmp_path, {0, 1})).choose() == 4
    assert Threads(2).choose() == 2
    with pytest.raises(DarkroomError, match="--threads 0"):
        Threads(0)


def test_a_recorded_number_is_used_again_where_that_is_possible(clock: Clock, tmp_path: Path):
    clock.others = 1.0
    machine = Machine(tmp_path, {0, 1})
    resumed = Threads(machine=machine)
    assert resumed.choose() == 1
    assert "as before" in resumed.begin(2) and torch.get_num_threads() == 2
    for chosen in (Threads(machine=machine), Threads(1, machine=machine)):
        assert "it was 8 before, so weights can differ" in chosen.begin(8)
        assert torch.get_num_threads() == chosen.number == 1


def test_the_load_of_a_real_process_is_noticed():
    if not sys.platform.startswith("linux"):
        pytest.skip("other processes are measured on Linux only")
    machine = Machine()
    before = machine.read()
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(1.0)
    finally:
        busy.kill()
        busy.wait()
    now = machine.read()
    assert (now.all - before.all) - (now.own - before.own) > 0.3
