"""The kernel's shell: it goes on where a statement fails for want of something that only exists elsewhere.

A notebook that runs in the student's own Jupyter may install packages, mount a drive or read a file that is
not handed in. None of that is part of an answer, so it must not take the statements behind it along.
"""

from __future__ import annotations

import ast
from typing import Any

from ipykernel import zmqshell
from IPython.utils.text import DollarFormatter

from autograder.execution.kernel import stand_ins
from autograder.execution.kernel.environment_errors import (
    bound_names,
    in_words,
    is_environmental,
    missing_package,
)
from autograder.execution.kernel.install_commands import without_installs
from autograder.execution.kernel.notes import STOPS_AT_FIRST_ERROR, Notes

_INSTALL_MAGICS = frozenset({"pip", "conda", "mamba", "micromamba", "uv"})
_SHELL_MAGICS = frozenset({"bash", "sh", "shell", "system", "sx", "!", "script"})
_BACKENDS = frozenset({"inline", "agg", "pdf", "ps", "svg", "cairo"})


class _Expanded(str):
    """A command whose variables have been filled in: not to be done twice."""

    __slots__ = ()


# Notebooks ask for the class's name to find out whether they run in Jupyter, hence not another one.
class ZMQInteractiveShell(zmqshell.ZMQInteractiveShell):  # type: ignore[misc]
    """ipykernel's shell, in which a missing piece of the environment costs one statement only.

    Attributes:
        notes: What was skipped, replaced or could not run.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.notes = Notes()
        self._unbound: dict[str, str] = {}
        self._source = ""
        self.input_transformers_cleanup.append(_without_timing)

    def note(self, kind: str, what: str, why: str = "") -> None:
        """Remember something of the present cell."""
        self.notes.add(kind, self.execution_count - 1, what, why)

    def note_installs(self, commands: list[str]) -> None:
        """Remember commands that were skipped."""
        for command in commands:
            program, blank, rest = command.partition(" ")
            self.note("install", f"{program.rpartition('/')[2]}{blank}{rest}")  # no path of this machine

    async def run_ast_nodes(
        self,
        nodelist: list[ast.stmt],
        cell_name: str,
        interactivity: str = "last_expr",
        compiler: Any = compile,
        result: Any = None,
    ) -> bool:
        """Run a cell's statements; see IPython's. Go on behind one that cannot run here."""
        stops = result is None or bool(self.get_parent().get("metadata", {}).get(STOPS_AT_FIRST_ERROR))
        first_error = None
        for node in nodelist:
            if place := stand_ins.asks_for_stand_in(node):
                stand_ins.provide(place)
                self.note("stand-in", place)
            shown = interactivity if node is nodelist[-1] or interactivity == "all" else "none"
            if await super().run_ast_nodes([node], cell_name, shown, compiler, result):
                if stops or not self._passes_over(node, result):
                    return True
                first_error = first_error or result.error_in_exec
                result.error_in_exec = None
            elif self._unbound:
                for name in bound_names(node):
                    self._unbound.pop(name, None)
        if first_error is not None:
            result.error_in_exec = first_error
        return False

    def _passes_over(self, node: ast.stmt, result: Any) -> bool:
        """Tell whether the cell goes on after a statement that failed, and remember why."""
        error = result.error_in_exec
        if error is None or result.error_before_exec is not None:
            return False
        statement = _source_of(node, result.info)
        if isinstance(error, NameError):
            cause = self._unbound.get(error.name or "")
            if cause is None or error.name in self.user_ns:
                return False
            self.note("consequence", cause, f"NameError: {error}")
        elif is_environmental(error, getattr(self.compile, "_filename_map", ())):
            cause = statement
            self.note("unavailable", statement, in_words(error))
            if package := missing_package(error):
                self.note("module", package, statement)
        else:
            return False
        for name in bound_names(node) - self.user_ns.keys():
            self._unbound[name] = cause
            self.notes.add("unbound", self.execution_count - 1, name, cause)
        return True

    def var_expand(self, cmd: str, depth: int = 0, formatter: Any = None) -> str:
        """Fill variables into a command, once."""
        if isinstance(cmd, _Expanded):
            return cmd
        expanded: str = super().var_expand(cmd, depth + 1, formatter or DollarFormatter())
        return expanded

    def system_piped(self, cmd: str) -> None:
        """Run a shell command without its installs."""
        expanded = self._without_installs(self.var_expand(cmd, depth=1))
        if expanded:
            super().system_piped(_Expanded(expanded))
        else:
            self.user_ns["_exit_code"] = 0

    system = system_piped

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """Return the output of a shell command without its installs."""
        expanded = self._without_installs(self.var_expand(cmd, depth=depth + 1))
        return super().getoutput(_Expanded(expanded or ":"), split=split)

    def _without_installs(self, command: str) -> str:
        rest, found = without_installs(command)
        self.note_installs(found)
        return rest if found else command

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        """Run a line magic; skip installers and those that are unknown here."""
        if magic_name in _INSTALL_MAGICS:
            self.note("install", f"%{magic_name} {line}")
            return None
        if (
            self._find_with_lazy_load("line", magic_name) is None
            and self._find_with_lazy_load("cell", magic_name) is None
        ):
            self.note("magic", f"%{magic_name} {line}")
            return None
        return super().run_line_magic(magic_name, line, _stack_depth + 1)

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        """Run a cell magic; skip installers and those that are unknown here."""
        if magic_name in _INSTALL_MAGICS:
            self.note("install", f"%%{magic_name} {line}")
            return None
        if magic_name in _SHELL_MAGICS:
            cell = self._without_installs(cell)
            if not cell.strip():
                return None
            magic_name = "bash" if magic_name == "shell" else magic_name
        if (
            self._find_with_lazy_load("cell", magic_name) is None
            and self._find_with_lazy_load("line", magic_name) is None
        ):
            self.note("magic", f"%%{magic_name} {line}")
            return None
        return super().run_cell_magic(magic_name, line, cell)

    def enable_matplotlib(self, gui: str | None = None) -> Any:
        """Show plots inline, whatever window or widget they were meant for."""
        if gui is not None and gui.lower() not in _BACKENDS:
            self.note("backend", f"%matplotlib {gui}")
            gui = "inline"
        return super().enable_matplotlib(gui)

    def ask_exit(self) -> None:
        """Stay: `exit` and `quit` end nothing here."""
        self.note("exit", "exit")


def _source_of(node: ast.stmt, info: Any) -> str:
    """Return a statement as the student wrote it, as far as can be told."""
    raw, changed = info.raw_cell.splitlines(), (info.transformed_cell or info.raw_cell).splitlines()
    lines = raw if len(raw) == len(changed) else changed
    return "\n".join(lines[node.lineno - 1 : node.end_lineno])


def _without_timing(lines: list[str]) -> list[str]:
    """Take `%%time` off a cell: it would run the cell as one statement, and time says nothing here."""
    return ["\n", *lines[1:]] if lines and lines[0].split()[:1] == ["%%time"] else lines
