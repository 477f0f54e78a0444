"""Captioned images of your own, or downloaded ones, for text to image.

Licence: whoever made them says; a record's `license` is kept. Four layouts, one at a time:

    pairs      a.jpg and a.txt, here or in folders below; a.json may say more (img2dataset: files)
    metadata   metadata.jsonl or metadata.csv, a line a caption, paths relative to its folder
                   {"file_name": "a.jpg", "text": "a cat"}     (Hugging Face imagefolder)
    tars       *.tar: KEY.jpg, KEY.txt, KEY.json               (WebDataset, img2dataset)
    parquet    *.parquet with images inside: {bytes, path} or bytes, and a caption column

The option `layout` says which; without it there must be files of just one. A Parquet file with the
name of a tar or of a folder beside it is img2dataset's table of that, and no layout of its own.

- names, in any case: the option, or the first of these. image_key: in tables file_name, image, img,
  image_path, path, file_path, filepath, file; in Parquet, among columns of bytes, image, img, jpg,
  jpeg, png, picture, image_bytes, bytes; in tars the only image, else that without a name of its
  own (KEY.jpg). caption_key: KEY.txt, else text, caption, captions, prompt, description,
  sentences, sentence of the JSON, line or column; the option may also name KEY.NAME.txt.
- captions: a text or a list of texts; white space is made single, blank ones are left out, and an
  image without any is a fault. A .txt is one caption. Lines of a table with the same image are one
  entry with all their captions; rows of Parquet and samples of tars stay apart.
- id: the image's path, TAR/KEY or FILE/ROW. group: `group` or `scene` of the record as it is (with
  "coco:000000000139" it is known as that picture), else captioned:ID. Where an image comes in
  several rows or samples it needs that key to stay on one side of a split.
- images are JPEG or PNG by their first bytes, whatever they are called; another kind is a fault
  that names it. EXIF turns nothing; grey, CMYK, alpha and 16 bits are the engine's to convert.
- size: `width` and `height` of the record, else from the image's header: 64 KiB of a file or member
  (all of it where that is not enough). Parquet is packed, so there it takes reading all images
  once: give it the two columns.
- Parquet: texts are read by pyarrow, a row group at a time; of an image the index keeps the page,
  and a load reads and unpacks that page alone, and that of the dictionary where a writer made one.
  What is read does not depend on what was read before, so neither does a sample's digest. With
  images of 100 KB, milliseconds a load, and what pyarrow takes for their row group: 100 rows by
  pyarrow's defaults (all in one dictionary) 12, 73; 1,000 such rows 290, 810; 2,000 rows in
  content-defined chunks 3, 690; 1,000 rows with use_dictionary=False, write_batch_size=1 0.7, 400.
- what is cut or garbled is a fault of its record, row group, file or tar; the rest is kept.

Sources: huggingface.co/docs/datasets/image_dataset; rom1504/img2dataset README (layouts);
webdataset/webdataset (keys); apache/parquet-format.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from vbdata.core.types import Entry, FileRef, Official, Sample
from vbdata.errors import BadSample, SourceError

from .formats import tars
from .formats.tars import Parts, Span
from .parts import own_records as own
from .parts import records
from .parts.captioned import files, parquet
from .parts.captioned import records as pair
from .parts.captioned.records import Names, bare, captioned, faulty

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = pair.LICENSE
LABELS = pair.LABELS
HOMEPAGE = "https://huggingface.co/docs/datasets/image_dataset"
READS_ARCHIVES = True  # its tars are read as they are, not mounted as folders
LAYOUTS = ("", "pairs", "metadata", "tars", "parquet")


def index(
    root: Root, *, layout: str = "", image_key: str = "", caption_key: str = ""
) -> Iterator[Entry]:
    """The pairs in order of their ids."""
    records.one_of("layout", layout, LAYOUTS)
    wanted = Names(image_key, caption_key)
    known = {file.path: file.size for file in root.files()}
    found = _layouts(known)
    there = [name for name in found if found[name] and layout in ("", name)]
    if len(there) != 1:
        counts = ", ".join(f"{len(paths)} of {name}" for name, paths in found.items())
        asked = f"layout {layout}" if layout else "one layout, or the option layout"
        raise SourceError(f"{root.url}: files found: {counts}; expected {asked}")
    (kind,) = there
    if kind == "pairs":
        yield from files.of_pairs(root, known, wanted)
    elif kind == "metadata":
        yield from files.of_tables(root, found[kind], known, wanted)
    else:
        read = _of_tar if kind == "tars" else parquet.entries
        for path in sorted(found[kind], key=lambda path: f"{path}/"):  # the order of the ids
            yield from read(root, FileRef(path=path, size=known[path]), wanted)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The image's bytes as they are, and its captions. Raises BadSample."""
    records.refuse(entry, kinds)
    labels = {"captions": entry.captions} if "captions" in kinds else {}
    return Sample(image=_image(root, entry), labels=labels)


