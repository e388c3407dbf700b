"""What students and instructors read: no hidden value for the one, nothing that runs or disguises for the other."""

from __future__ import annotations

import csv
import html.parser
import io
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import nh3
import pytest

from autograder.checks.fixtures import CheckPlugin
from autograder.checks.open_submission import CHANGED_LATE
from autograder.errors import KernelDiedError
from autograder.execution import replies
from autograder.execution.session import KernelSession
from autograder.execution.zygote_client import Zygote
from autograder.records import Limits
from autograder.records.folder_names import student_folder_name
from autograder.report import write_class
from autograder.report.sanitise import sanitised

from .attacks import notebook
from .grading import Grader

pytestmark = pytest.mark.sandbox

FOR_THE_STUDENT = ("feedback.html", "executed.html", "executed.ipynb")
LEAK = re.compile(r"LEAK-?\d")

SPY = """
import builtins, os, sys
SEEN = []
def note(values):
    if tuple(values.shape) == (5, 3):
        SEEN.append(f"LEAK{float(values.flatten()[0]):.6f}")
"""


def leaks(folder: Path, names: tuple[str, ...] = FOR_THE_STUDENT) -> list[str]:
    """Return the files that hold what a hidden input was."""
    return [name for name in names if LEAK.search((folder / name).read_text(encoding="utf-8"))]


@pytest.mark.attack(
    "57",
    "raise an error that quotes the hidden input",
    layer="hints are fixed words",
    control="the instructor reads it",
)
def test_an_error_does_not_carry_a_hidden_input_to_the_student(grader: Grader) -> None:
    shout = f"""{SPY}
def standardise(values):
    note(values)
    if SEEN:
        raise type("Leak" + SEEN[-1], (ValueError,), {{}})(SEEN[-1])
    return centre(values) / values.std(dim=0)
"""
    pages = grader.pages(grader.grade({"standardise": shout}))

    assert leaks(pages, ("instructor.html",)) == ["instructor.html"]
    assert leaks(pages) == []


@pytest.mark.attack(
    "8,57",
    "remember a hidden input, tell it in a visible check",
    layer="visible checks first",
    control="checks in file order",
)
def test_a_visible_check_cannot_tell_of_a_hidden_one(grader: Grader, monkeypatch: pytest.MonkeyPatch) -> None:
    tell = f"""{SPY}
def standardise(values):
    if SEEN and tuple(values.shape) == (3, 3):
        raise ValueError(SEEN[0])
    note(values)
    return centre(values) / values.std(dim=0)
"""
    assert leaks(grader.pages(grader.grade({"standardise": tell}))) == []

    monkeypatch.setattr(CheckPlugin, "_is_late", lambda self, check: False)
    assert leaks(grader.pages(grader.grade({"standardise": tell}))) == ["feedback.html"]


@pytest.mark.attack(
    "57",
    "tell a hidden input in the list of changes",
    layer="known words only",
    control="a known word is shown",
)
def test_the_list_of_changes_carries_no_text(grader: Grader) -> None:
    tell = f"""{SPY}
from tornado.ioloop import IOLoop
owners = [getattr(handler, "__self__", None) for _, handler in IOLoop.current().handlers.values()]
(probe,) = [owner for owner in owners if type(owner).__name__ == "Probe"]
kept = probe._serve
def lie(request, tensors, fds):
    reply, answer = kept(request, tensors, fds)
    reply["side_effects"] = [
        *SEEN,
        *(("model:shipped", text) for text in SEEN),
        *((f"model:{{text}}", "weights") for text in SEEN),
        *(("arguments", text) for text in SEEN),
    ]
    return reply, answer
probe._serve = lie
def standardise(values):
    note(values)
    found = centre(values) / values.std(dim=0)
    values.zero_()
    return found
"""
    graded = grader.grade({"standardise": tell})
    pages = grader.pages(graded)

    costs = "standardise() changed its arguments, which costs one point. Let it work on copies."
    assert costs in (pages / "feedback.html").read_text()
    assert graded.report.score == 5
    assert leaks(pages, (*FOR_THE_STUDENT, "instructor.html")) == []


