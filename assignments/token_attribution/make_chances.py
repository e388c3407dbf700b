"""Measure what random rankings reach on the suitable sentences of the pool; writes chance.json beside this file.

    python assignments/token_attribution/make_chances.py

To be run again when the shipped model or the pool changes: what is stored holds for one model only, and grading
without it measures a student's sentences anew each time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autograder import faithfulness
from autograder.assignments import load_assignment, load_module
from autograder.models import load, use_student_dir

HERE = Path(__file__).resolve().parent
MOVED = 0.3
"""A sentence whose prediction stays without any word says nothing about a ranking of its words."""


def measure(checks: Any, assignment: Any, loaded: Any) -> dict[str, faithfulness.Chance]:
    """Return what chance reaches on the suitable sentences, by the sentence's id."""
    # Importable only once the student folder is on the path.
    from course.intent_classifier import encode

    found: dict[str, faithfulness.Chance] = {}
    for sentence in checks.pool(assignment):
        ids = encode([sentence.text], None, loaded.tokenizer)["input_ids"]
        number = len(checks.inner_places(ids[0], loaded.tokenizer))
        if not 5 <= number <= 16:
            continue
        score = checks.left_over(loaded.model, loaded.tokenizer, ids)
        full, empty = score([(0, frozenset(range(number))), (0, frozenset())])
        if full - empty >= MOVED:
            found[sentence.id] = checks.chances_of(ids, loaded.model, loaded.tokenizer)[0]
    return found


def main() -> None:
    """Measure and write."""
    assignment = load_assignment(HERE.parent.parent, HERE.name)
    use_student_dir(assignment.student_dir)
    checks = load_module(assignment.folder / "checks.py", f"checks_{assignment.slug}")
    loaded = load(assignment.models["tiny"][0], assignment.student_dir)
    found = measure(checks, assignment, loaded)
    path = assignment.folder / checks.CHANCES
    faithfulness.write_chances(path, checks.fingerprint(loaded.model), found)
    print(f"{path}: {len(found)} sentences")


if __name__ == "__main__":
    main()
