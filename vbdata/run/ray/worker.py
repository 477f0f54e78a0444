"""The actor that builds shards: one call at a time on one thread, and a pulse on another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import ray

from vbdata.core import compiled
from vbdata.errors import BuildError
from vbdata.jobs.context import JobContext
from vbdata.jobs.job import Row, RowId, ShardReport, ShardSpec
from vbdata.machine.process import check_device, one_thread
from vbdata.machine.scratch import own_scratch
from vbdata.run.attempt import build_or_blame
from vbdata.run.guarded import build_guarded
from vbdata.shard import heartbeat
from vbdata.storage.folder import Folder

THREADS = 2  # concurrent calls: a build and a pulse


class Pulse(NamedTuple):
    """steps: signs of life from the shard in work so far; at: what the last one was."""

    steps: int
    at: str


class Worker:
    """Builds shards, one call at a time. `pulse` may be called meanwhile.

    jobs: what those that it will be given share; their plug-ins are warmed now, not in the first
    shard, and one that fails says so in its shards. Raises BuildError where the device, or its
    code or files for these jobs, cannot be used.
    """

    def __init__(self, out: str, device: str, context: JobContext) -> None:
        import torch

        own_scratch()
        torch.set_num_threads(1)
        one_thread()
        check_device(device)
        compiled.library()
        context.ready()
        context.warm()
        self._out, self._device, self._context = Folder(out), device, context
        self._pulse = Pulse(0, "")

    def ready(self) -> str:
        """The id of this worker's node, once the constructor has run."""
        return str(ray.get_runtime_context().get_node_id())

    def build(self, spec: ShardSpec, guarded: bool) -> ShardReport | str:
        """Build one shard, or say which fault of a plug-in ended it.

        guarded: in a child process, whose death this one survives.
        """
        import torch

        torch.set_num_threads(1)  # of this thread, in which all rendering is done
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

    def pulse(self) -> Pulse:
        """How far the shard in work has got. No answer is one, too."""
        return self._pulse

    @contextmanager
    def _listening(self) -> Iterator[None]:
        self._pulse = Pulse(0, "the start")
        with heartbeat.listening(self._step):
            yield

    def _step(self, row: Row, stage: str) -> None:
        self._note(row.row_id, stage)

    def _note(self, row_id: RowId, stage: str) -> None:
        source, task, record, _ = row_id
        at = f"{source} / {task}, record {record!r} ({stage})"
        self._pulse = Pulse(self._pulse.steps + 1, at)
