import pytest

from autograder.course.assignment import (
    find_course,
    list_slugs,
    load_assignment,
    load_module,
    load_reference,
    loadables,
)
from autograder.errors import AssignmentError


def rewritten(course, old, new):
    path = course / "assignments" / "standardise" / "assignment.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_reads_all_that_the_configuration_says(mini_course):
    assignment = load_assignment(mini_course, "standardise")
    assert assignment.points == 6
    assert [task.name for task in assignment.tasks] == ["centre", "standardise"]
    assert assignment.questions[0].rubric == ("says that columns become comparable",)
    assert assignment.limits.call_timeout_s == 3.0
    assert assignment.limits.processes == 64
    assert assignment.template == mini_course / "student_template" / "standardise.ipynb"


MODELS = """
[profiles.tiny.shipped]
path = "models/a"
loader = "transformers:AutoModel"
attention = "ATTENTION"

[profiles.tiny.hidden]
path = "../other/data/hidden_model"
loader = "transformers:AutoModel"
"""


def with_models(course, attention):
    path = course / "assignments" / "standardise" / "assignment.toml"
    path.write_text(path.read_text() + MODELS.replace("ATTENTION", attention))


def test_a_model_may_name_its_attention_and_another_assignments_folder(mini_course):
    with_models(mini_course, "eager")
    shipped, hidden = load_assignment(mini_course, "standardise").models["tiny"]
    assert (shipped.attention, hidden.attention) == ("eager", "")
    assert (
        hidden.path.resolve() == (mini_course / "assignments" / "other" / "data" / "hidden_model").resolve()
    )


def test_an_unknown_attention_is_a_problem(mini_course):
    with_models(mini_course, "eagre")
    with pytest.raises(AssignmentError, match="'attention' is 'eagre': it must be one of eager, sdpa"):
        load_assignment(mini_course, "standardise")


def test_a_model_may_have_no_tokenizer(mini_course):
    with_models(mini_course, 'eager"\ntokenizer = false\nloader = "x:Y')
    rewritten(mini_course, 'loader = "transformers:AutoModel"\nattention', "attention")
    shipped, hidden = load_assignment(mini_course, "standardise").models["tiny"]
    assert not shipped.has_tokenizer and hidden.has_tokenizer
    assert set(loadables(shipped)) == {"model"} and set(loadables(hidden)) == {"model", "tokenizer"}


def test_a_tokenizer_is_a_folder_or_false(mini_course):
    with_models(mini_course, 'eager"\ntokenizer = true #')
    with pytest.raises(AssignmentError, match=r"'tokenizer' is True: write the tokenizer's folder, or false"):
        load_assignment(mini_course, "standardise")


def test_the_course_is_found_from_a_folder_inside_it(mini_course):
    assert find_course(mini_course / "assignments" / "standardise") == mini_course
    assert list_slugs(mini_course) == ["standardise"]


def test_no_course_is_a_sentence(tmp_path):
    with pytest.raises(AssignmentError, match=r"no course here.*\n.*`autograder new SLUG` begins a course"):
        find_course(tmp_path)


def test_a_mistyped_course_does_not_lead_to_the_one_above(mini_course):
    with pytest.raises(AssignmentError, match=r"assignment: no such folder. Did you mean assignments"):
        find_course(mini_course / "assignment")


def test_an_unknown_slug_names_the_near_one(mini_course):
    with pytest.raises(AssignmentError) as caught:
        load_assignment(mini_course, "standardize")
    assert "no assignment 'standardize'. Did you mean standardise?" in str(caught.value)
    assert "Assignments of this course: standardise." in str(caught.value)


def test_all_problems_come_at_once(mini_course):
    rewritten(mini_course, 'title = "Standardise a table"', "tite = 3")
    rewritten(mini_course, "call_timeout_s = 3", "call_timeouts = 3\ncell_timeout_s = -1")
    rewritten(mini_course, "cell_timeout_s = 3\n", "")
    rewritten(mini_course, 'name = "centre"', 'name = "centre it"')
    with pytest.raises(AssignmentError) as caught:
        load_assignment(mini_course, "standardise")
    said = str(caught.value)
    assert "'tite' is not a setting. Did you mean title?" in said
    assert "'title' is missing." in said
    assert "limits: 'call_timeouts' is not a setting. Did you mean call_timeout_s" in said
    assert "limits: 'cell_timeout_s' is -1" in said
    assert "'name' is 'centre it', which is no Python function's name." in said
    assert "5 problem(s)" in said


def test_goals_and_minutes_are_read(mini_course):
    bare = load_assignment(mini_course, "standardise")
    assert (bare.goals, bare.tasks[0].minutes, bare.questions[0].minutes) == ((), 0, 0)
    rewritten(mini_course, "points = 6", 'points = 6\ngoals = ["You can centre."]')
    rewritten(mini_course, 'name = "centre"', 'name = "centre"\nminutes = 20')
    rewritten(mini_course, "points = 2", "points = 2\nminutes = 12.5")
    stated = load_assignment(mini_course, "standardise")
    assert stated.goals == ("You can centre.",)
    assert [task.minutes for task in stated.tasks] == [20, 0]
    assert stated.questions[0].minutes == 12.5


