"""How learning platforms name what they let an instructor download.

Moodle: mod/assign `importziplib` and `downloader`. Canvas: `content_zipper`. Blackboard, Brightspace and ILIAS: their
downloads of an assignment's files. nbgrader's tree and Gradescope's export state the student elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from autograder.course.submissions.names import nfc, stem_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What the name of a file or folder says about its student."""

    student: str
    """The student's name; the id where the platform gives no name."""

    id: str = ""
    """The platform's id of the student."""

    platform: str = ""
    """The platform; empty if the name fits none."""

    attempt: str = ""
    """Orders the student's attempts, the latest last."""

    handed_in: str = ""
    """When, as the platform writes it."""

    is_late: bool = False
    """Whether the platform marks it as late."""

    group: str = ""
    """The group whose folder it lies in; tells two of one name apart where there is no id."""

    login: str = ""
    """The platform's login of the student, where it is not the id."""

    email: str = ""
    """The student's address."""

    place: str = ""
    """What the platform expects before the name of a feedback file: of a folder with a `/` at its end."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What all files of one student have in common."""
        return (self.platform, self.id, "") if self.id else ("", self.student, self.group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A platform's names of files, folders or both."""

    platform: str
    """The platform."""

    pattern: re.Pattern[str]
    """Matches a whole name; its groups are fields of `Stated`, and `file`, `last`, `first`, `anonymous`."""

    files: bool = True
    """Whether files have such names."""

    folders: bool = True
    """Whether folders have such names."""


MOODLE, CANVAS = "Moodle", "Canvas"
_DATE = r"(?P<handed_in>\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)"
_LAYOUTS = (
    Layout(
        platform=MOODLE,
        pattern=re.compile(
            r"(?P<student>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)(?:_(?P<file>.*))?",
            re.DOTALL,
        ),
    ),
    Layout(
        platform=CANVAS,
        pattern=re.compile(
            r"(?:(?P<late>LATE)_)?(?P<anonymous>anon)_(?P<id>[A-Za-z0-9]+)_(?P<attachment>\d+)_(?P<file>.+)"
        ),
        folders=False,
    ),
    Layout(
        platform=CANVAS,
        pattern=re.compile(
            r"(?P<student>(?=[^_]*[^\W\d_])[^_\sA-Z]+)(?:_(?P<late>LATE))?_(?P<id>\d{2,})_"
            r"(?:(?P<attachment>\d{2,})_(?P<file>.+)|(?:text|link)\.html)"
        ),
        folders=False,
    ),
    Layout(
        platform="Blackboard",
        pattern=re.compile(rf"(?P<assignment>.+?)_(?P<id>[^_]+)_attempt_{_DATE}(?:_(?P<file>.+)|\.txt)?"),
    ),
    Layout(
        platform="Brightspace",
        pattern=re.compile(
            r"(?P<id>\d+)-\d+ ?- ?(?P<student>.+?) ?- ?"
            r"(?P<handed_in>\w{3,9}\.? \d{1,2}, \d{4} \d{1,2}[:_]?\d{2} ?[AP]M)(?: ?- ?(?P<file>.+))?"
        ),
    ),
    Layout(
        platform="ILIAS",
        pattern=re.compile(r"(?P<last>[^_\d]+)_(?P<first>[^_\d]+)_(?P<login>[^_]+)_(?P<id>\d{2,})"),
        files=False,
    ),
    Layout(
        platform="Sakai",
        pattern=re.compile(r"(?P<last>[^,()]+), (?P<first>[^,()]+)\((?P<id>[^()]+)\)"),
        files=False,
    ),
)
_AGAIN = re.compile(r"-(\d+)$")
_UPLOADED = re.compile(r"(\d{14})_.+")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
_CLOCK = re.compile(r"(\w{3})\w*\.? (\d{1,2}), (\d{4}) (\d{1,2})[:_]?(\d{2}) ?([AP])M")


def read_name(name: str, *, is_folder: bool) -> Stated | None:
    """Return what a platform's name says; None if it fits no layout from its first to its last letter.

    Args:
        name: Of a file, with its endings, or of a folder.
        is_folder: Which of them.
    """
    name = nfc(name)
    for layout in _LAYOUTS:
        if not (layout.folders if is_folder else layout.files):
            continue
        if match := layout.pattern.fullmatch(name):
            stated = _stated(layout.platform, match.groupdict())
            return (
                replace(stated, place=_place(name, match, is_folder)) if layout.platform == MOODLE else stated
            )
    return None


def _place(name: str, match: re.Match[str], is_folder: bool) -> str:
    """Return the part of a name by which Moodle tells whose a feedback file is."""
    return f"{name}/" if is_folder else name[: match.start("file")] if match["file"] else f"{name}_"


def _stated(platform: str, fields: dict[str, str | None]) -> Stated:
    number, moment = fields.get("id") or "", fields.get("handed_in") or ""
    student = fields.get("student") or number
    if fields.get("last"):
        student = f"{fields['first']} {fields['last']}"
    if fields.get("anonymous"):
        student = f"anon {number}"
    if platform == CANVAS:
        again = _AGAIN.search(stem_of(fields.get("file") or ""))
        attempt = f"{int(again[1]) if again and len(again[1]) < 4 else 0:04}"
    else:
        attempt = _sortable(moment)
    return Stated(
        student=student,
        id=number,
        platform=platform,
        attempt=attempt,
        handed_in=moment,
        is_late=bool(fields.get("late")),
        login=fields.get("login") or "",
    )


def _sortable(moment: str) -> str:
    """Return a date in an order that letters sort."""
    match = _CLOCK.fullmatch(moment)
    if not match:
        return moment
    month, day, year, hour, minute, half = match.groups()
    number = _MONTHS.find(month.lower()) // 4 + 1
    clock = int(hour) % 12 + (12 if half == "P" else 0)
    return f"{year}-{number:02}-{int(day):02}-{clock:02}-{minute}"


def uploaded(name: str) -> str:
    """Return the time that ILIAS writes before the name of a file, or ""."""
    match = _UPLOADED.fullmatch(name)
    return match[1] if match else ""


def with_names_told_apart(stated: Collection[Stated]) -> dict[tuple[str, str, str], str]:
    """Return one name for each student: two of the same name get their ids or groups behind it."""
    first: dict[tuple[str, str, str], Stated] = {}
    for each in stated:
        first.setdefault(each.key, each)
    names = [each.student for each in first.values()]
    return {
        key: f"{each.student} ({mark})"
        if (mark := each.id or each.group) and names.count(each.student) > 1
        else each.student
        for key, each in first.items()
    }
