"""Tell the student's id from the assignment's name in Blackboard's file names: both may hold `_`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

from autograder.course.submissions.layouts import Stated

PLATFORM = "Blackboard"

# Students name the file behind it: what looks like an attempt there is none.
_ATTEMPT = re.compile(r"(?P<head>.+?)_attempt_\d{4}-\d\d-\d\d-.*", re.DOTALL)
_FIRST = re.compile(r".+?_attempt_\d{4}(-\d\d){5}", re.DOTALL)
_NAME = re.compile(r"^Name:[ \t]*(?P<name>.*?)[ \t]*\((?P<id>[^()\r\n]+)\)[ \t]*\r?$", re.MULTILINE)
_MAX_BYTES = 2**16


def with_whole_ids(
    stated: Mapping[Path, Stated], slug: re.Pattern[str], texts: Sequence[Path]
) -> dict[Path, Stated]:
    """Return what the names of a download say, with the students' whole ids and, where its texts state them, names.

    A name is `<assignment>_<id>_attempt_...`. The id is what the download's own text file states, else what follows
    the assignment's name, else what follows the words that all names of the download begin with.

    Args:
        stated: What each name says by itself: of the id the part behind the last `_`.
        slug: Matches the assignment's name.
        texts: Files of the download that may state ids.
    """
    heads = {path: match["head"] for path in stated if (match := _ATTEMPT.fullmatch(path.name))}
    names = _stated_names(texts)
    common = _common_words(set(heads.values()))
    return dict(stated) | {
        path: _with_id(stated[path], head, names, slug, common) for path, head in heads.items()
    }


def _with_id(
    stated: Stated, head: str, names: Mapping[str, str], slug: re.Pattern[str], common: str
) -> Stated:
    known = [number for number in names if head.endswith(f"_{number}")]
    named = slug.match(head)
    rest = head[named.end() :] if named else ""
    if known:
        number = max(known, key=len)
    elif rest.startswith("_") and rest[1:]:
        number = rest[1:]
    else:
        number = head.removeprefix(common)
    return replace(stated, id=number, student=names.get(number) or number)


def _stated_names(texts: Sequence[Path]) -> dict[str, str]:
    """Return ids and names that the text files beside the attempts state: `Name: Anna Adams (aadams)`."""
    found = {}
    for path in texts:
        try:
            first = _FIRST.match(path.name)
            if first is None or path.name[first.end() :] != ".txt":
                continue  # handed in by a student
            if not path.is_file() or path.stat().st_size > _MAX_BYTES:
                continue
            text = path.read_text(encoding="utf-8-sig", errors="replace")
        except OSError:
            continue
        if match := _NAME.search(text):
            found[match["id"].strip()] = match["name"].strip()
    return found


def _common_words(heads: Collection[str]) -> str:
    """Return what all heads begin with, up to a `_`; of one head all but the last word."""
    if len(heads) == 1:
        (head,) = heads
        return head[: head.rfind("_") + 1]
    columns = zip(*heads, strict=False)
    same = list(takewhile(lambda letters: len(set(letters)) == 1, columns))
    common = "".join(letters[0] for letters in same)
    return common[: common.rfind("_") + 1]
