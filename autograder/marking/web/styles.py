"""Style attributes as a stylesheet: the pages' policy allows styles from this server alone, and none in the page."""

from __future__ import annotations

import hashlib
import html
import re
import threading
from collections import OrderedDict

from markupsafe import Markup

_TAG = re.compile(r"<[a-zA-Z][^<>]*>")
_STYLE = re.compile(r' style="([^"]*)"')
# What cannot end a rule, name an address or begin a comment.
_DECLARATION = re.compile(r"[a-z-]+\s*:\s*[\w\s#%.,()+-]+")
_NAME = re.compile(r"[0-9a-f]{16}")
_KEPT = 256


class Stylesheets:
    """Turns the style attributes of sanitised HTML into classes, and keeps their rules for the next request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sheets: OrderedDict[str, str] = OrderedDict()

    def lifted(self, source: Markup) -> Markup:
        """Return HTML without style attributes, with a link to the stylesheet that takes their place.

        Args:
            source: Sanitised HTML.
        """
        rules: dict[str, str] = {}

        def replace(tag: re.Match[str]) -> str:
            return _STYLE.sub(lambda match: _class(match[1], rules), tag[0])

        plain = _TAG.sub(replace, str(source))
        if not rules:
            return Markup(plain)
        sheet = "\n".join(rules.values())
        name = hashlib.sha256(sheet.encode()).hexdigest()[:16]
        with self._lock:
            self._sheets[name] = sheet
            self._sheets.move_to_end(name)
            while len(self._sheets) > _KEPT:
                self._sheets.popitem(last=False)
        return Markup('<link rel="stylesheet" href="/styles/{}.css">{}').format(name, Markup(plain))

    def sheet(self, name: str) -> str:
        """Return a stylesheet; empty if it is not kept any more."""
        with self._lock:
            return self._sheets.get(name, "") if _NAME.fullmatch(name) else ""


def _class(style: str, rules: dict[str, str]) -> str:
    declarations = [part.strip() for part in html.unescape(style).split(";")]
    kept = ";".join(part for part in declarations if _DECLARATION.fullmatch(part))
    if not kept:
        return ""
    name = f"s-{hashlib.sha256(kept.encode()).hexdigest()[:8]}"
    rules[name] = f".{name}{{{kept}}}"
    return f' class="{name}"'