@pytest.mark.attack(
    "63",
    "spell a hidden input in the order of remarks",
    layer="one fixed sentence",
    control="the instructor reads them",
)
def test_the_order_of_changes_carries_nothing(grader: Grader, monkeypatch: pytest.MonkeyPatch) -> None:
    read = replies.side_effects
    monkeypatch.setattr(
        replies, "side_effects", lambda name, reply, known: read(name, reply, {"model:shipped"})
    )
    claims = [["model:shipped", part] for part in ("weights", "hooks", "buffers")]
    tell = f"""
from tornado.ioloop import IOLoop
owners = [getattr(handler, "__self__", None) for _, handler in IOLoop.current().handlers.values()]
(probe,) = [owner for owner in owners if type(owner).__name__ == "Probe"]
kept = probe._serve
def lie(request, tensors, fds):
    reply, answer = kept(request, tensors, fds)
    if any(tuple(values.shape) == (5, 3) for values in tensors.values()):
        reply["side_effects"] = {claims!r}
    return reply, answer
probe._serve = lie
def standardise(values):
    return centre(values) / values.std(dim=0)
"""
    pages = grader.pages(grader.grade({"standardise": tell}))
    remarks = [line for line in (pages / "feedback.html").read_text().splitlines() if "changed" in line]

    assert [re.sub("<.*?>", "", line) for line in remarks] == [CHANGED_LATE]
    told = "standardise() left the model:shipped weights changed."
    assert told not in (pages / "feedback.html").read_text()
    assert told in (pages / "instructor.html").read_text()


@pytest.mark.attack(
    "8",
    "print, show and log hidden inputs in a call",
    layer="silenced calls",
    control="in a cell they are shown",
)
def test_what_a_call_prints_is_shown_to_nobody(grader: Grader) -> None:
    chatter = f"""{SPY}
import logging, subprocess, warnings
from IPython.display import display
def shout(text):
    print(text); print(text, file=sys.stderr); display(text); warnings.warn(text); logging.error(text)
    sys.__stdout__ and print(text, file=sys.__stdout__)
    for number in (1, 2):
        os.write(number, text.encode())
    subprocess.run(["echo", text])
    kernel = get_ipython().kernel
    kernel.session.send(kernel.iopub_socket, "stream", {{"name": "stdout", "text": text}}, parent=PARENT)
PARENT = get_ipython().kernel.get_parent()
shout("shown in a cell")
def standardise(values):
    note(values)
    for text in SEEN: shout(text)
    return centre(values) / values.std(dim=0)
"""
    graded = grader.grade({"standardise": chatter})
    pages = grader.pages(graded)

    assert graded.report.score == 6
    assert "shown in a cell" in (pages / "executed.html").read_text()
    assert leaks(pages) == []


@pytest.mark.attack(
    "8",
    "keep hidden inputs for the next kernel",
    layer="a box a kernel",
    control="the same kernel finds them",
)
def test_a_new_kernel_of_the_same_submission_finds_nothing(zygote: Zygote) -> None:
    keep = """
import glob, os
def kept(): return [path for path in glob.glob("/*/kept") + glob.glob("/dev/shm/kept")]
def keep(values):
    for folder in ("/box", "/tmp", "/dev/shm", "/run"):
        open(f"{folder}/kept", "w").write(str(values))
    return kept()
def leave(): os._exit(0)
"""
    with KernelSession(zygote, notebook(keep), limits=Limits(), seed=1) as session:
        session.run()
        assert session.call("keep", (5,), seed=1)
        assert session.call("kept", seed=1)
        with pytest.raises(KernelDiedError):
            session.call("leave", seed=1)
        assert session.call("kept", seed=1) == []


class Danger(html.parser.HTMLParser):
    """Gathers what could run or load in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note tags and attributes that run or load."""
        if tag in ("script", "iframe", "object", "embed", "base", "form", "video", "audio"):
            self.found.append(tag)
        for name, value in attrs:
            text = (value or "").strip().lower()
            loads = name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster")
            harmless = (
                text.startswith(("data:image/png;base64,", "#", "https://", "mailto:"))
                or (tag == "a" and text.startswith("http://"))  # loads nothing before somebody clicks
                or text == "data:,"  # the empty icon, so that a browser asks for none
                or ":" not in text
            )
            if name.startswith("on") or (loads and not harmless) or "url(" in text:
                self.found.append(f"{tag} {name}={text[:60]}")


