"""Records to JSON, HTML and CSV: what students, assistants and gradebooks read.

    write_submission(report, execution, assignment, folder / report.folder_name)
    write_class(reports, assignment, folder)
    reports = load_results(folder)

Hidden checks lose everything but title and hint in `feedback.check_view`, before any template sees them.
"""

from autograder.report.atomic_files import write_files
from autograder.report.check_view import check_view
from autograder.report.serialise import (
    REPORT_NAME,
    from_json,
    load_results,
    read_report,
    report_schema,
    to_json,
)
from autograder.report.tables import grade_table, grades_csv
from autograder.report.write import warm_up, write_class, write_submission

__all__ = [
    "REPORT_NAME",
    "check_view",
    "from_json",
    "grade_table",
    "grades_csv",
    "load_results",
    "read_report",
    "report_schema",
    "to_json",
    "warm_up",
    "write_class",
    "write_files",
    "write_submission",
]
