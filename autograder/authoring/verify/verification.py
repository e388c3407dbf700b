"""Everything that `autograder verify` found of one assignment."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.authoring.verify.diagnosis_accuracy import DiagnosedProgram
from autograder.authoring.verify.false_verdicts import FalseVerdicts
from autograder.authoring.verify.gate import GateResult
from autograder.authoring.verify.name_invariance import NameInvariance
from autograder.authoring.verify.program_result import ProgramResult
from autograder.records import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is not as expected."""

    kind: str
    """What it is about."""

    name: str
    """Which one."""

    problem: str
    """What is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The results of one run; what was not asked for is empty."""

    assignment: Assignment
    """The assignment."""

    profile: str = "tiny"
    """Which models."""

    gate: tuple[GateResult, ...] = ()
    """Reference, template, misconceptions, accepted variants."""

    programs: tuple[ProgramResult, ...] = ()
    """Generated programs."""

    diagnosed: tuple[DiagnosedProgram, ...] = ()
    """For the diagnosis accuracy."""

    false_verdicts: tuple[FalseVerdicts, ...] = ()
    """For the false-verdict rate."""

    named: tuple[NameInvariance, ...] = ()
    """Programs graded under many names."""

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All results that are not as expected; diagnosis accuracy is a measure and has no faults."""
        gate = [Fault(kind=one.kind, name=one.name, problem=one.problem) for one in self.gate if not one.good]
        programs = [
            Fault(kind=one.kind, name=one.name, problem=one.reason) for one in self.programs if not one.good
        ]
        simulated = [
            Fault(kind="simulated gradings", name=one.name, problem=one.reason)
            for one in self.false_verdicts
            if not one.good
        ]
        named = [
            Fault(kind="points depend on the name", name=one.name, problem=one.reason)
            for one in self.named
            if not one.good
        ]
        return (*gate, *programs, *simulated, *named)
