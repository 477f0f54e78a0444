"""croissant.json: the folder as a Croissant 1.1 dataset (https://mlcommons.org/croissant).

Its record sets are `manifest`, a row a sample from the Parquet file, and `inputs`, `targets` and
`valid`, the images by key (`reference1` and so on where samples have some). They cannot be one,
since file sets inside the same archives cannot be joined. mlcroissant checks each file's SHA-256.
It caches what it unpacks by relative URL alone, which is why the build's digest stands in the
shards' path.

The specification asks for the date of publication, and a build knows no clock: like the members of
its tars it is dated 1970-01-01. Whoever publishes it may set the day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from vbdata.core import members as names
from vbdata.layout import rows_path
from vbdata.manifest.columns import COLUMNS
from vbdata.manifest.json_text import Each
from vbdata.publish.facts import (
    SampleMember,
    json_text,
    licence_url,
    members,
    short_digest,
    summary,
)

PATH = "croissant.json"
EPOCH = "1970-01-01"
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "annotation": "cr:annotation",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "excludes": "cr:excludes",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "readLines": "cr:readLines",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sdVersion": "cr:sdVersion",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "unArchive": "cr:unArchive",
    "value": "cr:value",
}
KINDS = {
    pa.string(): "sc:Text",
    pa.bool_(): "sc:Boolean",
    pa.int32(): "sc:Integer",
    pa.int64(): "sc:Integer",
    pa.float64(): "sc:Float",
}
SETS = {names.INPUT: "inputs", names.TARGET: "targets"}  # record set, by role, else of that name


def files(manifest: Mapping[str, Any], sums: Mapping[str, str]) -> dict[str, Iterable[bytes]]:
    """The Croissant description of a build: its pieces, by path.

    sums: SHA-256 by path; that of the manifest's Parquet file is needed.
    """
    name, digest = manifest["name"], short_digest(manifest)
    rows = rows_path(manifest["split"])
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": summary(manifest),
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "license": sorted({licence_url(line["license"]) for line in manifest["licenses"]}),
        "version": f"{manifest['format']}.0.0+{digest}",
        "datePublished": EPOCH,
        "citeAs": f"@misc{{{name}-{digest}, title={{{name}}}, note={{vbdata build {digest}}}}}",
        "isBasedOn": sorted({source["homepage"] for source in manifest["sources"]}),
        "distribution": Each(lambda: _distribution(rows, manifest, sums)),
        "recordSet": [_rows(rows), *map(_images, _roles(manifest))],
    }
    return {PATH: json_text(described)}


def _distribution(
    rows: str, manifest: Mapping[str, Any], sums: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    shards = manifest["shards"]
    tars = Each(lambda: ({"@id": shard["tar"]} for shard in shards))
    yield _file(rows, "application/x-parquet", sums[rows], "a row a sample")
    yield from map(_shard, shards)
    for role in _roles(manifest):
        yield _file_set(role, tars)


def _roles(manifest: Mapping[str, Any]) -> list[list[SampleMember]]:
    """The pictures among the members, those of one role together: a sample has one of them."""
    roles: dict[str, list[SampleMember]] = {}
    for member in members(manifest):
        if member.is_image:
            roles.setdefault(names.role(member.extension), []).append(member)
    return list(roles.values())


def _file(path: str, media_type: str, sha256: str, meaning: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "description": meaning,
        "contentUrl": path,
        "encodingFormat": media_type,
        "sha256": sha256,
    }


def _shard(shard: Mapping[str, Any]) -> dict[str, Any]:
    file = _file(shard["tar"], "application/x-tar", shard["sha256"], f"{shard['samples']} samples")
    return file | {"contentSize": f"{shard['bytes']} B"}


def _file_set(role: list[SampleMember], tars: Each) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{_set(role)}-files",
        "name": f"{_set(role)}-files",
        "description": _meaning(role),
        "containedIn": tars,
        "encodingFormat": _one_or_all([member.media_type for member in role]),
        "includes": _one_or_all([f"*.{member.extension}" for member in role]),
    }


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def _meaning(role: list[SampleMember]) -> str:
    return "; ".join(dict.fromkeys(member.meaning for member in role))


def _rows(path: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "manifest",
        "name": "manifest",
        "description": "what is said of every sample",
        "key": {"@id": "manifest/key"},
        "field": [
            _field("manifest", column.name, KINDS[column.type], column.meaning)
            | {"source": {"fileObject": {"@id": path}, "extract": {"column": column.name}}}
            for column in COLUMNS
        ],
    }


def _images(role: list[SampleMember]) -> dict[str, Any]:
    of = _set(role)
    return {
        "@type": "cr:RecordSet",
        "@id": of,
        "name": of,
        "description": _meaning(role),
        "key": {"@id": f"{of}/key"},
        "field": list(_image_fields(of, _meaning(role))),
    }


def _image_fields(of: str, meaning: str) -> Iterator[dict[str, Any]]:
    files_ = {"fileSet": {"@id": f"{of}-files"}}
    yield _field(of, "key", "sc:Text", "name of the sample, as in the record set manifest") | {
        "source": files_
        | {"extract": {"fileProperty": "filename"}, "transform": {"regex": r"^([^.]+)\."}}
    }
    yield _field(of, "image", "sc:ImageObject", meaning) | {
        "source": files_ | {"extract": {"fileProperty": "content"}}
    }


def _field(of: str, name: str, kind: str, meaning: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{of}/{name}",
        "name": name,
        "description": meaning,
        "dataType": kind,
    }


def _set(role: list[SampleMember]) -> str:
    name = names.role(role[0].extension)
    return SETS.get(name, name)
