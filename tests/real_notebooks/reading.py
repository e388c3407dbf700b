"""What editors and students make of the file itself."""

from __future__ import annotations

import base64
import json
import random

from .handed_in import Case, HandedIn, own_cell

ANSWER = "The words decide, because the others repeat."


def pasted_picture(nb: HandedIn) -> None:
    png = base64.b64encode(random.Random(5).randbytes(500_000)).decode()
    nb.put("question-words", f"{ANSWER}\n\n![screenshot.png](data:image/png;base64,{png})")


def long_coloured_log(nb: HandedIn) -> None:
    line = "\x1b[32mepoch\x1b[0m [\x1b[1m12\x1b[0m/\x1b[1m99\x1b[0m] loss \x1b[33m0.123\x1b[0m\n"
    nb.cells[nb.at("check-my_attribution")]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": line * 60_000}
    ]


def marks_stripped(nb: HandedIn) -> None:
    nb.put("question-words", ANSWER)
    nb.notebook["nbformat_minor"] = 0
    for cell in nb.cells:
        cell.pop("id", None)
        cell["metadata"] = {}


REPORTED = (
    Case(
        name="pasted picture",
        does="pastes a screenshot into an answer in Colab, which writes it into the text",
        happens="the answer is read, the picture is left out",
        change=pasted_picture,
        answers=(ANSWER,),
    ),
    Case(
        name="long log",
        does="hands in a coloured training log of 4 MB",
        happens="outputs are not read",
        change=long_coloured_log,
    ),
    Case(
        name="marks stripped",
        does="uses an editor that drops the cells' marks and ids",
        happens="answers and plot are known by their place",
        change=marks_stripped,
        answers=(ANSWER,),
        pictures=1,
        told=("came without the course's cell marks",),
    ),
)


def colab(nb: HandedIn) -> None:
    """Save as Colab does: ids of its own, no nbformat ids, its provenance, a GPU's kernel."""
    nb.notebook["nbformat_minor"] = 0
    nb.notebook["metadata"] = {
        "accelerator": "GPU",
        "colab": {"provenance": [], "gpuType": "T4"},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
    }
    for number, cell in enumerate(nb.cells):
        cell.pop("id", None)
        cell["metadata"] = {"id": f"x{number}AbC", "outputId": "f3", **cell["metadata"]}
    nb.put("question-words", ANSWER)


def only_their_own_cells(nb: HandedIn) -> None:
    """Copy the functions into a new notebook."""
    names = (
        "build_baseline",
        "compute_feature_attribution_scores",
        "token_importance",
        "merge_subtokens",
        "my_attribution",
    )
    sources = [nb.source(name) for name in names]
    nb.notebook["cells"] = [
        own_cell("import torch\nfrom captum.attr import LayerIntegratedGradients"),
        *map(own_cell, sources),
    ]


def merged(nb: HandedIn) -> None:
    """Merge an answer with the asserts below it, and two answers with each other."""
    whole = nb.source("build_baseline") + "\n\n" + nb.source("check-build_baseline")
    del nb.cells[nb.at("check-build_baseline")]
    nb.put("build_baseline", whole)
    nb.put("token_importance", nb.source("token_importance") + "\n\n" + nb.source("merge_subtokens"))
    del nb.cells[nb.at("merge_subtokens")]


def duplicated(nb: HandedIn) -> None:
    """Keep an old attempt above the answer, as a copy of the cell with all its marks."""
    old = json.loads(json.dumps(nb.cells[nb.at("merge_subtokens")])) | {
        "source": "def merge_subtokens(tokens, scores):\n    return []"
    }
    nb.cells.insert(nb.at("merge_subtokens"), old)


def moved(nb: HandedIn) -> None:
    """Move an answer with its asserts to the top and all questions to the end."""
    for name in ("check-merge_subtokens", "merge_subtokens"):
        cell = nb.cells.pop(nb.at(name))
        nb.cells.insert(nb.at("build_baseline"), cell)


def retyped(nb: HandedIn) -> None:
    """Answer a question in a code cell, and leave an answer's cell as raw text."""
    for name, kind in (("question-words", "code"), ("token_importance", "raw")):
        cell = nb.cells[nb.at(name)]
        cell["cell_type"] = kind
        cell.pop("outputs", None)
        cell.pop("execution_count", None)
        if kind == "code":
            cell |= {"outputs": [], "execution_count": None}
    nb.put("question-words", ANSWER)


def of_windows(nb: HandedIn) -> bytes:
    return nb.text().replace("\n", "\r\n").encode("utf-16")


def version_3(nb: HandedIn) -> str:
    for cell in nb.cells:
        cell.pop("id", None)
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
            cell["language"] = "python"
            cell["collapsed"] = False
            cell["prompt_number"] = cell.pop("execution_count")
    return json.dumps(
        {
            "metadata": {"name": ""},
            "nbformat": 3,
            "nbformat_minor": 0,
            "worksheets": [{"cells": nb.cells, "metadata": {}}],
        }
    )


def conflict(nb: HandedIn) -> str:
    text = nb.text()
    middle = text.index('"cells": [') + 10
    return text[:middle] + "\n<<<<<<< HEAD\n" + text[middle:]


INVENTED = (
    Case(
        name="saved by Colab",
        does="works in Colab with a GPU's kernel",
        happens="read as any other",
        change=colab,
        answers=(ANSWER,),
    ),
    Case(
        name="only their own cells",
        does="copies the five functions into a new notebook",
        happens="the course's cells are put around them",
        change=only_their_own_cells,
        told=("read-only cells", "The plot cell showed no figure."),
    ),
    Case(
        name="answer below",
        does="leaves `YOUR ANSWER HERE` and answers in a new text cell below it",
        happens="the text below is the answer",
        change=lambda nb: (
            nb.put("question-words", "YOUR ANSWER HERE"),
            nb.after("question-words", ANSWER, "markdown"),
        )[-1],
        answers=(ANSWER,),
    ),
    Case(
        name="merged cells",
        does="merges an answer with its asserts, and two answers",
        happens="costs nothing",
        change=merged,
    ),
    Case(
        name="duplicated cell",
        does="copies an answer's cell and keeps the old attempt above",
        happens="the later one counts",
        change=duplicated,
    ),
    Case(name="moved cells", does="moves an answer to the top", happens="costs nothing", change=moved),
    Case(
        name="retyped cells",
        does="turns an answer into raw text, and a question into code",
        happens="they are what they were",
        change=retyped,
        answers=(ANSWER,),
        told=("had changed its type",),
    ),
    Case(
        name="of Windows",
        does="saves with Notepad: UTF-16 and CRLF",
        happens="read as any other",
        change=of_windows,
    ),
    Case(
        name="version 3",
        does="uses a Jupyter of 2014",
        happens="converted; the points stay",
        change=version_3,
    ),
    Case(
        name="conflict",
        does="hands in a file with Git's conflict marks",
        happens="a sentence names the line",
        change=conflict,
        score=0,
        told=("a merge that Git could not finish (line 3)",),
    ),
)
