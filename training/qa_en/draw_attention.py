"""Draw the picture in the student notebook's introduction; writes student_template/images/attention-norms.png.

    python -m training.qa_en.draw_attention

To be run again when the shipped model changes; the model answers of the written questions name its numbers, too.
"""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

from autograder.course.assignment import load_assignment, load_module, load_reference
from autograder.course.models import load
from training.qa_en import PROJECT

SLUG = "bert_qa_attention"
LAYER = 3


def main() -> None:
    """Draw and write."""
    assignment = load_assignment(PROJECT, SLUG)
    reference = load_reference(assignment)
    loaded = load(assignment.models["tiny"][0], assignment.student_dir)
    checks = load_module(assignment.folder / "checks.py", f"checks_{assignment.slug}")
    inputs = checks.inputs_of(reference, loaded.tokenizer, checks.SHOWN)
    tokens = checks.tokens_of(loaded.tokenizer, inputs)
    pictures = {
        "how much attention it pays": reference.head_norm(reference.attention_matrices(loaded.model, inputs)),
        "how much it gets": reference.summed_norms(loaded.model, inputs),
    }
    figure, both = plt.subplots(1, 2, figsize=(11, 5.4), layout="constrained", sharey=True)
    for axes, (title, values) in zip(both, pictures.items(), strict=True):
        axes.imshow(values[LAYER - 1], cmap="viridis", vmin=0)
        axes.set_xticks(range(len(tokens)), tokens, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(tokens)), tokens)
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("from")
    both[0].set_ylabel("to")
    path = assignment.student_dir / "images" / "attention-norms.png"
    path.parent.mkdir(exist_ok=True)
    # Without the library's version the same picture is the same file.
    figure.savefig(path, dpi=90, metadata={"Software": None})
    print(path)


if __name__ == "__main__":
    main()
