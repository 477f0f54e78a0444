"""README.md: the dataset card, for people, and in its YAML head for Hugging Face datasets.

The head states what `load_dataset` would otherwise guess from the first five samples: the features,
and which files are data (the tars, by a glob that leaves their .idx files out).
Source: packaged_modules/webdataset/webdataset.py and splits.py of datasets 5.2; the card's keys are
those of https://github.com/huggingface/hub-docs/blob/main/datasetcard.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from vbdata import plugins
from vbdata.core.members import VALID
from vbdata.core.reversal import is_reversed
from vbdata.manifest.columns import COLUMNS
from vbdata.publish import tables
from vbdata.publish.facts import (
    glob,
    inputs,
    lost,
    members,
    references,
    short_digest,
    summary,
    targets,
)
from vbdata.publish.rebuild import recipe_text
from vbdata.publish.snippets import LIBRARIES, NUMBERS, snippet

PATH = "README.md"
SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")
DTYPES = {"double": "float64"}  # types to which datasets gives another name than Arrow
# Of the licences that the Hub knows by name, those that an image may have.
HUB = frozenset(
    (
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "pddl", "unknown"),
        *("cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
        *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "odc-by", "odbl"),
        *("cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0"),
        *("cc-by-nc-sa-4.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0"),
    )
)


def files(manifest: Mapping[str, Any]) -> dict[str, Iterable[bytes]]:
    """The dataset card of a build: its pieces, by path."""
    head = yaml.safe_dump(_head(manifest), sort_keys=False, width=100)
    return {PATH: [f"---\n{head}---\n\n{_body(manifest)}".encode()]}


def _head(manifest: Mapping[str, Any]) -> dict[str, Any]:
    split = manifest["split"]
    data_files = [{"split": split, "path": glob(manifest)}]
    return {
        "pretty_name": manifest["name"],
        **_licence(manifest),
        "language": ["en"],
        "task_categories": _categories(manifest),
        "tags": ["webdataset", "vbdata", *sorted(manifest["roundtrip"])],
        "size_categories": [SIZES[min(max(len(str(manifest["samples"])) - 3, 0), len(SIZES) - 1)]],
        "configs": [{"config_name": "default", "data_files": data_files}],
        "dataset_info": {
            "features": _features(manifest),
            "splits": [
                {
                    "name": split,
                    "num_bytes": manifest["bytes"],
                    "num_examples": manifest["samples"],
                }
            ],
            "download_size": manifest["bytes"],
            "dataset_size": manifest["bytes"],
        },
    }


def _licence(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The licence keys of the head: the Hub's names if it knows all, else a link to the table."""
    names = [line["license"] for line in manifest["licenses"]]
    if HUB.issuperset(name.lower() for name in names):
        return {"license": sorted({name.lower() for name in names})}
    return {
        "license": "other",
        "license_name": "each-sample-its-own",
        "license_link": f"{PATH}#licences",
        "license_details": f"{len(names)} licences, by sample; the table in the card sums them up",
    }


def _categories(manifest: Mapping[str, Any]) -> list[str]:
    from_text = any(plugins.task(name).BLANK_INPUT for name in manifest["roundtrip"])
    return ["image-to-image", *(["text-to-image"] if from_text else [])]


