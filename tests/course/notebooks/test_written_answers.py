from __future__ import annotations

import base64
import copy
import struct
import zlib

import nbformat
import pytest
from nbformat import NotebookNode

from autograder.course.notebooks import plots, source_mentions, written_answers
from autograder.records import WrittenQuestion

QUESTION = WrittenQuestion(id="question-why", title="Why?", points=3, rubric=("names a reason",))


def png(width: int = 2, height: int = 2, padding: int = 0) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0\0" * 2)
    parts = (
        chunk(b"IHDR", header),
        chunk(b"tEXt", bytes(padding)),
        chunk(b"IDAT", pixels),
        chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def drawn(data: object, name: str = "plot-x", tags: tuple[str, ...] = ()) -> NotebookNode:
    # Built by hand: nbformat's own constructors refuse what a hostile kernel may send.
    output = nbformat.from_dict({"output_type": "display_data", "data": {"image/png": data}, "metadata": {}})
    cell = nbformat.v4.new_code_cell("draw()")
    cell.outputs = [output]
    cell.metadata = NotebookNode(nbgrader=NotebookNode(grade_id=name), tags=list(tags))
    return nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]})


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("**Why?**\n\nYOUR ANSWER HERE", ""),
        ("**Why?**\n\n", ""),
        ("", ""),
        ("**Why?**\n\nBecause.", "Because."),
        ("**Why?**\n\nYOUR ANSWER HERE\n\nBecause *so*.", "Because *so*."),
        ("Because.", "Because."),
    ],
)
def test_an_answer_is_what_the_student_wrote(source: str, answer: str, template: NotebookNode) -> None:
    notebook = copy.deepcopy(template)
    notebook.cells[-1].source = source
    (pending,) = written_answers(notebook, template, [QUESTION])
    assert pending.answer == answer
    assert (pending.id, pending.points, pending.rubric) == ("question-why", 3, ("names a reason",))


@pytest.mark.parametrize(
    "written",
    [
        *(
            "your answer here",
            "**YOUR ANSWER HERE**",
            "_Your answer here._",
            "> `YOUR ANSWER HERE`",
            "# your answer here:",
        ),
        *("YOUR  ANSWER\nHERE", "**YOUR** ANSWER *HERE*", "(your answer here…)", "<!-- YOUR ANSWER HERE -->"),
        *(
            " \n\t ",
            "\u00a0\u200b\ufeff",
            "&nbsp;<br>",
            "...",
            "—",
            "- ",
            "```\n```",
            "$$ $$",
            "***",
        ),
    ],
)
def test_placeholder_space_and_punctuation_are_no_answer(written: str, template: NotebookNode) -> None:
    for source in (f"**Why?**\n\n{written}", written):
        notebook = copy.deepcopy(template)
        notebook.cells[-1].source = source
        assert written_answers(notebook, template, [QUESTION])[0].answer == ""


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: text,
        str.upper,
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text.replace(" ", "  "),
        lambda text: text.replace("**", "__"),
        lambda text: text.partition("YOUR")[0].replace("**", ""),
    ],
)
def test_the_questions_own_text_is_no_answer(changed, template: NotebookNode) -> None:
    notebook = copy.deepcopy(template)
    notebook.cells[-1].source = changed(template.cells[-1].source)
    assert written_answers(notebook, template, [QUESTION])[0].answer == ""


@pytest.mark.parametrize(
    "written",
    [
        "No",
        "7",
        "the standard deviation",
        "∞",
        "因为",
        "Mal sehen: YOUR ANSWER HERE",
        "![](attachment:a.png)",
        "$\\sigma$",
        "$x=0$",
    ],
)
def test_few_words_are_an_answer(written: str, template: NotebookNode) -> None:
    notebook = copy.deepcopy(template)
    notebook.cells[-1].source = template.cells[-1].source.replace("YOUR ANSWER HERE", written)
    assert written_answers(notebook, template, [QUESTION])[0].answer != ""


def test_a_removed_question_has_an_empty_answer(template: NotebookNode) -> None:
    notebook = copy.deepcopy(template)
    notebook.cells.pop()
    assert written_answers(notebook, template, [QUESTION])[0].answer == ""


def test_finds_plots_by_tag_and_by_grade_id() -> None:
    assert plots(drawn(text(png()), tags=("plot",))) == (text(png()),)
    assert plots(drawn(text(png())), cell_ids=["plot-x"]) == (text(png()),)
    assert plots(drawn(text(png()))) == ()


def test_joins_base64_that_is_broken_into_lines() -> None:
    whole = text(png())
    assert plots(drawn([whole[:20] + "\n", whole[20:]]), ["plot-x"]) == (whole,)


@pytest.mark.parametrize(
    "data",
    [
        "no base64!",
        text(b"<svg onload=alert(1)>" * 5),
        text(png()[:20]),
        text(png(padding=2 * 2**20)),
        text(png(width=60_000, height=60_000)),
        text(png(width=0)),
        3,
        None,
        ["x", 3],
        "ä",
    ],
)
def test_skips_what_is_no_sane_png(data: object) -> None:
    assert plots(drawn(data), ["plot-x"]) == ()


@pytest.mark.parametrize(
    ("source", "word", "expected"),
    [
        ("model.cuda()", ".cuda", True),
        ("x = 1  # .cuda", ".cuda", True),
        ("# model.cuda()", ".cuda", False),
        ("model.cudart()", ".cuda", False),
        ("captum.attr", "captum", True),
        ("nocaptum", "captum", False),
    ],
)
def test_finds_words_in_code(source: str, word: str, expected: bool) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source), nbformat.v4.new_markdown_cell(".cuda captum")]
    )
    assert source_mentions(notebook, word) is expected
