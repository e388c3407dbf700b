"""The records that pass between the rooms: frozen, slotted, keyword-only, plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["passed", "failed", "errored", "timed_out", "skipped"]
Visibility = Literal["visible", "hidden"]

REPORT_SCHEMA_VERSION = 1


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One function of the contract."""

    name: str
    """The function's name in the notebook."""

    title: str
    """What the student reads as the heading."""

    expected: str
    """What was expected, in words; shown in the feedback."""


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
    """Folder of the tokenizer."""

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

    metrics: Mapping[str, str] = field(default_factory=dict)
    """What figures that checks measure mean, in a sentence, by name: for the class page."""

    profile_limits: Mapping[str, Limits] = field(default_factory=dict)
    """Instead of `limits`, for profiles that state their own."""

    hidden_dir: Path
    """The same folder: generated files for the grader alone (second model, pools, calibration)."""

    @property
    def student_dir(self) -> Path:
        """The folder that students receive; read-only in the kernel."""
        return self.course_dir / "student_template"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One file that a student handed in; not yet read."""

    student: str
    """The student's name or id as it came: a folder's name, or from the file's name."""

    path: Path
    """Where the notebook lies; for a zip the extracted copy."""

    origin: str
    """Where it came from, for people: `class.zip:ana.ipynb`."""

    problem: str = ""
    """Why it cannot be graded, known at intake (two files of one student, no notebook); else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFailure:
    """A cell of the student's that did not end well."""

    cell: str
    """The cell's id, or its number where it has none."""

    index: int
    """Number of the cell in the graded notebook, from 0."""

    kind: Literal["error", "timeout", "died"]
    """What happened."""

    message: str
    """`NameError: name 'x' is not defined`, or a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What came of running the notebook."""

    notebook: Mapping[str, Any]
    """The executed notebook as nbformat 4 JSON: outputs are the student's claims."""

    failures: tuple[CellFailure, ...] = ()
    """Cells that failed, in order."""

    remarks: tuple[str, ...] = ()
    """Sentences for the student: locked cells restored, `.cuda()` fell back to the CPU, output cut."""

    sandbox_mode: str = "unknown"
    """full, namespaces, landlock or none."""

    device: str = "cpu"
    """Where the student's code ran."""

    seconds: float = 0.0
    """Wall clock of the student's cells, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """A measured bound and where it comes from."""

    metric: Literal["relative_l2", "max_abs", "exact"]
    """How the distance is measured."""

    tau: float
    """Largest distance that passes."""

    right: float = 0.0
    """Largest distance seen among right answers."""

    wrong: float = float("inf")
    """Smallest distance seen among wrong answers."""

    origin: str = ""
    """How it was measured: versions, device, date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How an actual tensor relates to the expected one."""

    close: bool
    """True only if every item is within the tolerance and finite."""

    distance: float
    """In the tolerance's metric, the worst item; inf where it cannot be measured."""

    problem: Literal["", "type", "dtype", "shape", "nonfinite", "values"]
    """What is wrong first; empty if close."""

    message: str
    """For the instructor: counts, worst place by axis names, got and expected, fitted scale and sign."""

    scale: float | None = None
    """Least-squares factor from expected to actual, where it explains the difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The known mistake that reproduces a wrong tensor."""

    misconception: str
    """Its id."""

    title: str
    """What was done, in one sentence: for the instructor and the class page."""

    hint: str
    """What the student reads: teaches without giving the solution away."""

    distance: float
    """From the student's tensor to the mistake's, in the check's metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStrip:
    """Scores over tokens, the student's beside the reference's; only of visible inputs."""

    title: str
    """What is shown."""

    tokens: tuple[str, ...]
    """One a column."""

    actual: tuple[float, ...]
    """The student's scores, one a token."""

    expected: tuple[float, ...]
    """The reference's scores; empty where there is no single right answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check came to."""

    id: str
    """The check function's name."""

    task: str
    """The contract's function that it grades."""

    title: str
    """The check's docstring: what the student reads."""

    points: float
    """Points earned."""

    max_points: float
    """Points to earn."""

    outcome: Outcome
    """errored: the student's code raised, or the check itself did (see `needs_review` of the report)."""

    visibility: Visibility
    """hidden: the student sees title and hint only."""

    feedback: str = ""
    """For the student; of a hidden check, never shown by the reports."""

    hint: str = ""
    """For the student whatever the visibility: fixed words of the check's author, nothing an input could be in."""

    detail: str = ""
    """For the instructor: the comparison's message, the traceback."""

    diagnosis: Diagnosis | None = None
    """The mistake behind a wrong tensor, where one reproduces it."""

    remarks: tuple[str, ...] = ()
    """Sentences for the student that cost nothing: an accepted variant, another quadrature rule."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    """Measured figures: faithfulness percentile, for the leaderboard."""

    strips: tuple[TokenStrip, ...] = ()
    """Pictures of visible inputs."""

    fault: str = ""
    """Why this is ours: an error of the check or the harness; then the report needs review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A written question that waits for a person."""

    id: str
    """Id of the notebook cell."""

    title: str
    """The question."""

    points: float
    """Points that the person may give."""

    answer: str
    """What the student wrote, as Markdown source; empty if the template's text stands untouched."""

    rubric: tuple[str, ...] = ()
    """For the person who grades."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeReport:
    """All that is known of one graded submission: what report.json holds."""

    schema_version: int = REPORT_SCHEMA_VERSION
    """Version of the published JSON Schema."""

    assignment: str
    """The slug."""

    student: str
    """As the submission names them."""

    score: float
    """Sum of the points of the checks."""

    max_score: float
    """What is graded automatically."""

    checks: tuple[CheckResult, ...]
    """In the order of checks.py."""

    pending: tuple[Pending, ...] = ()
    """Written questions."""

    needs_review: tuple[str, ...] = ()
    """Faults of ours, a sentence each; empty in the usual case."""

    problem: str = ""
    """Why the submission could not be run at all; the student's to mend."""

    remarks: tuple[str, ...] = ()
    """Sentences for the student about the whole submission."""

    failures: tuple[CellFailure, ...] = ()
    """Cells that failed."""

    plots: tuple[str, ...] = ()
    """The student's own plots: PNG, base64."""

    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Hashes, versions, device, sandbox mode, seeds."""

    timing: Mapping[str, float] = field(default_factory=dict)
    """Seconds: the only part that differs between two runs."""
