"""The example class of bert_qa_attention, a row a student: what is wrong by its sources, what the harness must say."""

from __future__ import annotations

from .row import Row

FUNCTIONS = (
    "attention_matrices",
    "head_norm",
    "attention_attributions",
    "transformed_vectors",
    "weighted_norms",
    "summed_norms",
)

MATRICES, HEAD_NORM, CONDUCTANCE, VECTORS, WEIGHTED, SUMMED = FUNCTIONS

CHECKS = {
    "mat1": "test_rows_are_distributions",
    "mat2": "test_attention_of_unseen_questions",
    "head1": "test_norm_over_heads_of_a_small_table",
    "head2": "test_norm_over_heads_of_unseen_matrices",
    "con1": "test_no_path_no_conductance",
    "con2": "test_conductances_of_unseen_questions",
    "vec1": "test_vectors_add_up_to_the_layers_output",
    "vec2": "test_vectors_of_unseen_questions",
    "wei1": "test_norms_are_attention_times_length",
    "wei2": "test_norms_of_unseen_questions",
    "sum1": "test_heads_together_are_no_longer_than_apart",
    "sum2": "test_layer_norms_of_unseen_questions",
    "plot": "test_plot_is_a_figure",
}
"""Short names of the checks."""

ALL = " ".join(CHECKS)


CLASS = (
    # right in every function
    Row(student="Alma Lindholm"),
    Row(student="Bao Trần"),
    Row(student="Carmen Ibáñez"),
    Row(student="Deniz Aksoy"),
    # one mistake
    Row(
        student="Erik Sørensen",
        wrong={VECTORS: "value_bias_missing"},
        lost="vec1 vec2",
        builds_on=VECTORS,
    ),
    Row(student="Francesca Marino", wrong={SUMMED: "sum_of_norms"}, lost="sum2"),
    Row(student="Gabriel Costa", wrong={CONDUCTANCE: "fixed_position"}, lost="con2"),
    Row(
        student="박혜진",
        wrong={MATRICES: "matrices_transposed"},
        lost="mat1 mat2",
        builds_on=MATRICES,
    ),
    Row(student="Ivana Kovačić", wrong={CONDUCTANCE: "path_embedded_twice"}, lost="con2"),
    Row(student="Jonathan O'Neill", wrong={CONDUCTANCE: "equidistant_nodes"}, lost="con2"),
    Row(student="松本 葵", wrong={MATRICES: "nameless"}, lost="mat2"),
    # more than one
    Row(
        student="Kateryna Shevchenko",
        wrong={HEAD_NORM: "mean_over_heads", VECTORS: "rows_of_the_projection"},
        lost="head1 head2 vec1 vec2",
        builds_on=VECTORS,
    ),
    Row(
        student="Lukas Brandt",
        wrong={CONDUCTANCE: "log_probability_explained", VECTORS: "output_bias_added"},
        lost="con2 vec1 vec2",
        builds_on=VECTORS,
    ),
    # not written
    Row(
        student="Marek Novotný",
        wrong=dict.fromkeys((CONDUCTANCE, VECTORS, WEIGHTED, SUMMED), "missing"),
        lost="con1 con2 vec1 vec2 wei1 wei2 sum1 sum2 plot",
    ),
    Row(student="Nadia Rahman", wrong=dict.fromkeys(FUNCTIONS, "missing"), lost=ALL),
)
