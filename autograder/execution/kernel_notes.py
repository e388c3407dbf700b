"""What a kernel says it skipped, replaced or could not run, as sentences for the student."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from autograder.execution import normalise_outputs

_MOST = 60
_MOST_CHARS = 300
_QUOTED = 3
GPU_REMARK = "Your notebook asked for a GPU; it was graded on the CPU."
_MOST_MODULES = 20
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,49}")
_KINDS = {
    "install": "Commands that install or download something are skipped while your notebook is graded: {}.",
    "backend": "Plots are shown as with %matplotlib inline while your notebook is graded: {} was replaced.",
    "magic": "Magic commands that are unknown here are skipped: {}.",
    "stand-in": "Modules that exist only elsewhere do nothing while your notebook is graded: {}.",
    "prompt": "Nobody answers a prompt while your notebook is graded: input() returned an empty line.",
    "model": "Checks pass a freshly loaded model to your functions, without what your notebook changed on its own "
    "model: {}. Let each function set what it needs.",
    "compile": "torch.compile has no effect while your notebook is graded: the code runs uncompiled.",
    "gpu": GPU_REMARK,
    "exit": "exit() and quit() end nothing while your notebook is graded.",
}


class KernelNotes:
    """A kernel's notes, taken after the cells and before the first call.

    They are claims made of the student's own text. Taken later, they could carry a hidden input out.

    Args:
        reply: The probe's answer to a status request; {} where there was none.
    """

    def __init__(self, reply: Mapping[str, Any]) -> None:
        self._entries: list[tuple[str, int, str, str]] = []
        claimed = reply.get("notes")
        for claim in claimed[:_MOST] if isinstance(claimed, list) else ():
            match claim:
                case [str(kind), int(cell), str(what), str(why)]:
                    self._entries.append((kind, cell, _short(what), _short(why)))

    def remarks(self) -> list[str]:
        """Return the sentences: what was skipped, one a kind, then what could not run, in order."""
        sentences = []
        for kind, sentence in _KINDS.items():
            about = list(dict.fromkeys(what for found, _, what, _ in self._entries if found == kind))
            if about:
                sentences.append(sentence.format(_listed(about)))
        for kind, cell, what, why in self._entries:
            if kind == "unavailable":
                since = self._skipped_install(cell, what)
                sentences.append(
                    f"In [{cell}]: `{what}` could not run here ({why}){since}; the statements after it were run."
                )
            elif kind == "consequence":
                sentences.append(f"In [{cell}]: {why}, since `{what}` could not run here.")
        return sentences

    def missing_modules(self) -> tuple[str, ...]:
        """Return the names of top-level modules that statements could not import, each once."""
        named = dict.fromkeys(what for kind, _, what, _ in self._entries if kind == "module")
        return tuple(name for name in named if _MODULE.fullmatch(name))[:_MOST_MODULES]

    def _skipped_install(self, cell: int, statement: str) -> str:
        """Return the skipped command that would have installed what a statement imports, as an addition."""
        for kind, number, module, why in self._entries:
            if (kind, number, why) == ("module", cell, statement):
                for found, _, command, _ in self._entries:
                    if found == "install" and module.lower() in _installed_by(command):
                        return f", since `{command}` was skipped"
        return ""

    def because(self, name: str) -> str:
        """Return why a name is undefined, as an addition to a message; "" if no statement of the cells explains it."""
        causes = {unbound: cause for kind, _, unbound, cause in self._entries if kind == "unbound"}
        cause = causes.get(name)
        return f", since `{cause}` could not run here" if cause else ""


def _installed_by(command: str) -> set[str]:
    """Return the words of a command that may name a package, as its module is mostly called."""
    words = (re.split(r"[<>=!~\[;@]", word.rpartition("/")[2])[0] for word in re.split(r"[\s'\"]+", command))
    return {word.removesuffix(".git").lower().replace("-", "_") for word in words}


def _short(text: str) -> str:
    return normalise_outputs.steady(text[:_MOST_CHARS])


def _listed(texts: list[str]) -> str:
    quoted = ", ".join(f"`{text}`" for text in texts[:_QUOTED])
    more = len(texts) - _QUOTED
    return f"{quoted} and {more} more" if more > 0 else quoted
