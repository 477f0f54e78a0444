"""What a runner is given to do, and the events that it yields until all is done or failed.."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from vbdata.jobs.context import JobContext
from vbdata.jobs.job import ShardReport, ShardSpec


@dataclass(frozen=True, slots=True)
class Done:
    """A shard is finished and its receipt is written."""

    report: ShardReport


@dataclass(frozen=True, slots=True)
class Retried:
    """An attempt at a shard failed; there will be another."""

    shard: int
    cause: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """No worker is there yet; the cluster may have to start a node."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A shard is given up."""

    shard: int
    cause: str


@dataclass(frozen=True, slots=True)
class Workers:
    """How many workers are there now; said when that has changed."""

    alive: int


Event = Done | Retried | Failed | Waiting | Workers
Events = Generator[Event, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """What a runner is to do: shards by number, what their jobs share, and the spec of each.

    record: the place of an entry, by source and id (vbdata.jobs.specs).
    """

    numbers: Sequence[int]
    context: JobContext
    spec: Callable[[int], ShardSpec]
    record: Callable[[str, str], int]
