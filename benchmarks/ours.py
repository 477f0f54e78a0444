"""Contender: vbdata itself, by `vbdata.engine.build`, on Ray or (--local) in this process."""

from __future__ import annotations

import argparse
import atexit
import gc
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.inputs import counts

RECIPE = """
name: bench
seed: 7
samples: {samples}
shard_size: {shard_size}
tasks: {{depth: {{other_palettes: 0}}, semantic: {{absent: 0, subset: 0}}}}
sources:
"""
SOURCES = {
    "coco": "{{dataset: coco, root: {root}, tasks: {{semantic: {count}}}}}",
    "vkitti2": "{{dataset: vkitti2, root: {root}, camera: left, tasks: {{depth: {count}}}}}",
    "hypersim": "{{dataset: hypersim, root: {root}, image: preview, tasks: {{normals: {count}}}}}",
    "photos": "{{dataset: captioned, layout: tars, root: {root}, tasks: {{generate: {count}}}}}",
}


def recipe(inputs: Path, samples: int, mixture: str, shard_size: int) -> str:
    """The recipe over the inputs of a folder, each record once."""
    lines = [RECIPE.format(samples=samples, shard_size=shard_size)]
    for name, count in counts(samples, mixture).items():
        lines.append(f"  {name}: {SOURCES[name].format(root=inputs / name, count=count)}\n")
    return "".join(lines)


def main() -> None:
    """Build the inputs of a folder into another with N workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--shard-size", type=int, required=True)
    parser.add_argument("--samples", type=int, required=True)
    parser.add_argument("--mixture", default="labels")
    parser.add_argument("--local", action="store_true")
    parser.add_argument("--device", default="cpu", help="that renders")
    given = parser.parse_args()

    from vbdata.engine.build import build
    from vbdata.machine.process import without_pandas
    from vbdata.recipe.recipe import load_recipe
    from vbdata.run.how import How
    from vbdata.storage.folder import Folder

    atexit.register(gc.freeze)  # this and the next line: as the command `vbdata build`
    without_pandas()
    with TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "bench.yaml"
        inputs = given.inputs.absolute()
        path.write_text(recipe(inputs, given.samples, given.mixture, given.shard_size))
        ray = None if given.local else "local"
        how = How(workers=given.workers, ray=ray, device=given.device)
        manifest = build(load_recipe(path), Folder(str(given.out.absolute())), how)
    assert manifest["samples"] == given.samples, manifest["samples"]
    # as of the other contenders: the last byte written, not Ray's end
    written = time.time() - (given.out / "SHA256SUMS").stat().st_mtime
    print(json.dumps({"end": time.monotonic() - written}), flush=True)


if __name__ == "__main__":
    main()
