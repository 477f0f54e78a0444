"""SA-Co/Gold: phrases asked of images, every instance marked by three people independently.

Licence: annotations under the SAM License, each picture its own. Layout: the annotations, wherever
they lie below the root, and the pictures, wherever they lie; a root may be a list of folders:

    gold_SUBSET_merged_{a,b,c}_release_test.json       one file for each annotator
    1/1001/metaclip_1_1001_c122868928880ae52b33fae1.jpeg
    sa_1000013.jpg                                     the pictures of the subset sa1b

- subset: metaclip, sa1b, attributes, crowded, wiki_common, fg_food or fg_sports_equipment. The
  official score is the mean over the seven.
- An entry is a pair of image and phrase; its id is the pair's, as official answers need it, its
  group the picture. 168,202 pairs in all; in most of them there is nothing to be marked.
- segments: the first annotator's masks, each an instance of a class that is the phrase itself, and
  groups that were not split (iscrowd), which are crowds. Masks may overlap: the smaller is on top.
- truths: what each of the three marked, in the order a, b, c, as segments of the same kind.
- masks: of each of the three, in the order of the file, (compressed RLE, whether it is a group): as
  they are, overlapping or empty, for the official score.
- A pair whose instances are all marked (is_instance_exhaustive) has the phrase in `known`. If only
  all its pixels are (is_pixel_exhaustive), crowds included, all pixels are valid; else only those
  that are marked.
- absent: the phrase, where the first annotator found nothing and looked for all. Other phrases are
  not known to be absent.
- expressions: the phrase, which means all that the first annotator marked, or nothing.
- bbox and area are shares of the picture, and not read. Masks are compressed RLE, in pixels. One
  that covers nothing is left out.
- A pair that is garbled in a file, or is not the same in all three, is a fault. What belongs to no
  pair is a fault of its own, stray-000000 and on.

Nothing of it was seen here: format and counts are those of the official README and evaluator.

Sources: facebookresearch/sam3 at 99d02f2 (scripts/eval/gold/README.md, sam3/eval/cgf1_eval.py);
Carion et al., "SAM 3: Segment Anything with Concepts", arXiv 2511.16719.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vbdata.core.labels import Segments
from vbdata.core.types import Download, Entry, Expression, Official, Sample
from vbdata.errors import BadSample, SourceError

from .formats import rle
from .parts import class_facts, picture_files, records
from .parts.places import Places
from .parts.saco import pairs as pairs_of
from .parts.saco.pairs import Mask, Pair, Said, Truth

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "SAM License"
HOMEPAGE = "https://huggingface.co/datasets/facebook/SACo-Gold"
LABELS = ("segments", "expressions", "truths", "masks")

SUBSETS = {  # how many pairs
    "metaclip": 33393,
    "sa1b": 13258,
    "attributes": 9245,
    "crowded": 20687,
    "wiki_common": 65502,
    "fg_food": 13951,
    "fg_sports_equipment": 12166,
}
ANNOTATORS = "abc"
HOLDOUTS = {f"saco-{subset.replace('_', '-')}": {"subset": subset} for subset in SUBSETS}


def index(root: Root, *, subset: str = "metaclip", images: str = "") -> Iterator[Entry]:
    """The pairs of a subset in order of their ids, then what belongs to no pair.

    subset: one of seven; images: the folder of the pictures, "" to find them by their names
    anywhere below the root. Raises SourceError if a file of annotations is missing or no JSON.
    """
    records.one_of("subset", subset, SUBSETS)
    sizes = records.sizes(root, "")
    files = {path: pairs_of.read(root, path) for path in _files(root, subset, sizes)}
    first, *others = files.values()
    below = {p: n for p, n in sizes.items() if p.startswith(f"{images}/")} if images else sizes
    places = Places(below, (images,))
    made = (_entry(pair, (first, *others), places, subset) for pair in first.pairs.values())
    yield from sorted(made, key=lambda entry: entry.id)
    for place, detail in enumerate(pairs_of.strays(files)):
        name = f"stray-{place:06d}"
        yield _named(name, f"saco:{name}", f"garbled annotation: {detail}")


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and what was marked. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.STORED)
    record = records.unpack(entry.record)
    labels: dict[str, Any] = {}
    if "expressions" in kinds:
        labels["expressions"] = entry.expressions
    if "truths" in kinds:
        labels["truths"] = tuple(_segments(truth, record, entry) for truth in record["truths"])
    if "masks" in kinds:
        size = [entry.height, entry.width]
        labels["masks"] = tuple(
            tuple(({"size": size, "counts": counts}, bool(crowd)) for counts, crowd in listed)
            for _, _, listed in record["truths"]
        )
    if "segments" in kinds:
        first = labels["truths"][0] if "truths" in labels else None
        labels["segments"] = first or _segments(record["truths"][0], record, entry)
    return Sample(image=image, labels=labels)


def official(*, subset: str = "metaclip", images: str = "") -> Official:
    """The release of a subset: its three files of annotations, and how many pairs they have."""
    records.one_of("subset", subset, SUBSETS)
    names = [_name(subset, annotator) for annotator in ANNOTATORS]
    return Official(
        entries=SUBSETS[subset],
        downloads=tuple(
            Download(path=name, archive="", url=HOMEPAGE, also=(f"gt-annotations/{name}",))
            for name in names
        ),
    )


def _name(subset: str, annotator: str) -> str:
    return f"gold_{subset}_merged_{annotator}_release_test.json"


def _files(root: Root, subset: str, sizes: Mapping[str, int]) -> list[str]:
    """The paths of the three files of a subset. Raises SourceError unless there is one of each."""
    found = []
    for annotator in ANNOTATORS:
        name = _name(subset, annotator)
        paths = sorted(path for path in sizes if path == name or path.endswith(f"/{name}"))
        if len(paths) != 1:
            what = f"{len(paths)} files, {paths[0]} and {paths[1]}" if paths else "no file"
            raise SourceError(f"{root.url}: {what} {name}: each of three annotators has one")
        found.append(paths[0])
    return found


def _entry(pair: Pair, files: tuple[Said, ...], places: Places, subset: str) -> Entry:
    """A pair's entry, or its fault."""
    source = "sa1b" if subset == "sa1b" else "metaclip"
    stem = pair.name.rpartition("/")[2].rpartition(".")[0] or pair.name
    entry = _named(f"{pair.number:08d}", f"{source}:{stem}", "")
    try:
        truths = [said.truth(pair) for said in files]
        file = records.file_ref(places.path(pair.name), places.sizes)
        facts, targets, left_out = _facts(truths[0], pair)
    except BadSample as bad:
        return records.faulty(entry, bad)
    packed = [[t.whole, t.covered, [[m.counts, m.crowd] for m in t.masks]] for t in truths]
    return replace(
        entry,
        width=pair.width,
        height=pair.height,
        files={"image": file},
        labels=LABELS,
        classes=facts,
        expressions=(Expression(text=pair.phrase, targets=targets),),
        absent=() if facts or not truths[0].whole else (pair.phrase,),
        record=records.pack({"phrase": pair.phrase, "truths": packed}),
        left_out=left_out,
    )


