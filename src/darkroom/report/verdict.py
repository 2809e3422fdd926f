"""Did it reproduce? Ours beside the paper's, in words."""

from dataclasses import dataclass
from typing import Any

from darkroom.report.collect import Cell, Protocol, spell_settings

TOLERANCE_DB = 0.1
TOLERANCE_SHARE = 0.03


@dataclass(frozen=True)
class Verdict:
    """A judgement on one number.

    Args:
        kind: "reproduced", "short" or "not comparable".
        words: the judgement as a sentence part.
        difference: ours minus published.
    """

    kind: str
    words: str
    difference: float


def evaluation(
    cell: Cell, published: float, *, protocol: Protocol, changed: dict[str, Any], breaking: frozenset[str]
) -> Verdict:
    """Compare a measured number with a published one.

    Reproduced means: no worse than 0.1 dB (for numbers in dB) or 3 % (for others) below it.

    Args:
        protocol: unit and direction of the metric.
        changed: settings that differ from the row as published.
        breaking: settings that, when changed, make the numbers measure different things.
    """
    difference = cell.value - published
    shortfall = -difference if protocol.higher_is_better else difference
    tolerance = TOLERANCE_DB if protocol.unit == "dB" else TOLERANCE_SHARE * abs(published)
    broken = spell_settings({key: value for key, value in changed.items() if key in breaking})
    if broken:
        return Verdict("not comparable", f"not comparable because {broken} changes the protocol", difference)
    trained = spell_settings(changed)
    remark = f" (with {trained})" if trained else ""
    if shortfall <= tolerance:
        margin = f"{TOLERANCE_DB} dB" if protocol.unit == "dB" else f"{TOLERANCE_SHARE:.0%}"
        return Verdict("reproduced", f"reproduced within {margin}{remark}", difference)
    return Verdict("short", f"short by {protocol.format(shortfall)} {protocol.unit}".rstrip() + remark, difference)
