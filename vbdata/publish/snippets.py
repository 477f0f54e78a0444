"""The code in the dataset card: how each library reads the folder. `make interop` runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vbdata.publish import croissant, wids
from vbdata.publish.facts import braces, input_extension

WEBDATASET = """\
import webdataset  # pip install webdataset

shards = "SHARDS"
for sample in webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"):
    sample["INPUT"], sample["target.png"]  # uint8 [H, W, 3]
    sample["valid.png"]  # uint8 [H, W, 3], 255 where the target has a label, else 0
    sample["instruction.txt"]  # str
    sample["json"]["task"]  # dict
"""
WIDS = """\
import wids  # pip install 'webdataset<1'; webdataset 1 no longer has it

data = wids.ShardListDataset("WIDS", localname=str)  # localname=str: read where they lie
sample = data[len(data) - 1]
sample[".INPUT"], sample[".target.png"], sample[".valid.png"]  # PIL images
sample[".instruction.txt"], sample[".json"]["task"]
"""
DATASETS = """\
from pathlib import Path

from datasets import load_dataset  # pip install datasets pillow

here = str(Path.cwd())
data = load_dataset(here, split="SPLIT", streaming=True)  # or without streaming: an Arrow copy
for sample in data:
    sample["INPUT"], sample["target.png"], sample["valid.png"]  # PIL images
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
    picture, instruction, target = sample.sequence  # uint8 [3, H, W], str, uint8 [3, H, W]
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
    valid: torch.Tensor  # bool [H, W]
    facts: dict[str, Any]

@stateless
def cook(raw):
    return Pair(
        **basic_sample_keys(raw), picture=raw["INPUT"], instruction=raw["instruction.txt"],
        target=raw["target.png"], valid=raw["valid.png"][0] > 0, facts=raw["json"],
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
    label = codecs.decode(facts["task"], sample["target.png"], json.loads(facts["params"]))
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
    names = {
        "SHARDS": braces(manifest),
        "WIDS": wids.path(manifest),
        "CROISSANT": croissant.PATH,
        "INPUT": input_extension(manifest),
        "SPLIT": manifest["split"],
    }
    for name, value in names.items():
        code = code.replace(name, value)
    return f"```python\n{code}```"
