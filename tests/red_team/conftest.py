"""The grounds of the red team: what there is to steal, and the table of what became of each attack."""

from __future__ import annotations

import copy
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from autograder.authoring.notebook import build_assignment
from autograder.checks.course_context import Course, load_course
from autograder.checks.decorators import collect, points_by_task
from autograder.course.assignment import load_assignment
from autograder.execution.zygote_client import Zygote, ZygoteLink

from ..conftest import MINI
from .attacks import Attack, in_kernel, in_plain_process, readable_by_all
from .grading import Grader, with_later_check

_ROWS = pytest.StashKey[dict[str, "Row"]]()
ELSEWHERE = {
    "58": "kill -9 of coordinator, worker, zygote",
    "59": "a full disk",
    "60": "two graders on one results folder",
}
"""Attacks on the journal: tested with it."""

_VICTIM = "import sys, time; print('up', flush=True); time.sleep(600)"


@dataclass(slots=True)
class Row:
    """A line of the table."""

    number: str
    title: str
    layer: str
    control: str
    outcome: str = "not run"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the table's flag."""
    parser.addoption("--red-team-table", action="store_true", help="print attack, layer, control and outcome")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker and make room for the table."""
    config.addinivalue_line("markers", "attack(number, title, layer, control): an attack of the threat model")
    config.stash[_ROWS] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """Keep what became of each attack."""
    report = yield
    mark = item.get_closest_marker("attack")
    if mark is not None and (call.when == "call" or (call.when == "setup" and report.outcome != "passed")):
        row = item.config.stash[_ROWS].setdefault(item.nodeid, Row(*mark.args, **mark.kwargs))
        expected_failure = hasattr(report, "wasxfail")
        row.outcome = {"passed": "held", "failed": "NOT HELD", "skipped": "skipped"}[report.outcome]
        if expected_failure:
            row.outcome = "known hole"
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table if asked."""
    if config.getoption("--red-team-table"):
        journal = [
            Row(number, title, "journal", "uninterrupted run", "tested with the journal")
            for number, title in ELSEWHERE.items()
        ]
        rows = sorted([*config.stash[_ROWS].values(), *journal], key=_place)
        for line in _table(rows):
            terminalreporter.write_line(line)


def _place(row: Row) -> tuple[int, int, str]:
    first = row.number.split(",")[0]
    return (1, int(first[1:]), row.title) if first.startswith("x") else (0, int(first), row.title)


