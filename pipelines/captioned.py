"""Captioned images of your own, or downloaded ones, for text to image.

Licence: that of whoever made them; a record's `license` is kept. Four layouts, one at a time:

    pairs      a.jpg and a.txt, here or in folders below; a.json may say more (img2dataset: files)
    metadata   metadata.jsonl or metadata.csv, a line a caption, paths relative to its folder
                   {"file_name": "a.jpg", "text": "a cat"}     (Hugging Face imagefolder)
    tars       *.tar: KEY.jpg, KEY.txt, KEY.json               (WebDataset, img2dataset); one that
                   is packed (.tar.gz) is a fault: it has to be unpacked to be read by ranges
    parquet    *.parquet with images inside: {bytes, path} or bytes, and a caption column

The option `layout` chooses one; without it, files of exactly one must be there. A Parquet file that
has the name of a tar or folder beside it is img2dataset's table of that one, no layout of its own.

- names, in any case: the option, or the first of these. image_key: in tables file_name, image, img,
  image_path, path, file_path, filepath, file; in Parquet, among columns of bytes, image, img, jpg,
  jpeg, png, picture, image_bytes, bytes; in tars the only image, else the one without a name of its
  own (KEY.jpg). caption_key: KEY.txt, else text, caption, captions, prompt, description,
  sentences, sentence of the JSON, line or column; the option may also name KEY.NAME.txt.
- captions: a text or a list of texts; white space is made single, characters that cannot be seen
  (control, NUL, direction of writing, zero width) are left out, as are captions that are blank or
  longer than 10,000 characters. An image without any is a fault. A .txt is one caption. Lines of a
  table with the same image are one entry with all their captions; rows of Parquet and samples of
  tars stay apart. Text is UTF-8, or UTF-16 with a byte order mark.
- id: the image's path, TAR/KEY or FILE/ROW. group: `group` or `scene` of the record as it is
  ("coco:000000000139" makes it that picture), else SOURCE:ID, so that no other source has it.
  Sources that share pictures say so by one name in all: the option `groups`, in place of SOURCE.
  Where an image comes in several rows or samples it needs that key to stay on one side of a split.
- images are JPEG, PNG, WebP, TIFF, BMP or GIF by their first bytes, whatever they are called;
  another kind, an animation, or a TIFF of several pages is a fault that names it
  (vbdata/core/rasters.py). The engine converts grey, CMYK, alpha and 16 bits.
- exif: shown (default): an image stands as every viewer shows it, turned by its EXIF orientation;
  stored: the tag turns nothing. `width` and `height` of a record are those of that frame.
- size: `width` and `height` of the record, else the image's header: 64 KiB of a file or member (all
  of it where that is not enough). Parquet is compressed, so indexing would read all of its images
  once: give it the two columns.
- Parquet: texts are read by pyarrow, a row group at a time; of an image the index notes the page,
  and a load reads and unpacks that page alone, and the dictionary's where a writer made one. What
  is read never depends on what was read before, so a sample's digest does not either. With images
  of 100 KB, milliseconds a load, and what pyarrow takes for their row group: 100 rows by pyarrow's
  defaults (all in one dictionary) 12, 73; 1,000 such rows 290, 810; 2,000 rows in content-defined
  chunks 3, 690; 1,000 rows with use_dictionary=False, write_batch_size=1 0.7, 400.
- damage is a fault of its record, row group, file or tar; the rest is kept.

Sources: huggingface.co/docs/datasets/image_dataset; rom1504/img2dataset README (layouts);
webdataset/webdataset (keys); apache/parquet-format.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from vbdata.core.types import Entry, FileRef, Official, Part, Sample
from vbdata.errors import BadSample, SourceError

from .formats import tars
from .formats.tars import Parts, Span
from .parts import own_records as own
from .parts import picture_files, records
from .parts.captioned import files, parquet
from .parts.captioned import records as pair
from .parts.captioned.records import Names, bare, captioned

if TYPE_CHECKING:
    from vbdata.core.images import Pixels
    from vbdata.storage.folder import Root

LICENSE = pair.LICENSE
LABELS = pair.LABELS
HOMEPAGE = "https://huggingface.co/docs/datasets/image_dataset"
READS_ARCHIVES = True  # its tars are read as they are, not mounted as folders
LAYOUTS = ("", "pairs", "metadata", "tars", "parquet")


def index(
    root: Root,
    *,
    layout: str = "",
    image_key: str = "",
    caption_key: str = "",
    exif: str = picture_files.SHOWN,
    groups: str = "",
    source: str = "captioned",
) -> Iterator[Entry]:
    """The pairs in order of their ids. layout, image_key, caption_key: see above; "": guessed.

    exif: shown or stored, how images stand; groups: a name before those of groups, in place of the
    source's, `source`. Raises SourceError unless there are files of exactly one layout.
    """
    for part in index_parts(root, layout=layout, exif=exif, groups=groups):
        yield from index_part(
            root,
            part,
            image_key=image_key,
            caption_key=caption_key,
            exif=exif,
            groups=groups,
            source=source,
        )


def index_parts(
    root: Root,
    *,
    layout: str = "",
    exif: str = picture_files.SHOWN,
    groups: str = "",
    **_: str,
) -> Iterator[Part]:
    """What can be indexed by itself, in the order of ids: tars, Parquet files, some of the pairs.

    Tables are one part. Options: as for `index`. Raises SourceError unless there are files of
    exactly one layout.
    """
    _check(layout, exif)
    own.prefix_of(groups, "")
    listed = {file.path: file for file in root.files()}
    layouts = _layouts(listed)
    present = [name for name, paths in layouts.items() if paths and layout in ("", name)]
    packed = tars.packed(listed)
    if not present and packed and layout in ("", "tars"):
        raise SourceError(f"{root.url}: {packed[0]} is {tars.is_packed('').detail}")
    if len(present) != 1:
        counts = ", ".join(f"{len(paths)} of {name}" for name, paths in layouts.items())
        asked = f"layout {layout}" if layout else "one layout, or the option layout"
        raise SourceError(f"{root.url}: files found: {counts}; expected {asked}")
    (kind,) = present
    if kind == "metadata":
        yield Part(name=layouts[kind][0], kind=kind, files=tuple(listed.values()))
    elif kind == "pairs":
        for some in files.spans(listed.values()):
            yield Part(name=f"{some[0].path} to {some[-1].path}", kind=kind, files=some)
    else:
        paths = layouts[kind] + (packed if kind == "tars" else [])
        for path in sorted(paths, key=lambda path: f"{path}/"):  # the order of the ids
            yield Part(name=path, kind=kind, files=(listed[path],))


def index_part(
    root: Root,
    part: Part,
    *,
    image_key: str = "",
    caption_key: str = "",
    exif: str = picture_files.SHOWN,
    groups: str = "",
    source: str = "captioned",
    **_: str,
) -> Iterator[Entry]:
    """The pairs of a part in order of their ids. Options: as for `index`. Raises SourceError."""
    prefix = own.prefix_of(groups, source)
    for entry in _entries(root, part, Names(image_key, caption_key, exif)):
        yield own.grouped(entry, prefix, entry.id)


def _entries(root: Root, part: Part, wanted: Names) -> Iterator[Entry]:
    """The entries of a part, without those groups that no record states."""
    if part.kind in ("tars", "parquet"):
        read = _of_tar if part.kind == "tars" else parquet.entries
        yield from read(root, part.files[0], wanted)
        return
    sizes = {file.path: file.size for file in part.files}
    if part.kind == "pairs":
        yield from files.of_pairs(root, sizes, wanted)
    else:
        yield from files.of_tables(root, _layouts(sizes)["metadata"], sizes, wanted)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The image, its file's bytes or, where it was turned, uint8 RGB [H, W, 3], and its captions.

    Raises BadSample.
    """
    records.refuse(entry, kinds)
    labels = {"captions": entry.captions} if "captions" in kinds else {}
    return Sample(image=_image(root, entry), labels=labels)


