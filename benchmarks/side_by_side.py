"""Alternating measurements, so that other load on the machine slows all candidates alike."""

import statistics
import time
from collections.abc import Callable


def alternate(
    candidates: dict[str, Callable[[], object]], *, rounds: int = 7, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Median time of each candidate in seconds, over `rounds` alternating rounds after one warm-up round.

    `time.process_time` as the clock counts the processor time of this process alone: for one thread on a busy machine.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds + 1):
        for name, run in candidates.items():
            started = clock()
            run()
            if number:
                times[name].append(clock() - started)
    return {name: statistics.median(values) for name, values in times.items()}


def show(title: str, seconds: dict[str, float], *, against: str) -> None:
    """Print the times, and their ratios to that of `against`."""
    print(f"\n{title}")
    for name, value in seconds.items():
        print(f"  {name:44s} {1000 * value:10.1f} ms   {value / seconds[against]:6.2f} x")
