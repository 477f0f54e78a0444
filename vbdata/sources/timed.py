"""A root whose answers are timed as the stage "read"."""

from __future__ import annotations

from typing import Any

from vbdata.machine.stages import stage
from vbdata.sources.watched import Question, Watched


class Timed(Watched):
    """A root whose every answer counts for the stage "read", and the bytes that were read."""

    def answer(self, question: Question) -> Any:
        """What the other root answers, timed. Raises BadSample and OSError as that root does."""
        with stage("read") as span:
            answer = super().answer(question)
            if isinstance(answer, bytes):
                span.bytes = len(answer)
            return answer
