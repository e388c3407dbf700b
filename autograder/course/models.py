"""Load the models and tokenizers of an assignment on the grader's side.

The classes of a course's own models live in its `student_template/` folder (package `course` there); they are
imported from the pristine copy after `use_student_dir` has put that folder on the module path. Nothing here
reaches the network: what is not on the disk is an error that says so.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from autograder.errors import AssignmentError
from autograder.records import ModelSpec

OWN_LOADER = (
    "A class of your own needs a class method from_pretrained(cls, folder, **options) that returns the model; it may "
    "ignore the options, which are those of transformers."
)
"""The remedy where a course's own class cannot be loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is ready to be called."""

    model: torch.nn.Module
    """In eval mode, float32, on the asked device."""

    tokenizer: Any
    """The model's tokenizer, a transformers tokenizer; a `NoTokenizer` where it has none."""

    spec: ModelSpec
    """Where both came from."""


class NoTokenizerError(AssignmentError, AttributeError):
    """A check, the reference or a misconception uses a tokenizer that the model does not have."""


class NoTokenizer:
    """Stands where a model has no tokenizer; whoever uses it is told.

    It is no None: a check that passed None on would have the student's function fail, for a fault of the assignment.

    Args:
        role: The model's.
    """

    def __init__(self, role: str) -> None:
        self._role = role

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Tell who called it.

        Raises:
            NoTokenizerError: Always.
        """
        raise NoTokenizerError(
            f"The {self._role} model has no tokenizer: assignment.toml says tokenizer = false. Correct checks.py "
            "or the reference, which asks for it, or name the tokenizer's folder."
        )

    def __getattr__(self, name: str) -> Any:
        self()


def use_student_dir(student_dir: Path) -> None:
    """Make the modules of a student folder importable in this process.

    The folder goes last on the module path, so that nothing in it can stand in for a library; once, however
    often this is called.

    Args:
        student_dir: The course's student_template folder.

    Raises:
        AssignmentError: If there is no such folder.
    """
    if not student_dir.is_dir():
        raise AssignmentError(
            f"{student_dir} is no folder. Give the course's student_template with --course DIR."
        )
    entry = str(student_dir.resolve())
    if entry not in sys.path:
        sys.path.append(entry)


def load(spec: ModelSpec, student_dir: Path, device: str | torch.device = "cpu") -> LoadedModel:
    """Load one model with its tokenizer from the disk.

    Args:
        spec: Which model, from `profiles.resolve`.
        student_dir: The course's student_template folder, whose modules the loader may name.
        device: Where the model goes.

    Returns:
        The model in eval mode, float32.

    Raises:
        AssignmentError: If a folder, a file or the class is missing, or the weights do not fit.
    """
    # A bar for each tiny model would fill a log; it also leaves a thread behind, which a later fork must not have.
    disable_progress_bar()
    use_student_dir(student_dir)
    for path in (spec.path, spec.tokenizer):
        if not path.is_dir():
            raise AssignmentError(
                f"The {spec.role} model: {path} is no folder. Correct the path in assignment.toml, or "
                "make the model with its training script."
            )
    loader = find_loader(spec.loader, student_dir)
    model = _read_model(spec, loader)
    tokenizer = _read_tokenizer(spec) if spec.has_tokenizer else NoTokenizer(spec.role)
    try:
        placed = model.to(device)
    # PyTorch without CUDA says so by an AssertionError.
    except (AssertionError, RuntimeError) as error:
        raise AssignmentError(
            f"The {spec.role} model cannot go to the device {device!r}: {_first_line(error)}. "
            "Leave --device out, or name a device of this machine: cpu, cuda, cuda:0."
        ) from error
    return LoadedModel(model=placed, tokenizer=tokenizer, spec=spec)


def find_loader(loader: str, student_dir: Path) -> Any:
    """Find the class that a `module:Class` names.

    Args:
        loader: For example `transformers:AutoModelForCausalLM`.
        student_dir: Where the course's own modules must come from.

    Returns:
        The class; it has a from_pretrained.

    Raises:
        AssignmentError: If the module cannot be imported, lies in another course's folder or lacks the class.
    """
    module_name, colon, class_name = loader.partition(":")
    if not (module_name and colon and class_name):
        raise AssignmentError(
            f'loader is "{loader}", expected "module:Class". Correct it in assignment.toml.'
        )
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise AssignmentError(
            f"loader {loader}: importing {module_name} fails: {type(error).__name__}: {_first_line(error)}. "
            f"A course's own modules lie in {student_dir}."
        ) from error
    _check_origin(module_name, student_dir)
    found = getattr(module, class_name, None)
    if not hasattr(found, "from_pretrained"):
        if found is None:
            raise AssignmentError(
                f"loader {loader}: module {module_name} has no such class. Correct it in assignment.toml."
            )
        raise AssignmentError(
            f"loader {loader}: module {module_name} has {class_name}, but it lacks from_pretrained. {OWN_LOADER}"
        )
    return found


def _check_origin(module_name: str, student_dir: Path) -> None:
    """Refuse a course module of another folder: Python keeps one module of a name in a process."""
    top = module_name.partition(".")[0]
    if not ((student_dir / top).is_dir() or (student_dir / f"{top}.py").is_file()):
        return
    origin = getattr(sys.modules[module_name], "__file__", None)
    if origin is None or not Path(origin).resolve().is_relative_to(student_dir.resolve()):
        raise AssignmentError(
            f"{module_name} of {student_dir} cannot be used: a module of this name is loaded from {origin}. "
            "Grade courses with modules of equal names in separate processes, or rename one."
        )


def _read_tokenizer(spec: ModelSpec) -> Any:
    try:
        return AutoTokenizer.from_pretrained(str(spec.tokenizer), local_files_only=True)
    except Exception as error:
        raise AssignmentError(
            f"The {spec.role} model's tokenizer cannot be read from {spec.tokenizer}: {_first_line(error)}. The folder "
            "must hold tokenizer.json and tokenizer_config.json. For a model that has no tokenizer, write "
            "tokenizer = false into its table in assignment.toml."
        ) from error


def _read_model(spec: ModelSpec, loader: Any) -> torch.nn.Module:
    _check_signature(spec.loader, loader)
    try:
        loaded = loader.from_pretrained(
            str(spec.path), local_files_only=True, output_loading_info=True, **spec.options
        )
    except Exception as error:
        raise AssignmentError(
            f"The {spec.role} model cannot be read from {spec.path}: {_first_line(error)}. "
            "The folder must hold config.json and model.safetensors."
        ) from error
    # transformers' classes report which weights they read; a class of the course's own returns the model alone.
    model, report = loaded if isinstance(loaded, tuple) and len(loaded) == 2 else (loaded, {})
    if not isinstance(model, torch.nn.Module):
        raise AssignmentError(
            f"loader {spec.loader}: from_pretrained returned a {type(model).__name__}; it must return the model, a "
            "torch.nn.Module."
        )
    _check_configs(spec.loader, model)
    # Weights that are missing are drawn at random: two processes would grade against different models.
    for kind in ("missing_keys", "mismatched_keys"):
        if report.get(kind):
            names = sorted(str(key) for key in report[kind])
            raise AssignmentError(
                f"The {spec.role} model in {spec.path} does not fit {spec.loader}: {len(names)} weights are "
                f"{kind.partition('_')[0]}, first {names[0]}. Correct config.json or loader, or train again."
            )
    checked: torch.nn.Module = model.eval()
    return checked


def _check_signature(name: str, loader: Any) -> None:
    """Refuse a from_pretrained that does not take what grader and kernel give it."""
    signature = inspect.signature(loader.from_pretrained)
    try:
        signature.bind("folder", local_files_only=True, output_loading_info=True, dtype="float32")
    except TypeError as error:
        raise AssignmentError(
            f"loader {name}: {name.partition(':')[2]}.from_pretrained{signature} cannot be called with a folder and "
            f"options: {error}. {OWN_LOADER}"
        ) from error


def _check_configs(name: str, model: torch.nn.Module) -> None:
    """Refuse a configuration that the kernel cannot put back between calls: it does so attribute by attribute."""
    for module in model.modules():
        config = getattr(module, "config", None)
        if config is not None and not hasattr(config, "__dict__"):
            raise AssignmentError(
                f"loader {name}: the attribute config of {type(module).__name__} is a {type(config).__name__}; "
                "it must be an object with attributes, such as types.SimpleNamespace(**config). "
                "Or give it another name."
            )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
