"""Put the template's locked cells back into a submission: what is read-only is the course's.

The template decides what a cell is. Cells are matched by nbgrader's `grade_id`, then by cell id, then by
what they say, since some editors strip nbgrader's metadata.
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from autograder.course.notebooks.additions import added_statements
from autograder.course.notebooks.cell_marks import grade_id_of, is_as_given_out, is_locked
from autograder.course.notebooks.stated_work import is_generated
from autograder.course.notebooks.written_answers import ANSWER_STUB

SKIP_TAG = "skip-grading"
"""Cells with this tag are not run."""

_STATES = ("grade", "locked", "points", "schema_version", "solution", "task")
_QUOTE_LENGTH = 60
_QUOTED_CELLS = 3


def restore_locked_cells(
    submitted: NotebookNode, template: NotebookNode
) -> tuple[NotebookNode, tuple[str, ...]]:
    """Return the submission with the template's locked cells and grade metadata.

    The student's solution cells keep their source, all cells keep the student's order, extra cells stay.
    Statements that were added to a locked code cell become a cell behind it.
    A locked cell that is missing is put after the nearest preceding cell of the template that is there;
    asserts whose function's cell is not found come last. A pure function; doing it twice changes nothing.

    Args:
        submitted: What `read_notebook` returned; not changed.
        template: The notebook that students received; not changed.

    Returns:
        The notebook to run, and remarks for the student in plain words.
    """
    surgery = _Surgery(submitted, template)
    surgery.match_by_grade_id()
    surgery.match_by_cell_id()
    surgery.split_additions()
    surgery.match_by_text()
    surgery.remark_recognition()
    surgery.settle()
    surgery.insert_missing()
    return surgery.result(), tuple(dict.fromkeys(surgery.remarks))


@dataclass(slots=True)
class _Entry:
    """A cell of the submission, and which of the template's it is ("" for the student's own)."""

    cell: NotebookNode
    name: str = ""


class _Surgery:
    """The submission's cells on their way; the public function above says in which order."""

    def __init__(self, submitted: NotebookNode, template: NotebookNode) -> None:
        self.template = template
        self.originals = {grade_id_of(cell): cell for cell in template.cells if grade_id_of(cell)}
        self.entries = [_Entry(copy.deepcopy(cell)) for cell in submitted.cells]
        self.remarks: list[str] = []
        self.unmarked = False
        self.earlier = False

    def missing(self) -> list[str]:
        present = {entry.name for entry in self.entries}
        return [name for name in self.originals if name not in present]

    def own(self) -> list[_Entry]:
        return [entry for entry in self.entries if not entry.name]

    def match_by_grade_id(self) -> None:
        matched: set[str] = set()
        kept = []
        for entry in self.entries:
            name = grade_id_of(entry.cell)
            kept.append(entry)
            if name in matched and is_locked(self.originals[name]):
                if self._is_duplicate(entry.cell, self.originals[name]):
                    kept.pop()
            elif name in self.originals and name not in matched:
                entry.name = name
                matched.add(name)
        self.entries = kept
        self.unmarked = not matched

    def _is_duplicate(self, cell: NotebookNode, original: NotebookNode) -> bool:
        """Return whether a copy of a locked cell goes; a changed one is the student's work and stays."""
        if _same_text(cell, original):
            self.remarks.append(
                f"A read-only cell ({_quote(original)}) was there twice; the copy was removed."
            )
            return True
        self.remarks.append(
            f"A read-only cell ({_quote(original)}) was there twice; "
            "the changed copy counts as a cell of your own."
        )
        return False

    def match_by_cell_id(self) -> None:
        by_id = {entry.cell.get("id"): entry for entry in self.own()}
        for name in self.missing():
            original = self.originals[name]
            entry = by_id.get(original.get("id"))
            if entry is not None and entry.cell.cell_type == original.cell_type:
                entry.name = name

    def split_additions(self) -> None:
        """Make cells of their own of what was added to locked cells."""
        split = []
        for entry in self.entries:
            split.append(entry)
            original = self.originals.get(entry.name)
            if original is None or is_as_given_out(entry.cell):
                continue
            if added := _added(entry.cell, original):
                split.append(_Entry(nbformat.v4.new_code_cell(added, id=original.id)))
                self.remarks.append(
                    f"What was added to a read-only cell ({_quote(original)}) runs as a cell of your own behind it."
                )
        self.entries = split

    def match_by_text(self) -> None:
        # Squeezed once a cell, not once a pair: a submission may hold megabytes.
        texts = [(entry, _squeeze(entry.cell.source)) for entry in self.own()]
        for name in self.missing():
            original = self.originals[name]
            recognise = _recogniser(original, name)
            for entry, text in texts:
                same_type = entry.cell.cell_type == original.cell_type
                if not entry.name and same_type and recognise(entry.cell.source, text):
                    entry.name = name
                    break

    def remark_recognition(self) -> None:
        """Say so where no cell carried the course's marks, and where no cell is the template's at all."""
        if self.unmarked and not any(entry.name for entry in self.entries):
            self.remarks.insert(
                0,
                "None of the assignment's cells was found in this notebook: it may be another assignment's. "
                "Look at the file that you handed in.",
            )
        elif self.unmarked:
            self.remarks.insert(
                0,
                "The notebook came without the course's cell marks (some editors remove them); "
                "its cells were recognised by their text.",
            )

    def settle(self) -> None:
        """Give every matched cell the template's metadata, and every locked one the template's source."""
        for entry in self.entries:
            if entry.name:
                entry.cell = self._settled(entry.cell, self.originals[entry.name])
            else:
                # A copy of a locked cell carries its marks and locks; on a cell of one's own they mislead.
                for key in ("nbgrader", "deletable", "editable"):
                    entry.cell.metadata.pop(key, None)
        if self.earlier:
            self.remarks.append(
                "The notebook was made from an earlier version of the assignment; "
                "its read-only cells were replaced by those of the current version."
            )
        self._separate_ids()

    def _settled(self, cell: NotebookNode, original: NotebookNode) -> NotebookNode:
        settled = copy.deepcopy(original)
        quote = _quote(original)
        self._remark_metadata(cell, original, quote)
        if is_locked(original):
            changed = cell.cell_type != original.cell_type or not _same_text(cell, original)
            if changed and is_as_given_out(cell):
                self.earlier = True
            elif changed:
                self.remarks.append(f"A read-only cell ({quote}) had been changed; the original was used.")
            return settled
        if cell.cell_type != original.cell_type:
            kind = "code" if original.cell_type == "code" else "text"
            self.remarks.append(f"A cell ({quote}) had changed its type; it was made a {kind} cell again.")
        settled.source = cell.source
        if "attachments" in cell and settled.cell_type != "code":
            settled.attachments = cell.attachments
        tags = list(dict.fromkeys([*original.metadata.get("tags", []), *cell.metadata.get("tags", [])]))
        if tags:
            settled.metadata["tags"] = tags
        return settled

    def _remark_metadata(self, cell: NotebookNode, original: NotebookNode, quote: str) -> None:
        marks, right = cell.metadata.get("nbgrader"), original.metadata["nbgrader"]
        if marks and not is_as_given_out(cell) and any(marks.get(key) != right.get(key) for key in _STATES):
            self.remarks.append(
                f"The grading marks of a cell ({quote}) had been changed; the original ones were used."
            )
        tags = cell.metadata.get("tags", [])
        if is_locked(original) and SKIP_TAG in tags and SKIP_TAG not in original.metadata.get("tags", []):
            self.remarks.append(f"The tag {SKIP_TAG} was removed from a read-only cell ({quote}).")

    def _separate_ids(self) -> None:
        """Keep the template's cell ids for the template's cells, also for those that are yet to come."""
        taken = {cell.get("id") for cell in self.template.cells}
        own = [entry.cell for entry in self.own()]
        reserved = taken | {cell.get("id") for cell in own}
        free = (name for name in map("extra-{}".format, itertools.count()) if name not in reserved)
        for cell in own:
            if cell.get("id") in taken:
                cell["id"] = next(free)
            taken.add(cell.get("id"))

    def insert_missing(self) -> None:
        """Put missing locked cells back.

        Missing solution cells are not put back: their function may stand in a cell that lost its marks, and
        a stub behind it would replace it.
        """
        missing = [name for name in self.missing() if is_locked(self.originals[name])]
        # Notebooks that were built earlier lack generated text: their cells keep the numbers that students know.
        missing = [name for name in missing if not is_generated(name)]
        for name in missing:
            self.entries.insert(self._place(name), _Entry(copy.deepcopy(self.originals[name]), name))
        quotes = [_quote(self.originals[name]) for name in missing]
        if len(quotes) > _QUOTED_CELLS:
            first = ", ".join(quotes[:_QUOTED_CELLS])
            self.remarks.append(
                f"{len(quotes)} read-only cells ({first} and more) were missing; they were put back."
            )
        else:
            self.remarks += [f"A read-only cell ({quote}) was missing; it was put back." for quote in quotes]

    def _place(self, name: str) -> int:
        """Return the index at which a missing locked cell belongs."""
        order = list(self.originals)
        before = order[: order.index(name)]
        where = {entry.name: index for index, entry in enumerate(self.entries) if entry.name}
        place = next((where[other] + 1 for other in reversed(before) if other in where), 0)
        if not self.originals[name].metadata["nbgrader"].get("grade"):
            return place
        solution = next((other for other in reversed(before) if not is_locked(self.originals[other])), None)
        if solution is None:
            return place
        return max(place, where[solution] + 1) if solution in where else len(self.entries)

    def result(self) -> NotebookNode:
        notebook = copy.deepcopy(self.template)
        notebook.cells = [entry.cell for entry in self.entries]
        return notebook


