"""Make the example class: notebooks as students hand them in, from the student notebook and their answers.

`examples/answers/<slug>/<student>.py` is a percent script with what the student wrote; the file's name is the
student's. What a cell is stands in its marker:

    task="build_baseline"           the function's cell; the docstring of the student notebook is kept
    plot="plot-attributions"        the plot's cell
    [markdown] question="..."       the answer to a written question
    after="check-build_baseline"    a cell of the student's own, behind the cell of this id
    move="id id" after="id"         these cells moved
    replaces="check-..." points=""  a locked cell with other text and other points
    like="Anna Schäfer"             all but the written answers as hers, save for what follows
    file="truncated"                the file ends in the middle

Most notebooks are the class that the demo grades, in examples/<slug>; those of FURTHER lie in examples/further/<slug>:
more mistakes of the same kinds, which the tests grade too.

    python examples/make_class.py             write the notebooks
    python examples/make_class.py --check     only say which of them are stale; exit code 1 if any is
    python examples/make_class.py --measure   compute the numbers again that one student stored, then write
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

EXAMPLES = Path(__file__).resolve().parent
COURSE = EXAMPLES.parent
CODE_STUB = "# YOUR CODE HERE"
ANSWER_STUB = "YOUR ANSWER HERE"
FURTHER: Mapping[str, frozenset[str] | None] = {
    "token_attribution": frozenset(
        (
            "Aylin Öztürk",
            "Chiara Rossi",
            "Jonas Köhler",
            "Kevin Schulz",
            "Mehmet Yıldız",
            "Svenja Krüger",
            "Tobias Schröder",
            "Łukasz Wójcik",
        )
    ),
    "logit_lens": None,
    "llm_attribution": None,
    "bert_qa_embeddings": None,
    "bert_qa_attention": None,
}
"""By assignment, who is graded by the tests only; None: the whole class, so that the demo stays within its minute."""

_KINDS = ("task", "plot", "question", "replaces", "move", "after", "like", "file")


class AnswersError(Exception):
    """An answers file that cannot be right; the text says where and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of an answers file."""

    kind: str
    """The marker that says what it is."""

    marks: Mapping[str, str]
    """All markers."""

    cell_type: str
    """code or markdown."""

    source: str
    """What the student wrote."""

    @property
    def value(self) -> str:
        """The marker's value."""
        return self.marks[self.kind]


def read_answers(folder: Path, student: str) -> list[Cell]:
    """Read what a student wrote, with the cells of the one whose work is alike in front.

    Raises:
        AnswersError: If the file is missing or a cell's marker is unknown.
    """
    path = folder / f"{student}.py"
    if not path.is_file():
        raise AnswersError(
            f"{path}: there is no such answers file. Write it, or change like= where it is named."
        )
    script = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    cells: list[Cell] = []
    for number, found in enumerate(script.cells, start=1):
        kind = next((name for name in _KINDS if name in found.metadata), "")
        if not kind and number == 1:
            continue  # the comment that says what is special about this student
        if not kind:
            raise AnswersError(f"{path}: cell {number} has no marker. Give it one of: {', '.join(_KINDS)}.")
        if kind == "like":
            cells += [
                cell
                for cell in read_answers(folder, found.metadata[kind])
                if cell.kind not in ("question", "file")
            ]
            continue
        marks = {name: str(value) for name, value in found.metadata.items()}
        cells.append(Cell(kind=kind, marks=marks, cell_type=found.cell_type, source=found.source))
    return cells


def hand_in(template: NotebookNode, cells: Iterable[Cell]) -> NotebookNode:
    """Return the student notebook with a student's cells in it; neither argument is changed.

    Raises:
        AnswersError: If a marker names a cell that the student notebook does not have.
    """
    notebook = copy.deepcopy(template)
    # A change of the reference alone leaves what was handed in as it is.
    notebook.metadata.pop("autograder", None)
    followers: dict[str, str] = {}
    for number, cell in enumerate(cells):
        if cell.kind == "after":
            place = _index(notebook, followers.get(cell.value, cell.value)) + 1
            own = _own_cell(cell, number)
            notebook.cells.insert(place, own)
            followers[cell.value] = own.id
        elif cell.kind == "move":
            moved = [notebook.cells.pop(_index(notebook, name)) for name in cell.value.split()]
            place = _index(notebook, cell.marks["after"]) + 1
            notebook.cells[place:place] = moved
        elif cell.kind != "file":
            target = notebook.cells[_index(notebook, cell.value)]
            original = template.cells[_index(template, cell.value)].source
            target.source = _filled(cell, original)
            if "points" in cell.marks:
                target.metadata.nbgrader["points"] = int(cell.marks["points"])
    return notebook


def _filled(cell: Cell, original: str) -> str:
    if cell.kind == "question":
        return original.replace(ANSWER_STUB, cell.source.strip())
    if cell.kind != "task" or CODE_STUB not in original:
        return cell.source
    # A student writes beneath the docstring that is there.
    header = original.partition(CODE_STUB)[0].rstrip()
    signature = header.splitlines()[0]
    return cell.source.replace(signature, header, 1)


def _index(notebook: NotebookNode, name: str) -> int:
    for index, cell in enumerate(notebook.cells):
        if name in (cell.metadata.get("nbgrader", {}).get("grade_id"), cell.id):
            return index
    raise AnswersError(f"The student notebook has no cell {name!r}. Correct the marker.")


def _own_cell(cell: Cell, number: int) -> NotebookNode:
    name = hashlib.sha256(f"{number} {cell.source}".encode()).hexdigest()[:8]
    make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
    own: NotebookNode = make(cell.source, id=name)
    return own