def official(
    *,
    layout: str = "",
    image_key: str = "",
    caption_key: str = "",
    exif: str = picture_files.SHOWN,
    groups: str = "",
) -> Official:
    """Neither counts nor downloads: these pairs are your own."""
    _check(layout, exif)
    own.prefix_of(groups, "")
    return Official(entries=None, downloads=())


def _check(layout: str, exif: str) -> None:
    records.one_of("layout", layout, LAYOUTS)
    records.one_of("exif", exif, picture_files.FRAMES)


def _layouts(paths: Collection[str]) -> dict[str, list[str]]:
    """Layout -> the files that make it up: images that have a text, tables, tars, Parquet files."""
    stems = {_stem(path) for path in paths if path.lower().endswith((".txt", ".json"))}
    folders = {path.rpartition("/")[0] for path in paths}
    kinds = (*own.KINDS, *own.OTHERS)
    return {
        "pairs": [p for p in paths if _kind(p) in kinds and _stem(p) in stems],
        "metadata": [p for p in paths if p.rpartition("/")[2] in files.TABLES],
        "tars": [p for p in paths if tars.is_tar(p)],
        "parquet": [
            p
            for p in paths
            if p.lower().endswith(".parquet")
            and f"{_stem(p)}.tar" not in paths
            and _stem(p) not in folders
        ],
    }