def dangers(page: str) -> list[str]:
    """Return what could run, load or disguise in a page."""
    parser = Danger()
    parser.feed(page)
    return parser.found + (["escape code"] if "\x1b" in page or "\u202e" in page else [])


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\x1b]0;owned\x07\u202e"
SHOW = f"""
from IPython.display import HTML, SVG, Javascript, Markdown, display
HOSTILE = {HOSTILE!r}
display(HTML(HOSTILE + "<iframe src='http://192.0.2.1'></iframe><a href='javascript:alert(1)' onclick='alert(1)'>x</a>"
    "<div style='background:url(http://192.0.2.1/x)'>z</div><meta http-equiv=refresh content='0;url=http://192.0.2.1'>"))
display(Javascript("alert(1)")); display(Markdown(HOSTILE)); print(HOSTILE)
display({{"image/svg+xml": "<svg onload='alert(1)'><script>alert(1)</script></svg>", "text/latex": HOSTILE}}, raw=True)
display({{"image/png": "iVBOR\\" onerror=\\"alert(1)", "text/plain": HOSTILE}}, raw=True)
raise type(HOSTILE, (Exception,), {{}})(HOSTILE)
"""


@pytest.mark.attack(
    "56",
    "HTML, JavaScript and escape codes everywhere",
    layer="escaped and reduced pages",
    control="the outputs as they are run",
)
def test_no_page_runs_loads_or_disguises(grader: Grader) -> None:
    cells = {
        "question-why": HOSTILE
        + "\n\n[x](javascript:alert(1)) ![x](http://192.0.2.1/x.png)\n\n<b onclick=alert(1)>",
        "centre": f"def centre(values):\n    '''{HOSTILE}'''\n    raise ValueError({HOSTILE!r})",
        "standardise": f"globals()['standardise<script>'] = lambda: 0\n# {HOSTILE}",
    }
    graded = grader.grade(cells, extra=(SHOW,))
    pages = grader.pages(graded)
    assert graded.execution is not None
    bare = "".join(
        output.get("data", {}).get("text/html", "")
        for cell in graded.execution.notebook["cells"]
        for output in cell.get("outputs", ())
    )
    assert any("onerror" in danger for danger in dangers(bare))
    for name in ("feedback.html", "instructor.html", "executed.html"):
        text = (pages / name).read_text(encoding="utf-8")
        assert "alert(1)" in text, f"{name} does not show the attack at all"
        assert dangers(text) == [], name


NAMES = (
    "=cmd|'/c calc'!A0",
    "+1",
    "@x",
    "a\nb,c",
    '"q"',
    "../../up",
    "/abs",
    "..",
    "a\u202egnp",
    "con",
    "x" * 300,
    "grades.csv",
)


@pytest.mark.attack(
    "54",
    "names that are formulas, paths, lines",
    layer="safe names",
    control="a plain CSV would hold the formula",
)
def test_hostile_names_stay_names(grader: Grader, tmp_path: Path) -> None:
    report = grader.grade().report
    reports = [replace(report, student=name) for name in NAMES]
    write_class(reports, grader.course.assignment, tmp_path / "class")

    plain = io.StringIO()
    csv.writer(plain).writerow([NAMES[0]])
    assert plain.getvalue().startswith("=")
    rows = list(csv.reader(io.StringIO((tmp_path / "class" / "grades.csv").read_text(encoding="utf-8"))))
    assert len(rows) == len(NAMES) + 1
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@", "-", "\t"))]
    page = (tmp_path / "class" / "class.html").read_text(encoding="utf-8")
    own = (files("autograder.report") / "templates" / "sorting.js").read_text(encoding="utf-8")
    assert page.count(f"<script>{own}</script>") == 1, "the script that sorts tables, allowed by its hash"
    assert dangers(page.replace(f"<script>{own}</script>", "")) == []
    folders = {student_folder_name(name) for name in NAMES}
    assert len(folders) == len(NAMES)
    for folder in folders:
        place = tmp_path / "class" / folder
        assert place.resolve().parent == (tmp_path / "class").resolve() and not place.exists()


def test_the_danger_finder_finds() -> None:
    assert dangers("<p onclick=x>") and dangers("<a href='javascript:x'>") and dangers("\x1b[0m")
    assert dangers("<img src='data:image/png;base64,aa'><a href='https://x.org'>") == []


@pytest.mark.attack(
    "85",
    "styles and links that load from elsewhere",
    layer="nothing called",
    control="nh3 alone lets url() pass",
)
@pytest.mark.parametrize(
    "style",
    [
        "color: url(//evil.example)",
        r"list-style-type: u\72l(//evil.example)",
        "border: 1px image-set('//e' 1x)",
    ],
)
def test_a_style_loads_nothing(style: str) -> None:
    text = f'<span style="{style}; font-weight: bold">x</span><a href="//evil.example">y</a>'
    plain = nh3.Cleaner(tags={"span"}, attributes={"span": {"style"}}, link_rel=None).clean(text)
    assert "//e" in plain

    assert sanitised(text, "output") == '<span style="font-weight:bold">x</span><a>y</a>'
