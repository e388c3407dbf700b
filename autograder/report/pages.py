"""Templates to bytes: the one Jinja environment, where every text is cleaned and escaped."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from autograder.records import Assignment, FinalGrade, GradeReport
from autograder.report.check_view import check_state, state_word
from autograder.report.classview import ClassView
from autograder.report.decided import answer_views, open_points
from autograder.report.feedback import group_by_task, student_view
from autograder.report.markdown import answer_html
from autograder.report.pictures import plot_uri
from autograder.report.serialise import to_plain
from autograder.report.shown import shown_views
from autograder.report.text import clean, number, one_line, plural, points
from autograder.report.token_heatmap import strip_view

_SHORT = 320


def shorten(text: str) -> str:
    """Return the text's first paragraph on one line, cut after some 300 characters."""
    line = one_line(text.strip().split("\n\n", 1)[0])
    return line if len(line) <= _SHORT else f"{line[:_SHORT].rsplit(' ', 1)[0]} …"


def _harmless(value: Any) -> Any:
    """Clean whatever a template prints, unless it is HTML of ours; escaping comes after it."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@functools.cache
def environment() -> jinja2.Environment:
    """Return the environment of all pages; made once, since it compiles the templates."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("autograder.report"),
        autoescape=True,
        finalize=_harmless,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        answer=answer_html,
        number=number,
        one_line=one_line,
        plural=plural,
        points=points,
        shorten=shorten,
        state=check_state,
        state_word=state_word,
        strip_views=lambda strips: [strip_view(strip) for strip in strips],
    )
    return env


def render(template: str, **context: Any) -> bytes:
    """Return a page as UTF-8 bytes.

    Args:
        template: Its file's name below `templates`.
        context: What the template names.
    """
    return environment().get_template(template).render(**context).encode("utf-8")


def _share(report: GradeReport, grade: FinalGrade | None) -> float:
    """Return the share of all points that has been earned until now: what is not decided yet is not full."""
    earned, most = (grade.until_now, grade.of) if grade else (report.score, report.max_score)
    return min(1.0, max(0.0, earned / most)) if most > 0 else 0.0


def feedback_page(
    report: GradeReport, assignment: Assignment, now: datetime, grade: FinalGrade | None = None
) -> bytes:
    """Return feedback.html, the student's page: of hidden checks what the feedback policy tells at a time.

    Args:
        report: What was graded automatically.
        assignment: For titles, tasks and the feedback policy.
        now: When the page is written.
        grade: What people have decided; None: nothing is known of it.
    """
    view = student_view(report, assignment, now, grade)
    return render("feedback.html.j2", view=view, share=_share(report, grade))


def instructor_page(
    report: GradeReport, assignment: Assignment, *, executed: bool = True, grade: FinalGrade | None = None
) -> bytes:
    """Return instructor.html: all that the report holds but the timing, which differs between runs.

    Args:
        report: What to show.
        assignment: For titles and tasks.
        executed: Whether an executed notebook lies beside the page.
        grade: What people have decided; None: nothing is known of it.
    """
    return render(
        "instructor.html.j2",
        report=report,
        title=assignment.title,
        executed=executed,
        groups=group_by_task(report.checks, assignment) if report.checks else [],
        questions=answer_views((*report.pending, *report.unanswered), grade),
        grade=grade,
        pending_points=open_points(report, grade),
        plots=[uri for uri in map(plot_uri, report.plots) if uri],
        shown=shown_views(report.shown),
        provenance=flatten(report.provenance),
        share=_share(report, grade),
    )


def class_page(view: ClassView) -> bytes:
    """Return class.html."""
    return render("class.html.j2", view=view, sorting=Markup(_sorting()[0]), sorting_hash=_sorting()[1])


@functools.cache
def _sorting() -> tuple[str, str]:
    """Return the script that sorts tables, the only one on any page, and its hash for the content security policy."""
    source = (resources.files("autograder.report") / "templates" / "sorting.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return source, f"sha256-{digest}"


def flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested values as sorted rows: `versions.torch`, `2.13`."""
    rows: list[tuple[str, str]] = []
    for key, value in sorted(values.items()):
        if isinstance(value, Mapping):
            rows += flatten(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(to_plain(value), ensure_ascii=False)
            rows.append((f"{prefix}{key}", text))
    return rows