def _named(name: str, group: str, fault: str) -> Entry:
    """An entry of which nothing is known but its name."""
    return Entry(
        id=name,
        group=group,
        width=0,
        height=0,
        license=LICENSE,
        files={},
        labels=(),
        fault=fault,
    )


def _facts(truth: Truth, pair: Pair) -> tuple[Any, tuple[int, ...], tuple[str, ...]]:
    """What an index says of the masks, their places, and what of them is left out. BadSample."""
    areas = [rle.area(_runs(mask, pair.width, pair.height)) for mask in truth.masks]
    seen = [
        class_facts.Seen(pair.phrase, True, mask.crowd, area)
        for mask, area in zip(truth.masks, areas, strict=True)
        if area
    ]
    left_out = tuple(
        f"empty label: mask {place} covers no pixel" for place, area in enumerate(areas) if not area
    )
    return class_facts.by_class(seen), tuple(range(len(seen))), left_out


def _runs(mask: Mask, width: int, height: int) -> rle.Runs:
    return rle.runs({"counts": mask.counts, "size": [height, width]}, height, width)


def _segments(packed: list[Any], record: Mapping[str, Any], entry: Entry) -> Segments:
    """What an annotator marked, as segments in the order of the file. Raises BadSample."""
    whole, covered, listed = packed
    masks = [(_runs(Mask(*each), entry.width, entry.height), bool(each[1])) for each in listed]
    masks = [(runs, crowd) for runs, crowd in masks if rle.area(runs)]
    order = sorted(range(len(masks)), key=lambda k: (not masks[k][1], -rle.area(masks[k][0]), k))
    ids = rle.paint(((k + 1, masks[k][0]) for k in order), entry.height, entry.width)
    count = len(masks)
    return Segments(
        ids=ids,
        classes=(record["phrase"],) * count,
        things=(True,) * count,
        crowds=tuple(crowd for _, crowd in masks),
        valid=np.ones(ids.shape, np.bool_) if whole or covered else ids > 0,
        known=(record["phrase"],) if whole else (),
    )
