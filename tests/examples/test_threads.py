"""Verdicts on one thread and on many: another order of the sums must change none."""

import pytest

from autograder.course.assignment import load_assignment
from autograder.course.submissions import discover
from autograder.grading.batch import Options, grade_class
from autograder.report.difference import compare_folders

from .conftest import ROOT

pytestmark = [pytest.mark.sandbox, pytest.mark.long]

SLUGS = ("token_attribution", "llm_attribution", "bert_qa_embeddings", "bert_qa_attention", "logit_lens")


@pytest.mark.parametrize("slug", SLUGS)
def test_the_verdicts_are_the_same_on_one_thread_and_on_four(tmp_path, slug):
    folders = [ROOT / "examples" / slug, ROOT / "examples" / "further" / slug]
    found = discover([folder for folder in folders if folder.is_dir()], slug, tmp_path / "scratch")
    assert len(found) >= 10
    for threads in (1, 4):
        options = Options(jobs=2, threads=threads)
        reports = grade_class(found, load_assignment(ROOT, slug), tmp_path / str(threads), options)
        assert {report.provenance["threads"] for report in reports} == {threads}
    difference = compare_folders(tmp_path / "1", tmp_path / "4")
    assert (difference.changes, difference.same) == ((), len(found))