def _stem(path: str) -> str:
    return path.rpartition(".")[0]


def _image(root: Root, entry: Entry) -> bytes | Pixels:
    """An entry's image, of the entry's size. Raises BadSample."""
    record = records.unpack(entry.record) if entry.record else {}
    if "page" in record:
        return parquet.read(root, entry)
    frame = own.frame_of(record)
    if "member" not in record:
        return picture_files.read(root, entry, frame)
    span = Span(*record["member"])
    return own.tar_image(root, entry, entry.files["image"].path, span, frame)


def _of_tar(root: Root, tar: FileRef, wanted: Names) -> Iterator[Entry]:
    """The entries of a tar in order of their keys, after one fault if the tar is damaged."""
    samples, damage = tars.samples(root, tar.path, tar.size)
    if damage:
        yield records.faulty(bare(f"{tar.path}/"), damage, tar.path)
    for key in sorted(samples):
        if samples[key].spans.keys() == {"txt"} and files.beside_clutter(f"{key}.txt"):
            continue
        entry = bare(f"{tar.path}/{key}")
        try:
            yield _of_sample(root, entry, tar, samples[key], wanted)
        except BadSample as bad:
            yield records.faulty(entry, bad, f"{key} in {tar.path}")


def _of_sample(root: Root, entry: Entry, tar: FileRef, parts: Parts, wanted: Names) -> Entry:
    """The entry of a tar's sample. Raises BadSample."""
    if parts.twice:
        raise own.garbled(f"two members .{parts.twice}")
    span = _member(parts, wanted.image)
    captions = files.captions(parts, wanted.caption)
    if captions is None and not parts.texts:
        raise BadSample("missing", f"no caption among {sorted(parts.spans)}")
    record = records.pack(own.framed({"member": span}, wanted.frame))
    entry = captioned(replace(entry, files={"image": tar}, record=record), parts.table(), captions)
    if not span.name.lower().endswith(own.KINDS):
        entry = replace(entry, width=0, height=0)
    return own.measured(root, entry, wanted.frame, span)


def _member(parts: Parts, wanted: str) -> Span:
    """The member of a sample that is its image. Raises BadSample unless there is exactly one."""
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


def _kind(path: str) -> str:
    """The last extension of a path or of an extension: "jpg"."""
    return path.rpartition(".")[2].lower()
