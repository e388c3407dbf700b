"""Markdown of students as HTML that runs and loads nothing, in time that grows with its length alone."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from autograder.report.formulas import formulas
from autograder.report.pictures import Gallery, lift
from autograder.report.sanitise import sanitised
from autograder.report.text import clean

MARKDOWN_LIMIT = 20_000
"""Characters of one Markdown text that are rendered, pictures not counted; a longer one is shown as it was typed."""

PAGE_LIMIT = 100_000
"""Characters of all Markdown on one page that are rendered."""

NESTING_LIMIT = 20
"""Lists, items and quotes within each other; a text with more is shown as it was typed."""

REMEMBERED_CHARS = 4_000
"""Characters of a Markdown text whose HTML is kept for the next notebook."""

REMEMBERED_TEXTS = 256
"""Rendered texts that are kept for the next submission: a class hands in the same cells again and again."""


def answer_html(source: str, attachments: Mapping[str, Mapping[str, str]] | None = None) -> Markup:
    """Return a student's answer as HTML: no raw HTML, pictures that it holds itself, links to http(s) and mail only.

    Headings become bold lines, so that an answer cannot add to the page's outline.

    Args:
        source: The answer, Markdown.
        attachments: The cell's own files, as nbformat has them.
    """
    text, lifted = lift(clean(source))
    if len(text) > MARKDOWN_LIMIT:
        return Markup("<pre>{}</pre>").format(text)
    parser = _parser(raw_html=False)
    tokens = parser.parse(text)
    if _is_too_deep(tokens):
        return Markup("<pre>{}</pre>").format(text)
    for token in tokens:
        if token.type.startswith("heading_"):
            token.tag = "p"
            token.attrs["class"] = "answer-heading"
    html = parser.renderer.render(tokens, parser.options, {})
    # The parser already escapes HTML; the sanitiser holds should the parser have a bug.
    return Markup(sanitised(html, "answer", Gallery().of_cell(lifted, attachments or {})))


class PageMarkdown:
    """Renders the Markdown of one page of a notebook: raw HTML in it is reduced, its pictures stay.

    Args:
        folder: What students received: relative pictures lie in it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._gallery = Gallery(folder)
        self._left = PAGE_LIMIT

    def html(self, source: str, attachments: Mapping[str, Mapping[str, str]] | None = None) -> str | None:
        """Return the HTML of one text; None if it is too long or too deep, or the page has had enough.

        Args:
            source: Markdown, already cleaned of control characters.
            attachments: The cell's own files, as nbformat has them.
        """
        text, lifted = lift(source)
        self._left -= len(text)
        if len(text) > MARKDOWN_LIMIT or self._left < 0:
            return None
        # Texts of the course recur and are short; HTML of long texts would fill a worker's memory.
        short = len(text) <= REMEMBERED_CHARS
        html = _rendered(text) if short else _rendered.__wrapped__(text)
        if html is None:
            return None
        if "<img" not in html.lower():
            return _remembered(html) if short else sanitised(html, "cell")
        return sanitised(html, "cell", self._gallery.of_cell(lifted, attachments or {}))


@functools.lru_cache(maxsize=REMEMBERED_TEXTS)
def _rendered(text: str) -> str | None:
    parser = _parser(raw_html=True)
    tokens = parser.parse(text)
    return None if _is_too_deep(tokens) else str(parser.renderer.render(tokens, parser.options, {}))


@functools.lru_cache(maxsize=REMEMBERED_TEXTS)
def _remembered(html: str) -> str:
    return sanitised(html, "cell")


def _is_too_deep(tokens: Sequence[Token]) -> bool:
    """Return whether the parser has left out what lies deeper than NESTING_LIMIT."""
    return any(token.level >= NESTING_LIMIT - 1 and token.nesting > 0 for token in tokens)


@functools.cache
def _parser(*, raw_html: bool) -> Any:
    options = {"html": raw_html, "linkify": False, "maxNesting": NESTING_LIMIT}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"]).use(formulas)
