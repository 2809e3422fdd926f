"""Mean and deviation of scores, which may be infinite or nan."""

import math
import statistics
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float:
    """The mean; infinite values of one sign make it infinite, of both signs or with a nan, nan.

    Example:
        >>> mean([30.0, float("inf")])
        inf
    """
    if any(map(math.isnan, values)) or {math.inf, -math.inf} <= set(values):
        return math.nan
    return statistics.fmean(values)


def deviation(values: Sequence[float]) -> float | None:
    """The sample's standard deviation; 0 for one value, None where a value is not finite.

    Example:
        >>> deviation([1.0, 3.0]), deviation([1.0, float("inf")])
        (1.4142135623730951, None)
    """
    if not all(map(math.isfinite, values)):
        return None
    return statistics.stdev(values) if len(values) > 1 else 0.0
