"""The reverse direction of a task: the drawn picture is the input, the photograph the target.

A task's samples the other way round have a name of their own, TASK-reversed. So they are a cell of
the mixture, with an exact share in every shard, and whatever counts, plans, scores or shows samples
by task tells them apart. What they ask for is a caption of the photograph, or that of which the
input is a picture. Their params are the task's, by which the input decodes, and `reversed`, the
words that the instruction must say.
"""

from __future__ import annotations

from typing import Final

from vbdata.core.english import sentence
from vbdata.core.prompts import prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry

SUFFIX: Final = "-reversed"
SAID: Final = "reversed"  # in the params: what the instruction says
WORDS: Final = "reversed"  # the template file of all tasks the other way round


def reversed_name(task: str) -> str:
    """The name of a task's samples the other way round."""
    return f"{task}{SUFFIX}"


def forward_name(task: str) -> str:
    """The task whose picture is drawn: of TASK-reversed it is TASK, any other is its own."""
    return task.removesuffix(SUFFIX)


def is_reversed(task: str) -> bool:
    """Whether a task's samples have the drawn picture as their input."""
    return task.endswith(SUFFIX)


def words_of(task: str) -> str:
    """The name of the template file by which a task is asked."""
    return WORDS if is_reversed(task) else task


def reversed_ask(ask: Ask, entry: Entry, rng: Stream, picture: str) -> Ask:
    """What is asked the other way round: one of the entry's captions, else for its photograph.

    ask: the task's own, by whose params the input is drawn; picture: what that is, in words that
    follow an article.
    """
    said = sentence(rng.choice(entry.captions)) if entry.captions else ""
    text = said or prompt(WORDS, rng, picture=picture)
    return Ask(instruction=text, params={**ask.params, SAID: said or picture})
