"""Known mistakes, accepted variants and borderline programs, as the instructor's files mark them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Misconception:
    """One executable wrong variant of a task's function."""

    id: str
    """The function's name in misconceptions.py."""

    task: str
    """The contract's function that it stands for."""

    title: str
    """What was done, in one sentence."""

    hint: str
    """What the student reads."""

    run: Function
    """Takes the reference module, then the task's arguments; returns what the mistaken function returns."""

    calls: tuple[str, ...] = ()
    """The contract's functions that it calls in the reference: each may itself be another mistake."""

    needs_whole: bool = False
    """The mistake shows on the whole question only, not on a part of it (see `checks.Part`)."""

    source: Function | None = None
    """The function itself where `run` wraps it to keep its answers."""

    @property
    def program(self) -> Function:
        """The function as it was written."""
        return self.source or self.run


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedVariant:
    """One executable right variant: another convention that is accepted, or the same values computed in another way."""

    id: str
    """The function's name in misconceptions.py or equivalents.py."""

    task: str
    """The contract's function that it stands for."""

    remark: str
    """What the student reads beside full points; empty if there is nothing to say."""

    run: Function
    """As for a misconception."""

    slow: bool = False
    """Calibration tries it on one made-up student only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BorderlineProgram:
    """One executable program that a human grader could call right or wrong: its grade must not depend on chance."""

    id: str
    """The function's name in borderline.py."""

    task: str
    """The contract's function that it stands for."""

    run: Function
    """As for a misconception."""


def misconception(
    *, task: str, title: str, hint: str, calls: tuple[str, ...] = (), needs_whole: bool = False
) -> Callable[[Function], Function]:
    """Mark a function of misconceptions.py as a known mistake in `task`.

    Args:
        task: The contract's function.
        title: What was done, in one sentence.
        hint: What the student reads.
        calls: The contract's functions that the mistake calls in the reference.
        needs_whole: Whether the mistake mixes the items of a question, so that a part of it does not show it.
    """

    def mark(function: Function) -> Function:
        function.__misconceptions__ = (  # type: ignore[attr-defined]
            Misconception(
                id=function.__name__,
                task=task,
                title=title,
                hint=hint,
                run=function,
                calls=calls,
                needs_whole=needs_whole,
            ),
        )
        return function

    return mark


class Feedback(NamedTuple):
    """What is said of a mistake; a row of a table is `Feedback(title, hint).on(step)`."""

    title: str
    """What was done, in one sentence."""

    hint: str
    """What the student reads."""

    def on(self, step: Any) -> tuple[str, str, Any]:
        """Return the row of a mistake with these texts."""
        return self.title, self.hint, step


def misconceptions(
    *, task: str, calls: tuple[str, ...] = (), needs_whole: bool = False, **rows: tuple[str, str, Any]
) -> Callable[[Function], Function]:
    """Mark a function of misconceptions.py as known mistakes in `task` that differ in one step.

    The step is the function's first argument, before the reference::

        @misconceptions(
            task="build_baseline",
            cls_lost=Feedback("[CLS] became [PAD].", "How does a sentence begin?").on(["[SEP]"]),
            sep_lost=Feedback("[SEP] became [PAD].", "How does a sentence end?").on(["[CLS]"]),
        )
        def _keeping(kept, reference, input_ids, tokenizer): ...

    Args:
        task: The contract's function.
        calls: As for `misconception`, of all of them.
        needs_whole: As for `misconception`, of all of them.
        **rows: For each mistake, under its id: title, hint, step.
    """

    def mark(function: Function) -> Function:
        function.__misconceptions__ = tuple(  # type: ignore[attr-defined]
            Misconception(
                id=name,
                task=task,
                title=title,
                hint=hint,
                run=partial(function, step),
                calls=calls,
                needs_whole=needs_whole,
            )
            for name, (title, hint, step) in rows.items()
        )
        return function

    return mark


def misconceptions_around(
    *, task: str, needs_whole: bool = False, **rows: tuple[str, str, Any]
) -> Callable[..., Any]:
    """Return a table of known mistakes in `task` that change what the right function is given, or what it returns.

    A row's step takes the reference's function, then the task's arguments. Assign the table to a name::

        _other_order = misconceptions_around(
            task="top_tokens",
            best_last=Feedback("The best comes last.", "In which order?").on(
                lambda right, *asked: right(*asked)[::-1]
            ),
        )

    Args:
        task: The contract's function; a mistake of the table calls it and no other.
        needs_whole: As for `misconception`, of all of them.
        **rows: As for `misconceptions`.
    """

    def around(step: Function, reference: Any, *args: Any, **kwargs: Any) -> Any:
        return step(getattr(reference, task), *args, **kwargs)

    return misconceptions(task=task, calls=(task,), needs_whole=needs_whole, **rows)(around)


def memoised(reference: Any, label: str, compute: Function, *args: Any) -> Any:
    """Return compute(*args), kept by a reference that keeps answers: mistakes share most of the work."""
    memoise = getattr(reference, "memoise", None)
    return compute(*args) if memoise is None else memoise(label, compute, *args)


def accepted_variant(*, task: str, remark: str, slow: bool = False) -> Callable[[Function], Function]:
    """Mark a function of misconceptions.py as right for `task`, though not the reference's way."""

    def mark(function: Function) -> Function:
        function.__accepted_variant__ = AcceptedVariant(  # type: ignore[attr-defined]
            id=function.__name__, task=task, remark=remark, run=function, slow=slow
        )
        return function

    return mark


def equivalent(*, task: str, slow: bool = False) -> Callable[[Function], Function]:
    """Mark a function of equivalents.py as another program for the very same values, in float32 like a student's.

    Such programs tell calibration how far apart right answers lie. A few may stand in misconceptions.py as well.

    Args:
        task: The contract's function.
        slow: Whether one made-up student is enough for it.
    """
    return accepted_variant(task=task, remark="", slow=slow)


def borderline(*, task: str) -> Callable[[Function], Function]:
    """Mark a function of borderline.py as a program near the bounds of the checks of `task`."""

    def mark(function: Function) -> Function:
        function.__borderline__ = BorderlineProgram(  # type: ignore[attr-defined]
            id=function.__name__, task=task, run=function
        )
        return function

    return mark


def borderline_programs_of(module: ModuleType) -> tuple[BorderlineProgram, ...]:
    """Return the module's borderline programs in the order of their definition."""
    marked = (getattr(value, "__borderline__", None) for value in vars(module).values())
    return tuple(found for found in marked if found is not None)


def misconceptions_of(module: ModuleType) -> tuple[Misconception, ...]:
    """Return the module's misconceptions in the order of their definition."""
    marked = (getattr(value, "__misconceptions__", ()) for value in vars(module).values())
    return tuple(known for found in marked for known in found)


def accepted_variants_of(module: ModuleType) -> tuple[AcceptedVariant, ...]:
    """Return the module's accepted variants in the order of their definition."""
    marked = (getattr(value, "__accepted_variant__", None) for value in vars(module).values())
    return tuple(found for found in marked if found is not None)
