"""Heartbeats from inside a shard: which row is in work, told to whoever listens on this thread.

The runner hears in them that a worker gets on, however slow the shard, and which record was in
work when a process died.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from vbdata.jobs.job import Row

Listener = Callable[[Row, str], None]  # is called with a row and the stage that begins


def _ignore(row: Row, stage: str) -> None:
    """The listener where nobody has set one."""


_LISTENER: ContextVar[Listener] = ContextVar("listener", default=_ignore)


def beat(row: Row, stage: str) -> None:
    """Tell the listener that a stage of a row begins."""
    _LISTENER.get()(row, stage)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Inside, every beat of this thread goes to the listener; other threads are not heard."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
