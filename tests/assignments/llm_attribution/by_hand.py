"""A Llama and its attributions from the weights alone: float64 products and plain autograd, no library's module called.

A witness for the reference that shares no code with it: neither transformers' model nor batches, neither the formula of
Shapley's weights nor a rule of integration of another one's.
"""

import itertools
import math

import torch


def rms_norm(x, weight, eps):
    return x / (x.pow(2).mean(dim=-1, keepdim=True) + eps).sqrt() * weight


def turned(x, theta):
    """Turn pairs (i, i + half) of each head's vector by an angle that grows with the position."""
    tokens, half = x.shape[-2], x.shape[-1] // 2
    speeds = theta ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.arange(tokens, dtype=torch.float64)[:, None] * speeds
    first, second = x[..., :half], x[..., half:]
    return torch.cat(
        [
            first * angles.cos() - second * angles.sin(),
            second * angles.cos() + first * angles.sin(),
        ],
        dim=-1,
    )


def weights_of(model):
    return {name: value.detach().double() for name, value in model.state_dict().items()}


def logits(config, weights, embeddings):
    """Return the logits (token, vocab) for embeddings (token, hidden), float64."""
    heads, groups = config.num_attention_heads, config.num_key_value_heads
    eps, theta = config.rms_norm_eps, config.rope_parameters["rope_theta"]
    tokens = len(embeddings)
    future = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
    state = embeddings
    for number in range(config.num_hidden_layers):
        own = {
            name.removeprefix(f"model.layers.{number}."): value
            for name, value in weights.items()
            if name.startswith(f"model.layers.{number}.")
        }
        x = rms_norm(state, own["input_layernorm.weight"], eps)
        query, key, value = (
            (x @ own[f"self_attn.{kind}_proj.weight"].T).view(tokens, count, -1).transpose(0, 1)
            for kind, count in (("q", heads), ("k", groups), ("v", groups))
        )
        query, key = turned(query, theta), turned(key, theta)
        mixed = []
        for head in range(heads):
            group = head * groups // heads
            scores = query[head] @ key[group].T / math.sqrt(query.shape[-1])
            mixed.append(scores.masked_fill(future, float("-inf")).softmax(dim=-1) @ value[group])
        state = state + torch.cat(mixed, dim=-1) @ own["self_attn.o_proj.weight"].T
        x = rms_norm(state, own["post_attention_layernorm.weight"], eps)
        gate, up = x @ own["mlp.gate_proj.weight"].T, x @ own["mlp.up_proj.weight"].T
        state = state + (gate * torch.sigmoid(gate) * up) @ own["mlp.down_proj.weight"].T
    return rms_norm(state, weights["model.norm.weight"], eps) @ weights["model.embed_tokens.weight"].T


class ByHand:
    """A model and its tokenizer, asked without the reference."""

    def __init__(self, loaded):
        self.config, self.tokenizer = loaded.model.config, loaded.tokenizer
        self.weights = weights_of(loaded.model)
        self.embedding = self.weights["model.embed_tokens.weight"]

    def ids(self, prompt):
        """Return a prompt's ids, and how many were put in front of the text."""
        ids = self.tokenizer(prompt)["input_ids"]
        return ids, len(ids) - len(self.tokenizer(prompt, add_special_tokens=False)["input_ids"])

    def ends(self, target):
        return self.tokenizer(target, add_special_tokens=False)["input_ids"]

    def token_scores(self, ids, ends):
        """Return ln p of each token of the target, each in a pass of its own over what comes before it."""
        found = []
        for number, token in enumerate(ends):
            row = torch.tensor([*ids, *ends[:number]])
            found.append(
                logits(self.config, self.weights, self.embedding[row])[-1].log_softmax(dim=-1)[token]
            )
        return torch.stack(found)

    def score(self, prompt, target):
        return float(self.token_scores(self.ids(prompt)[0], self.ends(target)).sum())

    def ablate_tokens(self, prompt, target):
        ids, front = self.ids(prompt)
        ends = self.ends(target)
        full = self.token_scores(ids, ends)
        columns = []
        for place in range(front, len(ids)):
            less = list(ids)
            less[place] = 0
            columns.append(full - self.token_scores(less, ends))
        return torch.stack(columns, dim=1)

    def shapley(self, players, prompt_of, target):
        """Return Shapley values as a mean over all orders, shape (player,); prompt_of takes a set of players."""
        known = {}

        def worth(some):
            if some not in known:
                known[some] = self.score(prompt_of(some), target)
            return known[some]

        orders = list(itertools.permutations(range(players)))
        total = [0.0] * players
        for order in orders:
            there = frozenset()
            for player in order:
                total[player] += worth(there | {player}) - worth(there)
                there |= {player}
        return torch.tensor(total, dtype=torch.float64) / len(orders)

    def integrated_gradients(self, prompt, target, nodes, weights):
        """Return (x - x') times the weighted gradients, summed over hidden: one pass and one gradient a node."""
        ids, front = self.ids(prompt)
        ends = self.ends(target)
        end = self.embedding[torch.tensor([*ids, *ends])]
        start = end.clone()
        start[front : len(ids)] = self.embedding[0]
        total = torch.zeros_like(end)
        for node, weight in zip(nodes, weights, strict=True):
            point = (start + node * (end - start)).requires_grad_()
            scores = logits(self.config, self.weights, point).log_softmax(dim=-1)
            explained = sum(scores[len(ids) - 1 + number, token] for number, token in enumerate(ends))
            explained.backward()
            total += weight * point.grad
        return ((end - start) * total).sum(dim=-1)[front : len(ids)]
