from __future__ import annotations

import base64
import contextlib
import copy
import json
import os
import random
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.course.notebooks import read_notebook
from autograder.errors import SubmissionError

GOOD: dict[str, Any] = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "evil"}, "widgets": {"state": [1, 2]}},
    "cells": [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Titel\n", "Größe 中文"]},
        {
            "cell_type": "code",
            "id": "b",
            "metadata": {
                "nbgrader": {"grade_id": "double", "solution": True, "points": 2},
                "tags": ["x", "skip-grading"],
                "editable": False,
                "collapsed": True,
            },
            "source": "def double(x):\n    return 2 * x",
            "execution_count": 7,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "42"}],
        },
    ],
}

V3: dict[str, Any] = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": "old"},
    "worksheets": [
        {
            "metadata": {},
            "cells": [
                {"cell_type": "heading", "level": 2, "metadata": {}, "source": "Old"},
                {
                    "cell_type": "code",
                    "collapsed": False,
                    "input": "x = 1",
                    "language": "python",
                    "metadata": {},
                    "outputs": [],
                },
            ],
        }
    ],
}


def write(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "ana.ipynb"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def changed(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(GOOD) | changes


def with_cell(**changes: Any) -> dict[str, Any]:
    notebook = copy.deepcopy(GOOD)
    notebook["cells"][1] |= changes
    return notebook


def test_keeps_sources_marks_and_tags(tmp_path: Path) -> None:
    notebook = read_notebook(write(tmp_path, GOOD))
    assert [cell.source for cell in notebook.cells] == [
        "# Titel\nGröße 中文",
        "def double(x):\n    return 2 * x",
    ]
    assert notebook.cells[1].metadata == {
        "nbgrader": {"grade_id": "double", "solution": True, "points": 2},
        "tags": ["x", "skip-grading"],
        "editable": False,
    }


def test_keeps_marks_that_state_a_cell_type(tmp_path: Path) -> None:
    marks = {"grade_id": "double", "cell_type": "code", "solution": True}
    notebook = read_notebook(write(tmp_path, with_cell(metadata={"nbgrader": marks})))
    assert notebook.cells[1].metadata == {"nbgrader": marks}


def test_drops_stored_outputs_and_execution_counts(tmp_path: Path) -> None:
    cell = read_notebook(write(tmp_path, GOOD)).cells[1]
    assert cell.outputs == []
    assert cell.execution_count is None


def test_drops_widget_states_and_foreign_kernels(tmp_path: Path) -> None:
    metadata = read_notebook(write(tmp_path, GOOD)).metadata
    assert metadata.kernelspec.name == "python3"
    assert "widgets" not in metadata


def test_reads_a_byte_order_mark(tmp_path: Path) -> None:
    assert read_notebook(write(tmp_path, b"\xef\xbb\xbf" + json.dumps(GOOD).encode())).nbformat == 4


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_reads_what_windows_wrote_as_utf_16(encoding: str, tmp_path: Path) -> None:
    mark = "" if encoding == "utf-16" else "\ufeff"
    raw = (mark + json.dumps(with_cell(source="x = 'ä🎉'"), ensure_ascii=False)).encode(encoding)
    assert read_notebook(write(tmp_path, raw)).cells[1].source == "x = 'ä🎉'"


@pytest.mark.parametrize("minor", range(6))
def test_reads_every_minor_format_of_4(minor: int, tmp_path: Path) -> None:
    notebook = changed(nbformat_minor=minor)
    for cell in notebook["cells"] if minor < 5 else []:
        del cell["id"]
    read = read_notebook(write(tmp_path, notebook))
    assert [cell.source for cell in read.cells] == [
        cell.source for cell in read_notebook(write(tmp_path, GOOD)).cells
    ]
    assert len({cell.id for cell in read.cells}) == 2


def test_reads_lines_that_end_as_on_windows(tmp_path: Path) -> None:
    text = json.dumps(with_cell(source="def f():\r\n    return 1"), indent=1)
    source = read_notebook(write(tmp_path, text.replace("\n", "\r\n").encode())).cells[1].source
    assert compile(source, "cell", "exec") and source.splitlines() == ["def f():", "    return 1"]


def test_upgrades_notebook_format_3(tmp_path: Path) -> None:
    notebook = read_notebook(write(tmp_path, V3))
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        ("markdown", "## Old"),
        ("code", "x = 1"),
    ]
    nbformat.validate(notebook)


def test_gives_missing_bad_and_repeated_ids_a_stable_name(tmp_path: Path) -> None:
    notebook = copy.deepcopy(GOOD)
    cell = notebook["cells"][0]
    notebook["cells"] = [cell | {"id": name} for name in ("a", "a", None, "ü" * 80, "cell-1")]
    path = write(tmp_path, notebook)
    ids = [cell.id for cell in read_notebook(path).cells]
    assert ids == ["a", "cell-0", "cell-2", "cell-3", "cell-1"]
    assert ids == [cell.id for cell in read_notebook(path).cells]


def test_replaces_lone_surrogates_that_utf8_cannot_write(tmp_path: Path) -> None:
    text = json.dumps(with_cell(source="x = 'SUR'")).replace("SUR", "\\ud800")
    notebook = read_notebook(write(tmp_path, text))
    assert notebook.cells[1].source == "x = '\ufffd'"


def test_keeps_pictures_attached_to_an_answer(tmp_path: Path) -> None:
    notebook = copy.deepcopy(GOOD)
    notebook["cells"][0]["attachments"] = {
        "a.png": {"image/png": "aGk="},
        "b.html": {"text/html": "<script>"},
    }
    assert read_notebook(write(tmp_path, notebook)).cells[0].attachments == {"a.png": {"image/png": "aGk="}}


RESAVE = "Open it in Jupyter, save it as a notebook (.ipynb) and hand it in again."
BAD = {
    "empty": (b"", "ana.ipynb is empty. Save the notebook and hand it in again."),
    "blank": (b" \n\t\n", "ana.ipynb is empty. Save the notebook and hand it in again."),
    "zeros": (bytes(512), "ana.ipynb is empty. Save the notebook and hand it in again."),
    "conflict": (
        json.dumps(GOOD, indent=1).replace('"cells": [', '"cells": [\n<<<<<<< HEAD'),
        f"ana.ipynb holds the marks of a merge that Git could not finish (line 16). Choose one version. {RESAVE}",
    ),
    "not UTF-8": (b'{"a": "\xff"}', f"ana.ipynb is not UTF-8 text (byte 7 is not). {RESAVE}"),
    "not JSON": (
        b"import torch",
        "ana.ipynb is not JSON, so it is no notebook or a damaged one: "
        f"line 1, column 1: Expecting value. {RESAVE}",
    ),
    "a list": (b"[1]", f"ana.ipynb is JSON, but no notebook. {RESAVE}"),
    "other JSON": (b'{"a": 1}', f"ana.ipynb is JSON, but no notebook: it states no nbformat. {RESAVE}"),
    "brackets": (b"[" * 100_000, f"ana.ipynb is nested too deeply to be a notebook. {RESAVE}"),
    "many brackets": (
        b"[" * 3_000_000,
        f"ana.ipynb is nested too deeply to be a notebook. {RESAVE}",
    ),
    "a huge integer": (
        b'{"nbformat": 4, "x": ' + b"9" * 5000 + b"}",
        f"ana.ipynb holds a number of more than 300 digits. {RESAVE}",
    ),
    "no cells": (
        json.dumps(changed(cells={})).encode(),
        f"ana.ipynb is JSON, but no notebook: it has no list of cells. {RESAVE}",
    ),
    "zero cells": (
        json.dumps(changed(cells=[])).encode(),
        "ana.ipynb has no cells. Hand in the notebook that you worked in.",
    ),
    "a number for a cell": (
        json.dumps(changed(cells=[3])).encode(),
        f"Cell 1 of ana.ipynb is no notebook cell. {RESAVE}",
    ),
    "an unknown cell type": (
        json.dumps(with_cell(cell_type="tensor")).encode(),
        f"Cell 2 of ana.ipynb is of the unknown type 'tensor'. {RESAVE}",
    ),
    "a source that is no text": (
        json.dumps(with_cell(source=3)).encode(),
        f"The source of cell 2 of ana.ipynb is not text. {RESAVE}",
    ),
    "a source of numbers": (
        json.dumps(with_cell(source=["x", 3])).encode(),
        f"The source of cell 2 of ana.ipynb is not text. {RESAVE}",
    ),
    "a huge cell": (
        json.dumps(with_cell(source="x" * 500_001)).encode(),
        "Cell 2 of ana.ipynb is 500001 characters long; at most 500000 are read. "
        "Load data from a file instead of writing it into a cell.",
    ),
    "too many cells": (
        json.dumps(changed(cells=[{}] * 2001)).encode(),
        "ana.ipynb has 2001 cells; at most 2000 are read. Remove some.",
    ),
    "format 5": (
        json.dumps(changed(nbformat=5)).encode(),
        "ana.ipynb is of notebook format 5; formats 3 and 4 are read. "
        "Save it with a current Jupyter as format 4 and hand it in again.",
    ),
    "broken format 3": (
        json.dumps({"nbformat": 3, "worksheets": [{"cells": [3]}]}).encode(),
        "ana.ipynb is of the old notebook format 3 and cannot be converted. "
        "Open it in a current Jupyter, save it and hand it in again.",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refuses_with_a_sentence(case: str, tmp_path: Path) -> None:
    content, sentence = BAD[case]
    with pytest.raises(SubmissionError) as raised:
        read_notebook(write(tmp_path, content))
    assert str(raised.value) == sentence


def test_refuses_a_large_file_without_reading_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "ana.ipynb"
    with path.open("wb") as file:
        file.truncate(300 * 2**20)
    with pytest.raises(SubmissionError) as raised:
        read_notebook(path)
    assert str(raised.value) == (
        "ana.ipynb is 300 MB large; at most 200 MB are read. "
        "Clear all outputs, remove embedded files, save and hand in again."
    )


PNG = base64.b64encode(random.Random(5).randbytes(500_000)).decode()
PICTURES = {
    "pasted into a text": (f"See:\n\n![shot.png](data:image/png;base64,{PNG})\n\nend", "[picture: shot.png]"),
    "by reference": (f"![][shot]\n\n[shot]: <data:image/png;base64,{PNG}>\n\nend", "[shot]: <picture>"),
    "as HTML": (f'<img src="data:image/svg+xml;base64,{PNG}"/>\n\nend', '<img src="picture"/>'),
    "in many lines": (f"![a](data:image/png;base64,{PNG[:900]}\n{PNG[900:]})\n\nend", "[picture: a]"),
    "with a title": (f'![a](data:image/jpeg;base64,{PNG} "A title")\n\nend', "[picture: a]"),
}


@pytest.mark.parametrize("case", PICTURES)
def test_shortens_pictures_pasted_into_a_text(case: str, tmp_path: Path) -> None:
    source, kept = PICTURES[case]
    notebook = copy.deepcopy(GOOD)
    notebook["cells"][0]["source"] = source
    text = read_notebook(write(tmp_path, notebook)).cells[0].source
    assert kept in text and text.endswith("end") and len(text) < 200


def test_shortens_a_picture_in_code_only_where_the_cell_is_too_long(tmp_path: Path) -> None:
    short, long = (f"x = 'data:image/png;base64,{PNG[:length]}'" for length in (5000, 600_000))
    assert read_notebook(write(tmp_path, with_cell(source=short))).cells[1].source == short
    assert read_notebook(write(tmp_path, with_cell(source=long))).cells[1].source == "x = 'picture'"


OUTPUTS: dict[str, Any] = {
    "a coloured log": {"output_type": "stream", "name": "stdout", "text": "\x1b[32m[\x1b[0m" * 400_000},
    "a large picture": {"output_type": "display_data", "metadata": {}, "data": {"image/png": PNG * 40}},
    "a widget of numbers": {
        "output_type": "display_data",
        "metadata": {},
        "data": {"x": [[1.5], {}] * 400_000},
    },
    "many outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}] * 100_000,
    "no output at all": {str(number): [] for number in range(300_000)},
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_no_output_is_too_large(case: str, tmp_path: Path) -> None:
    found = OUTPUTS[case]
    path = write(tmp_path, with_cell(outputs=found if isinstance(found, list) else [found]))
    assert path.stat().st_size > 2**20
    notebook = read_notebook(path)
    assert notebook == read_notebook(write(tmp_path, GOOD))


def test_reads_a_notebook_of_150_mb(tmp_path: Path) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "x" * 150 * 2**20}
    assert len(read_notebook(write(tmp_path, with_cell(outputs=[output]))).cells) == 2


def test_drops_attachments_and_widget_states_that_are_too_large(tmp_path: Path) -> None:
    notebook = changed(metadata={"widgets": {"state": [[]] * 600_000}})
    notebook["cells"][0]["attachments"] = {"a.png": {"image/png": "A" * 30 * 2**20}}
    read = read_notebook(write(tmp_path, notebook))
    assert "attachments" not in read.cells[0] and "widgets" not in read.metadata


@pytest.mark.parametrize("large", [False, True])
def test_a_large_file_is_read_as_a_small_one(large: bool, tmp_path: Path) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "x" * (2**21 if large else 1)}
    raw = b"\xef\xbb\xbf" + json.dumps(with_cell(outputs=[output]), ensure_ascii=False, indent=1).encode()
    assert read_notebook(write(tmp_path, raw.replace(b"\n", b"\r\n"))) == read_notebook(write(tmp_path, GOOD))


def test_an_old_notebook_with_large_outputs(tmp_path: Path) -> None:
    notebook = copy.deepcopy(V3)
    output = {"output_type": "stream", "stream": "stdout", "text": "x" * 2**21}
    notebook["worksheets"][0]["cells"][1]["outputs"] = [output]
    cells = read_notebook(write(tmp_path, notebook)).cells
    assert [(cell.source, cell.get("outputs")) for cell in cells] == [("## Old", None), ("x = 1", [])]


def test_what_takes_too_much_memory_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"cells": [' + b"[]," * 45_000_000 + b"[]]}")
    with pytest.raises(SubmissionError, match="takes more memory or time to read than any course notebook"):
        read_notebook(path)


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match=r"^ana\.ipynb does not exist\."):
        read_notebook(tmp_path / "ana.ipynb")


def test_refuses_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match=r"^.+ is (a folder|not a file)\."):
        read_notebook(tmp_path)


def test_does_not_hang_on_a_named_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ana.ipynb")
    with pytest.raises(SubmissionError, match=r"^ana\.ipynb is not a file\."):
        read_notebook(tmp_path / "ana.ipynb")


def test_messages_name_no_folder_of_the_grading_machine(tmp_path: Path) -> None:
    for content, _ in BAD.values():
        with pytest.raises(SubmissionError) as raised:
            read_notebook(write(tmp_path, content))
        assert str(tmp_path) not in str(raised.value)


ODD: list[Any] = [
    None,
    True,
    -1,
    10**40,
    1e308,
    "",
    "\ud800",
    [],
    {},
    [[]],
    {"a": {"b": []}},
    ["x", 1],
    "code",
    3,
]


def mutate(value: Any, rng: random.Random) -> Any:
    """Replace, drop or repeat something at a random depth."""
    if rng.random() < 0.15 or not isinstance(value, (dict, list)) or not value:
        return rng.choice(ODD)
    if isinstance(value, dict):
        key = rng.choice(sorted(value))
        if rng.random() < 0.2:
            return {name: item for name, item in value.items() if name != key}
        return value | {key: mutate(value[key], rng)}
    place = rng.randrange(len(value))
    if rng.random() < 0.2:
        return [*value, value[place]]
    return [*value[:place], mutate(value[place], rng), *value[place + 1 :]]


@pytest.mark.parametrize("seed", range(4))
def test_any_change_of_structure_gives_a_valid_notebook_or_a_sentence(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(250):
        data: Any = rng.choice([GOOD, V3])
        for _ in range(rng.randint(1, 4)):
            data = mutate(data, rng)
        try:
            notebook = read_notebook(write(tmp_path, json.dumps(data)))
        except SubmissionError:
            outcomes["refused"] += 1
        else:
            nbformat.validate(notebook)
            nbformat.writes(notebook).encode("utf-8")
            outcomes["read"] += 1
    assert min(outcomes.values()) > 20, outcomes


@pytest.mark.parametrize("seed", range(4))
def test_any_change_of_bytes_gives_a_valid_notebook_or_a_sentence(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    original = json.dumps(GOOD).encode()
    for _ in range(150):
        raw = bytearray(original)
        for _ in range(rng.randint(1, 8)):
            place = rng.randrange(len(raw))
            raw[place : place + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 2))
        # Any other error fails the test.
        with contextlib.suppress(SubmissionError):
            nbformat.validate(read_notebook(write(tmp_path, bytes(raw))))
