"""Imports and warms up what every worker needs, once, in the server that workers are forked from.

Importing this module does it: the process that workers are forked from imports what it is told to, and calls
nothing. No thread may be started here, since a fork copies only one.
"""

import importlib
import sys

from autograder.execution.kernel.zygote import warm_transformers

NEEDED = (
    "autograder.grading.pipeline",
    "captum.attr",
    "jsonschema",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.bert.modeling_bert",
)

# Where this package can be imported, jsonschema compiles its grammar of addresses, which takes 2 s; no schema
# that a worker reads holds an address to be checked. None stands for "not installed".
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
for name in NEEDED:
    importlib.import_module(name)
warm_transformers()
importlib.import_module("autograder.report").warm_up()
