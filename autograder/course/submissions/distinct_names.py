"""Give each student a name that people can tell from all others, whatever characters it was handed in with."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence, Set

from autograder.course.submissions.gathering import StudentPlace
from autograder.course.submissions.layouts import with_names_told_apart
from autograder.records.visible_text import REPLACEMENT, one_line


def distinct_names(places: Sequence[StudentPlace]) -> Mapping[tuple[str, str, str], str]:
    """Return one name for each student, by the key of `Stated`.

    Two that look equal are told apart: the one with characters that nobody sees is marked, and keeps the mark in every
    run. A name of such characters alone gives way to that of its file or folder.

    Args:
        places: Where the students' work lies.
    """
    names = with_names_told_apart([place.stated for place in places])
    first = {place.stated.key: place for place in reversed(places)}
    looks = {key: _look(name) for key, name in names.items()}
    times = Counter(looks.values())
    found = {
        key: name
        for key, name in names.items()
        if looks[key] and (name == looks[key] or times[looks[key]] == 1)
    }
    taken = set(found.values())
    for key in names.keys() - found.keys():
        found[key] = _marked(looks[key] or _name_of(first[key]), names[key], taken)
    return found


def _look(name: str) -> str:
    """Return what a reader sees of a name."""
    return " ".join(one_line(name).replace(REPLACEMENT, "").split())


def _marked(look: str, name: str, taken: Set[str]) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    marked = (f"{look} (hidden characters, {digest[:length]})" for length in (6, len(digest)))
    return next((each for each in marked if each not in taken), name)


def _name_of(place: StudentPlace) -> str:
    """Return the readable characters of the name of a student's file or folder, or of the one around it."""
    for name in (place.path.name, place.path.resolve().parent.name):
        if readable := "".join(filter(str.isprintable, name)).strip():
            return readable
    return "unnamed"
