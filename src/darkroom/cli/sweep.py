"""`darkroom train` of several rows and seeds: one after another here, or at the same time as jobs of Slurm."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from darkroom.core.errors import DarkroomError, Diverged

if TYPE_CHECKING:
    from darkroom.workflows.sweep import Training


@dataclass
class Launch:
    """Where rows and seeds are trained.

    Args:
        launcher: here, one after another; or as jobs of Slurm, all at the same time.
    """

    launcher: Literal["here", "slurm"] = "here"


def seeds_in(arguments: Sequence[str]) -> list[list[str]]:
    """The arguments once for every seed of `--seed 0,1,2`.

    Example:
        >>> seeds_in(["--seed", "0,1", "--steps", "9"])
        [['--seed', '0', '--steps', '9'], ['--seed', '1', '--steps', '9']]
        >>> seeds_in(["--seed=3"]), seeds_in([])
        ([['--seed', '3']], [[]])
    """
    words = [part for word in arguments for part in (word.split("=", 1) if word.startswith("--seed=") else [word])]
    if "--seed" not in words[:-1]:
        return [words]
    at = words.index("--seed") + 1
    return [[*words[:at], seed, *words[at + 1 :]] for seed in words[at].split(",") if seed]


def in_turn(trainings: "Sequence[Training]", train: "Callable[[Training], None]") -> None:
    """Train one after another; one that diverges does not stop the others.

    Raises:
        Diverged: one did.
    """
    diverged = []
    for training in trainings:
        try:
            train(training)
        except Diverged as error:
            if len(trainings) == 1:
                raise
            diverged.append(str(training))
            print(f"darkroom: {training}: {error}", file=sys.stderr)
    if diverged:
        raise Diverged(f"of {len(trainings)} trainings {'; '.join(diverged)} diverged; the reasons are given above")


def as_jobs(trainings: "Sequence[Training]") -> None:
    """Submit a job for each training, wait for them, and write one report.

    Raises:
        DarkroomError: there is no Slurm, or a job failed.
    """
    from darkroom.report import page
    from darkroom.report.collect import rows_below
    from darkroom.workflows.sweep import collect, submit

    jobs = submit(trainings)
    out = trainings[0].options.out
    print(f"{len(jobs)} job(s) submitted: {', '.join(job.job_id for job in jobs)}; logs in {out / 'jobs'}", flush=True)
    print("They go on without this command, which waits for them to write a report.", flush=True)
    folders = collect(trainings, jobs, lambda line: print(line, file=sys.stderr, flush=True))
    if folders:
        rows, unreadable = rows_below(folders)
        report = out / Path(trainings[0].recipe).stem / "report.html"
        page.write(report, rows, None, unreadable)
        print(f"report: {report.resolve()}")
    if len(folders) < len(jobs):
        raise DarkroomError(f"{len(jobs) - len(folders)} of {len(jobs)} jobs failed; the same command resumes them")