def test_goals_and_minutes_of_a_wrong_kind_are_problems(mini_course):
    rewritten(mini_course, "points = 6", 'points = 6\ngoals = "You can centre."')
    rewritten(mini_course, 'name = "centre"', 'name = "centre"\nminutes = "20"')
    rewritten(mini_course, "points = 2", "points = 2\nminutes = -1")
    assert problems(mini_course) == [
        "tasks[1]: 'minutes' is '20', which is of the wrong type.",
        "questions[1]: 'minutes' is -1: it must be a number from 0.",
        "'goals' must be a list of sentences.",
    ]


def repeated(course, kind, old, new):
    """Repeat the table that holds `old`, with `new` instead."""
    path = course / "assignments" / "standardise" / "assignment.toml"
    text = path.read_text()
    table, *_ = [part for part in text.split("[[")[1:] if part.startswith(kind) and old in part]
    path.write_text(f"{text}\n[[{table.replace(old, new)}")


def problems(course):
    with pytest.raises(AssignmentError) as caught:
        load_assignment(course, "standardise")
    return [line.removeprefix("  - ") for line in str(caught.value).splitlines()[1:]]


def test_repeated_names_and_ids_are_reported_with_all_other_problems(mini_course):
    repeated(mini_course, "tasks", '"centre"', '"centre"')
    repeated(mini_course, "questions", '"question-why"', '"question-why"')
    repeated(mini_course, "questions", '"question-why"', '"standardise"')
    repeated(mini_course, "questions", '"question-why"', '"check-centre"')
    rewritten(mini_course, "points = 6", "points = -6")
    assert problems(mini_course) == [
        "'points' is -6: it must be a number from 0.",
        "tasks: 2 have the name 'centre'. Rename all but one.",
        "questions: 2 have the id 'question-why'. Rename all but one.",
        "questions: 'standardise' is the id of a task's cell as well. Choose another id.",
        "questions: 'check-centre' is the id of a task's check cell as well. Choose another id.",
    ]


def test_a_missing_name_is_no_repeated_name(mini_course):
    rewritten(mini_course, 'name = "centre"\n', "")
    rewritten(mini_course, 'name = "standardise"\n', "")
    assert problems(mini_course) == ["tasks[1]: 'name' is missing.", "tasks[2]: 'name' is missing."]


def test_files_of_the_old_layout_are_told_where_they_belong_now(mini_course):
    folder = mini_course / "assignments" / "standardise"
    for path in (folder / "generated" / "calibration.json", folder / "verification" / "survivors.toml"):
        path.rename(folder / path.name)
    with pytest.raises(AssignmentError) as caught:
        load_assignment(mini_course, "standardise")
    assert str(caught.value) == (
        f"{folder / 'assignment.toml'}: 2 problem(s):\n"
        f"  - calibration.json belongs in generated/: move it to {folder / 'generated' / 'calibration.json'}.\n"
        f"  - survivors.toml belongs in verification/: move it to {folder / 'verification' / 'survivors.toml'}."
    )


def test_more_threads_than_a_kernel_may_have_are_refused(mini_course):
    rewritten(mini_course, "call_timeout_s = 3", "call_timeout_s = 3\nthreads = 33")
    with pytest.raises(AssignmentError, match=r"limits: 'threads' is 33: half of 'processes' \(64\) at most"):
        load_assignment(mini_course, "standardise")


def test_broken_toml_is_a_sentence_with_the_place(mini_course):
    rewritten(mini_course, "points = 6", "points = = 6")
    with pytest.raises(AssignmentError, match=r"not readable as TOML: .*line 2"):
        load_assignment(mini_course, "standardise")


def test_a_missing_reference_is_named(mini_course):
    (mini_course / "reference" / "standardise.py").unlink()
    with pytest.raises(AssignmentError, match=r"reference/standardise.py is missing"):
        load_assignment(mini_course, "standardise")


def test_a_reference_without_a_tasks_function_is_named(mini_course):
    path = mini_course / "reference" / "standardise.py"
    path.write_text(path.read_text().replace("def standardise(", "def standardized("))
    with pytest.raises(AssignmentError, match="defines no standardise"):
        load_reference(load_assignment(mini_course, "standardise"))


def test_what_fails_when_a_file_is_imported_is_told_with_its_line_and_the_near_name(tmp_path):
    path = tmp_path / "checks.py"
    path.write_text("points = 1\n\n\n@ponits(1)\ndef test_it():\n    pass\n")
    with pytest.raises(AssignmentError) as caught:
        load_module(path, "checks_with_a_slip")
    assert str(caught.value) == (
        f"{path}, line 4: importing it raised NameError: name 'ponits' is not defined. Did you mean points?"
    )
