# Two mistakes: the first line of the few-shot prompt stays without examples, and a group's score is divided among its members.

# %% like="Ada Novák"

# %% task="ablate_groups"
def ablate_groups(model, tokenizer, template, values, baselines, mask, target):
    inp = TextTemplateInput(template, values=values, baselines=baselines, mask=mask)
    llm_attr = LLMAttribution(FeatureAblation(model), tokenizer)
    scores = llm_attr.attribute(inp, target=target, use_cached_outputs=False).seq_attr
    return scores / torch.tensor([mask.count(g) for g in mask])


# %% task="attribute_examples"
def attribute_examples(model, tokenizer, examples, review, target):
    def template(*lines):
        kept = [line for line in lines if line]
        return "\n".join(["Reviews and their labels:", *kept, f"Review: {review} Label:"])

    inp = TextTemplateInput(template, values=list(examples))
    llm_attr = LLMAttribution(ShapleyValues(model), tokenizer)
    return llm_attr.attribute(inp, target=target, forward_in_tokens=False).seq_attr
