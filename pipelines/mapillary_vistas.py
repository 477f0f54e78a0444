"""Mapillary Vistas: streets of the world with a class for each pixel, 66 of v1.2 or 124 of v2.0.

Licence: v2.0 CC BY-NC-SA 4.0 [inf], v1.x the Research Use License: neither for commercial use.
Layout of the archive of v2.0, which has the labels of v1.2 as well; the archives of v1.1 and v1.2
have no VERSION folder, and config.json:

    config_v1.2.json, config_v2.0.json
    {training,validation}/images/M2kh294N9c72sICO990Uew.jpg
    {training,validation}/VERSION/instances/M2kh294N9c72sICO990Uew.png    uint16, 256 x label + n
    {training,validation}/VERSION/labels/M2kh294N9c72sICO990Uew.png       palette PNG, its index
    {training,validation}/VERSION/panoptic/M2kh294N9c72sICO990Uew.png     RGB, as COCO's
    {training,validation}/VERSION/panoptic/panoptic_2018.json (v1.2), panoptic_2020.json (v2.0)

- A label is a place in `labels` of config, which says its name, whether it is counted (instances)
  and whether it is evaluated. Those that are not evaluated, such as "Unlabeled", are void: of no
  segment and not valid. Classes are called by `readable` in lower case: "lane marking - crosswalk".
  Two labels of one such name are one class.
- maps: `panoptic` reads the panoptic files as pipelines/coco.py does: void is 0, groups that were
  not split are crowds; sizes and classes stand in the JSON, so the index opens no map. `instances`
  reads the 16-bit maps, in which n counts from 0 [inf: so that 0 is an instance, too] and nothing
  says what is a crowd; where they are missing, `labels`, in which all of a counted class is one
  crowd. Without the option panoptic is read where its JSON is there.
- The maps are as large as the pictures. At 12 megapixels the index of instances takes 0.15 s each,
  three quarters of an hour of one core for 18,000; that of panoptic 8 s in all.
- Pictures of testing have no labels. polygons/ are not read.
- Groups: mapillary_vistas:KEY.

Nothing of it was seen here: layout and codes are those of the demo.py of the archive.

Sources: demo.py and README of the archive, as public copies have them; facebookresearch/
Mask2Former at 161be51 (register_mapillary_vistas.py: names and flags of v1.2);
openvinotoolkit/datumaro (docs of mapillary_vistas); Neuhold et al., ICCV 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.core.texts import seen
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .formats import palettes
from .parts import coded_segments as coded
from .parts import maps as label_maps
from .parts import own_records, picture_files, records, spans
from .parts.coco import pictures, tables
from .parts.coco.entries import Context, bare, entry_of
from .parts.coco.masks import partition
from .parts.places import Places

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-NC-SA-4.0, v1.x research only"
HOMEPAGE = "https://www.mapillary.com/dataset/vistas"
LABELS = ("segments",)
FILES = {
    "segments": ("panoptic", "instances", "labels", "config")
}  # that a kind of label is read from
SPLITS = {"training": 18_000, "validation": 2_000}  # how many images
HOLDOUTS = {"mapillary-vistas-validation": {"split": "validation"}}

VERSIONS = {  # folder of the maps -> the file of their labels, the panoptic JSON
    "v2.0": ("config_v2.0.json", "panoptic_2020.json"),
    "v1.2": ("config_v1.2.json", "panoptic_2018.json"),
    "": ("config.json", "panoptic_2018.json"),
}
PANOPTIC, INSTANCES, PLAIN = "panoptic", "instances", "labels"
NUMBERED = 512  # codes of a label: 0 what is not told apart, then the 256 numbers
MOST_LABELS = 256
VOID = "unlabeled"


def index(
    root: Root, *, split: str = "training", version: str = "", maps: str = ""
) -> Iterator[Entry]:
    """The images of a split by their keys, with the classes that they show.

    split: training or validation; version: v1.2 or v2.0, "" for the newest that is there; maps:
    panoptic or instances, "" for panoptic where its JSON is there. Raises SourceError if images,
    maps or the file of labels are missing.
    """
    top = _top(root, split, version, maps)
    wanted = VERSIONS[top.removeprefix(split).strip("/")][1]
    path = f"{top}/{PANOPTIC}/{wanted}"
    if maps == PANOPTIC or (not maps and root.exists(path)):
        return _panoptic(root, split, top, path)
    config = VERSIONS[top.removeprefix(split).strip("/")][0]
    kinds = cache(lambda: _kinds(records.source_bytes(root, config, "the labels"), config))
    listed = _drafts(root, split, top, config, kinds)
    return spans.Spans(listed, lambda entry: _filled(root, entry, kinds()), spans.MAPS)


index_parts, index_part = spans.parts(index)


def _drafts(
    root: Root, split: str, top: str, config: str, kinds: Callable[[], object]
) -> Iterator[Entry]:
    """The images of a split before their maps are read. kinds: reads config. SourceError."""
    kind = INSTANCES if root.exists(f"{top}/{INSTANCES}") else PLAIN
    sizes = records.sizes(root, f"{split}/images") | records.sizes(root, f"{top}/{kind}")
    kinds()
    notes = records.file_ref(config, {config: root.size(config)})
    for name in _keys(root, split, sizes):
        yield Entry(
            id=name,
            group=f"mapillary_vistas:{name}",
            width=0,
            height=0,
            license=LICENSE,
            files={
                "image": records.file_ref(f"{split}/images/{name}.jpg", sizes),
                kind: records.file_ref(f"{top}/{kind}/{name}.png", sizes),
                "config": notes,
            },
            labels=LABELS,
        )


def groups(
    root: Root, *, split: str = "training", version: str = "", maps: str = ""
) -> Iterator[str]:
    """The groups of a split, by the names of its pictures."""
    records.one_of("split", split, SPLITS)
    for name in _keys(root, split, records.sizes(root, f"{split}/images")):
        yield f"mapillary_vistas:{name}"


def official(*, split: str = "training", version: str = "", maps: str = "") -> Official:
    """The release of a split: its archive, and how many images it has."""
    records.one_of("split", split, SPLITS)
    archive = "mapillary-vistas-dataset_public_v2.0.zip"
    return Official(
        entries=SPLITS[split],
        downloads=(Download(path=split, archive=archive, url=HOMEPAGE),),
    )


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its segments. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.STORED)
    labels: dict[str, Any] = {}
    if "segments" in kinds:
        told = PANOPTIC in entry.files
        labels["segments"] = partition(root, entry) if told else _segments(root, entry)
    return Sample(image=image, labels=labels)


def _top(root: Root, split: str, version: str, maps: str) -> str:
    """The folder of a split's maps. Raises SourceError if there is none."""
    records.one_of("split", split, SPLITS)
    records.one_of("version", version, VERSIONS)
    records.one_of("maps", maps, ("", PANOPTIC, INSTANCES))
    wanted = [PANOPTIC] if maps == PANOPTIC else [PANOPTIC, INSTANCES, PLAIN][bool(maps) :]
    tried = [version, ""] if version else [*VERSIONS]
    for each in tried:
        top = f"{split}/{each}".rstrip("/")
        if any(root.exists(f"{top}/{kind}") for kind in wanted):
            return top
    folders = " or ".join(f"{split}/{each}".rstrip("/") for each in tried)
    raise SourceError(f"{root.url}: no folder {' or '.join(wanted)} in {folders}")


