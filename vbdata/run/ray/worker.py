"""The Ray actor that builds shards, one at a time, and tells meanwhile how far it has got."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import ray

from vbdata import plugins
from vbdata.core import compiled
from vbdata.errors import BuildError
from vbdata.jobs.context import JobContext
from vbdata.jobs.job import Row, RowId, ShardReport, ShardSpec, row_text
from vbdata.machine.process import check_device, one_thread, without_pandas
from vbdata.machine.scratch import own_scratch
from vbdata.run.attempt import build_or_blame
from vbdata.run.guarded import build_guarded
from vbdata.shard import heartbeat
from vbdata.storage.folder import Folder

THREADS = 2  # concurrent calls: `build`, and `heartbeats` meanwhile


class Heartbeats(NamedTuple):
    """steps: heartbeats from the shard in work so far; last: record and stage of the last one."""

    steps: int
    last: str


class Ready(NamedTuple):
    """What a worker is when its constructor has run.

    node: the id of its node; host: that node's address; slow: why it lacks the compiled loops.
    """

    node: str
    host: str
    slow: str


class Worker:
    """Builds shards, one call of `build` at a time; `heartbeats` may be called meanwhile.

    out: URL of the output folder; device: to render on; context: what the jobs share. Plug-ins are
    loaded by the constructor rather than in the first shard; one that fails will say so in its
    shards. Raises BuildError if the device cannot be used, or if this worker has other code, or
    other entries, than the driver.
    """

    def __init__(self, out: str, device: str, context: JobContext) -> None:
        own_scratch()
        one_thread()
        if plugins.ours(context.plugins):
            without_pandas()
        check_device(device)
        self._slow = compiled.missing()
        context.ready()
        context.warm()
        self._out, self._device, self._context = Folder(out), device, context
        self._heartbeats = Heartbeats(0, "")
        gc.freeze()  # what is loaded by now stays: garbage is looked for in what comes

    def ready(self) -> Ready:
        """Where this worker runs. An answer means that the constructor has run."""
        node = ray.get_runtime_context().get_node_id()
        host = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        return Ready(str(node), str(host), self._slow)

    def build(self, spec: ShardSpec, guarded: bool) -> ShardReport | str:
        """Build one shard: its report, or a text that says which fault of a plug-in ended it.

        guarded: build it in a child process, whose death this one survives. Raises OSError if the
        machine or a store is at fault.
        """
        one_thread()  # of this thread, in which all rendering is done
        with self._listening():
            try:
                job = self._context.checked(spec)
            except BuildError as err:
                return str(err)
            if guarded:
                made = build_guarded(job, self._out, self._device, self._note)
            else:
                made = build_or_blame(job, self._out, self._device)
            return made if isinstance(made, str) else ShardReport.of(made)

    def heartbeats(self) -> Heartbeats:
        """How far the shard in work has got."""
        return self._heartbeats

    @contextmanager
    def _listening(self) -> Iterator[None]:
        self._heartbeats = Heartbeats(0, "the start")
        with heartbeat.listening(self._step):
            yield

    def _step(self, row: Row, stage: str) -> None:
        self._note(row.row_id, stage)

    def _note(self, row_id: RowId, stage: str) -> None:
        last = f"{row_text(row_id)} ({stage})"
        self._heartbeats = Heartbeats(self._heartbeats.steps + 1, last)
