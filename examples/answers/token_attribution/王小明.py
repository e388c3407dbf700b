# Everything right, several path points in one batch, helper functions, cells moved, own names.

# %% [markdown] after="token_attribution-06"
# ## 我的辅助函数

# %% after="token_attribution-06"
import math

import numpy


def gauss_legendre(number):
    """[0, 1] 上的节点和权重"""
    t, w = numpy.polynomial.legendre.leggauss(number)
    return torch.tensor((t + 1) / 2, dtype=torch.float32), torch.tensor(w / 2, dtype=torch.float32)


def is_special(tok):
    return tok[:1] == "[" and tok[-1:] == "]"


class ReplaceOutput:
    """with ReplaceOutput(layer, tensor): layer 的输出换成 tensor"""

    def __init__(self, layer, value):
        self.layer, self.value = layer, value

    def __enter__(self):
        self.handle = self.layer.register_forward_hook(lambda *unused: self.value)

    def __exit__(self, *error):
        self.handle.remove()


# %% move="merge_subtokens check-merge_subtokens" after="check-build_baseline"

# %% after="check-merge_subtokens"
# 再试一下
assert merge_subtokens(["##a", "b", "##c"], [1, 2, 3]) == [("a", 1.0), ("bc", 5.0)]


# %% task="build_baseline"
def build_baseline(input_ids, tokenizer):
    wanted = torch.tensor([tokenizer.cls_token_id, tokenizer.sep_token_id], device=input_ids.device)
    is_frame = torch.isin(input_ids, wanted)
    return is_frame * input_ids + (~is_frame) * tokenizer.pad_token_id


# %% task="compute_feature_attribution_scores"
CHUNK = 300


def compute_feature_attribution_scores(batch, model, tokenizer):
    dev = next(model.parameters()).device
    tok_ids, att = batch["input_ids"].to(dev), batch["attention_mask"].to(dev)
    emb = model.embedding_model.embeddings
    with torch.no_grad():
        out = model(dict(input_ids=tok_ids, attention_mask=att))
        end, start = emb(tok_ids), emb(build_baseline(tok_ids, tokenizer))
    cls = out.argmax(-1)

    ts, ws = (v.to(dev) for v in gauss_legendre(50))
    B, T, H = end.shape
    pairs = [(s, b) for s in range(len(ts)) for b in range(B)]
    grads = torch.zeros_like(end)
    for part in range(math.ceil(len(pairs) / CHUNK)):
        s, b = torch.tensor(pairs[part * CHUNK : (part + 1) * CHUNK], device=dev).T
        pts = torch.lerp(start[b], end[b], ts[s][:, None, None]).requires_grad_()
        with ReplaceOutput(emb, pts):
            y = model(dict(input_ids=tok_ids[b], attention_mask=att[b]))
        (g,) = torch.autograd.grad(y.gather(1, cls[b][:, None]).sum(), pts)
        grads.index_add_(0, b, g * ws[s][:, None, None])
    return torch.einsum("bth,bth->bt", end - start, grads), out


# %% task="token_importance"
def token_importance(attributions, attention_mask):
    result = torch.zeros_like(attributions)
    for row, (a, m) in enumerate(zip(attributions, attention_mask)):
        where = m.nonzero().flatten()
        result[row, where] = a[where].softmax(0)
    return result


# %% task="merge_subtokens"
def merge_subtokens(tokens, scores):
    groups = []
    for tok, sc in zip(tokens, scores):
        if not tok.startswith("##") or not groups or is_special(groups[-1][0][0]):
            groups.append([])
        groups[-1].append((tok.removeprefix("##"), float(sc)))
    return [("".join(t for t, _ in g), sum(s for _, s in g)) for g in groups]


# %% plot="plot-attributions"
def colored_sentence(ax, words, title):
    biggest = max(abs(s) for _, s in words)
    x = 0.0
    for word, s in words:
        color = plt.cm.bwr_r(0.5 + 0.5 * s / biggest)
        ax.text(x, 0.5, word, bbox=dict(facecolor=color, edgecolor="none", pad=3), fontsize=10)
        x += 0.012 * len(word) + 0.03
    ax.set_title(title, loc="left", fontsize=10)
    ax.axis("off")


fig, axs = plt.subplots(3, 1, figsize=(11, 3))
for i, ax in enumerate(axs):
    n = int(example["attention_mask"][i].sum())
    toks = tokenizer.convert_ids_to_tokens(example["input_ids"][i])[:n]
    colored_sentence(
        ax, merge_subtokens(toks, attributions_[i, :n].tolist()), INTENTS[predictions_[i].argmax()]
    )
plt.show()


# %% task="my_attribution"
def my_attribution(batch, model, tokenizer):
    # Shapley 值：随机排列
    ids, att = batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device)
    frame = (ids == tokenizer.cls_token_id) | (ids == tokenizer.sep_token_id)
    scores = torch.zeros(ids.shape, device=ids.device)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        target = model(dict(input_ids=ids, attention_mask=att)).argmax(-1)
        for b in range(len(ids)):
            places = ((att[b] == 1) & ~frame[b]).nonzero().flatten()
            if len(places) == 0:
                continue
            orders = torch.stack([places[torch.randperm(len(places), generator=generator)] for _ in range(3)])
            keep = frame[b].repeat(3, len(places) + 1, 1)
            for p in range(3):
                for k in range(len(places)):
                    keep[p, k + 1 :, orders[p, k]] = True
            rows = keep.reshape(-1, ids.shape[1])
            kept = torch.where(rows, ids[b], tokenizer.pad_token_id)
            value = model(dict(input_ids=kept, attention_mask=rows.long())).log_softmax(-1)[:, target[b]]
            gain = value.reshape(3, -1).diff(dim=1)
            scores[b].index_add_(0, orders.flatten(), gain.flatten() / 3)
    return scores


# %% [markdown] question="question-words"
# 第一句的意图是 set_alarm：“Wecker”和“Stell”的分数最大，因为别的意图里几乎没有这两个词的组合。第三句是
# cancel_alarm：“lösch”最大，“Wecker”第二。时间词（“Sonntag”、“Viertel nach sechs”）的分数接近零，因为闹钟和
# 提醒都有时间。让我意外的是句号：它不是词，但分数不为零。

# %% [markdown] question="question-baseline"
# IG 满足完备性：所有分数之和等于 F(x) - F(x')。如果 [CLS] 和 [SEP] 在基线里不变，它们的分数正好是 0，差值全部分给
# 词。如果它们也换成 [PAD]，它们会分走一部分，而那一部分和句子的内容没有关系。
