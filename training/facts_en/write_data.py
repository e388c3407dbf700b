"""Write the prompts that go with the fact models.

    python -m training.facts_en.write_data

Students get prompts that the model learnt; the grader's pool holds the wordings and stories that were held out.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

from training.facts_en import PROJECT
from training.facts_en.text import TEXT_SEED, Prompt, fact_prompts, story_prompts

EXAMPLES_FILE = PROJECT / "student_template" / "data" / "facts_en_examples.tsv"
POOL_FILE = PROJECT / "assignments" / "logit_lens" / "data" / "pool.tsv"
EXAMPLES_PER_RELATION = 3
POOL_SIZE = 120


def example_prompts() -> list[Prompt]:
    """Return learnt prompts: the first wording of some facts of each relation, and a few stories."""
    found: dict[str, list[Prompt]] = {}
    for prompt in (*fact_prompts()[0], *story_prompts()[0]):
        known = {one.answer for one in found.setdefault(prompt.relation, [])}
        if prompt.answer not in known and len(known) < EXAMPLES_PER_RELATION:
            found[prompt.relation].append(prompt)
    return [prompt for prompts in found.values() for prompt in prompts]


def pool_prompts() -> list[Prompt]:
    """Return held-out prompts in random order, three facts to a story."""
    rng = random.Random(TEXT_SEED + 2)
    told, stories = fact_prompts()[1], story_prompts()[1]
    return [*rng.sample(told, POOL_SIZE * 3 // 4), *rng.sample(stories, POOL_SIZE // 4)]


def table_of(prompts: Iterable[Prompt]) -> str:
    """Return a tab-separated table: relation, prompt, answer."""
    rows = [f"{prompt.relation}\t{prompt.text}\t{prompt.answer}\n" for prompt in prompts]
    return "relation\tprompt\tanswer\n" + "".join(rows)


def files() -> dict[Path, str]:
    """Return what each file must hold."""
    return {EXAMPLES_FILE: table_of(example_prompts()), POOL_FILE: table_of(pool_prompts())}


def main() -> None:
    """Write the files."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(f"{path}: {text.count(chr(10)) - 1} prompts")


if __name__ == "__main__":
    main()
