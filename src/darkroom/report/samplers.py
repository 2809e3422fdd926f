"""Samplers of a generator in the tables of a report: lines, where other variants are columns."""

from collections.abc import Sequence

from darkroom.report.trained_run import Column


def across_samplers(column: Column) -> tuple[Column, str]:
    """The column that all samplers of a generator share, and what a sampler's lines are called besides the row.

    Other variants are conditions of the test, each with columns of its own; a generator may have dozens of samplers.
    """
    variant = dict(column.variant)
    if "sampler" not in variant:
        return column, ""
    steps = f", {variant['steps']:g} steps" if "steps" in variant else ""
    shared = tuple((key, value) for key, value in column.variant if key not in ("sampler", "steps"))
    return column._replace(variant=shared, protocol=column.protocol.partition("; ")[0]), f"{variant['sampler']}{steps}"


def placed(column: Column, columns: Sequence[Column], method: str) -> tuple[Column, str]:
    """The column of a table that a number belongs to, if it has one, and the name of its line."""
    if column in columns:
        return column, method
    shared, sampler = across_samplers(column)
    return shared, f"{method}, {sampler}" if sampler else method


def samplers(columns: Sequence[Column]) -> list[tuple[str, str]]:
    """The samplers and how they draw, in the words of the evaluations."""
    drawn = {dict(column.variant).get("sampler"): column.protocol.partition("; ")[2] for column in columns}
    return [(str(sampler), how) for sampler, how in drawn.items() if sampler and how]
