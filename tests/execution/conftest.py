from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from transformers import BertConfig, BertModel

from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote
from autograder.records import Limits, Loadable

COURSE_MODULE = '''
"""The course's model."""
import json
from pathlib import Path
import torch
from safetensors.torch import load_file, save_file


class Scale(torch.nn.Module):
    def __init__(self, size=3):
        super().__init__()
        self.linear = torch.nn.Linear(size, size)

    def forward(self, x):
        return self.linear(x)

    @classmethod
    def from_pretrained(cls, folder):
        model = cls(json.loads((Path(folder) / "config.json").read_text())["size"])
        model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
        return model
'''


def save_scale(folder: Path, factor: float) -> None:
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"size": 3}')
    save_file(
        {"linear.weight": torch.eye(3) * factor, "linear.bias": torch.zeros(3)}, folder / "model.safetensors"
    )


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with a reference beside the student's folder, readable for every user."""
    root = tmp_path_factory.mktemp("course")
    for folder in (root, *root.parents[:2]):
        folder.chmod(0o755)
    student = root / "student_template"
    (student / "course").mkdir(parents=True)
    (student / "course" / "__init__.py").write_text("")
    (student / "course" / "scale.py").write_text(COURSE_MODULE)
    (student / "data").mkdir()
    (student / "data" / "words.txt").write_text("Wörter", encoding="utf-8")
    # Writable for all, so that only the read-only mount can refuse.
    (student / "data").chmod(0o777)
    (student / "data" / "words.txt").chmod(0o666)
    save_scale(student / "models" / "scale", 2.0)
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=11
    )
    BertModel(config).save_pretrained(student / "models" / "bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ein", "wort"]
    (student / "models" / "bert" / "vocab.txt").write_text("\n".join(words))
    (root / "reference").mkdir()
    (root / "reference" / "secret_solution.py").write_text("SECRET = 'the solution'")
    save_scale(root / "hidden", 5.0)
    return root


@pytest.fixture(scope="session")
def zygote(course: Path) -> Iterator[Zygote]:
    student = course / "student_template"
    with Zygote(
        student, models=[Loadable(loader="course.scale:Scale", folder=student / "models" / "scale")]
    ) as running:
        yield running


def notebook(*sources: str, tags: dict[int, list[str]] | None = None) -> dict[str, Any]:
    """A notebook of code cells with fixed ids."""
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    for number, names in (tags or {}).items():
        cells[number].metadata["tags"] = names
    return dict(nbformat.v4.new_notebook(cells=cells))


class Runner:
    """Makes sessions on the shared zygote."""

    def __init__(self, zygote: Zygote) -> None:
        self.zygote = zygote
        self.open: list[KernelSession] = []

    def session(
        self, *sources: str, tags: dict[int, list[str]] | None = None, **limits: Any
    ) -> KernelSession:
        session = KernelSession(self.zygote, notebook(*sources, tags=tags), limits=Limits(**limits), seed=3)
        self.open.append(session)
        return session

    def running(self, *sources: str, **limits: Any) -> KernelSession:
        session = self.session(*sources, **limits)
        session.run()
        return session


@pytest.fixture
def runner(zygote: Zygote) -> Iterator[Runner]:
    made = Runner(zygote)
    yield made
    for session in made.open:
        session.close()


def text_of(execution: Any, cell: int) -> str:
    """All text that a cell put out."""
    parts = []
    for output in execution.notebook["cells"][cell]["outputs"]:
        data = output.get("data", {})
        parts.append(
            output.get("text", "") or data.get("text/plain", "") or "\n".join(output.get("traceback", []))
        )
    return "".join(parts)
