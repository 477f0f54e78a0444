"""Contender: a multiprocessing pool whose processes each fill a webdataset.ShardWriter."""

from __future__ import annotations

import argparse
import json
import multiprocessing
from pathlib import Path

import webdataset

from benchmarks import peer_render


def write(
    out: str, worker: int, shard_size: int, items: list[peer_render.Record], tars: list[str]
) -> None:
    """Render a worker's records into shards of its own, and copy its photographs."""
    peer_render.mark_start(out)
    pattern = f"{out}/{worker:02d}-%05d.tar"
    with webdataset.ShardWriter(pattern, maxcount=shard_size, verbose=0) as sink:
        for record in items:
            sink.write({"__key__": record["key"]} | peer_render.render(record))
        for sample in webdataset.WebDataset(tars, shardshuffle=False) if tars else ():
            jpg, caption, facts = (sample[name] for name in ("jpg", "txt", "json"))
            members = peer_render.photograph(jpg, caption.decode(), json.loads(facts))
            sink.write({"__key__": f"photo-{sample['__key__']}"} | members)


def main() -> None:
    """Build the inputs of a folder into another with N processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--shard-size", type=int, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    items, tars = peer_render.records(given.inputs), peer_render.tars(given.inputs)
    n = given.workers
    shares = [(str(given.out), k, given.shard_size, items[k::n], tars[k::n]) for k in range(n)]
    with multiprocessing.Pool(given.workers) as pool:
        pool.starmap(write, shares, chunksize=1)
    print(json.dumps(peer_render.done()), flush=True)


if __name__ == "__main__":
    main()
