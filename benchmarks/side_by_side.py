"""Two ways of doing the same, taken in turns, so that a busy machine slows both alike."""

import statistics
import time
from collections.abc import Callable


def alternate(ways: dict[str, Callable[[], object]], *, rounds: int = 7) -> dict[str, float]:
    """Median seconds of each way over `rounds` rounds in turns, after one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            if number:
                times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in times.items()}


def show(title: str, seconds: dict[str, float], *, against: str) -> None:
    """Print the times and each one's ratio to `against`."""
    print(f"\n{title}")
    for name, value in seconds.items():
        print(f"  {name:44s} {1000 * value:10.1f} ms   {value / seconds[against]:6.2f} x")
