"""A run's numbers for Prometheus, exported by Ray, so that Ray's dashboard shows them as well.

The driver counts the runner's events; workers do nothing for it. Ray puts `ray_` before each name,
and `_total` after a counter's:

vbdata_samples, vbdata_bytes          by source and task; bytes of the tar
vbdata_quarantined                    records by source, task and reason
vbdata_shards, vbdata_retries, vbdata_failed
vbdata_stage_seconds                  by source, task and stage (vbdata.machine.stages), of threads
vbdata_shard_seconds                  a histogram (Ray estimates its sum from the buckets)
vbdata_workers                        how many there are now
"""

from __future__ import annotations

from contextlib import closing

from ray.util.metrics import Counter, Gauge, Histogram

from vbdata.jobs.job import ShardReport
from vbdata.run.events import Done, Event, Events, Failed, Retried, Workers

CELL = ("source", "task")
BUCKETS_S = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0]


def counted(events: Events) -> Events:
    """Pass the events on, counting each for Prometheus. The number of workers is 0 afterwards."""
    metrics = _Metrics()
    try:
        with closing(events):
            for event in events:
                metrics.add(event)
                yield event
    finally:
        metrics.workers.set(0)


class _Metrics:
    """The metrics that Ray exports from this process, by the names above."""

    def __init__(self) -> None:
        self.samples = Counter("vbdata_samples", "Samples written.", CELL)
        self.bytes = Counter("vbdata_bytes", "Bytes written to shards.", CELL)
        self.quarantined = Counter("vbdata_quarantined", "Damaged records.", (*CELL, "reason"))
        self.shards = Counter("vbdata_shards", "Shards finished.")
        self.retries = Counter("vbdata_retries", "Attempts at a shard that failed.")
        self.failed = Counter("vbdata_failed", "Shards given up.")
        self.stages = Counter("vbdata_stage_seconds", "Thread seconds.", (*CELL, "stage"))
        self.seconds = Histogram("vbdata_shard_seconds", "Seconds a shard.", boundaries=BUCKETS_S)
        self.workers = Gauge("vbdata_workers", "Workers alive.")

    def add(self, event: Event) -> None:
        """Count an event of the run."""
        match event:
            case Done(report):
                self._add_shard(report)
            case Retried():
                self.retries.inc()
            case Failed():
                self.failed.inc()
            case Workers(alive):
                self.workers.set(alive)

    def _add_shard(self, report: ShardReport) -> None:
        self.shards.inc()
        for cell, count in report.samples.items():
            self.samples.inc(count, dict(zip(CELL, cell, strict=True)))
        for line in report.quarantine:
            self.quarantined.inc(1, {name: line[name] for name in (*CELL, "reason")})
        if report.spent is None:
            return
        self.seconds.observe(report.spent.seconds)
        for time in report.spent.stages:
            tags = {"source": time.source, "task": time.task}
            if time.seconds > 0:
                self.stages.inc(time.seconds, tags | {"stage": time.stage})
            if time.stage == "tar" and time.source and time.bytes:
                self.bytes.inc(time.bytes, tags)