def _recogniser(original: NotebookNode, name: str) -> Callable[[str, str], bool]:
    """Return what tells, from source and squeezed source, whether an unmarked cell is the template's cell."""
    squeezed = _squeeze(original.source)
    if is_locked(original):
        return lambda source, text: text == squeezed
    if original.cell_type == "code":
        definition = re.compile(rf"^def {re.escape(name)}\b", re.MULTILINE)
        if definition.search(original.source):
            return lambda source, text: definition.search(source) is not None
        return lambda source, text: text == squeezed
    asked = _squeeze(original.source.partition(ANSWER_STUB)[0])
    return lambda source, text: bool(asked) and text.startswith(asked)


def _added(cell: NotebookNode, original: NotebookNode) -> str:
    """Return what a student added to a locked code cell; "" elsewhere."""
    if not is_locked(original) or not cell.cell_type == original.cell_type == "code":
        return ""
    return "" if _same_text(cell, original) else added_statements(cell.source, original.source)


def _same_text(cell: NotebookNode, original: NotebookNode) -> bool:
    return _squeeze(cell.source) == _squeeze(original.source)


def _squeeze(source: str) -> str:
    return "".join(source.split())


def _quote(cell: NotebookNode) -> str:
    """Return the cell's first line of text, quoted and cut."""
    lines: Iterable[str] = (line.strip() for line in cell.source.splitlines())
    line = next((line for line in lines if line), "") or grade_id_of(cell)
    return f"“{line[: _QUOTE_LENGTH - 1]}…”" if len(line) > _QUOTE_LENGTH else f"“{line}”"
