"""The executed notebook: as .ipynb without times, and as one HTML page that runs and loads nothing."""

from __future__ import annotations

import functools
import importlib.metadata
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from autograder.records import Assignment
from autograder.report.markdown import PageMarkdown
from autograder.report.pages import render
from autograder.report.pictures import picture_uri
from autograder.report.sanitise import Clean, highlighted_html, notebook_html, output_html
from autograder.report.serialise import dump, to_plain
from autograder.report.text import clean

OUTPUT_LIMIT = 100_000
"""Characters of one source or text output that the page shows; the .ipynb keeps all."""

SOURCE_LIMIT = 500_000
"""Characters of all code that the page shows."""

HIGHLIGHTED_RUN = 500
"""Characters of the longest line or blank part that is highlighted: IPython's lexer takes quadratic time for both."""

REMEMBERED_LENGTH = 20_000
"""Characters of a source whose highlighting is kept for the next submission."""

REMEMBERED_TEXTS = 256
"""Sources of which it is kept."""


# Cells that IPython's lexer gives to another one: that of Perl takes quadratic time.
_OTHER_LANGUAGE = r"(?i:%%(?:html|javascript|js|latex|perl|python2|ruby|!))"
_PLAIN = re.compile(rf"[^\n]{{{HIGHLIGHTED_RUN + 1}}}|\s{{{HIGHLIGHTED_RUN + 1}}}|{_OTHER_LANGUAGE}")


def executed_ipynb(notebook: Mapping[str, Any]) -> bytes:
    """Return the notebook as JSON, the same bytes for two equal runs.

    Times of execution are dropped, and so is `trusted`, by which a notebook asks Jupyter to run its HTML.
    """
    plain = to_plain(notebook)
    for part in [plain, *plain.get("cells", [])]:
        metadata = part.get("metadata") if isinstance(part, dict) else None
        if isinstance(metadata, dict):
            for key in ("execution", "papermill", "trusted", "signature"):
                metadata.pop(key, None)
    return dump(plain, indent=1)


def executed_page(notebook: Mapping[str, Any], assignment: Assignment, student: str) -> bytes:
    """Return executed.html by nbconvert; a notebook that nbconvert cannot read gives a page that says so.

    Args:
        notebook: nbformat 4 JSON; every output in it is the student's.
        assignment: For the title.
        student: For the title.
    """
    exporter = _exporter()  # outside the try: a broken installation is no matter of this notebook
    try:
        body = exporter.from_notebook_node(_reduced(notebook, PageMarkdown(assignment.student_dir)))[0]
    except (
        Exception
    ) as error:  # a student's notebook must not cost the other pages, whatever it breaks in nbconvert
        body = Markup(
            "<p>This notebook cannot be shown as a page ({}). Open executed.ipynb instead.</p>"
        ).format(type(error).__name__)
    return render(
        "executed.html.j2",
        title=assignment.title,
        student=student,
        body=Markup(body),
        highlight_style=Markup(_highlight_style()),
    )


@functools.cache
def _exporter() -> Any:
    """Return the exporter; importing nbconvert and compiling its templates takes a second, so once."""
    from nbconvert import HTMLExporter
    from nbconvert.exporters.templateexporter import TemplateExporter
    from nbconvert.filters import Highlight2HTML
    from traitlets import List

    class PageExporter(HTMLExporter):  # type: ignore[misc]
        """Writes what the templates give; HTMLExporter parses that again, for alt texts that we set ourselves.

        Nothing comes before the templates either: what nbconvert's own steps work on, `_reduced` has left out.
        """

        default_preprocessors = List([])

        def from_notebook_node(self, nb: Any, resources: Any = None, **kw: Any) -> tuple[str, Any]:
            result: tuple[str, Any] = TemplateExporter.from_notebook_node(self, nb, resources, **kw)
            return result

    # `basic` is the body alone: no MathJax, RequireJS, Mermaid or widget manager from a CDN.
    folders = _template_folders()
    exporter = PageExporter(
        template_name="basic",
        sanitize_html=True,
        extra_template_basedirs=folders,
        extra_template_paths=folders,
    )
    # nbconvert's own sanitiser lets remote images through.
    exporter.register_filter("clean_html", notebook_html)
    # A class hands in the same locked cells again and again.
    exporter.register_filter("highlight_code", _remembering(_highlighting(Highlight2HTML(parent=exporter))))
    # Markdown is HTML already: nbconvert's renderer takes time that grows with the square of hostile text.
    exporter.register_filter("markdown2html", lambda html: Clean(html))
    exporter.register_filter("strip_files_prefix", lambda html: html)
    exporter.template  # noqa: B018 - compiles it, so that a missing template shows here
    return exporter


def _highlighting(highlight: Callable[[str], str]) -> Callable[[str], str]:
    """Return the filter with its result marked as clean where it is seen to be."""

    def ask(source: str) -> str:
        if _PLAIN.search(source):
            return highlighted_html(f'<div class="highlight"><pre>{escape(source)}</pre></div>')
        return highlighted_html(highlight(source))

    return ask


