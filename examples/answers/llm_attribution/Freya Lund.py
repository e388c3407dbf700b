# One mistake: the BOS is ablated and has a column.

# %% like="Ada Novák"

# %% task="ablate_tokens"
from captum.attr import FeatureAblation, LLMAttribution, TextTokenInput


def ablate_tokens(model, tokenizer, prompt, target):
    inp = TextTokenInput(prompt, tokenizer)
    llm_attr = LLMAttribution(FeatureAblation(model), tokenizer)
    return llm_attr.attribute(inp, target=target, use_cached_outputs=False).token_attr
