"""What a notebook teaches, what its parts are worth and how long they take, as students read it.

`autograder build` takes it from `assignment.toml` and from the points of `checks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from autograder.course.notebooks import stated_limits
from autograder.records import Assignment

GOALS_ID = "stated-goals"
"""Grade id of the cell at the top of the notebook."""

_WORK = "stated-work-"
_HEADING = re.compile(r"#{2,6} .*")


def work_id(name: str) -> str:
    """Return the grade id of the cell that states the work of a task or question."""
    return _WORK + name


def is_generated(grade_id: str) -> bool:
    """Return whether a cell holds nothing but generated text: notebooks that were built earlier may lack it."""
    return grade_id in (stated_limits.GRADE_ID, GOALS_ID) or grade_id.startswith(_WORK)


def goals_cell(assignment: Assignment, points: Mapping[str, float]) -> str:
    """Return the text of the cell at the top: the goals, all points and the whole time.

    Args:
        assignment: What it states.
        points: Task name to the points of its checks.
    """
    parts = [f"The functions give {_points(sum(points.values()))}"]
    if assignment.questions:
        several = "s" if len(assignment.questions) > 1 else ""
        worth = sum(question.points for question in assignment.questions)
        parts.append(f"the written question{several} {_points(worth)}")
    minutes = [task.minutes for task in assignment.tasks]
    minutes += [question.minutes for question in assignment.questions]
    plan = f" Plan {_time(sum(minutes))}." if all(minutes) else ""
    goals = "".join(f"- {goal}\n" for goal in assignment.goals)
    head = f"**Goals**\n\n{goals}\n" if goals else ""
    return f"{head}**Points and time.** {', '.join(parts)}.{plan}"


def work_of(assignment: Assignment, points: Mapping[str, float]) -> dict[str, str]:
    """Return a line for each task and question: "*8 points, about 30 minutes*".

    Args:
        assignment: What it states.
        points: Task name to the points of its checks.
    """
    worth = {task.name: (points.get(task.name, 0.0), task.minutes) for task in assignment.tasks}
    worth |= {question.id: (question.points, question.minutes) for question in assignment.questions}
    return {
        name: f"*{_points(value)}{f', {_time(minutes)}' if minutes else ''}*"
        for name, (value, minutes) in worth.items()
    }


def below_heading(source: str, line: str) -> str | None:
    """Return a text with a line below its last heading of level 2 or more; None if it has none.

    A title is no heading of a part.
    """
    lines = source.split("\n")
    fenced = False
    found = None
    for number, each in enumerate(lines):
        fenced ^= each.lstrip().startswith("```")
        if not fenced and _HEADING.fullmatch(each):
            found = number
    if found is None:
        return None
    rest = "\n".join(lines[found + 1 :]).strip("\n")
    return "\n".join([*lines[: found + 1], "", line, *(["", rest] if rest else [])])


def _points(value: float) -> str:
    return f"{value:g} point{'' if value == 1 else 's'}"


def _time(minutes: float) -> str:
    """Return an estimate: minutes up to an hour and a half, then half hours."""
    if minutes <= 90:
        return f"about {minutes:g} minute{'' if minutes == 1 else 's'}"
    return f"about {round(minutes / 30) / 2:g} hours"
