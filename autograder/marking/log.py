"""The log of decisions outside its database: for people who look into it, and for other machines."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

from autograder.marking.actions import Marking
from autograder.marking.errors import MarkingError, StoreError
from autograder.marking.records import Decision, Kind
from autograder.marking.store import STORE_NAME, MarkingStore
from autograder.report.text import points as in_words

_SQLITE = b"SQLite format 3\x00"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_MARK: dict[str, Callable[[Any], bool]] = {
    "items": _is_texts,
    "adjustment": _is_number,
    "comment": _is_text,
    "note": _is_text,
    "later": _is_flag,
}
_NAME: dict[str, Callable[[Any], bool]] = {"to": _is_text}
_SHAPES: dict[str, dict[str, Callable[[Any], bool]]] = {
    "mark": _MARK,
    "double": _MARK,
    "rubric": {"question": _is_text, "text": _is_text, "points": _is_number, "removed": _is_flag},
    "override": {"points": lambda value: value is None or _is_number(value)},
    "comment": {"text": _is_text},
    "assign": _NAME,
    "sample": _NAME,
    "request": {"text": _is_text},
    "resolve": {"request": _is_text, "accepted": _is_flag, "answer": _is_text},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What the merge of another log came to."""

    added: int
    """Decisions that were not here."""

    strangers: tuple[str, ...]
    """Students that decisions are about and who have no results here; the decisions count once they have."""

    contested: tuple[tuple[Decision, ...], ...]
    """What was decided differently on two machines: the decision that counts first, then the others."""


def to_line(decision: Decision) -> str:
    """Return a decision as one line of JSON."""
    return json.dumps(asdict(decision), sort_keys=True)


def read_log(path: Path) -> list[Decision]:
    """Return the decisions of another machine's log.

    Args:
        path: A copy of its `marking.sqlite`, or what `autograder log --json` printed.

    Raises:
        StoreError: If it cannot be read, or is no log of decisions.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_SQLITE))
        decisions = _of_database(path) if start == _SQLITE else _of_lines(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}.") from None
    for decision in decisions:
        shape = _SHAPES[decision.kind]
        if not all(name in decision.value and fits(decision.value[name]) for name, fits in shape.items()):
            raise StoreError(
                f"{path}: decision {decision.id} is not one of this version: its value does not fit."
            )
    return decisions


def _of_database(path: Path) -> list[Decision]:
    """Read a copy: the other machine's file stays as it is, and what its write-ahead log holds counts."""
    with tempfile.TemporaryDirectory(prefix="autograder-merge-") as scratch:
        for suffix in ("", "-wal"):
            if (source := path.with_name(path.name + suffix)).is_file():
                shutil.copyfile(source, Path(scratch, STORE_NAME + suffix))
        with MarkingStore(Path(scratch)) as store:
            found = [row.decision for row in store.since()]
    unknown = next((one for one in found if one.kind not in get_args(Kind)), None)
    if unknown is not None:
        raise StoreError(f"{path}: decision {unknown.id} is of a kind that this version does not know.")
    return found


def _of_lines(path: Path) -> list[Decision]:
    names = {one.name for one in fields(Decision)}
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            plain = json.loads(line)
        except ValueError:
            plain = None
        if not isinstance(plain, dict) or plain.keys() != names or not _is_sound(plain):
            raise StoreError(
                f"{path}, line {number}: no decision. Name a marking.sqlite, or the output of log --json."
            )
        found.append(Decision(**plain))
    return found


def _is_sound(plain: Mapping[str, Any]) -> bool:
    texts = all(isinstance(value, str) for name, value in plain.items() if name != "value")
    return texts and isinstance(plain["value"], dict) and plain["kind"] in get_args(Kind)


def merge(marking: Marking, decisions: Iterable[Decision]) -> Merged:
    """Add another machine's decisions to this log. In whatever order logs are merged, all machines come to the same.

    Args:
        marking: The assignment's.
        decisions: Of the other log.

    Raises:
        StoreError: If a decision has the same id in both and says something else.
    """
    with marking.lock:
        given = list(decisions)
        added = marking.store.merge(given)
        marking.refresh()
        known = set(marking.submissions.students())
        strangers = sorted({one.student for one in given if one.student} - known)
        contested = tuple(marking.state.contested())
        return Merged(added=added, strangers=tuple(strangers), contested=contested)


def sentence(decision: Decision, previous: Decision | None) -> str:
    """Return a decision in words, with what it replaced.

    Args:
        decision: The decision.
        previous: The one that it replaced; None if there was none.
    """
    was = f" (before: {_words(previous)})" if previous else ""
    why = f" because: {decision.reason}" if decision.reason else ""
    about = ", ".join(filter(None, (decision.student, decision.target)))
    return f"{decision.at}  {decision.by}  {decision.kind}  {about}: {_words(decision)}{was}{why}"


def _words(decision: Decision) -> str:
    """Return what was decided, in a few words."""
    value = decision.value
    if decision.kind in ("mark", "double"):
        parts = [f"items {', '.join(value['items'])}" if value["items"] else ""]
        parts += [f"{in_words(value['adjustment'])} points by hand" if value["adjustment"] else ""]
        parts += ["to come back to" if value["later"] else ""]
        parts += [f"comment {value['comment']!r}" if value["comment"] else ""]
        parts += [f"note {value['note']!r}" if value["note"] else ""]
        return "; ".join(filter(None, parts)) or "0 points"
    if decision.kind == "rubric":
        gone = ", removed" if value["removed"] else ""
        return f"{value['text']!r}, {in_words(value['points'])} points{gone}"
    if decision.kind == "override":
        return "withdrawn" if value["points"] is None else f"{in_words(value['points'])} points"
    if decision.kind == "resolve":
        return f"{'accepted' if value['accepted'] else 'declined'}: {value['answer']}"
    if decision.kind in ("assign", "sample"):
        return value["to"] or "nobody"
    return repr(value["text"])


def replaced(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """Return, by the id of a decision, the one that it replaced."""
    known = {one.id: one for one in decisions}
    return {
        one.id: known[name] for one in known.values() for name in one.previous.split()[:1] if name in known
    }


def check_file(path: Path) -> bytes:
    """Return a file that a person named.

    Raises:
        MarkingError: If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise MarkingError(f"{path}: cannot be read: {error.strerror}.") from None
