"""What a planned row is asked: its prompt, and the params of the decoder."""

from __future__ import annotations

from vbdata import plugins
from vbdata.core.curriculum import PROMPTS, asked_with, options_of, turns_of
from vbdata.core.prompts import in_words_of
from vbdata.core.reversal import forward_name
from vbdata.core.rng import Stream
from vbdata.core.types import Ask
from vbdata.jobs.job import Job, Row


def ask_for(row: Row, job: Job) -> Ask:
    """The prompt of a planned row, and its params. Raises BadSample if nothing can be asked.

    Random choices are keyed by seed, source, task, record and pass, not by the slot: a row gets the
    same prompt wherever it stands. In an enumerated build they are keyed by seed, task and vote
    alone: all records are asked in the same words and colours.
    """
    options, vocabulary = asked_with(job.options, row.task), job.vocabulary[row.source]
    words = options_of(job.options, row.task).get(PROMPTS, "")
    with in_words_of(forward_name(row.task), words):
        if job.votes:
            place = job.place(row)
            rng = Stream(job.seed, "query", row.task, place[1])
            return plugins.ask_query(row.task, row.entry, place, rng, vocabulary, options)
        task = plugins.task(row.task)
        draw, turn = divmod(row.pass_, turns_of(job.options, row.task))
        names = (*row.cell, row.entry.id, draw)
        ask: Ask = task.ask(
            row.entry, Stream(job.seed, "ask", *names), vocabulary=vocabulary, **options
        )
        if turn:
            rng = Stream(job.seed, "permuted", *names)
            ask = task.permuted(ask.params, rng, turn + 1)[turn]
    return ask
