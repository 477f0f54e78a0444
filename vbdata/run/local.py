"""The runner without Ray: it builds one shard after the other in this process."""

from __future__ import annotations

from collections.abc import Iterator

from vbdata.core import compiled
from vbdata.jobs.job import Job, ShardReport
from vbdata.machine.process import one_thread, settled
from vbdata.run.attempt import build_or_blame, cause
from vbdata.run.attempts import Attempts
from vbdata.run.events import Done, Event, Events, Failed, Retried, Started, Todo
from vbdata.run.guarded import build_guarded
from vbdata.run.poison import InWork, PoisonRecords
from vbdata.storage.folder import Folder


def run_local(todo: Todo, out: Folder, device: str = "cpu") -> Events:
    """Build the shards of a Todo one after the other in this process. device: to render on.

    A poison record ends this process and with it the run. The next run finds a note of the job that
    was in work, and builds that shard in a child, which leaves the record out.
    """
    one_thread()
    if todo.numbers:
        yield Started(slow=compiled.missing())
        todo.context.warm()
    note, poison = InWork(out), PoisonRecords(todo.record)
    with settled():
        for number in todo.numbers:
            spec = todo.spec(number)
            with note.noted(spec.digest):
                guarded = spec.digest == note.left or poison.may_hold(spec)
                for event in _attempts(todo.context.checked(spec), out, device, guarded=guarded):
                    if isinstance(event, Done):
                        poison.learn(event.report)
                    yield event


def _attempts(job: Job, out: Folder, device: str, *, guarded: bool) -> Iterator[Event]:
    """Build a shard, in a child if it is guarded, until it is done or given up."""
    attempts, number, again = Attempts(), job.shard, True
    while again:
        try:
            made = (
                build_guarded(job, out, device, lambda *_: None)
                if guarded
                else build_or_blame(job, out, device)
            )
        except OSError as err:
            again = attempts.failed(number, err)
            yield Retried(number, cause(err)) if again else Failed(number, cause(err))
        else:
            yield Failed(number, made) if isinstance(made, str) else Done(ShardReport.of(made))
            return