def official(*, layout: str = "", image_key: str = "", caption_key: str = "") -> Official:
    """Nothing: there is no release."""
    records.one_of("layout", layout, LAYOUTS)
    return Official(entries=None, downloads=())


def _layouts(known: dict[str, int]) -> dict[str, list[str]]:
    """Layout -> the files that make it up: images that have a text, tables, tars, Parquet files."""
    stems = {path.rpartition(".")[0] for path in known if path.lower().endswith((".txt", ".json"))}
    folders = {path.rpartition("/")[0] for path in known}
    kinds = (*own.KINDS, *own.OTHERS)
    return {
        "pairs": [p for p in known if p.rpartition(".")[2].lower() in kinds and _stem(p) in stems],
        "metadata": [p for p in known if p.rpartition("/")[2] in files.TABLES],
        "tars": [p for p in known if p.endswith(".tar")],
        "parquet": [
            p
            for p in known
            if p.endswith(".parquet") and f"{_stem(p)}.tar" not in known and _stem(p) not in folders
        ],
    }


def _stem(path: str) -> str:
    return path.rpartition(".")[0]


def _image(root: Root, entry: Entry) -> bytes:
    """The image, of the size that the entry promises. Raises BadSample."""
    if not entry.record:
        return records.read_image(root, entry)
    record, path = records.unpack(entry.record), entry.files["image"].path
    if "page" in record:
        return parquet.read(root, entry)
    span = Span(*record["member"])
    data = tars.read(root, path, span)
    records.check_image(data, entry, f"{path}/{span.name}")
    return data


def _of_tar(root: Root, tar: FileRef, wanted: Names) -> Iterator[Entry]:
    """The entries of a tar, after that of its damage."""
    samples, damage = tars.samples(root, tar.path, tar.size)
    if damage:
        yield faulty(bare(f"{tar.path}/"), damage, tar.path)
    for key in sorted(samples):
        entry = bare(f"{tar.path}/{key}")
        try:
            yield _of_sample(root, entry, tar, samples[key], wanted)
        except BadSample as bad:
            yield faulty(entry, bad, f"{key} in {tar.path}")


def _of_sample(root: Root, entry: Entry, tar: FileRef, parts: Parts, wanted: Names) -> Entry:
    """A sample's entry. Raises BadSample."""
    if parts.twice:
        raise own.garbled(f"two members .{parts.twice}")
    span = _member(parts, wanted.image)
    said = files.said(parts, wanted.caption)
    if said is None and not parts.texts:
        raise BadSample("missing", f"no caption among {sorted(parts.spans)}")
    record = records.pack({"member": span})
    entry = captioned(replace(entry, files={"image": tar}, record=record), parts.table(), said)
    if not span.name.lower().endswith(own.KINDS):
        entry = replace(entry, width=0, height=0)
    return own.measured(root, entry, span)


def _member(parts: Parts, wanted: str) -> Span:
    """The member that is the image. Raises BadSample."""
    kinds = (*own.KINDS, *own.OTHERS)
    images = {name: span for name, span in parts.spans.items() if _kind(name) in kinds}
    if wanted:
        images = {n: span for n, span in images.items() if wanted in (n, n.rpartition(".")[0])}
    elif len(images) > 1:
        images = {name: span for name, span in images.items() if "." not in name}
    if len(images) != 1:
        named = f"images {wanted!r}" if wanted else "images (else set image_key)"
        raise BadSample("missing", f"{len(images)} {named} among {sorted(parts.spans)}")
    return next(iter(images.values()))


def _kind(extension: str) -> str:
    return extension.rpartition(".")[2].lower()
