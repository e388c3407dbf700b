"""Put the intent classifier's head on a pretrained BERT encoder, which stays as it is.

    python -m training.intent_de.on_encoder                          # multilingual BERT, from the hub
    python -m training.intent_de.on_encoder --encoder FOLDER --out FOLDER

The result is a `TokenBaselineModel` like the shipped one, only larger; grade on it with the profile `hub`, or with
`--profile FOLDER`. Sentences are the project's own; half of each copy's words are missing, so that the model knows what
attribution will ask.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from course.intent_classifier import MAX_LENGTH, TokenBaselineConfig, TokenBaselineModel, encode
from torch import nn
from transformers import AutoTokenizer, BertModel
from transformers.utils import logging

from autograder.course.hub import fetch_snapshot, find_snapshot
from autograder.errors import AssignmentError
from training.intent_de import PROJECT
from training.intent_de.evaluate import evaluate
from training.intent_de.fit import with_words_removed
from training.intent_de.recipes import splits

MULTILINGUAL = ("google-bert/bert-base-multilingual-cased", "3f076fdb1ab68d5b2880cb87a0886f315b8146f8")
"""The course's encoder, and the commit that is meant."""

FOLDER = PROJECT / "student_template" / "models" / "intent-de-multilingual"
SENTENCES = 1200
STEPS = 1500
SEED = 7


def model_on(encoder: BertModel) -> TokenBaselineModel:
    """Return a classifier with this encoder and a head of fresh weights.

    Args:
        encoder: With the settings that `TokenBaselineConfig` does not state at their usual values.

    Raises:
        ValueError: If it has others: its outputs would change.
    """
    config = encoder.config
    usual = {"hidden_act": "gelu", "layer_norm_eps": 1e-12, "type_vocab_size": 2}
    for name, value in usual.items():
        if getattr(config, name) != value:
            raise ValueError(f"The encoder has {name} {getattr(config, name)!r}; only {value!r} can be used.")
    model = TokenBaselineModel(
        TokenBaselineConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            num_hidden_layers=config.num_hidden_layers,
            num_attention_heads=config.num_attention_heads,
            intermediate_size=config.intermediate_size,
            max_position_embeddings=config.max_position_embeddings,
            pad_token_id=config.pad_token_id,
        )
    )
    model.embedding_model.load_state_dict(
        {name: value for name, value in encoder.state_dict().items() if not name.startswith("pooler.")}
    )
    return model.eval()


def sentence_vectors(model: TokenBaselineModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return what the head sees of each sentence, shape (sentence, hidden)."""
    rows = []
    with torch.no_grad():
        for ids, mask in zip(batch["input_ids"].split(64), batch["attention_mask"].split(64), strict=True):
            output = model.embedding_model(input_ids=ids, attention_mask=mask)
            rows.append(output.last_hidden_state.mean(dim=1))
    return torch.cat(rows)


def fit_head(model: TokenBaselineModel, vectors: torch.Tensor, labels: torch.Tensor) -> None:
    """Train the two linear layers on vectors (sentence, hidden) and one-hot labels (sentence, label)."""
    head = nn.ModuleList([model.classifier_in, model.classifier_out])
    optimizer = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, STEPS)
    for _ in range(STEPS):
        rows = torch.randint(len(vectors), (128,))
        logits = model.classifier_out(torch.relu(model.classifier_in(vectors[rows])))
        loss = nn.functional.cross_entropy(logits, labels[rows], label_smoothing=0.02)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def build(encoder: Path, out: Path, sentences: int = SENTENCES) -> float:
    """Make the classifier and write it; return its accuracy on held-out sentences of the project.

    Args:
        encoder: Folder of a BERT encoder with its tokenizer.
        out: Where model and tokenizer go.
        sentences: How many the head is trained on.
    """
    torch.manual_seed(SEED)
    tokenizer: Any = AutoTokenizer.from_pretrained(encoder, local_files_only=True)
    model = model_on(BertModel.from_pretrained(encoder, local_files_only=True, dtype=torch.float32).eval())
    train, held_out = splits()
    chosen = [train[place] for place in torch.randperm(len(train))[:sentences].tolist()]
    whole = encode([each.text for each in chosen], [each.intent for each in chosen], tokenizer)
    thinned = with_words_removed(whole, tokenizer)
    vectors = torch.cat([sentence_vectors(model, whole), sentence_vectors(model, thinned)])
    fit_head(model, vectors, torch.cat([whole["labels"], thinned["labels"]]))
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    test = held_out[:400]
    found = evaluate(model, tokenizer, [each.text for each in test], [each.intent for each in test])
    return found.accuracy


def _multilingual() -> Path:
    """Return the course's encoder, fetched from the hub if this machine has it not."""
    try:
        return find_snapshot(*MULTILINGUAL)
    except AssignmentError:
        return fetch_snapshot(*MULTILINGUAL)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Put the intent classifier's head on a BERT encoder.")
    parser.add_argument("--encoder", type=Path, help="folder of the encoder; default: multilingual BERT")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the classifier goes")
    parser.add_argument("--sentences", type=int, default=SENTENCES, help="how many the head is trained on")
    options = parser.parse_args(arguments)
    logging.disable_progress_bar()
    try:
        encoder = options.encoder or _multilingual()
    except AssignmentError as error:
        print(error, file=sys.stderr)
        return 1
    accuracy = build(encoder, options.out, options.sentences)
    print(f"{options.out}: accuracy {accuracy:.3f} on held-out sentences of up to {MAX_LENGTH} tokens")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