def _table(rows: Sequence[Row]) -> list[str]:
    cells = [("attack", "what is tried", "layer", "control", "outcome")]
    cells += [(row.number, row.title, row.layer, row.control, row.outcome) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    return [" | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells]


@pytest.fixture(scope="package")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small course, where any user could read it, with things in it that no kernel may get."""
    root = tmp_path_factory.mktemp("arena") / "course"
    shutil.copytree(MINI, root)
    with_later_check(root)
    (root / "results" / "standardise" / "ana").mkdir(parents=True)
    (root / "results" / "standardise" / "ana" / "report.json").write_text('{"score": 0}')
    (root / "student_template" / "data").mkdir()
    (root / "student_template" / "data" / "words.txt").write_text("words")
    # Whatever a mode could refuse is allowed, so that only the sandbox can.
    for path in (root / "results").rglob("*"):
        path.chmod(0o777)
    (root / "student_template" / "data").chmod(0o777)
    (root / "student_template" / "data" / "words.txt").chmod(0o666)
    program = root / "student_template" / "data" / "who"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)
    readable_by_all(root)
    assignment = load_assignment(root, "standardise")
    build_assignment(assignment, points_by_task(collect(assignment)))
    return root


@dataclass(slots=True)
class Grounds:
    """What there is to gain, planted by the grader; `facts` is what the attacks know of it."""

    facts: dict[str, Any]
    inherit: list[int] = field(default_factory=list)


@pytest.fixture(scope="package")
def secret() -> Iterator[str]:
    """A token that lies in the grader's environment, memory and files."""
    token = f"token-{secrets.token_hex(12)}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRADER_COURSE_KEY", token)
        yield token


@pytest.fixture(scope="package")
def zygote(arena: Path, grounds: Grounds) -> Iterator[Zygote]:
    """The sandbox under attack; it starts when everything is planted."""
    with Zygote(arena / "student_template") as running:
        yield running


@pytest.fixture(scope="package")
def course(arena: Path, secret: str) -> Course:
    """The small course as a worker loads it."""
    return load_course(load_assignment(arena, "standardise"))


@pytest.fixture(scope="package")
def grounds(arena: Path, secret: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grounds]:
    """Listeners, a victim process, files, descriptors: all of them reachable for a plain child."""
    folder = tmp_path_factory.mktemp("ground")
    folder.chmod(0o777)
    readable_by_all(folder)
    leaked = folder / "leaked"
    leaked.write_text(secret)
    descriptor = os.open(leaked, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    victim = subprocess.Popen([sys.executable, "-c", _VICTIM, secret], stdout=subprocess.PIPE)
    assert victim.stdout is not None and victim.stdout.readline() == b"up\n"
    tcp = socket.create_server(("127.0.0.1", 0), backlog=64)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    by_path, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    by_path.bind(str(folder / "agent.sock"))
    (folder / "agent.sock").chmod(0o777)
    abstract.bind(f"\0{secret}")
    for listener in (by_path, abstract):
        listener.listen(64)
    facts = {
        "reference": str(arena / "reference" / "standardise.py"),
        "checks": str(arena / "assignments" / "standardise" / "checks.py"),
        "results": str(arena / "results" / "standardise" / "ana" / "report.json"),
        "words": str(arena / "student_template" / "data" / "words.txt"),
        "who": str(arena / "student_template" / "data" / "who"),
        "folder": str(folder),
        "leaked": str(leaked),
        # Halves, so that a search of one's own memory does not find the question.
        "token": [secret[:12], secret[12:]],
        "grader": os.getpid(),
        "victim": victim.pid,
        "tcp": tcp.getsockname()[1],
        "udp": udp.getsockname()[1],
        "unix": str(folder / "agent.sock"),
        "abstract": [secret[:12], secret[12:]],
    }
    yield Grounds(facts=facts, inherit=[descriptor])
    for opened in (tcp, udp, by_path, abstract):
        opened.close()
    os.close(descriptor)
    victim.kill()
    victim.communicate()


class Field:
    """Runs a chapter's attacks: all in one sandboxed kernel, the controls where their layers are missing."""

    def __init__(self, zygotes: tuple[Zygote, Zygote], grounds: Grounds, attacks: Sequence[Attack]) -> None:
        self._zygote, self._bare = zygotes
        self._grounds = grounds
        self._attacks = attacks
        self._said: dict[frozenset[str] | None, dict[str, str]] = {}

    def judge(self, attack: Attack) -> None:
        """Assert that the control wins and that the sandbox holds."""
        if not attack.safe and (os.geteuid() == 0 or not attack.needs_root):
            controlled = self._control(attack)
            if attack.cleanup:
                in_plain_process(self._grounds.facts, attack.cleanup)
            won = re.fullmatch(attack.won, controlled)
            assert won, f"the control of {attack} did not win: {controlled}"
        if attack.needs_full and self._zygote.mode != "full":
            pytest.skip(f"needs the full sandbox; this one is {self._zygote.mode}")
        outcome = self._run(None, self._attacks)[str(attack)]
        assert re.fullmatch(attack.held, outcome), f"{attack}: {outcome}"

    def _control(self, attack: Attack) -> str:
        # A plain user's namespaces come with a user namespace, so that single layers cannot be missed there.
        if attack.without and os.geteuid() == 0:
            alike = [each for each in self._attacks if each.without == attack.without]
            return self._run(attack.without, alike)[str(attack)]
        if attack.prepare:
            in_plain_process(self._grounds.facts, attack.prepare)
        return in_plain_process(self._grounds.facts, attack.cell, inherit=self._grounds.inherit)

    def _run(self, without: frozenset[str] | None, attacks: Sequence[Attack]) -> dict[str, str]:
        """Run attacks in one kernel that lacks some layers; once."""
        if without not in self._said:
            bare = without is not None and without & {"mounts", "environment"}
            link = lacking(self._bare if bare else self._zygote, without or frozenset())
            first = [each.prepare for each in attacks if each.prepare]
            if first:
                in_kernel(link, self._grounds.facts, first)
            said = in_kernel(link, self._grounds.facts, [each.cell for each in attacks])
            self._said[without] = {str(each): text for each, text in zip(attacks, said, strict=True)}
        return self._said[without]


def lacking(zygote: Zygote, without: frozenset[str]) -> ZygoteLink:
    """Return a link to the same zygote whose kernels lack layers; some can only be missed by the zygote itself."""
    link = copy.copy(zygote)
    link.layers = zygote.layers - without
    return link


@pytest.fixture(scope="package")
def bare_zygote(arena: Path, grounds: Grounds) -> Iterator[Zygote]:
    """A zygote in the machine's own file system and environment, for controls."""
    with Zygote(arena / "student_template", without=frozenset({"mounts", "environment", "user"})) as running:
        yield running


@pytest.fixture(scope="module")
def field_of(request: pytest.FixtureRequest, zygote: Zygote, bare_zygote: Zygote, grounds: Grounds) -> Field:
    """The module's attacks, and where they are run."""
    return Field((zygote, bare_zygote), grounds, request.module.ATTACKS)


@pytest.fixture
def grader(course: Course, zygote: Zygote, tmp_path: Path) -> Grader:
    """Grades submissions in the sandbox under attack."""
    return Grader(course, zygote, tmp_path)
