"""The class of bert_qa_embeddings, one row a student: what is wrong by its sources, what the harness must say."""

from __future__ import annotations

from .row import Row

FUNCTIONS = (
    "predict_answer",
    "build_inputs",
    "embedding_attributions",
    "subembedding_attributions",
    "top_tokens",
    "layer_conductance",
    "attribution_entropy",
)

ANSWER, INPUTS, EMBEDDINGS, PARTS, TOP, CONDUCTANCE, ENTROPY = FUNCTIONS

CHECKS = {
    "ans1": "test_answer_to_a_shown_question",
    "ans2": "test_answers_to_unseen_questions",
    "ans3": "test_answer_in_pieces_to_a_shown_question",
    "ans4": "test_answers_in_word_pieces",
    "in1": "test_inputs_of_a_shown_question",
    "in2": "test_inputs_of_unseen_questions",
    "in3": "test_inputs_of_a_text_with_special_tokens",
    "in4": "test_inputs_of_unseen_texts_with_special_tokens",
    "emb1": "test_scores_have_length_one",
    "emb2": "test_scores_of_unseen_questions",
    "part1": "test_parts_have_length_one",
    "part2": "test_parts_of_unseen_questions",
    "top1": "test_best_of_a_small_list",
    "top2": "test_best_of_unseen_lists",
    "top3": "test_equal_scores_of_a_small_list",
    "top4": "test_equal_scores_of_unseen_lists",
    "cond1": "test_conductance_has_a_row_for_each_layer",
    "cond2": "test_conductance_of_unseen_questions",
    "ent1": "test_entropy_of_a_small_table",
    "ent2": "test_entropy_of_unseen_scores",
    "ent3": "test_entropy_with_an_empty_bin",
    "ent4": "test_entropy_of_unseen_scores_with_empty_bins",
    "plot": "test_plot_is_a_figure",
}
"""Short names of the checks."""

ALL = " ".join(CHECKS)


CLASS = (
    # right in every function
    Row(student="Ayşe Kaya"),
    Row(student="Benedikt Huber"),
    Row(student="Chloé Dubois"),
    Row(student="Dmytro Kovalenko"),
    # one mistake
    Row(student="Elif Şahin", wrong={EMBEDDINGS: "fixed_position"}, lost="emb2"),
    Row(student="Frederik Madsen", wrong={INPUTS: "all_padding"}, lost="in1 in2 in3 in4"),
    Row(student="Gözde Aydın", wrong={INPUTS: "types_off_by_one"}, lost="in1 in2 in3 in4"),
    Row(student="Henrique Sousa", wrong={EMBEDDINGS: "types_and_positions_from_zero"}, lost="emb1 emb2"),
    Row(student="Ivana Horvat", wrong={PARTS: "paths_of_their_own"}, lost="part2"),
    Row(student="Kwame Mensah", wrong={CONDUCTANCE: "embeddings_as_a_row"}, lost="cond1 cond2"),
    Row(student="Nadia Rahman", wrong={CONDUCTANCE: "nameless"}, lost="cond2"),
    Row(
        student="田中 健",
        wrong={EMBEDDINGS: "nameless"},
        general={EMBEDDINGS: "model_in_training_mode"},
        lost="emb1 emb2",
    ),
    # more than one
    Row(
        student="Jiří Novák",
        wrong={ANSWER: "end_exclusive", TOP: "by_magnitude"},
        lost="ans1 ans2 ans3 ans4 top1 top2 top4",
    ),
    Row(
        student="Lea Zimmermann",
        wrong={CONDUCTANCE: "one_norm_for_all_rows", ENTROPY: "nats"},
        lost="cond1 cond2 ent1 ent2 ent3 ent4",
    ),
    Row(
        student="Mehdi Farahani",
        wrong={
            EMBEDDINGS: "not_normalised",
            PARTS: "parts_not_normalised",
            CONDUCTANCE: "rows_not_normalised",
        },
        lost="emb1 emb2 part1 part2 cond1 cond2",
    ),
    Row(
        student="박서연",
        wrong={EMBEDDINGS: "gradient_only", ENTROPY: "common_range"},
        lost="emb1 emb2 ent1 ent2 ent4",
    ),
    # not written
    Row(
        student="Óscar Ruiz",
        wrong=dict.fromkeys((EMBEDDINGS, PARTS, CONDUCTANCE, ENTROPY), "missing"),
        lost="emb1 emb2 part1 part2 cond1 cond2 ent1 ent2 ent3 ent4 plot",
    ),
    Row(student="Priya Sharma", wrong=dict.fromkeys(FUNCTIONS, "missing"), lost=ALL),
)
