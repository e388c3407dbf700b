"""How rough is the path of integrated gradients, and how far off are the usual mistakes?

    python -m training.intent_de.path_roughness FOLDER --sentences assignments/token_attribution/data/pool.tsv

For each sentence the attributions of the contract (LayerIntegratedGradients on the embedding layer, baseline
[PAD] with [CLS] and [SEP] kept, 50 Gauss-Legendre steps) are compared with other rules, other baselines and
fewer steps, by relative L2 distance.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from captum.attr import LayerIntegratedGradients
from course.intent_classifier import TokenBaselineModel, encode, load_sentences
from transformers import AutoTokenizer

VARIANTS: dict[str, dict[str, Any]] = {
    "5 steps": {"n_steps": 5},
    "10 steps": {"n_steps": 10},
    "20 steps": {"n_steps": 20},
    "40 steps": {"n_steps": 40},
    "1000 steps": {"n_steps": 1000},
    "50 steps left": {"method": "riemann_left"},
    "50 steps right": {"method": "riemann_right"},
    "50 steps middle": {"method": "riemann_middle"},
    "50 steps trapezoid": {"method": "riemann_trapezoid"},
    "[CLS] and [SEP] lost": {"baseline": "pad"},
    "[CLS] lost": {"baseline": "cls lost"},
    "[SEP] lost": {"baseline": "sep lost"},
    "[MASK] baseline": {"baseline": "mask"},
    "zero embeddings": {"baseline": "zero"},
    "next class": {"shift": 1},
}


def attributions(
    model: TokenBaselineModel,
    tokenizer: Any,
    batch: dict[str, torch.Tensor],
    *,
    n_steps: int = 50,
    method: str = "gausslegendre",
    baseline: str = "contract",
    shift: int = 0,
) -> torch.Tensor:
    """Attribute the predicted class's logit to tokens.

    Args:
        model: In eval mode.
        tokenizer: The model's tokenizer.
        batch: One sentence, from `encode`.
        n_steps: Points on the path.
        method: Captum's name of the quadrature rule.
        baseline: contract, pad, cls lost, sep lost, mask or zero.
        shift: Added to the predicted class.

    Returns:
        Scores, shape (token,).
    """
    ids, mask = batch["input_ids"], batch["attention_mask"]
    target = (int(model(batch).argmax(dim=-1)) + shift) % model.config.num_labels

    def forward(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return model({"input_ids": input_ids, "attention_mask": attention_mask})

    if baseline == "zero":
        return _from_zero(model, batch, target, n_steps)
    found = LayerIntegratedGradients(forward, model.embedding_model.embeddings).attribute(
        ids,
        baselines=_baseline_ids(baseline, ids, mask, tokenizer),
        target=target,
        additional_forward_args=(mask,),
        n_steps=n_steps,
        method=method,
    )
    return found.sum(dim=-1)[0].detach()


def _baseline_ids(baseline: str, ids: torch.Tensor, mask: torch.Tensor, tokenizer: Any) -> torch.Tensor:
    """Return the ids that a baseline of this name puts in place of `ids`, same shape."""
    first, last = ids == tokenizer.cls_token_id, ids == tokenizer.sep_token_id
    if baseline == "mask":
        return torch.where(first | last | (mask == 0), ids, tokenizer.mask_token_id)
    kept = {"contract": first | last, "cls lost": last, "sep lost": first, "pad": torch.zeros_like(first)}
    return torch.where(kept[baseline], ids, tokenizer.pad_token_id)


def _from_zero(
    model: TokenBaselineModel, batch: dict[str, torch.Tensor], target: int, n_steps: int
) -> torch.Tensor:
    """Integrate from an all-zero output of the embedding layer (midpoint rule, twice the steps)."""
    with torch.no_grad():
        end = model.embedding_model.embeddings(input_ids=batch["input_ids"])
    total = torch.zeros_like(end)
    for step in range(2 * n_steps):
        point = (end * (step + 0.5) / (2 * n_steps)).requires_grad_()
        hook = model.embedding_model.embeddings.register_forward_hook(lambda *_, point=point: point)
        try:
            logit = model(batch)[0, target]
        finally:
            hook.remove()
        total += torch.autograd.grad(logit, point)[0]
    return (total / (2 * n_steps) * end).sum(dim=-1)[0]


def distances(model: TokenBaselineModel, tokenizer: Any, texts: Sequence[str]) -> dict[str, torch.Tensor]:
    """Return, for each variant, the relative L2 distance to the contract, shape (sentence,)."""
    found: dict[str, list[torch.Tensor]] = {name: [] for name in VARIANTS}
    for text in texts:
        batch = encode([text], None, tokenizer)
        contract = attributions(model, tokenizer, batch)
        for name, options in VARIANTS.items():
            actual = attributions(model, tokenizer, batch, **options)
            found[name].append((actual - contract).norm() / contract.norm())
    return {name: torch.stack(values) for name, values in found.items()}


def main() -> None:
    """Print a table: least, median and largest distance of each variant, in percent."""
    parser = argparse.ArgumentParser(description="Measure the path of integrated gradients.")
    parser.add_argument("folder", type=Path, help="a trained model")
    parser.add_argument("--sentences", type=Path, required=True, help="a tab-separated data file")
    parser.add_argument("--count", type=int, default=40, help="sentences to use, from the file's start")
    options = parser.parse_args()
    model = TokenBaselineModel.from_pretrained(options.folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(options.folder)
    texts = [sentence.text for sentence in load_sentences(options.sentences)][: options.count]
    print(f"{'variant':24}{'least':>9}{'median':>9}{'largest':>9}   (percent, {len(texts)} sentences)")
    for name, values in distances(model, tokenizer, texts).items():
        low, middle, high = (100 * f(values).item() for f in (torch.min, torch.median, torch.max))
        print(f"{name:24}{low:9.3f}{middle:9.3f}{high:9.3f}")


if __name__ == "__main__":
    main()
