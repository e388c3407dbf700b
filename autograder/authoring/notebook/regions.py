"""Solution regions: the lines between BEGIN SOLUTION and END SOLUTION."""

from __future__ import annotations

from collections.abc import Sequence

from autograder.course.built_from import BEGIN, END

__all__ = ["BEGIN", "END", "leaks", "split", "without_delimiters"]

# Shorter pieces (`return x`, `break`) occur in other cells by chance.
_TELLING_LINES = 3
_TELLING_CHARACTERS = 24


def split(source: str) -> tuple[list[list[str]], str]:
    """Return the solution regions of a cell, and the problem with them.

    Returns:
        The lines of each region without the delimiters, and a problem or "".
    """
    regions: list[list[str]] = []
    inside = False
    for line in source.splitlines():
        if BEGIN in line:
            if inside:
                return regions, f"a second {BEGIN} before {END}"
            inside = True
            regions.append([])
        elif END in line:
            if not inside:
                return regions, f"{END} without {BEGIN}"
            inside = False
        elif inside:
            regions[-1].append(line)
    return regions, f"{BEGIN} without {END}" if inside else ""


def without_delimiters(source: str) -> str:
    """Return the cell as a student would have written it: the solutions without the delimiters."""
    return "\n".join(line for line in source.splitlines() if BEGIN not in line and END not in line)


def leaks(region: Sequence[str], source: str) -> bool:
    """Return whether a telling piece of a solution occurs in another cell.

    A piece is three consecutive lines of the solution (or all, if it has fewer), compared without white
    space, blank lines and comments.

    Args:
        region: Lines of a solution.
        source: A cell that students receive.
    """
    secret, shown = _essence(region), _essence(source.splitlines())
    size = min(_TELLING_LINES, len(secret))
    if not size:
        return False
    pieces = {tuple(secret[i : i + size]) for i in range(len(secret) - size + 1)}
    windows = {tuple(shown[i : i + size]) for i in range(len(shown) - size + 1)}
    return any(len("".join(piece)) >= _TELLING_CHARACTERS for piece in pieces & windows)


def _essence(lines: Sequence[str]) -> list[str]:
    bare = ("".join(line.split()) for line in lines)
    return [line for line in bare if line and not line.startswith("#")]
