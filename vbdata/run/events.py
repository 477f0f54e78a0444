"""What a runner is given to do, and the events that it yields until every shard is Done or Failed.

A runner is a function from a Todo to Events. All runners yield the same kinds of events, so whoever
follows a build need not know where it runs.
"""

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
    """An attempt at a shard failed, and there will be another. cause: in one line."""

    shard: int
    cause: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """No worker has started after so many seconds; the cluster may have to start a node."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Connecting:
    """A cluster is being started or connected to. address: "local" for one of this build's own."""

    address: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A shard is given up, and the build fails when the others are done. cause: in one line."""

    shard: int
    cause: str


@dataclass(frozen=True, slots=True)
class Workers:
    """The number of workers has changed. alive: how many there are now."""

    alive: int


@dataclass(frozen=True, slots=True)
class Started:
    """A worker has started.

    slow: why it lacks the compiled loops (vbdata.core.compiled), in one line; "" if it has them;
    host: the address of its machine, "" for this process.
    """

    slow: str = ""
    host: str = ""


Event = Done | Retried | Failed | Waiting | Workers | Started | Connecting
Events = Generator[Event, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """What a runner is to do.

    numbers: of the shards; context: what their jobs share; spec: the shard spec by number;
    record: the place of an entry by source and id, as ShardSpec.record has it.
    """

    numbers: Sequence[int]
    context: JobContext
    spec: Callable[[int], ShardSpec]
    record: Callable[[str, str], int]
