"""The German intent classifier: which of 18 things does a sentence to a voice assistant ask for?

A small BERT encoder reads the sentence, the mean over all token positions stands for it, and two linear
layers with a ReLU between them give one logit for each intent. The intents and the names of the slots are
those of xSID (van der Goot et al. 2021, "From Masked Language Modeling to Translation: Non-English Auxiliary
Tasks Improve Zero-shot Spoken Language Understanding").

    tokenizer = AutoTokenizer.from_pretrained("models/intent-de")
    model = TokenBaselineModel.from_pretrained("models/intent-de").eval()
    batch = encode(["Stell einen Wecker auf sieben Uhr ."], ["alarm/set_alarm"], tokenizer)
    logits = model(batch)                       # (1, 18)
    INTENTS[logits.argmax(dim=-1)[0]]           # "alarm/set_alarm"
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, BertConfig, BertModel, PreTrainedConfig, PreTrainedModel

INTENTS: tuple[str, ...] = (
    "AddToPlaylist",
    "BookRestaurant",
    "PlayMusic",
    "RateBook",
    "SearchCreativeWork",
    "SearchScreeningEvent",
    "alarm/cancel_alarm",
    "alarm/modify_alarm",
    "alarm/set_alarm",
    "alarm/show_alarms",
    "alarm/snooze_alarm",
    "alarm/time_left_on_alarm",
    "reminder/cancel_reminder",
    "reminder/set_reminder",
    "reminder/show_reminders",
    "weather/checkSunrise",
    "weather/checkSunset",
    "weather/find",
)
"""The labels; an intent's place here is its column in the logits."""

MAX_LENGTH = 64
"""Every sentence is padded or cut to this many tokens, [CLS] and [SEP] included."""


class TokenBaselineConfig(PreTrainedConfig):
    """Sizes of a `TokenBaselineModel`.

    Attributes:
        vocab_size: Number of word pieces.
        hidden_size: Width of the encoder.
        num_hidden_layers: Layers of the encoder.
        num_attention_heads: Attention heads of each layer.
        intermediate_size: Width inside each layer's feed-forward part.
        max_position_embeddings: Longest input, in tokens.
        classifier_size: Width of the classifier's hidden layer.
        dropout: Share of values set to zero during training, everywhere; nothing in eval mode.
    """

    model_type = "token_baseline"

    def __init__(
        self,
        vocab_size: int = 3000,
        hidden_size: int = 96,
        num_hidden_layers: int = 2,
        num_attention_heads: int = 4,
        intermediate_size: int = 192,
        max_position_embeddings: int = MAX_LENGTH,
        classifier_size: int = 256,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("id2label", dict(enumerate(INTENTS)))
        kwargs.setdefault("label2id", {intent: column for column, intent in enumerate(INTENTS)})
        kwargs.setdefault("pad_token_id", 0)
        super().__init__(**kwargs)
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.max_position_embeddings = max_position_embeddings
        self.classifier_size = classifier_size
        self.dropout = dropout


# AutoTokenizer reads config.json too and would warn of a model type that it does not know.
AutoConfig.register(TokenBaselineConfig.model_type, TokenBaselineConfig, exist_ok=True)


class TokenBaselineModel(PreTrainedModel):
    """BERT encoder, mean over the tokens, two-layer classifier.

    Attributes:
        embedding_model: The encoder, a `BertModel`. Its `embeddings` module adds word, position and type
            embeddings: the layer that token attribution looks at.
        classifier_in: Linear, (batch, hidden) to (batch, 256).
        classifier_out: Linear, (batch, 256) to (batch, label).
    """

    config_class = TokenBaselineConfig
    _supports_sdpa = True

    def __init__(self, config: TokenBaselineConfig) -> None:
        super().__init__(config)
        encoder = BertConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            num_hidden_layers=config.num_hidden_layers,
            num_attention_heads=config.num_attention_heads,
            intermediate_size=config.intermediate_size,
            max_position_embeddings=config.max_position_embeddings,
            hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.dropout,
            type_vocab_size=2,
            pad_token_id=config.pad_token_id,
        )
        # The reader's choice in from_pretrained(attn_implementation=...) reaches the encoder this way.
        encoder._attn_implementation = config._attn_implementation
        self.embedding_model = BertModel(encoder, add_pooling_layer=False)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier_in = nn.Linear(config.hidden_size, config.classifier_size)
        self.classifier_out = nn.Linear(config.classifier_size, config.num_labels)
        self.post_init()

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Score every intent for every sentence.

        The mean runs over all positions, padding included: a padded position has an output of its own, since
        it attends to the real tokens, although no token attends to it.

        Args:
            batch: `input_ids` and `attention_mask`, both integer tensors of shape (batch, token). Other
                entries, `labels` among them, are not used.

        Returns:
            Logits, float, shape (batch, label); columns in the order of `INTENTS`.
        """
        encoded = self.embedding_model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        sentence = encoded.last_hidden_state.mean(dim=1)  # (batch, hidden)
        hidden = torch.relu(self.classifier_in(self.dropout(sentence)))  # (batch, 256)
        return self.classifier_out(self.dropout(hidden))


def encode(texts: Sequence[str], intents: Sequence[str] | None, tokenizer: Any) -> dict[str, torch.Tensor]:
    """Turn sentences into a batch for the model.

    Args:
        texts: One sentence each.
        intents: The sentences' labels, one each, out of `INTENTS`; None leaves `labels` out.
        tokenizer: The model's tokenizer.

    Returns:
        `input_ids` and `attention_mask`, LongTensors (batch, 64): [CLS], pieces, [SEP], then [PAD] with mask
        0; `labels`, one-hot floats (batch, label).

    Raises:
        ValueError: If an intent is none of the 18, or texts and intents differ in number.
    """
    encoded = tokenizer(
        list(texts), padding="max_length", truncation=True, max_length=MAX_LENGTH, return_tensors="pt"
    )
    batch = {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}
    if intents is None:
        return batch
    if len(intents) != len(texts):
        raise ValueError(f"There are {len(texts)} texts, but {len(intents)} intents.")
    unknown = sorted(set(intents) - set(INTENTS))
    if unknown:
        raise ValueError(f"Unknown intent {unknown[0]!r}; the intents are: {', '.join(INTENTS)}.")
    columns = torch.tensor([INTENTS.index(intent) for intent in intents], dtype=torch.long)
    batch["labels"] = nn.functional.one_hot(columns, num_classes=len(INTENTS)).float()
    return batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One labelled sentence of a data file."""

    id: str
    """Names the sentence within its file."""

    text: str
    """The sentence; words and punctuation stand between single blanks."""

    intent: str
    """One of `INTENTS`."""

    slots: tuple[str, ...]
    """One label a word: `B-datetime` begins a slot, `I-datetime` goes on with it, `O` is outside."""


def load_sentences(path: str | Path) -> list[Sentence]:
    """Read a data file: tab-separated, a header line with id, text, intent and slots.

    Args:
        path: For example `data/intents_de_examples.tsv`, or a file of the German xSID extract.

    Returns:
        The sentences in the file's order; columns beyond the four are left out.
    """
    with Path(path).open(encoding="utf-8", newline="") as file:
        # Quotation marks are words of the sentences, not quoting.
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Sentence(id=row["id"], text=row["text"], intent=row["intent"], slots=tuple(row["slots"].split()))
        for row in rows
    ]
