"""Text that others chose, made harmless for people to read: escape codes, control and direction characters."""

from __future__ import annotations

import re

# ECMA-48: OSC strings, CSI sequences, then the two-character escapes. An OSC that never ends hides nothing.
_ANSI = re.compile(
    r"\x1b\](?:[^\x07\x1b]*(?:\x07|\x1b\\))?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
# Controls but tab and newline; surrogates (no UTF-8); marks that reorder, hide or break what follows.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
REPLACEMENT = "\ufffd"


def strip_ansi(text: str) -> str:
    """Return the text without terminal escape sequences."""
    return _ANSI.sub("", text)


def clean(text: str) -> str:
    """Return text that shows what it says: no escape sequence, control or direction character.

    Newlines and tabs stay; every other such character becomes U+FFFD, so that a reader sees that
    something was there. The result still needs escaping for HTML.
    """
    return _UNSAFE.sub(REPLACEMENT, strip_ansi(text).replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return the cleaned text on one line, runs of white space as one space."""
    return " ".join(clean(text).split())
