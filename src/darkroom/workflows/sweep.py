"""Rows and seeds trained at the same time, as jobs of Slurm."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.workflows.options import RunOptions

if TYPE_CHECKING:
    import submitit

Cluster = Literal["slurm", "local", "debug"]
"""Slurm, processes of this machine, or this very process."""

MINUTES = 24 * 60
"""Time limit of a job where `SBATCH_TIMELIMIT` sets none; a job that reaches it goes back into the queue and resumes."""


TIMEOUTS = 1000
"""How often a job may reach its time limit."""


@dataclass(frozen=True)
class Training:
    """A call of `train`, for another machine.

    Args:
        recipe: the name of a recipe, or the path of a file.
        row: one of its rows.
        options: where and how it runs.
        settings: that differ from the row's.
    """

    recipe: str
    row: str
    options: RunOptions
    settings: Mapping[str, Any]

    def __call__(self) -> Path:
        """Train; the run's folder."""
        from darkroom.workflows.train import train

        return train(self.recipe, self.row, options=self.options, **self.settings).path

    def checkpoint(self) -> Any:
        """The same call, by which Slurm resumes a job that it interrupts."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)

    def __str__(self) -> str:
        seed = self.settings.get("seed", 0)
        return f"{Path(self.recipe).stem} {self.row}" + (f", seed {seed}" if seed else "")


def submit(trainings: Sequence[Training], cluster: Cluster = "slurm") -> "list[submitit.Job[Path]]":
    """Submit one job for each training; logs are written to `jobs/` in the folder of the runs.

    A partition, an account, GPUs and the time limit are chosen by sbatch's own environment variables, for example `SBATCH_PARTITION`,
    `SBATCH_ACCOUNT`, `SBATCH_GRES` and `SBATCH_TIMELIMIT`.

    Raises:
        DarkroomError: submitit is not installed, or there is no Slurm here.
    """
    if not importlib.util.find_spec("submitit"):
        raise DarkroomError(f"jobs are submitted by submitit, which is not installed: {install('slurm')}")
    import submitit

    options = trainings[0].options
    try:
        executor = submitit.AutoExecutor(options.out / "jobs", cluster=cluster, slurm_max_num_timeout=TIMEOUTS)
    except RuntimeError as error:
        raise DarkroomError(f"no Slurm here: {error}") from error
    executor.update_parameters(name="darkroom", timeout_min=MINUTES, tasks_per_node=options.devices)
    if options.accelerator == "cuda":
        executor.update_parameters(gpus_per_node=options.devices)
    if options.threads:
        executor.update_parameters(cpus_per_task=options.threads)
    with executor.batch():
        return [executor.submit(training) for training in trainings]


def collect(
    trainings: Sequence[Training],
    jobs: "Sequence[submitit.Job[Path]]",
    say: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Wait for all jobs; the folders of the runs that were trained.

    Args:
        trainings, jobs: as given to `submit` and returned by it.
        say: called with a line about each job when it is waited for no longer.
    """
    folders = []
    for training, job in zip(trainings, jobs, strict=True):
        error = job.exception()
        if error is None:
            folders.append(Path(job.result()))
            say(f"{training}: trained in {folders[-1]}")
        else:
            say(f"darkroom: {training}: {_reason(error)} (log: {job.paths.stderr})")
    return folders


def _reason(error: BaseException) -> str:
    """The last line of the traceback that submitit quotes between two rules."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    rules = [index for index, line in enumerate(lines) if set(line) == {"-"}]
    return lines[max(rules[-1] - 1, 0) if rules else -1].removeprefix("darkroom.core.errors.DarkroomError: ")
