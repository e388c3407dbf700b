"""The example class of llm_attribution, one row a student: what is wrong by its sources, what the harness must say."""

from __future__ import annotations

from .row import Row

FUNCTIONS = (
    "ablate_tokens",
    "ablate_template",
    "ablate_groups",
    "shapley_groups",
    "shapley_sampled",
    "attribute_examples",
    "integrated_gradients",
)

TOKENS, TEMPLATE, GROUPS, SHAPLEY, SAMPLED, EXAMPLES, GRADIENTS = FUNCTIONS

CHECKS = {
    "tok1": "test_one_column_by_hand",
    "tok2": "test_effects_of_unseen_prompts",
    "tok3": "test_effects_where_no_bos_stands_in_front",
    "tem1": "test_a_value_replaced_by_itself_does_nothing",
    "tem2": "test_effects_of_unseen_features",
    "grp1": "test_members_carry_the_score_of_their_group",
    "grp0": "test_groups_have_any_numbers",
    "grp2": "test_effects_of_unseen_groups",
    "grp3": "test_effects_of_groups_in_any_order",
    "sha1": "test_shapley_values_are_efficient",
    "sha0": "test_players_have_any_numbers",
    "sha2": "test_shapley_values_of_unseen_groups",
    "sha3": "test_shapley_values_of_groups_in_any_order",
    "sam1": "test_sampling_repeats_and_is_efficient",
    "sam2": "test_sampled_values_of_unseen_groups",
    "exa1": "test_examples_add_up",
    "exa2": "test_values_of_unseen_examples",
    "gra1": "test_gradients_are_complete",
    "gra2": "test_gradients_of_unseen_prompts",
    "gra3": "test_gradients_where_no_bos_stands_in_front",
    "plot": "test_plot_is_a_figure",
}
"""Short names of the checks."""

ALL = " ".join(CHECKS)


CLASS = (
    # right in every function
    Row(student="Ada Novák"),
    Row(student="Bence Tóth"),
    Row(student="Chidi Okafor"),
    Row(student="Dalia Cohen"),
    # one mistake
    Row(
        student="Emre Kaya",
        wrong={TOKENS: "tokens_cached", TEMPLATE: "features_cached", GROUPS: "groups_cached"},
        lost="tok1 tok2 tok3 tem2 grp1 grp2 grp3",
    ),
    Row(student="Freya Lund", wrong={TOKENS: "tokens_with_bos"}, lost="tok1 tok2"),
    Row(student="Goran Ilić", wrong={SHAPLEY: "shapley_unweighted"}, lost="sha1 sha2 sha3", remarked=True),
    Row(
        student="Ivo Marek",
        wrong={
            TEMPLATE: "features_mean",
            GROUPS: "groups_mean",
            SHAPLEY: "shapley_mean",
            SAMPLED: "sampled_mean",
            EXAMPLES: "examples_mean",
        },
        lost="tem2 grp1 grp2 grp3 sha1 sha2 sha3 sam1 sam2 exa1 exa2",
    ),
    Row(student="Jana Bílá", wrong={GRADIENTS: "gradients_zero_vectors"}, lost="gra1 gra2 gra3"),
    Row(student="Nadia Petrova", wrong={TOKENS: "nameless"}, lost="tok2 tok3"),
    # more than one
    Row(
        student="Hana Suzuki",
        wrong={SAMPLED: "sampled_not_divided", EXAMPLES: "examples_in_order_of_arrival"},
        lost="sam1 sam2 exa1 exa2",
    ),
    Row(
        student="Kofi Mensah",
        wrong={GROUPS: "groups_split", EXAMPLES: "examples_header_kept"},
        lost="grp1 grp2 grp3 exa1 exa2",
    ),
    Row(
        student="Oto Kask",
        wrong={
            TEMPLATE: "features_sign",
            SHAPLEY: "shapley_one_order",
            GRADIENTS: "gradients_times_input",
        },
        lost="tem2 sha0 sha2 sha3 gra1 gra2 gra3",
    ),
    # not written
    Row(
        student="Leila Haddadi",
        wrong={TOKENS: "tokens_deleted"} | dict.fromkeys((SHAPLEY, SAMPLED, EXAMPLES, GRADIENTS), "missing"),
        lost="tok1 tok2 tok3 sha0 sha1 sha2 sha3 sam1 sam2 exa1 exa2 gra1 gra2 gra3 plot",
    ),
    Row(student="Mateus Silva", wrong=dict.fromkeys(FUNCTIONS, "missing"), lost=ALL),
)
