"""Checks of the benchmark's assignment: few and cheap, so that what is left is the harness."""

from course.intent_classifier import encode, load_sentences

from autograder.checks import assert_close, assert_matches, grades, points, visibility


def sentences(assignment):
    """Return the sentences that the student has."""
    return load_sentences(assignment.student_dir / "data" / "intents_de_examples.tsv")


@grades("saliency")
@points(3)
@visibility("visible")
def test_saliency_of_the_first_sentences(submission, reference, model, tokenizer, assignment, record):
    """Scores of the first two sentences are right."""
    batch = encode([one.text for one in sentences(assignment)[:2]], None, tokenizer)
    actual = submission.call("saliency", batch, model)
    expected = reference.saliency(batch, model)
    assert_close(actual, expected, name="scores", axes=("sentence", "token"), tolerance="saliency")
    tokens = tokenizer.convert_ids_to_tokens(batch["input_ids"][0])
    record.strip("First sentence", tokens[:12], actual[0][:12], expected[0][:12])


@grades("saliency")
@points(5)
@visibility("hidden")
def test_saliency_of_other_sentences(submission, reference, model, tokenizer, assignment, rng):
    """Scores of other sentences are right."""
    for _ in range(2):
        chosen = rng.sample(sentences(assignment)[2:12], 2)
        batch = encode([one.text for one in chosen], None, tokenizer)
        actual = submission.call("saliency", batch, model)
        expected = reference.saliency(batch, model)
        assert_close(actual, expected, name="scores", axes=("sentence", "token"), tolerance="saliency")


@grades("top_tokens")
@points(2)
@visibility("hidden")
def test_top_tokens(submission, reference, rng):
    """The strongest tokens come first."""
    tokens = [f"wort{number}" for number in range(12)]
    scores = [rng.uniform(-2, 2) for _ in tokens]
    actual = submission.call("top_tokens", tokens, scores, 4)
    assert_matches(actual, reference.top_tokens(tokens, scores, 4), name="tokens", tolerance="top")
