"""What an instructor states: an assignment, its functions, questions, models and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from autograder.records.feedback_policy import FeedbackPolicy

DATA, GENERATED, VERIFICATION = "data", "generated", "verification"
"""The folders of an assignment, below the three files that an instructor writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one submission may use."""

    cell_timeout_s: float = 60.0
    """For one cell of the notebook, in seconds; time in which the kernel waited for a core does not count."""

    call_timeout_s: float = 30.0
    """For one call of a student's function, in seconds, counted like a cell's."""

    submission_timeout_s: float = 600.0
    """Wall clock for the whole submission, in seconds."""

    memory_bytes: int = 3 * 2**30
    """Memory of the process tree, in bytes."""

    gpu_memory_bytes: int = 4 * 2**30
    """Tensors on a GPU, in bytes; CUDA's own needs come on top."""

    processes: int = 64
    """Processes and threads of the kernel's tree."""

    threads: int = 1
    """Threads that torch computes on in the kernel, at most `most_threads`; the student's code may choose others."""

    file_bytes: int = 64 * 2**20
    """Largest file that the student's code may write, in bytes."""

    output_bytes: int = 4 * 2**20
    """Text printed (in characters), and again other output (in bytes), kept of one notebook; the rest is cut."""

    answer_bytes: int = 64 * 2**20
    """Largest answer of one call, in bytes."""

    grader_cpu_s: float = 600.0
    """CPU time of the grader itself for one submission's checks and pages, in seconds."""

    grader_memory_bytes: int = 4 * 2**30
    """Memory of the grader itself for one submission, beyond the course's models, in bytes."""

    @property
    def locked_cell_timeout_s(self) -> float:
        """Two calls' time: what a locked cell does not get done in it is the student's function, asked later on."""
        return min(2 * self.call_timeout_s, self.cell_timeout_s)

    @property
    def most_threads(self) -> int:
        """Half of the processes: Jupyter has some, and where the rest is none, the student's function ends for it."""
        return self.processes // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenQuestion:
    """A question that a person grades."""

    id: str
    """Id of the notebook cell that holds the answer."""

    title: str
    """The question, in one line."""

    points: float
    """Points that the person may give."""

    rubric: tuple[str, ...] = ()
    """What a good answer says, one criterion each, for the person who grades."""

    minutes: float = 0.0
    """How long a student needs, estimated; 0 if it is not stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One function of the contract."""

    name: str
    """The function's name in the notebook."""

    title: str
    """What the student reads as the heading."""

    expected: str
    """What was expected, in words; shown in the feedback."""

    minutes: float = 0.0
    """How long a student needs, estimated; 0 if it is not stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model of an assignment in one profile."""

    role: Literal["shipped", "hidden"]
    """`shipped`: the student has it. `hidden`: sent into the kernel after the student's cells."""

    path: Path
    """Folder with config and weights; of a model on the hub empty until `profiles.choose` has found it."""

    loader: str
    """`module:Class` whose from_pretrained loads it, importable in the kernel."""

    tokenizer: Path
    """Folder of the tokenizer; without one, the model's folder."""

    has_tokenizer: bool = True
    """False: the model reads no text, and has no tokenizer."""

    attention: str = ""
    """How attention is computed: `eager` gives its weights, `sdpa` does not. Empty: as the loader chooses."""

    hub: str = ""
    """Name on the hub, `openai-community/gpt2`; empty for a folder."""

    revision: str = ""
    """Commit on the hub that is meant; empty means whatever the cache holds as main."""

    @property
    def identity(self) -> str:
        """What the model is, wherever this machine keeps it."""
        where = f"hub {self.hub}@{self.revision}" if self.hub else f"{self.path}, tokenizer {self.tokenizer}"
        attention = f", {self.attention} attention" if self.attention else ""
        return f"{self.role}: {where}, {self.loader}{attention}"

    @property
    def options(self) -> dict[str, str]:
        """What from_pretrained is told of the model, by grader and kernel: weights may be stored in half precision."""
        chosen = {"attn_implementation": self.attention} if self.attention else {}
        return {"dtype": "float32", **chosen}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loadable:
    """A model or tokenizer in a folder, and how it is loaded."""

    loader: str
    """`module:Class` whose from_pretrained loads it."""

    folder: Path
    """Where its files are."""

    options: Mapping[str, str] = field(default_factory=dict)
    """What else from_pretrained is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One assignment as `assignment.toml` states it, with its files found."""

    slug: str
    """Names the assignment everywhere: letters, digits and underscores."""

    title: str
    """For people."""

    points: float
    """What the checks sum to; written questions come on top."""

    course_dir: Path
    """The folder with assignments, reference and student_template."""

    folder: Path
    """assignments/<slug>."""

    reference: Path
    """reference/<slug>.py."""

    template: Path
    """student_template/<slug>.ipynb."""

    tasks: tuple[Task, ...]
    """The contract's functions in the notebook's order."""

    questions: tuple[WrittenQuestion, ...]
    """Graded by a person."""

    models: Mapping[str, tuple[ModelSpec, ...]]
    """Profile name to its models, the shipped one first."""

    limits: Limits
    """What one submission may use."""

    goals: tuple[str, ...] = ()
    """What students can do after the notebook, a sentence each; they read them at its top."""

    metrics: Mapping[str, str] = field(default_factory=dict)
    """What figures that checks measure mean, in a sentence, by name: for the class page."""

    profile_limits: Mapping[str, Limits] = field(default_factory=dict)
    """Instead of `limits`, for profiles that state their own."""

    feedback: FeedbackPolicy = field(default_factory=FeedbackPolicy)
    """What students read of hidden checks."""

    @property
    def data_dir(self) -> Path:
        """What its checks ask with: pools of inputs, the hidden model."""
        return self.folder / DATA

    @property
    def generated_dir(self) -> Path:
        """What commands write: measured tolerances and distances."""
        return self.folder / GENERATED

    @property
    def verification_dir(self) -> Path:
        """What only `autograder calibrate` and `verify` read; no grade depends on it."""
        return self.folder / VERIFICATION

    @property
    def student_dir(self) -> Path:
        """The folder that students receive; read-only in the kernel."""
        return self.course_dir / "student_template"

    @property
    def readme(self) -> Path:
        """What students read first; kernels see it, no grade depends on it."""
        return self.student_dir / "README.md"
