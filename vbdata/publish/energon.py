""".nv-meta/ and metadataset.yaml: the folder as a dataset of Megatron-Energon.

    .info.json         samples of each shard, in order     split.yaml     shards of each part
    dataset.yaml       InterleavedSample: [input, instruction, target], by sample_loader.py
    crude.yaml         all members and the json of a sample, for cookers of a user's own
    metadataset.yaml   a blend of this folder alone, as a start for blends of several

`energon lint` reads the parts train, val and test, so all three are listed, and all but the build's
own are empty. Images are decoded to uint8[3, H, W], since their colours are the label. The offsets
of samples stand in the .tar.idx beside each tar. There is no index.sqlite, which only random access
by key would need.
Source: flavors/webdataset/{metadata,structs,standard_webdataset}.py of megatron-energon 7.4.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from vbdata.manifest.json_text import Pairs
from vbdata.publish.facts import braces, inputs, json_text, references, targets

VERSION = "7.4.1"  # the release of energon whose layout this is
PARTS = ("train", "val", "test")
UINT8 = {
    "__module__": "megatron.energon",
    "__class__": "SampleDecoder",
    "image_decode": "torchrgb8",
}

LOADER = '''"""A sample as images and text in turn: the input, the instruction, the answer."""


def sample_loader(raw):
    """Called by energon with the decoded members of a sample."""
    target = next(raw[name] for name in {targets} if name in raw)
    return {{"sequence": [{input}, raw["instruction.txt"], target]}}
'''
WITH_REFERENCES = '''"""A sample as images and text in turn: the input, the instruction, the answer.

Further pictures of the question stand behind the input.
"""


def sample_loader(raw):
    """Called by energon with the decoded members of a sample."""
    target = next(raw[name] for name in {targets} if name in raw)
    more = [raw[name] for name in {references} if name in raw]
    return {{"sequence": [{input}, *more, raw["instruction.txt"], target]}}
'''


def files(manifest: Mapping[str, Any]) -> dict[str, Iterable[bytes]]:
    """The files for Megatron-Energon: their pieces, by path."""
    given, split = inputs(manifest), manifest["split"]
    shards = manifest["shards"]
    counts = Pairs(lambda: ((shard["tar"], shard["samples"]) for shard in shards))
    info = {"energon_version": VERSION, "shard_counts": counts}
    parts: dict[str, list[str]] = {part: [] for part in PARTS} | {split: [braces(manifest)]}
    typed = {
        "sample_type": {"__module__": "megatron.energon", "__class__": "InterleavedSample"},
        "decoder": UINT8,
        "sample_loader": "sample_loader.py:sample_loader",
        "part_filter": [*given, "instruction.txt", *targets(manifest), *references(manifest)],
    }
    crude = {
        "__module__": "megatron.energon",
        "__class__": "CrudeWebdataset",
        "decoder": UINT8,
    }
    more = references(manifest)
    text = WITH_REFERENCES if more else LOADER
    loader = text.format(
        input=_input(given), targets=json.dumps(targets(manifest)), references=json.dumps(more)
    )
    blend = {
        "__module__": "megatron.energon",
        "__class__": "MetadatasetV2",
        "splits": {split: {"path": ".", "split_part": split}},
    }
    return {
        ".nv-meta/.info.json": json_text(info),
        ".nv-meta/split.yaml": _yaml({"split_parts": parts, "exclude": []}),
        ".nv-meta/dataset.yaml": _yaml(typed),
        ".nv-meta/crude.yaml": _yaml(crude),
        ".nv-meta/sample_loader.py": [loader.encode()],
        "metadataset.yaml": _yaml(blend),
    }


def _input(given: list[str]) -> str:
    """The expression for a sample's input. given: the extensions that inputs have."""
    if len(given) == 1:
        return f"raw[{json.dumps(given[0])}]"
    return f"next(raw[name] for name in {json.dumps(given)} if name in raw)"


def _yaml(value: Any) -> list[bytes]:
    return [yaml.safe_dump(json.loads(json.dumps(value)), sort_keys=False).encode()]
