"""Whether a measured number reproduces a published one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.core.record import MetricRecord


@dataclass(frozen=True)
class Verdict:
    """The outcome of a comparison.

    Args:
        kind: "reproduced", "short" or "not comparable".
        words: the same in words, with the tolerance, the shortfall or the reason.
        difference: measured minus published.
    """

    kind: str
    words: str
    difference: float


def compare(
    measured: float, published: float, metric: MetricRecord, *, changed: str = "", obstacles: Sequence[str] = ()
) -> Verdict:
    """Compare a measured number with a published one.

    With s the shortfall (published minus measured, or the reverse where lower is better), a number is reproduced if
    s <= max(tolerance, relative_tolerance · |published|). An infinite value, or nan, is not comparable.

    Args:
        measured: in the metric's unit.
        published: as printed.
        metric: direction, digits and both tolerances.
        changed: settings that differ from the published ones, as words; they are named and do not count.
        obstacles: reasons why the two numbers do not measure the same thing; with any, they are not comparable.

    Example:
        >>> psnr = MetricRecord("PSNR", "dB", "peak 1", True, 2, tolerance=0.1, relative_tolerance=0.0, quality="fidelity")
        >>> compare(29.18, 29.23, psnr).words
        'reproduced within 0.1 dB'
        >>> compare(28.0, 29.23, psnr, changed="steps=10").words
        'short by 1.23 dB (with steps=10)'
    """
    difference = measured - published
    if not math.isfinite(measured):
        obstacles = [*obstacles, f"the measured value is {measured}"]
    if obstacles:
        return Verdict("not comparable", f"not comparable: {'; '.join(obstacles)}", difference)
    remark = f" (with {changed})" if changed else ""
    shortfall = -difference if metric.higher_is_better else difference
    if shortfall <= max(metric.tolerance, metric.relative_tolerance * abs(published)):
        return Verdict("reproduced", f"reproduced within {_margin(metric, published)}{remark}", difference)
    return Verdict("short", f"short by {metric.format(shortfall)} {metric.unit}".rstrip() + remark, difference)


def _margin(metric: MetricRecord, published: float) -> str:
    """The larger of the two tolerances in words, for example "0.1 dB" or "3%"."""
    if metric.relative_tolerance * abs(published) > metric.tolerance:
        return f"{100 * metric.relative_tolerance:g}%"
    return f"{metric.tolerance:g} {metric.unit}".rstrip()
