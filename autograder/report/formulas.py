r"""Formulas in Markdown: `$...$`, `$$...$$`, `\(...\)`, `\[...\]` and environments become MathML."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markupsafe import escape

FORMULA_LIMIT = 2_000
"""Characters of one formula. The converter is native code that recurses: where the stack ends, so does the grader."""

BRACES_LIMIT = 400
"""Opening braces in one formula: each is a level of that recursion."""

_OPENING = re.compile(r"\$\$|\$|\\\(|\\\[|\\begin\{[A-Za-z]{1,20}\*?\}")
_DISPLAYED = re.compile(r"\$\$|\\\[|\\begin\{[A-Za-z]{1,20}\*?\}")
_CLOSING = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_UP_TO_DOLLAR = {
    "$": re.compile(r"(?:\\.|[^\\$])++", re.DOTALL),
    "$$": re.compile(r"(?:\\.|\$(?!\$)|[^\\$])++", re.DOTALL),
}
# A notebook's formulas have no numbers, and what the converter does not know has an equal that it does.
_REWRITTEN = (
    (re.compile(r"\\(begin|end)\{(align|alignat|equation|flalign|gather|multline)\}"), r"\\\1{\2*}"),
    (re.compile(r"\\(begin|end)\{split\}"), r"\\\1{aligned}"),
    (re.compile(r"\\label\{[^{}]*\}"), ""),
    (re.compile(r"\\(?:mathbbm|mathds)(?![A-Za-z])"), r"\\mathbb"),
)


def formulas(parser: MarkdownIt) -> None:
    """Teach a parser of Markdown to read formulas: a plugin for `MarkdownIt.use`.

    The search for a formula's end goes no farther than FORMULA_LIMIT, so that the work grows with the text alone.
    """
    interrupted = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.before("fence", "formula_block", _block_rule, {"alt": interrupted})
    parser.inline.ruler.before("escape", "formula", _inline_rule)
    parser.add_render_rule("formula", _render_inline)
    parser.add_render_rule("formula_block", _render_block)


def mathml(latex: str, *, displayed: bool) -> str | None:
    r"""Return a formula as MathML, or None if it is too long, too deep or not understood.

    Args:
        latex: What stands between the delimiters; with them if they are `\begin` and `\end`.
        displayed: Whether it stands on a line of its own.
    """
    if len(latex) > FORMULA_LIMIT or latex.count("{") > BRACES_LIMIT:
        return None
    for pattern, replacement in _REWRITTEN:
        latex = pattern.sub(replacement, latex)
    converter, refused = _converter()
    try:
        return str(converter.convert_with_local_state(latex, displaystyle=displayed))
    except refused:
        return None


@functools.cache
def _converter() -> Any:
    from math_core import LatexError, LatexToMathML

    # No macros: ten of them expand to a thousand nested braces or a million characters.
    return LatexToMathML(fancy_error=False, max_expansions=0), LatexError


def _closing(opening: str) -> str:
    return _CLOSING.get(opening) or opening.replace("begin", "end", 1)


def _end_of_formula(source: str, start: int, end: int) -> tuple[int, int, int] | None:
    """Return where the formula that opens at `start` has its LaTeX (from, to), and where it ends."""
    opening = _OPENING.match(source, start, end)
    if opening is None:
        return None
    mark, first = opening[0], opening.end()
    last_allowed = min(end, first + FORMULA_LIMIT)
    closing = _closing(mark)
    if mark in _UP_TO_DOLLAR:
        body = _UP_TO_DOLLAR[mark].match(source, first, last_allowed)
        last = body.end() if body else first
    else:
        last = source.find(closing, first, last_allowed)
    stop = last + len(closing)
    if last <= first or stop > end or not source.startswith(closing, last) or not source[first:last].strip():
        return None
    if mark == "$" and _is_money(source, start, stop):
        return None
    return (start, stop, stop) if mark.startswith("\\b") else (first, last, stop)


def _is_money(source: str, start: int, stop: int) -> bool:
    """Return whether two dollar signs are no pair: a digit before or behind them, or white space within one alone."""
    around = source[max(0, start - 1) : start] + source[stop : stop + 1]
    return any(map(str.isdigit, around)) or source[start + 1].isspace() != source[stop - 2].isspace()


def _inline_rule(state: StateInline, silent: bool) -> bool:
    found = _end_of_formula(state.src, state.pos, state.posMax)
    if found is None:
        return False
    first, last, stop = found
    if not silent:
        token = state.push("formula", "math", 0)
        token.content = state.src[first:last]
        token.info = state.src[state.pos : stop]
        token.meta["displayed"] = _DISPLAYED.match(state.src, state.pos) is not None
    state.pos = stop
    return True


def _block_rule(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """Read a formula that begins a line and ends one, whatever its lines begin with; no blank line is in it."""
    start = state.bMarks[start_line] + state.tShift[start_line]
    opening = _DISPLAYED.match(state.src, start)
    if opening is None or state.is_code_block(start_line):
        return False
    closing = _closing(opening[0])
    if state.src.find(closing, opening.end(), opening.end() + FORMULA_LIMIT) < 0:
        return False
    line = start_line
    lines = [state.src[start : state.eMarks[line]]]
    tail = lines[0][len(opening[0]) :]
    while closing not in tail:
        line += 1
        if line >= end_line or state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            return False
        tail = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
        lines.append(tail)
    text = "\n".join(lines)
    found = _end_of_formula(text, 0, len(text))
    if found is None or text[found[2] :].strip():
        return False
    if not silent:
        token = state.push("formula_block", "math", 0)
        token.block = True
        token.content, token.info = text[found[0] : found[1]], text.rstrip()
        token.map = [start_line, line + 1]
    state.line = line + 1
    return True


def _render_inline(self: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    return mathml(token.content, displayed=token.meta["displayed"]) or f"<code>{escape(token.info)}</code>"


def _render_block(self: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    shown = mathml(token.content, displayed=True)
    return f"<p>{shown}</p>\n" if shown else f"<pre><code>{escape(token.info)}</code></pre>\n"
