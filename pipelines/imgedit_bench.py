"""ImgEdit-Bench: pictures and what is to be edited in them, for editors whose answers are judged.

Licence: none stated for the benchmark. Layout, of the repository's folder Benchmark and of
Benchmark.tar, unpacked or not; a root may be a list of the two:

    Basic/basic_edit.json      {"1082": {"id": "animal/000342021.jpg", "prompt": "..."}}
    UGE/UGE_edit.json          {"1": {"id": "000029784.jpg", "prompt": "..."}}
    .../animal/000342021.jpg   the pictures, found by the end of their paths wherever they lie

- suite: basic, 737 edits of 171 pictures in nine types, or uge, 47 harder ones. The edits of
  several turns are judged by people and not read.
- id: the key, by which an answer is named for the official script: KEY.png. instructions: the
  prompt, white space made single. Groups: the picture.
- There is no right answer, so `edited` is the input itself, unedited: what a model paints for it is
  collected, and judged elsewhere (from 1 to 5, by GPT-4o). No score of it is computed here.
- images: the folder of the pictures, where a name alone may mean several.

Of it the two JSON files were seen, no picture.

Sources: PKU-YuanGroup/ImgEdit at 547185d (Benchmark/Basic, Benchmark/UGE); Ye et al., "ImgEdit: A
Unified Image Editing Dataset and Benchmark", arXiv 2505.20275.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import own_records, picture_files, records, spans
from .parts.places import Places

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "none stated"
HOMEPAGE = "https://github.com/PKU-YuanGroup/ImgEdit"
LABELS = ("edited",)


class Suite(NamedTuple):
    """A part of the benchmark. notes: its JSON file; total: of its edits."""

    notes: str
    total: int


SUITES = {
    "basic": Suite("Basic/basic_edit.json", 737),
    "uge": Suite("UGE/UGE_edit.json", 47),
}
HOLDOUTS = {f"imgedit-bench-{suite}": {"suite": suite} for suite in SUITES}
PICTURES = "https://huggingface.co/datasets/sysuyy/ImgEdit/blob/main/Benchmark.tar"


def index(root: Root, *, suite: str = "basic", images: str = "") -> Iterator[Entry]:
    """The edits of a suite by key.

    suite: basic or uge; images: the folder of the pictures, "" to find them anywhere below the
    root. An edit whose picture is missing is a fault. Raises SourceError without its JSON file.
    """
    records.one_of("suite", suite, SUITES)
    measured = partial(own_records.measured_or_faulty, root, picture_files.SHOWN)
    return spans.Spans(_all(root, suite, images), measured, spans.HEADS)


index_parts, index_part = spans.parts(index)


def _all(root: Root, suite: str, images: str) -> Iterator[Entry]:
    """The edits of a suite before their pictures are measured. Raises SourceError."""
    sizes = records.sizes(root, "")
    value = _notes(root, suite, sizes)
    below = {p: n for p, n in sizes.items() if p.startswith(f"{images}/")} if images else sizes
    places = Places(below, (images,))
    for key in sorted(value):
        yield _entry(key, value[key], places)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, twice where `edited` is asked for. BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.SHOWN)
    return Sample(image=image, labels={"edited": image} if kinds else {})


def official(*, suite: str = "basic", images: str = "") -> Official:
    """The release of a suite: its JSON file, and the tar of all pictures."""
    records.one_of("suite", suite, SUITES)
    about = SUITES[suite]
    notes = f"{HOMEPAGE}/blob/main/Benchmark/{about.notes}"
    name = about.notes.rpartition("/")[2]
    return Official(
        entries=about.total,
        downloads=(
            Download(
                path=about.notes, archive="", url=notes, also=(f"Benchmark/{about.notes}", name)
            ),
            Download(path="Benchmark", archive="Benchmark.tar", url=PICTURES),
        ),
    )


def _notes(root: Root, suite: str, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Key -> what is to be edited. Raises SourceError."""
    name = SUITES[suite].notes.rpartition("/")[2]
    paths = [path for path in sizes if path == name or path.endswith(f"/{name}")]
    if not paths:
        raise SourceError(f"{root.url}: no {name} (what is to be edited)")
    path = min(paths, key=lambda each: (len(each), each))
    try:
        value = records.unpack(records.without_mark(records.source_bytes(root, path, "edits")))
    except (ValueError, RecursionError) as err:
        raise SourceError(f"{root.url}: {path} is no JSON: {err!s:.200}") from err
    if not isinstance(value, dict) or not value:
        raise SourceError(f"{root.url}: {path} is no object of edits by key")
    return {key: said for key, said in value.items() if records.text(key) and key}


def _entry(key: str, said: Any, places: Places) -> Entry:
    """An edit's entry before its picture is measured, or its fault."""
    fields = said if isinstance(said, dict) else {}
    name = fields.get("id")
    entry = Entry(
        id=key,
        group=f"imgedit-bench:{name if records.text(name) and name else key}",
        width=0,
        height=0,
        license=LICENSE,
        files={},
        labels=LABELS,
    )
    try:
        if not records.text(name) or not name:
            raise BadSample("garbled annotation", f"its picture is {name!r:.40}")
        instructions = own_records.texts(fields.get("prompt"), "prompt")
        file = records.file_ref(places.path(name), places.sizes)
        return replace(entry, instructions=instructions, files={"image": file})
    except BadSample as bad:
        return records.faulty(entry, bad, bad.file)
