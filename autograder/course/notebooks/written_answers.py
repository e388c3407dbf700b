"""Read from a notebook what a person looks at: written answers, the student's plots, words in the code."""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from autograder.records import Pending, WrittenQuestion

ANSWER_STUB = "YOUR ANSWER HERE"
"""nbgrader's text where the student is to write."""

_STUB = re.compile(r"[\W_]+".join(ANSWER_STUB.split()), re.IGNORECASE)
_EMPTY_MARKUP = re.compile(r"<!--.*?-->|<br\s*/?>", re.DOTALL | re.IGNORECASE)

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_MAX_PNG_BYTES = 2 * 2**20
# A PNG of a few kB can decode to gigabytes in the reader's browser.
_MAX_PNG_PIXELS = 25_000_000
MAX_PLOTS = 12
"""Pictures of the student's in a report."""


def written_answers(
    notebook: Mapping[str, Any], template: Mapping[str, Any], questions: Sequence[WrittenQuestion]
) -> tuple[Pending, ...]:
    """Collect the answers to the written questions.

    Args:
        notebook: The submission, after its locked cells were restored.
        template: The notebook that students received.
        questions: The written questions, in the order of the result.

    Returns:
        One item a question; its answer is without the question's own text where that stands unchanged,
        and empty if the student wrote nothing: a few words are an answer, punctuation and the placeholder are not.
    """
    return tuple(
        Pending(
            id=question.id,
            title=question.title,
            points=question.points,
            answer=_answer(_source_of(notebook, question.id), _source_of(template, question.id)),
            rubric=question.rubric,
        )
        for question in questions
    )


def _answer(source: str, given: str) -> str:
    asked, _, closing = given.partition(ANSWER_STUB)
    answer = source.strip()
    if answer.startswith(asked.strip()):
        answer = answer[len(asked.strip()) :]
    if closing.strip() and answer.endswith(closing.strip()):
        answer = answer[: -len(closing.strip())]
    written = _told(answer)
    return answer.replace(ANSWER_STUB, "").strip() if written and written != _told(given) else ""


def _told(text: str) -> str:
    """Return what a text says: no placeholder, no white space, punctuation or markup, in lower case."""
    plain = _STUB.sub("", html.unescape(_EMPTY_MARKUP.sub("", text)))
    return "".join(filter(_says_something, plain)).lower()


def _says_something(character: str) -> bool:
    """Tell letters, digits and signs from white space, punctuation and the ASCII signs of Markdown."""
    kind = unicodedata.category(character)[0]
    return kind in "LN" or (kind == "S" and not character.isascii())


def _source_of(notebook: Mapping[str, Any], grade_id: str) -> str:
    for cell in notebook["cells"]:
        if _grade_id(cell) == grade_id:
            return str(cell["source"])
    return ""


def _grade_id(cell: Mapping[str, Any]) -> Any:
    marks = cell.get("metadata", {}).get("nbgrader", {})
    return marks.get("grade_id") if isinstance(marks, Mapping) else None


def plots(notebook: Mapping[str, Any], cell_ids: Sequence[str] = (), tag: str = "plot") -> tuple[str, ...]:
    """Collect the pictures that the student's plot cells drew.

    Args:
        notebook: The executed notebook; its outputs are claims, so only well-formed PNGs of sane size count.
        cell_ids: Grade ids of plot cells, beside the tagged ones.
        tag: Cells with this tag are plot cells.

    Returns:
        PNG files as base64, in the notebook's order, at most 12.
    """
    found: list[str] = []
    for cell in notebook["cells"]:
        if is_plot_cell(cell, cell_ids, tag):
            found.extend(_pictures(cell.get("outputs", ())))
    return tuple(found[:MAX_PLOTS])


def is_plot_cell(cell: Mapping[str, Any], cell_ids: Sequence[str], tag: str) -> bool:
    """Return whether a cell is there for a plot: by its tag, or by its grade id."""
    tags = cell.get("metadata", {}).get("tags", ())
    return cell.get("cell_type") == "code" and (tag in tags or _grade_id(cell) in cell_ids)


def _pictures(outputs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for output in outputs:
        bundle = output.get("data")
        data = bundle.get("image/png") if isinstance(bundle, Mapping) else None
        if isinstance(data, list) and all(isinstance(line, str) for line in data):
            data = "".join(data)
        if isinstance(data, str) and len(data) <= 2 * _MAX_PNG_BYTES:
            try:
                png = base64.b64decode("".join(data.split()), validate=True)
            except (binascii.Error, ValueError):
                continue
            if _is_sane_png(png):
                yield base64.b64encode(png).decode("ascii")


def sane_pngs(images: Iterable[bytes]) -> tuple[str, ...]:
    """Return images of the student's as base64, without those that are no well-formed PNG of sane size."""
    return tuple(base64.b64encode(image).decode("ascii") for image in images if _is_sane_png(image))


def _is_sane_png(png: bytes) -> bool:
    """Check signature, size and the header chunk (PNG, section 11.2.2: width at byte 16, height at 20)."""
    if len(png) > _MAX_PNG_BYTES or len(png) < 33 or not png.startswith(_PNG_MAGIC) or png[12:16] != b"IHDR":
        return False
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    return 0 < width * height <= _MAX_PNG_PIXELS


def source_mentions(notebook: Mapping[str, Any], word: str) -> bool:
    """Return whether a code cell mentions a word outside of comment lines, as a whole word.

    Args:
        notebook: Any notebook of nbformat 4.
        word: What to look for; may hold dots, as in `.cuda`.
    """
    pattern = re.compile(
        rf"(?<!\w){re.escape(word)}(?!\w)" if word[:1].isalnum() else rf"{re.escape(word)}(?!\w)"
    )
    return any(
        pattern.search(line)
        for cell in notebook["cells"]
        if cell.get("cell_type") == "code"
        for line in str(cell["source"]).splitlines()
        if not line.lstrip().startswith("#")
    )