def _keys(root: Root, split: str, sizes: dict[str, int]) -> list[str]:
    above = f"{split}/images/"
    paths = (path for path in sizes if path.startswith(above) and path.endswith(".jpg"))
    found = sorted(path.removeprefix(above).removesuffix(".jpg") for path in paths)
    if not found:
        raise SourceError(f"{root.url}: no files KEY.jpg in {split}/images")
    return found


def _kinds(data: bytes, path: str) -> list[coded.Kind]:
    """Each label of config, with the name "" if it is void. Raises SourceError."""
    try:
        listed = records.unpack(data)["labels"]
        kinds = [
            coded.Kind(
                seen(each["readable"]).lower() if each["evaluate"] else "", bool(each["instances"])
            )
            for each in listed
        ]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as err:
        what = "labels with readable, evaluate and instances"
        raise SourceError(f"{path}: not a JSON object of {what}: {err!r:.100}") from err
    if not 0 < len(kinds) <= MOST_LABELS:
        raise SourceError(f"{path}: {len(kinds)} labels, expected 1 to {MOST_LABELS}")
    return kinds


def _panoptic(root: Root, split: str, top: str, path: str) -> Iterator[Entry]:
    """The images of a panoptic JSON by their keys."""
    file = tables.table(root, path, thing=True, spelled=str.lower)
    if file is None:
        raise SourceError(f"{root.url}: no {path}")
    named = {id_: kind for id_, kind in (file.categories or {}).items() if kind.name != VOID}
    file = replace(file, categories=named)  # a segment of the other is left out, as void
    below = (f"{split}/images", f"{top}/{PANOPTIC}")
    images, pngs = (Places(records.sizes(root, each), [each]) for each in below)
    context = Context(
        root=root,
        split=split,
        segments=PANOPTIC,
        images=images,
        pngs=pngs,
        ids="own",
        own="mapillary_vistas",
        licence=LICENSE,
        exif="",
    )
    by_name, strays = pictures.pictures([file])
    for name in sorted(by_name):
        entry = entry_of(by_name.pop(name), context)
        yield replace(entry, group=f"mapillary_vistas:{name}")
    for place, detail in enumerate(strays):
        yield bare(f"stray-{place:06d}", context, fault=f"garbled annotation: {detail}")


def _filled(root: Root, entry: Entry, kinds: Sequence[coded.Kind]) -> Entry:
    """The entry with the size and classes of its map, or with its fault."""
    try:
        entry = own_records.measured(root, entry, picture_files.STORED)
        parts, _, _ = _parts(root, entry, kinds)
    except BadSample as bad:
        return records.faulty(entry, bad, bad.file)
    return replace(entry, classes=coded.facts(parts))


def _segments(root: Root, entry: Entry) -> Segments:
    path = entry.files["config"].path
    try:
        kinds = _kinds(records.read(root, entry, "config"), path)
    except SourceError as err:
        raise BadSample("garbled annotation", str(err), path) from err
    parts, codes, map_ = _parts(root, entry, kinds)
    return coded.segments(coded.numbers(codes, parts, map_), parts)


def _parts(
    root: Root, entry: Entry, kinds: Sequence[coded.Kind]
) -> tuple[list[coded.Part], NDArray[np.int32], str]:
    """The segments of an image's map, their codes by pixel, and its path. Raises BadSample."""
    key = INSTANCES if INSTANCES in entry.files else PLAIN
    path = entry.files[key].path
    if key == PLAIN:
        stored = palettes.indices(records.read(root, entry, key), path)
        codes = stored.astype(np.int32) * NUMBERED
    else:
        found = label_maps.grey(root, entry, key, np.uint16).astype(np.int32)
        codes = (found >> 8) * NUMBERED + (found & 255) + 1
    records.check_size(codes.shape, entry, path)
    return coded.parts(codes, kinds, path, NUMBERED), codes, path
