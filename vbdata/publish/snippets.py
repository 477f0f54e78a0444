"""The code in the dataset card: how each library reads the folder. `make interop` runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vbdata.core import members as names
from vbdata.publish import croissant, wids
from vbdata.publish.facts import braces, inputs, members, references, targets

WEBDATASET = """\
import webdataset  # pip install webdataset

shards = "SHARDS"
for sample in webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"):
    target = <target of sample>
    <input of sample>, target  # uint8 [H, W, 3]
    <valid of sample>  # uint8 [H, W, 3], 255 where the target has a label, else 0
    sample["instruction.txt"]  # str
    sample["json"]["task"]  # dict
"""
WIDS = """\
import wids  # pip install 'webdataset<1'; webdataset 1 no longer has it

data = wids.ShardListDataset("WIDS", localname=str)  # localname=str: read where they lie
sample = data[len(data) - 1]
target = <target of .sample>
<input of .sample>, target, <valid of .sample>  # PIL images
sample[".instruction.txt"], sample[".json"]["task"]
"""
DATASETS = """\
from pathlib import Path

from datasets import load_dataset  # pip install datasets pillow

here = str(Path.cwd())
data = load_dataset(here, split="SPLIT", streaming=True)  # or without streaming: an Arrow copy
for sample in data:
    target = <target in sample>
    <input in sample>, target, <valid of sample>  # PIL images
    sample["instruction.txt"], sample["json"]["task"]
"""
ENERGON = """\
from megatron.energon import WorkerConfig, get_savable_loader, get_train_dataset

here = WorkerConfig(rank=0, world_size=1, num_workers=0)
data = get_train_dataset(
    "metadataset.yaml", split_part="SPLIT", worker_config=here, batch_size=None,
    shuffle_buffer_size=100, max_samples_per_sequence=100, repeat=False,
)
for sample in get_savable_loader(data):
    picture, <more>instruction, target = sample.sequence  # uint8 [3, H, W], str, uint8 [3, H, W]
"""
CRUDE = """\
from typing import Any

import torch
from megatron.energon import (
    Cooker, DefaultTaskEncoder, Sample, WorkerConfig, basic_sample_keys, edataclass,
    get_savable_loader, get_train_dataset, stateless,
)

@edataclass
class Pair(Sample):
    picture: torch.Tensor  # uint8 [3, H, W]
    instruction: str
    target: torch.Tensor  # uint8 [3, H, W]
    valid: torch.Tensor<or None>  # bool [H, W]
    facts: dict[str, Any]

@stateless
def cook(raw):
    target = <target of raw>
    valid = <valid of raw>[0] > 0<if any>
    return Pair(
        **basic_sample_keys(raw), picture=<input of raw>, instruction=raw["instruction.txt"],
        target=target, valid=valid, facts=raw["json"],
    )

class Encoder(DefaultTaskEncoder):
    cookers = [Cooker(cook)]

data = get_train_dataset(
    ".", split_part="SPLIT", dataset_config="crude.yaml", task_encoder=Encoder(),
    worker_config=WorkerConfig(rank=0, world_size=1, num_workers=0), batch_size=None,
    shuffle_buffer_size=100, max_samples_per_sequence=100, repeat=False,
)
for sample in get_savable_loader(data):
    sample.picture, sample.instruction, sample.target, sample.valid, sample.facts
"""
CROISSANT = """\
import mlcroissant  # pip install mlcroissant

data = mlcroissant.Dataset("CROISSANT")
for record in data.records("manifest"):  # facts and instruction of each sample; text as bytes
    record["manifest/key"], record["manifest/instruction"]
for record in data.records("targets"):  # and inputs, and valid
    record["targets/key"], record["targets/image"]  # PIL image
"""
NUMBERS = """\
import json

import webdataset
from vbdata import codecs

shards = "SHARDS"
for sample in webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"):
    facts = sample["json"]
    target = <target of sample>
    label = codecs.decode(facts["task"], target, json.loads(facts["params"]))
"""
LIBRARIES = (
    ("webdataset", WEBDATASET),
    ("wids", WIDS),
    ("Hugging Face datasets", DATASETS),
    ("Megatron-Energon", ENERGON),
    ("Megatron-Energon, all members", CRUDE),
    ("Croissant", CROISSANT),
)


def snippet(code: str, manifest: Mapping[str, Any]) -> str:
    """A piece of code with the names of this build filled in, as a Markdown block."""
    filled = {
        "SHARDS": braces(manifest),
        "WIDS": wids.path(manifest),
        "CROISSANT": croissant.PATH,
        "SPLIT": manifest["split"],
        **_pictures(manifest),
    }
    for name, value in filled.items():
        code = code.replace(name, value)
    return f"```python\n{code}```"


def _pictures(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Expressions for the members that not all samples have, by their marks in the code.

    `of` a sample that lacks what it does not have, `in` one that has None for it; a dot before a
    name stands before that of its members.
    """
    counts = {m.extension: m.samples for m in members(manifest)}
    roles = {"target": targets(manifest), "input": inputs(manifest)}
    masked = counts.get(names.VALID) == manifest["samples"]
    marks = {
        "<more>": "*references, " if references(manifest) else "",
        "<or None>": "" if masked else " | None",
        "<if any>": "" if masked else f' if "{names.VALID}" in raw else None',
        "<valid of raw>": f'raw["{names.VALID}"]',
    }
    for role, found in roles.items():
        marks[f"<{role} in sample>"] = _one("sample", "", found, "sample[name]")
        for sample, dot in (("sample", ""), ("raw", ""), ("sample", ".")):
            marks[f"<{role} of {dot}{sample}>"] = _one(sample, dot, found, f"name in {sample}")
    for sample, dot in (("sample", ""), ("raw", ""), ("sample", ".")):
        asked = f'["{dot}{names.VALID}"]' if masked else f'.get("{dot}{names.VALID}")'
        marks.setdefault(f"<valid of {dot}{sample}>", f"{sample}{asked}")
    return marks


def _one(sample: str, dot: str, found: list[str], there: str) -> str:
    """The one picture of a role of a sample. there: the condition by which it has it."""
    if len(found) == 1:
        return f'{sample}["{dot}{found[0]}"]'
    listed = ", ".join(f'"{dot}{name}"' for name in found)
    return f"next({sample}[name] for name in ({listed}) if {there})"
