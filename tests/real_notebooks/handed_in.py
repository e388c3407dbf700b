"""A student's notebook: the assignment's with right answers, and ways to change it as students do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..conftest import ROOT
from .answers import ANSWERS

SETUP = {"token_attribution": "token_attribution-04", "logit_lens": "logit_lens-04"}
"""The first code cell."""


class HandedIn:
    """A notebook on its way to being handed in."""

    def __init__(self, slug: str = "token_attribution") -> None:
        text = (ROOT / "student_template" / f"{slug}.ipynb").read_text(encoding="utf-8")
        self.slug = slug
        self.notebook: dict[str, Any] = json.loads(text)
        for name, source in ANSWERS[slug].items():
            self.put(name, source)

    @property
    def cells(self) -> list[dict[str, Any]]:
        return self.notebook["cells"]

    def at(self, name: str) -> int:
        """Return where a cell of the template stands."""
        return next(
            index
            for index, cell in enumerate(self.cells)
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == name
        )

    def source(self, name: str) -> str:
        source = self.cells[self.at(name)]["source"]
        return source if isinstance(source, str) else "".join(source)

    def put(self, name: str, source: str) -> None:
        self.cells[self.at(name)]["source"] = source.strip()

    def edit(self, name: str, *replacements: tuple[str, str]) -> None:
        source = self.source(name)
        for old, new in replacements:
            assert old in source, f"{name} does not hold {old!r}"
            source = source.replace(old, new)
        self.put(name, source)

    def first(self, source: str) -> None:
        """Put a code cell before the first one."""
        self.cells.insert(self.at(SETUP[self.slug]), own_cell(source))

    def after(self, name: str, source: str, kind: str = "code") -> None:
        self.cells.insert(self.at(name) + 1, own_cell(source, kind))

    def before(self, name: str, source: str, kind: str = "code") -> None:
        self.cells.insert(self.at(name), own_cell(source, kind))

    def last(self, source: str) -> None:
        self.cells.append(own_cell(source))

    def text(self) -> str:
        return json.dumps(self.notebook, ensure_ascii=False, indent=1)


def own_cell(source: str, kind: str = "code") -> dict[str, Any]:
    """Return a cell as an editor makes it."""
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source.strip()}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something that students do to a notebook, and what is right to come of it."""

    name: str
    """Names the file."""

    does: str
    """What the student does, for the table in the documentation."""

    happens: str
    """What comes of it, for the same table."""

    change: Callable[[HandedIn], str | bytes | None]
    """Does it; may return the file's content instead of changing the notebook."""

    slug: str = "token_attribution"
    """The assignment."""

    score: float = 40
    """Points of 40."""

    told: tuple[str, ...] = ()
    """Pieces of what the student is told."""

    answers: tuple[str, ...] = ()
    """Pieces of the written answers that a person gets to read."""

    pictures: int = 0
    """The least number of pictures in the report."""

    is_slow: bool = False
    """Whether it runs with the long tests alone."""


def write(case: Case, folder: Path) -> None:
    """Write what a case hands in."""
    handed_in = HandedIn(case.slug)
    content = case.change(handed_in)
    content = handed_in.text() if content is None else content
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{case.name}.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
