# Captum with its defaults: the cached outputs were left on in every function that explains by LLMAttribution.

# %% like="Ada Novák"

# %% task="ablate_tokens"
from captum.attr import FeatureAblation, LLMAttribution, TextTokenInput


def ablate_tokens(model, tokenizer, prompt, target):
    skip = [tokenizer.bos_token_id] if tokenizer(prompt)["input_ids"][0] == tokenizer.bos_token_id else None
    inp = TextTokenInput(prompt, tokenizer, skip_tokens=skip)
    return LLMAttribution(FeatureAblation(model), tokenizer).attribute(inp, target=target).token_attr


# %% task="ablate_template"
from captum.attr import TextTemplateInput


def ablate_template(model, tokenizer, template, values, baselines, target):
    inp = TextTemplateInput(template, values=values, baselines=baselines)
    return LLMAttribution(FeatureAblation(model), tokenizer).attribute(inp, target=target).seq_attr


# %% task="ablate_groups"
def ablate_groups(model, tokenizer, template, values, baselines, mask, target):
    inp = TextTemplateInput(template, values=values, baselines=baselines, mask=mask)
    return LLMAttribution(FeatureAblation(model), tokenizer).attribute(inp, target=target).seq_attr