def _remembering(highlight: Callable[..., str]) -> Callable[..., str]:
    """Return the filter with its last results kept, of sources that are not excessively long."""
    kept = functools.lru_cache(maxsize=REMEMBERED_TEXTS)(lambda source: highlight(source))

    def ask(source: str, **given: Any) -> str:
        ours = len(source) <= REMEMBERED_LENGTH
        return kept(source) if ours else highlight(source)

    return ask


def _template_folders() -> list[str]:
    """Return where nbconvert's own templates lie, by its list of installed files.

    nbconvert looks below sys.prefix alone, and so misses them where its package is seen from another
    environment's folder.
    """
    files = importlib.metadata.files("nbconvert") or []
    found = [file.locate() for file in files if file.parts[-3:] == ("templates", "basic", "index.html.j2")]
    return [str(Path(str(path)).resolve().parents[1]) for path in found]


@functools.cache
def _highlight_style() -> str:
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"


def _reduced(notebook: Mapping[str, Any], markdown: PageMarkdown) -> Any:
    """Return what the page shows of a notebook: sources and outputs of known kinds, no metadata.

    Markdown becomes HTML here. nbconvert writes some metadata (the width of an image) into HTML without quotes.
    """
    import nbformat

    budget = _SourceBudget()
    cells = [_cell(cell, markdown, budget) for cell in notebook.get("cells", []) if isinstance(cell, Mapping)]
    return nbformat.from_dict({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})


class _SourceBudget:
    """Cuts code so that all of a page stays below `SOURCE_LIMIT`."""

    def __init__(self) -> None:
        self._left = SOURCE_LIMIT

    def cut(self, source: str) -> str:
        limit = min(self._left, OUTPUT_LIMIT)
        self._left -= min(len(source), limit)
        return _cut(source, limit)


def _cell(cell: Mapping[str, Any], markdown: PageMarkdown, budget: _SourceBudget) -> dict[str, Any]:
    source = clean(_text(cell.get("source", "")))
    if cell.get("cell_type") == "markdown":
        html = markdown.html(source, _attachments(cell.get("attachments")))
        typed = f"<pre>{escape(_cut(source))}</pre>"
        return {"cell_type": "markdown", "metadata": {}, "source": typed if html is None else html}
    outputs = cell.get("outputs") if cell.get("cell_type") == "code" else None
    count = cell.get("execution_count")
    return {
        "cell_type": "code",
        "metadata": {},
        "source": budget.cut(source),
        "execution_count": count if isinstance(count, int) else None,
        "outputs": list(_outputs(outputs or [], markdown)),
    }


def _attachments(value: Any) -> dict[str, dict[str, str]]:
    found = value if isinstance(value, Mapping) else {}
    return {
        str(name): {str(kind): _text(data) for kind, data in bundle.items()}
        for name, bundle in found.items()
        if isinstance(bundle, Mapping)
    }


def _outputs(outputs: Iterable[Any], markdown: PageMarkdown) -> Iterable[dict[str, Any]]:
    for output in outputs:
        if not isinstance(output, Mapping):
            continue
        kind = output.get("output_type")
        if kind == "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            yield {"output_type": "stream", "name": name, "text": _shown(output.get("text", ""))}
        elif kind == "error":
            lines = output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"]
            text = _shown("\n".join(map(str, lines)))
            yield {"output_type": "error", "ename": "", "evalue": "", "traceback": [text]}
        elif kind in ("display_data", "execute_result"):
            data = output.get("data")
            shown = dict(_data(data, markdown)) if isinstance(data, Mapping) else {}
            if shown:
                yield {"output_type": "display_data", "metadata": _alternatives(shown), "data": shown}


def _alternatives(shown: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the metadata by which nbconvert writes an alt text for each picture."""
    return {kind: {"alt": "Picture that this cell shows"} for kind in shown if kind.startswith("image/")}


def _data(data: Mapping[str, Any], markdown: PageMarkdown) -> Iterable[tuple[str, str]]:
    """Yield the forms of one output that the page may show; nbconvert takes the richest."""
    if "text/html" in data and (html := output_html(_text(data["text/html"]))) is not None:
        yield "text/html", html
    for kind in ("image/png", "image/jpeg"):
        if kind in data and (uri := picture_uri(f"data:{kind};base64,{_text(data[kind])}")):
            yield kind, uri.partition(",")[2]
    if "text/markdown" in data and (html := markdown.html(clean(_text(data["text/markdown"])))) is not None:
        yield "text/markdown", html
    for kind in ("text/latex", "text/plain"):
        if kind in data:
            yield kind, _shown(data[kind])


def _text(value: Any) -> str:
    """Return a multi-line field of a notebook as one text; nbformat allows a list of lines."""
    return "".join(map(str, value)) if isinstance(value, list) else str(value)


def _shown(value: Any) -> str:
    return _cut(clean(_text(value)))


def _cut(text: str, limit: int = OUTPUT_LIMIT) -> str:
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[{len(text) - limit} more characters are in executed.ipynb]"
