"""What every worker needs, imported and warmed up once in the process that workers are forked from."""

from __future__ import annotations

import importlib
import sys

_NEEDED = (
    "autograder.grading.pipeline",
    "captum.attr",
    "jsonschema",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.bert.modeling_bert",
)


def preload() -> None:
    """Import and warm up; no thread is started, since a fork copies only one."""
    # Where this package can be imported, jsonschema compiles its grammar of addresses, which takes 2 s; no schema
    # that a worker reads holds an address to be checked. None stands for "not installed".
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    for name in _NEEDED:
        importlib.import_module(name)
    from autograder.execution.kernel.zygote import warm_transformers
    from autograder.report import warm_up

    warm_transformers()
    warm_up()