def make_file(template: NotebookNode, cells: list[Cell]) -> bytes:
    """Return the bytes of a student's file: the same answers give the same bytes."""
    text: str = nbformat.writes(hand_in(template, cells), version=4)
    data = (text.rstrip("\n") + "\n").encode()
    if any(cell.kind == "file" and cell.value == "truncated" for cell in cells):
        return data[: len(data) * 3 // 5]
    return data


def make_class(slug: str) -> dict[str, bytes]:
    """Return the file name and the bytes of every submission of an assignment.

    Raises:
        AnswersError: With the answers file that cannot be used.
    """
    path = COURSE / "student_template" / f"{slug}.ipynb"
    if not path.is_file():
        raise AnswersError(f"{path}: the student notebook is missing. Make it with: autograder build {slug}")
    template = nbformat.read(path, as_version=4)
    folder = EXAMPLES / "answers" / slug
    files = {}
    for answers in sorted(folder.glob("*.py")):
        try:
            files[f"{answers.stem}.ipynb"] = make_file(template, read_answers(folder, answers.stem))
        except AnswersError as error:
            raise AnswersError(f"{answers}: {error}") from None
    return files


def path_of(slug: str, name: str) -> Path:
    """Return where a submission's file lies."""
    apart = FURTHER.get(slug, frozenset())
    further = apart is None or Path(name).stem in apart
    return (EXAMPLES / "further" / slug if further else EXAMPLES / slug) / name


def present(slug: str) -> list[Path]:
    """Return the files of the class that are there."""
    return [
        path for folder in (EXAMPLES / slug, EXAMPLES / "further" / slug) for path in folder.glob("*.ipynb")
    ]


def stale_files(slug: str, files: Mapping[str, bytes]) -> list[str]:
    """Return a sentence for each file of the class that is not what its answers give."""
    wanted = {path_of(slug, name): data for name, data in files.items()}
    there = set(present(slug))
    told = {path: str(path.relative_to(EXAMPLES)) for path in there | wanted.keys()}
    missing = [f"{told[path]} is missing." for path in sorted(wanted.keys() - there)]
    left = [f"{told[path]} has no answers file." for path in sorted(there - wanted.keys())]
    changed = [
        f"{told[path]} differs from what its answers give."
        for path in sorted(wanted.keys() & there)
        if path.read_bytes() != wanted[path]
    ]
    return missing + left + changed


def write_class(slug: str, files: Mapping[str, bytes]) -> int:
    """Write the class and remove files without answers; return how many changed."""
    wanted = {path_of(slug, name): data for name, data in files.items()}
    changed = 0
    for path in set(present(slug)) - wanted.keys():
        path.unlink()
        changed += 1
    for path, data in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != data:
            path.write_bytes(data)
            changed += 1
    return changed


_BEGIN, _END = "# stored numbers begin", "# stored numbers end"


def stored_numbers(reference: Any, batch: Mapping[str, Any], model: Any, tokenizer: Any) -> dict[str, Any]:
    """Return what one student copied from the others: the right values for the notebook's sentences, rounded."""
    attributions, predictions = reference.compute_feature_attribution_scores(batch, model, tokenizer)
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    rows = zip(attributions.tolist(), lengths, strict=True)
    return {
        "LENGTHS": lengths,
        "PREDICTIONS": [[round(value, 3) for value in row] for row in predictions.tolist()],
        "ATTRIBUTIONS": [[round(value, 3) for value in row[:length]] for row, length in rows],
    }


def notebook_example() -> tuple[Any, dict[str, Any], Any, Any]:
    """Return reference, batch, model and tokenizer as the student notebook of token_attribution has them."""
    sys.path[:0] = [str(COURSE / "student_template"), str(COURSE / "reference")]
    import token_attribution as reference
    from course.intent_classifier import TokenBaselineModel, encode, load_sentences
    from transformers import AutoTokenizer

    shipped = COURSE / "student_template" / "models" / "intent-de"
    tokenizer = AutoTokenizer.from_pretrained(shipped)
    model = TokenBaselineModel.from_pretrained(shipped).eval()
    shown = load_sentences(COURSE / "student_template" / "data" / "intents_de_examples.tsv")[:6]
    batch = encode([one.text for one in shown], [one.intent for one in shown], tokenizer)
    return reference, batch, model, tokenizer


def measure(path: Path) -> None:
    """Write the stored numbers of an answers file again, after the model or the sentences changed."""
    lines = path.read_text(encoding="utf-8").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(_BEGIN))
    end = lines.index(_END)
    stored = [f"{name} = {value}" for name, value in stored_numbers(*notebook_example()).items()]
    lines[begin + 1 : end] = ["# fmt: off", *stored, "# fmt: on"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Write or check the classes of all assignments; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the example class from its answers.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if a file is stale")
    parser.add_argument(
        "--measure", action="store_true", help="compute the stored numbers of a student again"
    )
    options = parser.parse_args(arguments)
    if options.measure:
        measure(EXAMPLES / "answers" / "token_attribution" / "Leon Hoffmann.py")
    stale = []
    for folder in sorted(path for path in (EXAMPLES / "answers").iterdir() if path.is_dir()):
        try:
            files = make_class(folder.name)
        except AnswersError as error:
            print(error, file=sys.stderr)
            return 1
        if options.check:
            stale += stale_files(folder.name, files)
        else:
            print(f"{folder.name}: {len(files)} submissions, {write_class(folder.name, files)} changed.")
    if stale:
        print("\n".join(stale), file=sys.stderr)
        print(
            "The example class is stale. Make it again with: python examples/make_class.py", file=sys.stderr
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
