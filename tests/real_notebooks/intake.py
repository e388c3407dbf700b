"""What instructors download: folders and archives, with what students put into them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..conftest import ROOT
from .handed_in import HandedIn

SLUG = "token_attribution"
IPYNB = f"{SLUG}.ipynb"
DONE = HandedIn(SLUG).text()
LENS = HandedIn("logit_lens").text()
STUB = (ROOT / "student_template" / IPYNB).read_text(encoding="utf-8")
COLAB = "https://colab.research.google.com/drive/1aBcD?usp=sharing"

WORK, GIVEN = "the right notebook", "the notebook as it was given out"

Files = Mapping[str, str | bytes]


def packed(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """A folder of what a class handed in, and who is in it."""

    name: str
    """Names the test."""

    does: str
    """What is handed in, for the table in the documentation."""

    happens: str
    """What comes of it, for the same table."""

    files: Callable[[], Files]
    """Files by path."""

    found: Mapping[str, str]
    """By student: WORK, GIVEN, or a piece of the sentence of why nothing is graded."""


def with_an_environment() -> Files:
    site = {f"interp/venv/lib/site-packages/p{n // 100}/m{n}.py": "x" for n in range(20_500)}
    work = packed({IPYNB: DONE})
    return {
        "anna.zip": work,
        "bob.zip": packed({f"interp/{IPYNB}": DONE} | site),
        "carla.zip": work,
        "dora.zip": work,
    }


BLACKBOARD = "Token Attribution_{}_attempt_2026-11-0{}-10-20-30_" + IPYNB

REPORTED = (
    Class(
        name="a virtual environment",
        does="a zip with a virtual environment of 20,000 files",
        happens="the notebook is found; nobody else is affected",
        files=with_an_environment,
        found=dict.fromkeys(("anna", "bob", "carla", "dora"), WORK),
    ),
    Class(
        name="copies",
        does="the work in a copy beside the untouched notebook",
        happens="the copy is graded, and the student is told",
        files=lambda: {
            f"anna/{IPYNB}": STUB,
            f"anna/{SLUG}-Copy1.ipynb": DONE,
            f"bob/{IPYNB}": STUB,
            f"bob/{SLUG} (1).ipynb": DONE,
            "carla.zip": packed({f"interp/{IPYNB}": STUB, f"interp/Copy of {IPYNB}": DONE}),
            f"dora/{IPYNB}": STUB,
            "dora/loesung.zip": packed({IPYNB: DONE}),
        },
        found=dict.fromkeys(("anna", "bob", "carla", "dora"), WORK),
    ),
    Class(
        name="wrong endings",
        does="`.ipynb.txt`, `.ipynb.json`, `.json`, no ending, `.py`, `.pdf`, `.html`, `.7z`, `.rar`",
        happens="notebooks are read; the rest has a row that names the file",
        files=lambda: {
            "anna.ipynb": STUB,
            **{f"{name}": DONE for name in ("bob.ipynb.txt", "carla.ipynb.json", "dora.json", "kim")},
            **{
                f"{name}": "x"
                for name in ("emil.py", "fred.pdf", "gina.html", "hans.7z", "iris.tar.gz", "jan.rar")
            },
        },
        found={
            "anna": GIVEN,
            **dict.fromkeys(("bob", "carla", "dora", "kim"), WORK),
            **{name: f"You handed in {name}" for name in ("emil", "fred", "gina", "hans", "jan")},
            "iris": "iris.tar.gz is no readable tar",
        },
    ),
    Class(
        name="a folder uploaded",
        does="a whole folder, in Moodle and in nbgrader's tree",
        happens="the notebook is found in it",
        files=lambda: {
            f"Anna A_1_assignsubmission_file/interp/{IPYNB}": DONE,
            f"Bob B_2_assignsubmission_file/{IPYNB}": STUB,
        },
        found={"Anna A": WORK, "Bob B": GIVEN},
    ),
    Class(
        name="nbgrader",
        does="a folder deeper than nbgrader's tree has it, or under another spelling",
        happens="the notebook is found",
        files=lambda: {
            f"submitted/dora/{SLUG}/student_template/{IPYNB}": DONE,
            f"submitted/emil/token-attribution/{IPYNB}": DONE,
            f"submitted/fred/{SLUG}/{IPYNB}": STUB,
        },
        found={"dora": WORK, "emil": WORK, "fred": GIVEN},
    ),
    Class(
        name="resubmissions in Canvas",
        does="a second attempt in Canvas",
        happens="one student, the latest attempt",
        files=lambda: {
            f"adamsanna_12345_9001_{IPYNB}": STUB,
            f"brownbob_LATE_12346_9002_{IPYNB}": STUB,
            f"brownbob_LATE_12346_9003_{SLUG}-1.ipynb": DONE,
        },
        found={"adamsanna": GIVEN, "brownbob": WORK},
    ),
    Class(
        name="attempts in Blackboard",
        does="a second attempt in Blackboard",
        happens="one student, the latest attempt",
        files=lambda: {BLACKBOARD.format("s123", 1): STUB, BLACKBOARD.format("s123", 2): DONE},
        found={"s123": WORK},
    ),
    Class(
        name="texts in Moodle",
        does="a file and an online text in Moodle",
        happens="one student",
        files=lambda: {
            f"Anna A_1_assignsubmission_file/{IPYNB}": DONE,
            "Anna A_1_assignsubmission_onlinetext/onlinetext.html": "<p>Here it is.</p>",
        },
        found={"Anna A": WORK},
    ),
)

INVENTED = (
    Class(
        name="groups",
        does="folders of tutors' groups, each with its students",
        happens="one row a student",
        files=lambda: {f"groupA/ana/{IPYNB}": DONE, f"groupA/ben/{IPYNB}": STUB, "groupB/cem/nb.ipynb": DONE},
        found={"ana": WORK, "ben": GIVEN, "cem": WORK},
    ),
    Class(
        name="a link",
        does="a link to Colab: a text, a `.url`, an online text",
        happens="a row that says how to download the notebook",
        files=lambda: {
            "Ana A_1_assignsubmission_onlinetext/onlinetext.html": f"<p>{COLAB}</p>",
            "Ben B_2_assignsubmission_file/link.txt": COLAB,
            "Cem C_3_assignsubmission_file/colab.url": f"[InternetShortcut]\nURL={COLAB}",
        },
        found=dict.fromkeys(("Ana A", "Ben B", "Cem C"), "You handed in a link"),
    ),
    Class(
        name="zips in zips",
        does="a zip in a zip, made on a Mac",
        happens="opened; `__MACOSX` and `.DS_Store` are nobody",
        files=lambda: {
            "ana.zip": packed(
                {"abgabe/work.zip": packed({f"work/{IPYNB}": DONE, "__MACOSX/._x.ipynb": "x"})}
            ),
            "ben.zip": packed({"Ben/.DS_Store": "x", "Ben/loesung.ipynb": DONE}),
        },
        found={"ana": WORK, "ben": WORK},
    ),
    Class(
        name="the wrong file",
        does="the notebook of another assignment beside the right one",
        happens="the right one is graded",
        files=lambda: {"ana/logit_lens.ipynb": LENS, f"ana/{IPYNB}": DONE, "ben.ipynb": STUB},
        found={"ana": WORK, "ben": GIVEN},
    ),
    Class(
        name="a renamed archive",
        does="a zip renamed to `.ipynb`, a RAR renamed to `.zip`, an upload that broke off",
        happens="the zip is opened; the others have a row with the reason",
        files=lambda: {
            "ana.ipynb": packed({IPYNB: DONE}),
            "ben.zip": b"Rar!\x1a\x07\x01\x00rest",
            "cem.zip": packed({IPYNB: DONE})[:-60],
        },
        found={"ana": WORK, "ben": "is a RAR archive under another name", "cem": "is cut short"},
    ),
    Class(
        name="exports",
        does="the notebook's export as PDF, HTML or Python, and a photograph",
        happens="a row that names the file",
        files=lambda: {
            "ana/token_attribution.py": "# %%\nimport torch",
            "ben/token_attribution.html": "<html>",
            "cem/IMG_2041.heic": "x",
            f"dan/{IPYNB}": DONE,
        },
        found={
            "ana": "token_attribution.py, which is not a notebook",
            "ben": "token_attribution.html, which is not a notebook",
            "cem": "IMG_2041.heic, which is not a notebook",
            "dan": WORK,
        },
    ),
    Class(
        name="ids with an underscore",
        does="Blackboard, with ids such as `anna_adams`",
        happens="whole ids, one student each",
        files=lambda: {BLACKBOARD.format("anna_adams", 1): DONE, BLACKBOARD.format("ben_adams", 1): STUB},
        found={"anna_adams": WORK, "ben_adams": GIVEN},
    ),
    Class(
        name="a data set",
        does="a folder with thousands of pictures beside the notebook",
        happens="the notebook is found; the pictures are not read",
        files=lambda: (
            {f"ana/data/{n}.jpg": "" for n in range(6_000)} | {f"ana/{IPYNB}": DONE, "ben/x.ipynb": STUB}
        ),
        found={"ana": WORK, "ben": GIVEN},
    ),
)
