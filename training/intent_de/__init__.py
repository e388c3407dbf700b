"""The German intent classifier: its sentences, its vocabulary, its training.

Importing this package puts student_template/ on the module path: the model's class lives there, in the
package `course` that students receive, and `python -m training.intent_de.train` should need no settings.
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
STUDENT_TEMPLATE = PROJECT / "student_template"

if str(STUDENT_TEMPLATE) not in sys.path:
    sys.path.append(str(STUDENT_TEMPLATE))
