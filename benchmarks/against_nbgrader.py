"""Grade the same notebooks with this harness and with `nbgrader autograde`, one after the other, and print both.

    python benchmarks/against_nbgrader.py [SLUG] [--students N]

Only notebooks that end by themselves take part: nbgrader has no limit on a call, and one endless loop would decide the
figure. nbgrader runs the notebook and its visible asserts alone; the harness also asks the hidden checks on two models
and writes the reports.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import nbformat
import peers

ROOT = Path(__file__).resolve().parent.parent
ENDLESS = "while True"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slug", nargs="?", default="token_attribution")
    parser.add_argument("--students", type=int, default=8, help="how many notebooks (default: 8)")
    arguments = parser.parse_args()
    notebooks = chosen(arguments.slug, arguments.students)
    with tempfile.TemporaryDirectory() as scratch:
        ours, theirs = Path(scratch) / "ours", Path(scratch) / "nbgrader"
        harness = peers.timed(lambda: with_harness(arguments.slug, notebooks, ours))
        course = peers.nbgrader_course(ROOT, arguments.slug, notebooks, theirs)
        nbgrader = peers.timed(lambda: peers.autograde(course, arguments.slug))
        graded = len(list((course / "autograded").glob("*/*/*.ipynb")))
    if graded < len(notebooks):
        sys.exit(f"nbgrader graded {graded} of {len(notebooks)} notebooks: no ratio can be told from that.")
    print(f"{'':<34}{'seconds':>9}{'a notebook':>12}")
    count = len(notebooks)
    print(f"{f'autograder grade ({count} notebooks)':<34}{harness:>9.1f}{harness / count:>12.2f}")
    print(f"{f'nbgrader autograde ({graded} graded)':<34}{nbgrader:>9.1f}{nbgrader / count:>12.2f}")
    print(f"ratio nbgrader / autograder, start-up included: {nbgrader / harness:.2f}")


def chosen(slug: str, count: int) -> list[Path]:
    """Return the notebooks of the example class that end by themselves."""
    found = []
    for path in sorted((ROOT / "examples" / slug).glob("*.ipynb")):
        try:
            notebook = nbformat.read(path, as_version=4)
        except Exception:
            continue  # the corrupt one
        if not any(ENDLESS in cell.source for cell in notebook.cells):
            found.append(path)
    return found[:count]


def with_harness(slug: str, notebooks: list[Path], out: Path) -> None:
    """Grade with this harness."""
    process = peers.grade(ROOT, slug, notebooks, out)
    print(process.communicate()[0])
    if process.returncode:
        sys.exit(f"autograder grade ended with {process.returncode}.")


if __name__ == "__main__":
    main()
