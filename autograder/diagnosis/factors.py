"""Where a factor comes from, in words of a small set."""

from __future__ import annotations

import math
from collections.abc import Mapping


def known_factor(factor: float, sizes: Mapping[str, int], precision: float) -> str:
    """Return where a factor comes from, in words of a small set: `1 / (number of tokens)`; empty if unknown.

    Args:
        factor: As fitted.
        sizes: Numbers that may be behind it, by name.
        precision: How well the factor is known, relatively.
    """
    size = abs(factor)
    sign = "-" if factor < 0 else ""
    known: list[tuple[float, str]] = [(value, text) for text, value in _NUMBERS.items()]
    for name, number in sizes.items():
        if number > 1:
            known += [
                (number, f"({name})"),
                (1 / number, f"1 / ({name})"),
                (math.sqrt(number), f"sqrt({name})"),
                (1 / math.sqrt(number), f"1 / sqrt({name})"),
                ((number - 1) / number, f"(({name}) - 1) / ({name})") if number > 2 else (2, "2"),
            ]
    near = [text for value, text in known if abs(size / value - 1) <= precision]
    return sign + near[0] if near else ""


def what_to_look_for(origin: str) -> str:
    """Return a question about a factor, by where it comes from."""
    return _ASKED.get(origin.lstrip("-"), "look for a mean instead of a sum, a division, a step left out.")


_A_LOGARITHM = "which logarithm do you take, and which one is asked for?"
_ASKED = {
    "ln 2": _A_LOGARITHM,
    "1 / ln 2": _A_LOGARITHM,
    "ln 10": _A_LOGARITHM,
    "1 / ln 10": _A_LOGARITHM,
}
"""What to look for, by where a factor comes from."""

_NUMBERS = {
    "2": 2.0,
    "1/2": 0.5,
    "3": 3.0,
    "1/3": 1 / 3,
    "4": 4.0,
    "1/4": 0.25,
    "10": 10.0,
    "1/10": 0.1,
    "100": 100.0,
    "1/100": 0.01,
    "ln 2": math.log(2),
    "1 / ln 2": 1 / math.log(2),
    "1 / ln 10": 1 / math.log(10),
    "ln 10": math.log(10),
}
