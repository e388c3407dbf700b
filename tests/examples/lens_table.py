"""The example class of logit_lens, one row a student: what is wrong in it by its sources, what the harness must say."""

from __future__ import annotations

from .row import Row

FUNCTIONS = ("layer_probabilities", "top_predictions", "target_rank", "divergence_from_final", "plot_lens")

LENS, TOP, RANK, DIVERGENCE, PLOT = FUNCTIONS

CHECKS = {
    "lens1": "test_last_layer_is_the_models_own",
    "lens2": "test_probabilities_of_unseen_prompts",
    "top1": "test_words_of_a_shown_prompt",
    "top0": "test_a_word_with_an_umlaut",
    "top2": "test_words_of_unseen_prompts",
    "top3": "test_words_with_letters_beyond_ascii",
    "rank1": "test_rank_in_a_small_table",
    "rank0": "test_rank_beside_equals",
    "rank2": "test_rank_in_unseen_prompts",
    "rank3": "test_rank_among_unseen_equals",
    "div1": "test_divergence_is_none_at_the_end",
    "div0": "test_divergence_survives_zeros",
    "div2": "test_divergence_of_unseen_prompts",
    "div3": "test_divergence_with_unseen_zeros",
    "fig1": "test_picture_of_a_shown_prompt",
    "fig0": "test_picture_with_a_token_twice",
    "fig2": "test_picture_of_unseen_words",
    "fig3": "test_picture_of_unseen_words_with_a_token_twice",
    "plot": "test_plot_is_a_figure",
}
"""Short names of the checks."""

ALL = " ".join(CHECKS)


CLASS = (
    # right in every function
    Row(student="Amira Haddad"),
    Row(student="Björn Åkesson"),
    Row(student="Camila Núñez"),
    Row(student="Dilnoza Karimova"),
    # one mistake
    Row(student="佐藤 美咲", wrong={LENS: "norm_twice_in_the_last_layer"}, lost="lens1 lens2"),
    Row(student="Eoin Murphy", wrong={LENS: "norm_missing"}, lost="lens1 lens2"),
    Row(student="Giulia Conti", wrong={LENS: "embedding_as_a_row"}, lost="lens1 lens2"),
    Row(student="Hans-Peter Groß", wrong={DIVERGENCE: "swapped_distributions"}, lost="div2 div3"),
    Row(student="Jakub Wiśniewski", wrong={PLOT: "words_on_the_corners"}, lost="fig0 fig1 fig2 fig3"),
    Row(student="Katarína Horváthová", wrong={TOP: "raw_pieces"}, lost="top0 top1 top2 top3"),
    Row(student="Omar Farouk", wrong={PLOT: "nameless"}, lost="fig0 fig1 fig2 fig3"),
    Row(student="김민준", wrong={LENS: "nameless"}, lost="lens1 lens2"),
    # more than one
    Row(
        student="Inês Duarte",
        wrong={RANK: "rank_from_one", DIVERGENCE: "bits_instead_of_nats"},
        lost="rank0 rank1 rank2 rank3 div2 div3",
    ),
    Row(
        student="Noah Weber",
        wrong={LENS: "norm_without_weights", RANK: "ties_counted"},
        lost="lens1 lens2 rank0 rank3",
    ),
    # not written
    Row(
        student="Liam O'Brien",
        wrong=dict.fromkeys((LENS, DIVERGENCE, PLOT), "missing"),
        lost="lens1 lens2 div0 div1 div2 div3 fig0 fig1 fig2 fig3 plot",
    ),
    Row(student="Maja Petrović", wrong=dict.fromkeys(FUNCTIONS, "missing"), lost=ALL),
)
