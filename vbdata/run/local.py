"""Run jobs in this process; and what every runner tells its caller.

A runner takes what is to do and yields events. It ends when each shard has been reported as Done
or Failed.
"""

from __future__ import annotations

from collections.abc import Iterator

from vbdata.jobs.job import Job, ShardReport
from vbdata.machine.process import one_thread
from vbdata.run.attempt import build_or_blame, cause
from vbdata.run.attempts import Attempts
from vbdata.run.events import Done, Event, Events, Failed, Retried, Todo
from vbdata.run.guarded import build_guarded
from vbdata.run.poison import InWork, PoisonRecords
from vbdata.storage.folder import Folder


def run_local(todo: Todo, out: Folder, device: str = "cpu") -> Events:
    """Build shards one after the other in this process.

    A record that ends the process ends the run; the next run builds that shard in a child.
    """
    one_thread()
    if todo.numbers:
        todo.context.warm()
    note, poison = InWork(out), PoisonRecords(todo.record)
    for number in todo.numbers:
        spec = todo.spec(number)
        with note.noted(spec.digest):
            guarded = spec.digest == note.left or poison.may_hold(spec)
            for event in _attempts(todo.context.checked(spec), out, device, guarded=guarded):
                if isinstance(event, Done):
                    poison.learn(event.report)
                yield event


def _attempts(job: Job, out: Folder, device: str, *, guarded: bool) -> Iterator[Event]:
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