def _features(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each member of a sample decodes to, in the notation of datasets."""
    facts = [
        {"name": c.name, "dtype": DTYPES.get(str(c.type), str(c.type))}
        for c in sorted(COLUMNS)
        if c.in_json
    ]
    features: list[dict[str, Any]] = []
    for member in members(manifest):
        if member.extension == "json":
            features.append({"name": member.extension, "struct": facts})
        else:
            kind = "image" if member.is_image else "string"
            features.append({"name": member.extension, "dtype": kind})
    return [*features, *({"name": name, "dtype": "string"} for name in ("__key__", "__url__"))]


def _body(manifest: Mapping[str, Any]) -> str:
    how = "\n\n".join(f"### {name}\n\n{snippet(code, manifest)}" for name, code in LIBRARIES)
    return f"""# {manifest["name"]}

{summary(manifest)}

{len(manifest["shards"])} shards, {manifest["bytes"] / 1e6:.1f} MB, made with vbdata (build
`{short_digest(manifest)}`). Every shard holds the whole mixture, so any of them are a smaller
data set of the same kind.

## Mixture

{tables.mixture(manifest)}

requested: share of the samples as the recipe says, apportioned: rounded by largest remainders,
realised: what is here; unique: different records among them; replaced: rows in which a spare
stepped in for a damaged record. {_shortfall(manifest)}

## A sample

{tables.parts(manifest)}

A key is the sample's place in the whole data set. {_layout(manifest)} Facts stand in
the sample's json, and all of them in `manifest/{manifest["split"]}.parquet`, a row a sample:

{tables.columns()}

| | |
|---|---|
| `manifest.json` | recipe, digests, counts, licences, versions |
| `quarantine/quarantine.jsonl` | every damaged record: source, file, stage, reason |
| `SHA256SUMS` | `sha256sum -c SHA256SUMS` checks every file |

## Read it

In this folder; each block reads every sample.

{how}

## From colours back to numbers

{tables.tasks(manifest)}

Every target that encodes a label was decoded again when it was made and compared with it; these are
the largest errors. A pixel that `valid.png` calls 0 has no label.

{snippet(NUMBERS, manifest)}

On the command line: `vbdata decode TASK KEY.target.png label.npy --params PARAMS`.

## Sources

{tables.sources(manifest)}

{_left_out(manifest)}

## Licences

Each sample's licence is that of its record, in its json as `license`. Summed up:

{tables.licences(manifest)}

## Build it again

The same recipe over the same data gives the same bytes, with the code and library versions that
`manifest.json` states. Fill in where the data lies, then `vbdata build recipe.yaml --out out`:

```yaml
{recipe_text(manifest)}```
"""


def _layout(manifest: Mapping[str, Any]) -> str:
    """Which members not every sample has, and what sizes its images have."""
    found, more, given = targets(manifest), references(manifest), inputs(manifest)
    counts = {member.extension: member.samples for member in members(manifest)}
    lines = []
    if any(is_reversed(task) for task in manifest["roundtrip"]):
        lines.append(
            "Of the tasks called `-reversed` the input is what the task draws, `input.png`, the "
            "target the photograph."
        )
    if len(given) > 1:
        lines.append(f"Each sample has one input: {' or '.join(f'`{name}`' for name in given)}.")
    if len(found) > 1:
        lines.append(f"Each sample has one target: {' or '.join(f'`{name}`' for name in found)}.")
    if counts.get(VALID, 0) < manifest["samples"]:
        lines.append("Photographs are valid everywhere and have no `valid.png`.")
    if "target.webp" in found:
        lines.append("wids does not decode WebP and yields its bytes.")
    size = "Input, target and mask of a sample are of one size"
    lines.append(f"{size}, references of their own." if more else f"{size}.")
    return " ".join(lines)


def _shortfall(manifest: Mapping[str, Any]) -> str:
    short = manifest["shortfall"]
    return f"{short} slots stayed empty." if short else "No slot stayed empty."


def _left_out(manifest: Mapping[str, Any]) -> str:
    reasons = ", ".join(f"{n} {reason}" for reason, n in manifest["quarantine"].items())
    lines = [
        f"Damaged records that were tried: {reasons}." if reasons else "No record was damaged."
    ]
    for line in manifest["sources"]:
        if parts := ", ".join(f"{count} {tables.cell(what)}" for what, count in lost(line)):
            lines.append(f"Lost of {line['source']}: {parts}.")
    for line in manifest["holdout"]:
        lines.append(f"Held out: {tables.cell(line['set'])}, {line['groups']} groups.")
    if manifest["recipe"]["licence_policy"] == "commercial":
        lines.append("Left out: what is not known to allow commercial use.")
    return " ".join(lines)
