"""The limits of an assignment as students read them: a cell of the notebook and a row of the README.

`autograder build` writes both from `assignment.toml`.
"""

from __future__ import annotations

import re

from autograder.records import Limits

GRADE_ID = "stated-limits"
"""Of the notebook's cell; it has no number, so that the other cells keep theirs."""

_BEGIN, _END = "<!-- limits: begin, written by autograder build -->", "<!-- limits: end -->"
_HEAD = (
    "| notebook | one cell | one call | whole submission | memory | printed text |",
    "|---|---|---|---|---|---|",
)
_ROW = re.compile(r"\| `([a-z][a-z0-9_]*)\.ipynb` \|")


def limits_cell(limits: Limits) -> str:
    """Return the text of the notebook's cell."""
    cell, call, submission, memory, printed = _quantities(limits)
    return (
        "**Limits.** Your notebook is graded with these limits:\n\n"
        f"- A cell may run for {cell}{_locked(limits)}.\n"
        f"- A call of one of your functions may take {call}.\n"
        f"- The whole submission may take {submission}.\n"
        f"- Your code may use {memory} of memory.\n"
        f"- Printed text is cut off at {printed}.\n\n"
        "A cell or call that takes longer is stopped; the other cells still run."
    )


def with_row(readme: str, slug: str, limits: Limits, slugs: frozenset[str]) -> str:
    """Return the README with the assignment's row in the generated table; a README without one stays as it is.

    Args:
        readme: The README's text.
        slug: The assignment.
        limits: What it states.
        slugs: All assignments of the course; rows of others are dropped.
    """
    before, begin, rest = readme.partition(_BEGIN)
    table, end, after = rest.partition(_END)
    if not (begin and end):
        return readme
    found = {match[1]: line for line in table.splitlines() if (match := _ROW.match(line))}
    rows = {name: line for name, line in found.items() if name in slugs} | {slug: _row(slug, limits)}
    lines = "\n".join([begin, "", *_HEAD, *(rows[name] for name in sorted(rows)), "", end])
    return before + lines + after


def _row(slug: str, limits: Limits) -> str:
    return f"| `{slug}.ipynb` | {' | '.join(_quantities(limits))} |"


def _locked(limits: Limits) -> str:
    most_s = limits.locked_cell_timeout_s
    return f", a read-only one for {_time(most_s)}" if most_s < limits.cell_timeout_s else ""


def _quantities(limits: Limits) -> tuple[str, ...]:
    times = (limits.cell_timeout_s, limits.call_timeout_s, limits.submission_timeout_s)
    sizes = (limits.memory_bytes, limits.output_bytes)
    return (*map(_time, times), *map(_size, sizes))


def _time(seconds: float) -> str:
    count, unit = (seconds / 60, "minute") if seconds >= 60 and seconds % 60 == 0 else (seconds, "second")
    return f"{count:g} {unit}{'' if count == 1 else 's'}"


def _size(size_bytes: int) -> str:
    """Return a size in the largest binary unit that it fills, which students call GB and MB."""
    for unit, size in (("GB", 2**30), ("MB", 2**20), ("kB", 2**10)):
        if size_bytes >= size:
            return f"{round(size_bytes / size, 1):g} {unit}"
    return f"{size_bytes} bytes"
