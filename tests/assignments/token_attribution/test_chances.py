"""What chance reaches on a model: where it lies, and how it is measured."""

import copy
from dataclasses import replace

import pytest

from autograder.attribution import faithfulness
from autograder.errors import AssignmentError
from training.intent_de import make_chances


@pytest.fixture
def other(setting, tmp_path):
    """A model like the shipped one with other weights, in a folder of its own."""
    shipped = setting.models[0]
    model = copy.deepcopy(shipped.model)
    model.classifier_out.bias.data += 1e-3
    return replace(shipped, model=model, spec=replace(shipped.spec, path=tmp_path))


def test_a_model_finds_what_was_measured_on_it_alone(setting, other):
    checks, assignment = setting.checks, setting.assignment
    stored = checks.stored_chances(assignment, setting.models[0])
    assert len(stored) >= checks.FAITHFUL_SENTENCES + 2 * checks.OWN_SENTENCES
    assert checks.stored_chances(assignment, other) == {}
    few = dict(list(stored.items())[:3])
    faithfulness.write_chances(other.spec.path / checks.CHANCES, checks.fingerprint(other.model), few)
    assert checks.stored_chances(assignment, other) == few
    elsewhere = replace(setting.models[0], spec=other.spec)
    assert checks.stored_chances(assignment, elsewhere) == stored


def test_what_is_measured_is_what_is_stored(setting, monkeypatch):
    stored = setting.checks.stored_chances(setting.assignment, setting.models[0])
    pool = setting.checks.pool(setting.assignment)
    short = sorted((one for one in pool if one.id in stored), key=lambda one: len(one.slots))[:2]
    monkeypatch.setattr(setting.checks, "pool", lambda assignment: short)
    monkeypatch.setattr(setting.checks, "FAITHFUL_SENTENCES", 2)
    monkeypatch.setattr(setting.checks, "OWN_SENTENCES", 0)
    found = make_chances.measure(setting.checks, setting.assignment, setting.models[0])
    assert found.keys() == {one.id for one in short}
    for key, chance in found.items():
        assert chance.comprehensiveness == pytest.approx(stored[key].comprehensiveness, abs=1e-4)
        assert chance.sufficiency == pytest.approx(stored[key].sufficiency, abs=1e-4)


def test_a_model_on_which_too_few_sentences_are_suitable_is_refused(setting, monkeypatch):
    pool = setting.checks.pool(setting.assignment)
    monkeypatch.setattr(setting.checks, "pool", lambda assignment: pool[:6])
    with pytest.raises(AssignmentError, match=r"on this model only \d sentences .* a student is asked 72"):
        make_chances.measure(setting.checks, setting.assignment, setting.models[0])


def test_the_command_says_in_a_sentence_what_is_wrong(tmp_path, capsys):
    assert make_chances.main(["--profile", str(tmp_path / "none")]) == 1
    assert f"{tmp_path / 'none'}: no such folder." in capsys.readouterr().err
