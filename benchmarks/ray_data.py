"""Contender: Ray Data, `from_items(records).map(render).write_webdataset(...)` for labels.

Photographs come by `read_webdataset(...)` and go through as bytes by `decoder=None` and
`encoder=None`; with other values every JPEG is decoded and compressed again.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from pathlib import Path
from typing import Any

from benchmarks import peer_render


def main() -> None:
    """Build the inputs of a folder into another with N CPUs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--shard-size", type=int, required=True)
    given = parser.parse_args()

    import ray

    ray.init(
        address="local",
        num_cpus=given.workers,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env={"env_vars": {"PYTHONPATH": os.environ["PYTHONPATH"], "OMP_NUM_THREADS": "1"}},
    )
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    out = str(given.out.absolute())
    given.out.mkdir(parents=True, exist_ok=True)

    def render(record: peer_render.Record) -> dict[str, bytes | str]:
        peer_render.mark_start(out)
        return {"__key__": record["key"]} | peer_render.render(record)

    def passed(sample: dict[str, Any]) -> dict[str, bytes | str]:
        peer_render.mark_start(out)
        members = peer_render.photograph(
            bytes(sample["jpg"]), bytes(sample["txt"]).decode(), json.loads(bytes(sample["json"]))
        )
        return {"__key__": f"photo-{sample['__key__']}"} | members

    if items := peer_render.records(given.inputs):
        blocks = -(-len(items) // given.shard_size)
        dataset = ray.data.from_items(items, override_num_blocks=blocks).map(render)
        dataset.write_webdataset(out, encoder=None)
    if tars := peer_render.tars(given.inputs):
        photos = ray.data.read_webdataset(tars, decoder=None, override_num_blocks=len(tars))
        photos.map(passed).write_webdataset(out, encoder=None)
    print(json.dumps(peer_render.done()), flush=True)
    ray.shutdown()


if __name__ == "__main__":
    main()
