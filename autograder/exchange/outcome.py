"""What an export did, for people."""

from __future__ import annotations

from dataclasses import dataclass, field

from autograder.report.text import plural


@dataclass(slots=True)
class Outcome:
    """What became of each student's grade."""

    graded: dict[str, float] = field(default_factory=dict)
    """Students whose grade was put into the file, with it."""

    partial: list[str] = field(default_factory=list)
    """Those of them who got the automatic points alone."""

    replaced: int = 0
    """Grades that differ from what stood there."""

    unchanged: dict[str, list[str]] = field(default_factory=dict)
    """Students of the results whose row stays as it was, by the reason."""

    others: int = 0
    """Rows without a submission in the results."""

    remarks: list[str] = field(default_factory=list)
    """Sentences that a person should read before the file is uploaded."""

    def leave(self, reason: str, student: str) -> None:
        """Note that a student's row stays as it was."""
        self.unchanged.setdefault(reason, []).append(student)

    def lines(self) -> list[str]:
        """Return sentences for the terminal."""
        said = [f"{plural(len(self.graded), 'grade')}, {self.replaced} in place of another one."]
        if self.partial:
            said.append(
                f"Of these, {len(self.partial)} are not final: automatic points alone, since --partial was given: "
                f"{', '.join(self.partial)}."
            )
        said += [
            f"Unchanged ({len(names)}), {reason}: {', '.join(names)}."
            for reason, names in self.unchanged.items()
        ]
        if self.others:
            said.append(f"Unchanged, {self.others} rows without a submission here.")
        return said + self.remarks
