"""Files of an assignment that lie where nothing reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from autograder.records.assignment import GENERATED, VERIFICATION

_PLACES = {
    "calibration*.json": GENERATED,
    "distances*.json": GENERATED,
    "equivalents.py": VERIFICATION,
    "luck.py": VERIFICATION,
    "right_programs.txt": VERIFICATION,
    "survivors.toml": VERIFICATION,
}
"""Which folder a file belongs in, by its name."""


def misplaced_files(folder: Path) -> Iterator[str]:
    """Report files that lie beside checks.py but belong in a folder: nothing would read them there."""
    for pattern, place in _PLACES.items():
        for path in sorted(folder.glob(pattern)):
            yield f"{path.name} belongs in {place}/: move it to {folder / place / path.name}."
