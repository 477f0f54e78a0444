"""GenAI-Bench: genai_image.json with folders of the models' pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..genai_bench import MODELS, PROMPTS
from .parts.places import OFFICIAL, below, counted, first, joined, name, others, parent

RANK = OFFICIAL
PROMPT = re.compile(rb'"prompt" *:')


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The prompts, with the pictures of a model where some are there."""
    paths = glimpse.paths
    for notes in [path for path in paths if name(path) == PROMPTS]:
        root = parent(notes)
        own = {model: below(paths, joined(root, model)) for model in MODELS if model}
        there = [model for model, files in own.items() if files]
        model = first(own, there)
        count = len(PROMPT.findall(glimpse.head(notes, 1 << 24)))
        skills = {joined(root, "genai_skills.json")} & set(paths)
        yield Found(
            root=root,
            about=f"GenAI-Bench: {counted(count, 'prompt')}, pictures of {model or 'no model'}",
            count=count,
            labels=("captions",),
            options={"model": model},
            notes=others("model", model, there),
            files=frozenset({notes, *skills, *(path for files in own.values() for path in files)}),
        )
