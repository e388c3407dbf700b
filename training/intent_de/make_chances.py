"""Measure what random rankings reach on the suitable sentences of the pool, once for a model; writes chance.json.

    python -m training.intent_de.make_chances                       # the shipped model
    python -m training.intent_de.make_chances --profile hub         # or the folder of a model

The shipped model's file lies in the assignment's generated/, any other model's in that model's folder. Run it again
when the model or the pool changes: a file holds for one model only, and without one, grading measures the sentences
that a student is asked.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder.attribution import faithfulness
from autograder.course.assignment import load_assignment, load_module
from autograder.course.models import load, use_student_dir
from autograder.course.profiles import profile_named, resolve
from autograder.errors import AssignmentError
from training.intent_de import PROJECT

SLUG = "token_attribution"
MOVED = 0.3
"""A sentence whose prediction stays without any word says nothing about a ranking of its words."""

FEWEST, MOST = 5, 16
"""Tokens of a suitable sentence, without [CLS] and [SEP]."""


def suitable(checks: Any, assignment: Any, loaded: Any) -> Iterator[tuple[str, Any]]:
    """Find the sentences whose words decide the prediction: the id of each, and its tokens' ids (1, token)."""
    # Importable only once the student folder is on the path.
    from course.intent_classifier import encode

    for sentence in checks.pool(assignment):
        ids = encode([sentence.text], None, loaded.tokenizer)["input_ids"]
        number = len(checks.inner_places(ids[0], loaded.tokenizer))
        if not FEWEST <= number <= MOST:
            continue
        score = checks.left_over(loaded.model, loaded.tokenizer, ids)
        full, empty = score([(0, frozenset(range(number))), (0, frozenset())])
        if full - empty >= MOVED:
            yield sentence.id, ids


def measure(checks: Any, assignment: Any, loaded: Any) -> dict[str, faithfulness.Chance]:
    """Return what chance reaches on the suitable sentences, by the sentence's id.

    Raises:
        AssignmentError: If they are fewer than a student is asked.
    """
    found = dict(suitable(checks, assignment, loaded))
    asked = checks.FAITHFUL_SENTENCES + checks.OWN_SENTENCES
    if len(found) < asked:
        raise AssignmentError(
            f"{loaded.spec.path}: on this model only {len(found)} sentences of the pool have {FEWEST} to {MOST} tokens "
            f"and a prediction that hangs on them; a student is asked {asked}."
        )
    chances = {}
    for number, (key, ids) in enumerate(found.items(), start=1):
        chances[key] = checks.chances_of(ids, loaded.model, loaded.tokenizer)[0]
        if number % 20 == 0:
            print(f"{number} of {len(found)} sentences", flush=True)
    return chances


def write(profile: str) -> Path:
    """Measure on a profile's shipped model and write what was found; returns the file."""
    assignment = load_assignment(PROJECT, SLUG)
    settings = resolve(assignment, profile=profile)
    use_student_dir(assignment.student_dir)
    checks = load_module(assignment.folder / "checks.py", f"checks_{assignment.slug}")
    loaded = load(settings.models[0], assignment.student_dir)
    found = measure(checks, assignment, loaded)
    path = (assignment.generated_dir if profile == "tiny" else loaded.spec.path) / checks.CHANCES
    faithfulness.write_chances(path, checks.fingerprint(loaded.model), found)
    return path


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        description="Measure what random rankings of the pool's sentences reach."
    )
    parser.add_argument(
        "--profile", default="tiny", help="a profile of assignment.toml, or a model's folder, ./DIR"
    )
    profile = profile_named(parser.parse_args(arguments).profile)
    try:
        print(write(profile))
    except AssignmentError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
