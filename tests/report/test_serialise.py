import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from autograder import records
from autograder.errors import AutograderError
from autograder.records import GradeReport, TokenStrip
from autograder.report.serialise import from_json, load_results, read_report, report_schema, to_json


def with_distance(report: GradeReport, distance: float) -> GradeReport:
    changed = [
        dataclasses.replace(check, diagnosis=dataclasses.replace(check.diagnosis, distance=distance))
        if check.diagnosis
        else check
        for check in report.checks
    ]
    return dataclasses.replace(report, checks=tuple(changed))


def test_a_report_comes_back_as_it_was(report: GradeReport) -> None:
    assert from_json(to_json(report)) == dataclasses.replace(report, provenance=dict(report.provenance))


def test_equal_reports_give_equal_bytes_whatever_the_order_of_keys(report: GradeReport) -> None:
    turned = dataclasses.replace(report, provenance=dict(reversed(report.provenance.items())))
    assert to_json(turned) == to_json(report)
    assert to_json(from_json(to_json(report))) == to_json(report)


def test_whole_numbers_are_written_as_floats(report: GradeReport) -> None:
    as_int = dataclasses.replace(report, score=9, max_score=24)
    as_float = dataclasses.replace(report, score=9.0, max_score=24.0)
    assert to_json(as_int) == to_json(as_float)


def test_only_timing_differs_between_two_runs(report: GradeReport) -> None:
    other = json.loads(to_json(dataclasses.replace(report, timing={"total": 9.5})))
    first = json.loads(to_json(report))
    assert first.pop("timing") != other.pop("timing")
    assert first == other


@pytest.mark.parametrize(("value", "written"), [(math.inf, "inf"), (-math.inf, "-inf")])
def test_an_infinite_distance_is_valid_json_and_comes_back(
    report: GradeReport, value: float, written: str
) -> None:
    infinite = with_distance(report, value)

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    plain = json.loads(to_json(infinite), parse_constant=refuse)
    assert plain["checks"][3]["diagnosis"]["distance"] == written
    assert from_json(to_json(infinite)) == infinite


def test_nan_scores_come_back_as_nan(report: GradeReport) -> None:
    strip = TokenStrip(title="t", tokens=("a",), actual=(math.nan,), expected=())
    check = dataclasses.replace(report.checks[0], strips=(strip,), metrics={"m": math.nan})
    back = from_json(to_json(dataclasses.replace(report, checks=(check,))))
    assert math.isnan(back.checks[0].strips[0].actual[0]) and math.isnan(back.checks[0].metrics["m"])


def test_a_name_that_is_no_utf8_comes_back(report: GradeReport) -> None:
    odd = dataclasses.replace(report, student="a\udc80b 王伟")
    data = to_json(odd)
    assert "王伟" in data.decode("utf-8")
    assert from_json(data).student == odd.student


def test_every_kind_of_report_is_by_the_schema(
    report: GradeReport, passed: Callable[[str], GradeReport], problem: Callable[[str], GradeReport]
) -> None:
    jsonschema.Draft202012Validator.check_schema(report_schema())
    validator = jsonschema.Draft202012Validator(report_schema())
    for one in (report, passed("a"), problem("b"), with_distance(report, math.inf)):
        assert list(validator.iter_errors(json.loads(to_json(one)))) == []


OPTIONAL = {"missing_modules", "shown", "staff_remarks", "unanswered"}
"""Fields that reports of earlier versions lack."""

OPTIONAL_INSIDE = {
    "check": {"measured", "follows_from"},
    "diagnosis": {"mistakes"},
    "cell_failure": {"task", "follows_from"},
}
"""The same of the records in a report."""


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (records.CheckResult, "check"),
        (records.Diagnosis, "diagnosis"),
        (records.NamedMistake, "mistake"),
        (records.TokenStrip, "token_strip"),
        (records.Pending, "pending_question"),
        (records.CellFailure, "cell_failure"),
        (records.ShownOutput, "shown_output"),
        (records.GradeReport, ""),
    ],
)
def test_the_schema_names_the_records_fields_and_describes_each(record: Any, name: str) -> None:
    part = report_schema()["$defs"][name] if name else report_schema()
    names = [entry.name for entry in dataclasses.fields(record)]
    assert list(part["properties"]) == names
    assert part["required"] == [field for field in names if field not in OPTIONAL_INSIDE.get(name, OPTIONAL)]
    assert part["additionalProperties"] is False
    assert all(part["properties"][field]["description"] for field in names)


def test_a_report_without_optional_fields_is_read(report: GradeReport) -> None:
    plain = json.loads(to_json(report))
    assert plain.keys() >= OPTIONAL
    older = {key: value for key, value in plain.items() if key not in OPTIONAL}
    parts = {
        "check": older["checks"],
        "diagnosis": [check["diagnosis"] for check in older["checks"] if check["diagnosis"]],
        "cell_failure": older["failures"],
    }
    for kind, names in OPTIONAL_INSIDE.items():
        for part in parts[kind]:
            for key in names:
                del part[key]
    found = from_json(json.dumps(older))
    assert found.missing_modules == () and found.checks[4].measured == ()
    assert found.checks[4].diagnosis is not None and found.checks[4].diagnosis.mistakes == ()


def test_a_missing_module_is_a_name(report: GradeReport) -> None:
    hostile = json.loads(to_json(report)) | {"missing_modules": ["<script>"]}
    with pytest.raises(AutograderError, match=r"at \$\.missing_modules"):
        from_json(json.dumps(hostile))


def test_no_json_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(
        AutograderError, match=r"report\.json: not a report: it is no JSON .*Grade this submission again"
    ):
        read_report(path)


def test_another_schema_version_is_named(report: GradeReport) -> None:
    plain = {**json.loads(to_json(report)), "schema_version": 99}
    with pytest.raises(AutograderError, match="schema_version is 99, but this version of autograder reads 1"):
        from_json(json.dumps(plain))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"score": "many"}, r"at \$\.score"),
        ({"extra": 1}, "'extra' was unexpected"),
        ({"checks": [{}]}, r"at \$\.checks\[0\]"),
    ],
)
def test_a_file_that_breaks_the_schema_names_the_place(
    report: GradeReport, change: dict[str, Any], where: str
) -> None:
    plain = {**json.loads(to_json(report)), **change}
    with pytest.raises(AutograderError, match=where):
        from_json(json.dumps(plain))


@pytest.mark.parametrize("data", [b"[]", b"null", b"\xff\xfe\x00", b"[" * 100_000])
def test_other_files_are_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(AutograderError, match=r"report\.json: "):
        from_json(data)


def test_a_missing_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(AutograderError, match="cannot be read"):
        read_report(tmp_path / "none.json")


def test_results_are_loaded_by_assignment_and_student(
    tmp_path: Path, passed: Callable[[str], GradeReport]
) -> None:
    for name in ("Zoë", "Ana", "王伟"):
        folder = tmp_path / "token_attribution" / name
        folder.mkdir(parents=True)
        (folder / "report.json").write_bytes(to_json(passed(name)))
    assert [report.student for report in load_results(tmp_path)] == ["Ana", "Zoë", "王伟"]


def test_a_folder_without_reports_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AutograderError, match=r"holds no <assignment>/<student>/report\.json"):
        load_results(tmp_path)
    with pytest.raises(AutograderError, match="no such folder"):
        load_results(tmp_path / "none")
