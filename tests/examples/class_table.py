"""The example class, one row a student: what is wrong in it by its sources, and what the harness must say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FUNCTIONS = (
    "build_baseline",
    "compute_feature_attribution_scores",
    "token_importance",
    "merge_subtokens",
)

BASE, IG, IMPORTANCE, MERGE = FUNCTIONS

CHECKS = {
    "base1": "test_baseline_of_shown_sentences",
    "base2": "test_baseline_of_shown_special_words",
    "base3": "test_baseline_of_unseen_sentences",
    "base4": "test_baseline_of_unknown_and_masked_words",
    "base5": "test_baseline_of_ids_from_other_vocabularies",
    "ig1": "test_attributions_are_complete",
    "ig2": "test_predictions_of_unseen_sentences",
    "ig3": "test_attributions_of_unseen_sentences",
    "plot": "test_plot_is_a_figure",
    "imp1": "test_importance_sums_to_one",
    "imp2": "test_importance_of_a_shown_mask_with_a_hole",
    "imp3": "test_importance_of_unseen_scores",
    "imp4": "test_importance_with_holes_in_the_mask",
    "mer1": "test_merging_keeps_the_sum",
    "mer2": "test_merging_of_a_shown_window",
    "mer3": "test_merging_of_unseen_tokens",
    "mer4": "test_merging_of_repeated_words",
    "mer5": "test_merging_of_windows",
    "own1": "test_my_attribution_has_the_right_form",
    "own2": "test_my_attribution_is_faithful",
}
"""Short names of the checks."""

ALL = " ".join(CHECKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One student."""

    student: str
    """The file's name without .ipynb."""

    wrong: Mapping[str, str] = field(default_factory=dict)
    """Function to the mistake that it makes; `nameless`, `endless`, `missing` (the template's cell untouched)."""

    lost: str = ""
    """Short names of the checks of the four functions that do not pass."""

    mine: str = "full"
    """Points of my_attribution: full, none, some (between the two, as the unseen sentences fall); or missing."""

    says: str = ""
    """A remark of the report contains this."""

    fails: str = ""
    """A cell fails with a message that contains this."""

    problem: str = ""
    """Why it cannot be graded at all contains this."""


CLASS = (
    # right in every function
    Row(student="Anna Schäfer"),
    Row(student="Jürgen Weiß"),
    Row(student="王小明"),
    Row(student="Zoë Lindqvist"),
    Row(student="Mehmet Yıldız", says="begins at [PAD]"),
    Row(student="Łukasz Wójcik", says="another rule"),
    Row(student="张伟", says="graded on the CPU"),
    Row(student="Fatima Al-Sayed", fails="name 'df' is not defined"),
    Row(student="Sofia García Pérez", says="printed more than"),
    # one mistake
    Row(
        student="李婷",
        wrong={BASE: "all_padding"},
        lost="base1 base2 base3 base4 base5",
        says="begins at [PAD]",
    ),
    Row(student="Lena Großmann", wrong={IG: "label_as_target"}, lost="ig1 ig3", mine="some"),
    Row(student="Paul O'Connor", wrong={IG: "mean_over_hidden"}, lost="ig1 ig3", mine="none"),
    Row(student="Chiara Rossi", wrong={IG: "log_probability_as_target"}, lost="ig1 ig3"),
    Row(student="Svenja Krüger", wrong={IG: "gradient_times_input"}, lost="ig1 ig3", mine="some"),
    Row(student="Tobias Schröder", wrong={IG: "opposite_sign"}, lost="ig1 ig3", mine="none"),
    Row(student="Aylin Öztürk", wrong={IG: "norm_over_hidden"}, lost="ig1 ig3", mine="some"),
    Row(
        student="Jonas Köhler",
        wrong={IMPORTANCE: "softmax_over_everything"},
        lost="imp1 imp2 imp3 imp4",
        mine="none",
    ),
    Row(student="陈伟", wrong={MERGE: "mean_of_pieces"}, lost="mer1 mer2 mer3 mer4 mer5"),
    Row(student="Felix Bäcker", wrong={MERGE: "endless"}, lost="mer5", mine="some"),
    # more than one
    Row(
        student="Nguyễn, Linh",
        wrong={IG: "probability_as_target", MERGE: "first_piece"},
        lost="ig1 ig3 mer1 mer2 mer3 mer4 mer5",
    ),
    Row(
        student="Kevin Schulz",
        wrong={IMPORTANCE: "divided_by_sum", MERGE: "hashes_left_inside"},
        lost="imp1 imp2 imp3 imp4 mer1 mer2 mer3 mer4 mer5",
        mine="none",
        says="read-only cell",
    ),
    Row(
        student="Leon Hoffmann",
        wrong=dict.fromkeys(FUNCTIONS, "nameless"),
        lost="base1 base2 base3 base4 base5 ig1 ig2 ig3 imp1 imp2 imp3 imp4 mer1 mer2 mer3 mer4 mer5",
        mine="none",
    ),
    Row(
        student="Viktor Dräger",
        wrong={**dict.fromkeys(FUNCTIONS, "nameless"), BASE: "all_padding"},
        lost="base1 base2 base3 base4 base5 ig1 ig2 ig3 plot imp1 imp2 imp3 imp4 mer1 mer2 mer3 mer4 mer5",
        mine="none",
    ),
    # not written, not readable
    Row(
        student="Max Müller",
        wrong=dict.fromkeys((IG, MERGE), "missing"),
        lost="ig1 ig2 ig3 plot mer1 mer2 mer3 mer4 mer5",
        mine="missing",
    ),
    Row(
        student="Ole Hansen",
        wrong=dict.fromkeys(FUNCTIONS, "missing"),
        lost="base1 base2 base3 base4 base5 ig1 ig2 ig3 plot imp1 imp2 imp3 imp4 mer1 mer2 mer3 mer4 mer5",
        mine="missing",
    ),
    Row(student="Emma Jäger", problem="not JSON"),
)

BROKEN = ("Emma Jäger", "Viktor Dräger")
"""Whose functions are not called outside a kernel: a file that ends in the middle, one that looks for a way out."""
