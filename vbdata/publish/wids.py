"""SPLIT.wids.json: the shard index of wids (random access to WebDataset shards).

URLs in it are relative to the file itself. There is no `md5sum`, which no reader of wids asks for
and which would take longer than all else that is done with a photograph; SHA256SUMS has each tar.
wids was part of webdataset up to 0.2.x.
Source: wids/wids_specs.py and wids_index.py of webdataset 0.2.111.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vbdata.manifest.json_text import Each
from vbdata.publish.facts import json_text


def path(manifest: Mapping[str, Any]) -> str:
    """The path of the index in the build's folder."""
    return f"{manifest['split']}.wids.json"


def files(manifest: Mapping[str, Any]) -> dict[str, Iterable[bytes]]:
    """The shard index: its pieces, by path."""
    index = {
        "__kind__": "wids-shard-index-v1",
        "wids_version": 1,
        "name": manifest["name"],
        "shardlist": Each(lambda: map(_shard, manifest["shards"])),
    }
    return {path(manifest): json_text(index)}


def _shard(shard: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "url": shard["tar"],
        "nsamples": shard["samples"],
        "filesize": shard["bytes"],
    }
