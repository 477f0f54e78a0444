"""Signs of life from inside a shard: which row is in work, for whoever watches over this thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from vbdata.jobs.job import Row

Listener = Callable[[Row, str], None]  # told of a row and the stage that begins


def _deaf(row: Row, stage: str) -> None:
    """Nobody listens."""


_LISTENER: ContextVar[Listener] = ContextVar("listener", default=_deaf)


def step(row: Row, stage: str) -> None:
    """Say that a stage of a row begins."""
    _LISTENER.get()(row, stage)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within, and in this thread only, every step is told to the listener."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
