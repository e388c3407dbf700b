"""Loading the models of an assignment on the grader's side."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from autograder.course.models import LoadedModel, find_loader, load, use_student_dir
from autograder.errors import AssignmentError
from autograder.records import ModelSpec

PROJECT = Path(__file__).resolve().parents[2]
STUDENT_DIR = PROJECT / "student_template"
SHIPPED = STUDENT_DIR / "models" / "intent-de"
HIDDEN = PROJECT / "assignments" / "token_attribution" / "data" / "hidden_model"
LOADER = "course.intent_classifier:TokenBaselineModel"


def spec(path: Path, *, tokenizer: Path | None = None, loader: str = LOADER) -> ModelSpec:
    return ModelSpec(role="shipped", path=path, loader=loader, tokenizer=tokenizer or path)


def copy_of(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target))


def test_attention_is_computed_as_the_spec_says() -> None:
    eager, own = (
        load(replace(spec(SHIPPED), attention=attention), STUDENT_DIR).model for attention in ("eager", "")
    )
    assert eager.embedding_model.config._attn_implementation == "eager"
    assert own.embedding_model.config._attn_implementation == "sdpa"


def batch(loaded: LoadedModel, text: str) -> dict[str, torch.Tensor]:
    from course.intent_classifier import encode

    return encode([text], None, loaded.tokenizer)


@pytest.fixture(scope="module")
def shipped() -> LoadedModel:
    return load(spec(SHIPPED), STUDENT_DIR)


@pytest.fixture(scope="module")
def hidden() -> LoadedModel:
    return load(spec(HIDDEN), STUDENT_DIR)


def test_a_loaded_model_is_in_eval_mode_and_float32(shipped: LoadedModel) -> None:
    assert not shipped.model.training
    assert {parameter.dtype for parameter in shipped.model.parameters()} == {torch.float32}


def test_two_loads_give_the_same_logits(shipped: LoadedModel) -> None:
    again = load(spec(SHIPPED), STUDENT_DIR)
    sentence = batch(shipped, "Wird es morgen regnen ?")
    assert torch.equal(shipped.model(sentence), again.model(sentence))


def test_the_second_model_has_other_special_ids_but_the_same_pad(
    shipped: LoadedModel, hidden: LoadedModel
) -> None:
    ids = {
        name: (getattr(shipped.tokenizer, name), getattr(hidden.tokenizer, name))
        for name in ("cls_token_id", "sep_token_id", "unk_token_id", "mask_token_id")
    }
    assert all(first != second for first, second in ids.values()), ids
    assert shipped.tokenizer.pad_token_id == hidden.tokenizer.pad_token_id == 0


def test_the_second_model_has_other_sizes(shipped: LoadedModel, hidden: LoadedModel) -> None:
    for name in ("hidden_size", "num_hidden_layers", "num_attention_heads"):
        assert getattr(shipped.model.config, name) != getattr(hidden.model.config, name), name


@pytest.mark.parametrize("which", ["shipped", "hidden"])
def test_biases_and_the_pad_row_are_not_zero(which: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(which).model
    pad_row = model.embedding_model.embeddings.word_embeddings.weight[0]
    assert pad_row.norm() > 0.1
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert parameter.abs().max() > 1e-3, name


def test_the_student_folder_is_put_on_the_path_once(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = str(STUDENT_DIR.resolve())
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != entry])
    use_student_dir(STUDENT_DIR)
    use_student_dir(STUDENT_DIR)
    assert sys.path.count(entry) == 1 and sys.path[-1] == entry


def test_a_missing_student_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssignmentError, match=r"nowhere is no folder\. Give the course's student_template"):
        use_student_dir(tmp_path / "nowhere")


def test_a_missing_model_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssignmentError, match=r"nowhere is no folder\. Correct the path in assignment\.toml"):
        load(spec(tmp_path / "nowhere"), STUDENT_DIR)


def test_a_folder_without_weights_says_what_it_must_hold(tmp_path: Path) -> None:
    folder = copy_of(SHIPPED, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    with pytest.raises(AssignmentError, match=r"must hold config\.json and model\.safetensors"):
        load(spec(folder), STUDENT_DIR)


def test_a_cut_weights_file_is_an_assignment_error(tmp_path: Path) -> None:
    folder = copy_of(SHIPPED, tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(AssignmentError, match="cannot be read from"):
        load(spec(folder), STUDENT_DIR)


def test_a_folder_without_tokenizer_says_what_it_must_hold(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AssignmentError, match=r"tokenizer cannot be read .* must hold tokenizer\.json"):
        load(spec(SHIPPED, tokenizer=tmp_path / "empty"), STUDENT_DIR)


@pytest.mark.parametrize(("field", "value"), [("hidden_size", 64), ("num_hidden_layers", 3)])
def test_weights_that_do_not_fit_the_config_are_refused(tmp_path: Path, field: str, value: int) -> None:
    folder = copy_of(SHIPPED, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {field: value}), encoding="utf-8")
    with pytest.raises(AssignmentError):
        load(spec(folder), STUDENT_DIR)


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        ("TokenBaselineModel", 'expected "module:Class"'),
        ("course.nothing:TokenBaselineModel", "importing course.nothing fails: ModuleNotFoundError"),
        ("course.intent_classifier:TokenModel", "has no such class"),
        ("course.intent_classifier:encode", "it lacks from_pretrained"),
    ],
)
def test_a_wrong_loader_is_explained(loader: str, message: str) -> None:
    use_student_dir(STUDENT_DIR)
    with pytest.raises(AssignmentError, match=message):
        find_loader(loader, STUDENT_DIR)


def test_a_module_of_another_course_is_refused(tmp_path: Path) -> None:
    use_student_dir(STUDENT_DIR)
    find_loader(LOADER, STUDENT_DIR)
    other = copy_of(STUDENT_DIR / "course", tmp_path / "student_template" / "course").parent
    with pytest.raises(AssignmentError, match="separate processes"):
        find_loader(LOADER, other)


def test_a_device_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(
        AssignmentError, match=r"The shipped model cannot go to the device 'gpu': .* Leave --device"
    ):
        load(spec(SHIPPED), STUDENT_DIR, device="gpu")


PLAIN = '''
import json
from pathlib import Path

import torch
from safetensors.torch import load_file


class Probe(torch.nn.Linear):
    @classmethod
    def from_pretrained(cls, folder, **options):
        model = cls(**json.loads((Path(folder) / "config.json").read_text()))
        model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
        return model


class Loose(Probe):
    """A class that takes the folder only."""

    @classmethod
    def from_pretrained(cls, folder):
        return super().from_pretrained(folder)


class Configured(Probe):
    """A class whose configuration is a dict."""

    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.config = sizes


class Weights(Probe):
    """A class that returns no model."""

    @classmethod
    def from_pretrained(cls, folder, **options):
        return super().from_pretrained(folder).state_dict()
'''


@pytest.fixture
def plain_course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student's folder with a model of a class that knows nothing of transformers."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "plain_probe", raising=False)
    student = tmp_path / "student_template"
    model = student / "models" / "probe"
    model.mkdir(parents=True)
    (student / "plain_probe.py").write_text(PLAIN, encoding="utf-8")
    (model / "config.json").write_text('{"in_features": 3, "out_features": 2}', encoding="utf-8")
    weights = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}
    save_file(weights, model / "model.safetensors")
    return student


def plain(student: Path, name: str = "Probe", *, has_tokenizer: bool = False) -> ModelSpec:
    folder = student / "models" / "probe"
    return replace(spec(folder, loader=f"plain_probe:{name}"), has_tokenizer=has_tokenizer)


def test_a_model_of_the_courses_own_class_needs_neither_transformers_nor_a_tokenizer(
    plain_course: Path,
) -> None:
    loaded = load(plain(plain_course), plain_course)
    assert not loaded.model.training
    assert loaded.model(torch.ones(1, 3)).tolist() == [[4.0, 13.0]]


def test_asking_for_a_tokenizer_that_is_not_there_is_the_assignments_fault(plain_course: Path) -> None:
    tokenizer = load(plain(plain_course), plain_course).tokenizer
    for ask in (lambda: tokenizer("a text"), lambda: tokenizer.pad_token_id):
        with pytest.raises(
            AssignmentError, match=r"has no tokenizer: assignment\.toml says tokenizer = false"
        ):
            ask()
    assert getattr(tokenizer, "all_special_ids", None) is None


def test_a_missing_tokenizer_says_how_to_do_without(plain_course: Path) -> None:
    with pytest.raises(AssignmentError, match=r"For a model that has no tokenizer, write tokenizer = false"):
        load(plain(plain_course, has_tokenizer=True), plain_course)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Loose",
            r"Loose\.from_pretrained\(folder\) cannot be called with a folder and options: got an unexpected",
        ),
        ("Configured", r"the attribute config of Configured is a dict; it must be an object with attributes"),
        ("Weights", r"from_pretrained returned a OrderedDict; it must return the model"),
        (
            "torch",
            r"it lacks from_pretrained\. A class of your own needs a class method from_pretrained\(cls, folder",
        ),
    ],
)
def test_what_a_class_of_the_courses_own_lacks_is_said(plain_course: Path, name: str, message: str) -> None:
    with pytest.raises(AssignmentError, match=message):
        load(plain(plain_course, name), plain_course)
