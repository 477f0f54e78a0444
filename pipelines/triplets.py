"""Editing triplets of your own: an image, an instruction, and the image after the edit.

Licence: that of whoever made them; a record's `license` is kept. Two layouts, one at a time:

    metadata.jsonl, here or in folders below, a line a triplet, image paths relative to its folder
        {"original_image_file_name": "a.jpg", "edited_image_file_name": "b.jpg", "edit_prompt": ..}
    *.tar, here or in folders below (WebDataset): a sample is the members of one key
        0001.original.jpg  0001.edited.jpg  0001.txt or 0001.json (with the instruction's key)

- names: the option, or the first of these that occurs. Input: original_image_file_name,
  original_image, input_image, source_image, original, input, source. Edited:
  edited_image_file_name, edited_image, target_image, edited, output, target. Instruction:
  edit_prompt, edit_instruction, instruction, prompt; in tars a key of the JSON or KEY.NAME.txt,
  else KEY.txt. In tars, images are named with or without their type (.jpg).
- lines with the same two images are one entry with all their instructions; the rest is taken from
  the first. An instruction is a text or a list of texts; white space is made single, characters
  that cannot be seen (control, NUL, direction of writing, zero width) are left out, as are texts
  that are blank or longer than 10,000 characters. An entry without any is a fault.
- id: INPUT|EDITED, or TAR/KEY. group: `group` or `scene` of the record as it is
  ("coco:000000000139" makes it an edit of that picture), else SOURCE:INPUT, in tars SOURCE:ID, so
  that no other source has it. Sources that share pictures say so by one name in all: the option
  `groups`, in place of SOURCE. Edits of one image in several samples of a tar need that key to stay
  on one side of a split.
- size: `width` and `height` of the record, else the header of the input image, for which indexing
  reads 64 KiB a record (all of the file where that is not enough), and never a pixel.
- references: further pictures that the instruction refers to, up to 9, each of a size of its own.
  In a table the input is then a list, ["a.jpg", "c.jpg"], of which the first is the input; in tars
  they are members reference1.jpg, reference2.jpg and so on.
- both images are JPEG, PNG, WebP, TIFF, BMP or GIF, still pictures, of one size.
- exif: shown (default): an image stands as every viewer shows it, turned by its EXIF orientation;
  stored: the tag turns nothing. `width` and `height` of a record are those of that frame.
- tars are indexed in one pass over their headers and text members, and read by offset and size. A
  damaged tar is a fault, TAR/; what comes before the damage is kept. Members that are not plain
  files, have no extension or start with a dot belong to no sample.

Sources: huggingface.co/docs/datasets/image_dataset (metadata.jsonl); timbrooks/instructpix2pix-
clip-filtered and osunlp/MagicBrush (names of columns); github.com/webdataset/webdataset (keys).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.core.members import MOST, REFERENCE
from vbdata.core.types import Entry, FileRef, Official, Sample
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import safe

from .formats import tars
from .formats.tars import Parts, Span
from .parts import own_records as own
from .parts import picture_files, records
from .parts.triplets import records as triplet

if TYPE_CHECKING:
    from vbdata.core.images import Pixels
    from vbdata.storage.folder import Root

LICENSE = "unknown: set by whoever made the triplets"
HOMEPAGE = "https://huggingface.co/docs/datasets/image_dataset"
LABELS = ("edited",)
READS_ARCHIVES = True  # its tars are read as they are, not mounted as folders

METADATA = "metadata.jsonl"
ALIASES = {
    "input_key": (
        *("original_image_file_name", "original_image", "input_image", "source_image"),
        *("original", "input", "source"),
    ),
    "output_key": (
        *("edited_image_file_name", "edited_image", "target_image"),
        *("edited", "output", "target"),
    ),
    "instruction_key": ("edit_prompt", "edit_instruction", "instruction", "prompt"),
}
ROLES = ("image", "edited")


class Names(NamedTuple):
    """What the parts of a triplet are called, in a table or a tar; "": still to be guessed.

    frame: in which the images are wanted (pipelines.parts.picture_files).
    """

    input: str
    output: str
    instruction: str
    frame: str


def index(
    root: Root,
    *,
    input_key: str = "",
    output_key: str = "",
    instruction_key: str = "",
    exif: str = picture_files.SHOWN,
    groups: str = "",
    source: str = "triplets",
) -> Iterator[Entry]:
    """The triplets in order of their ids.

    input_key, output_key, instruction_key: names of a triplet's three parts, "" for the first of
    the usual ones; exif: shown or stored, how images stand; groups: a name before those of
    groups, in place of the source's, `source`. Raises SourceError unless there are files of exactly
    one layout.
    """
    prefix = own.prefix_of(groups, source)
    records.one_of("exif", exif, picture_files.FRAMES)
    wanted = Names(input_key, output_key, instruction_key, exif)
    known = {file.path: file.size for file in root.files()}
    tables = [path for path in known if path.rpartition("/")[2] == METADATA]
    archives = [path for path in known if tars.is_tar(path)]
    packed = tars.packed(known)
    if not tables and not archives and packed:
        raise SourceError(f"{root.url}: {packed[0]} is {tars.is_packed('').detail}")
    archives += packed if archives else []
    if bool(tables) == bool(archives):
        found = f"{len(tables)} {METADATA} and {len(archives)} *.tar"
        raise SourceError(f"{root.url}: {found}; expected files of one of the two")
    if tables:
        for entry in _of_tables(root, tables, known, wanted):
            name = entry.files["image"].path if entry.files else entry.id
            yield own.grouped(entry, prefix, name)
    for path in sorted(archives, key=lambda path: f"{path}/"):  # the order of the ids
        for entry in _of_tar(root, FileRef(path=path, size=known[path]), wanted):
            yield own.grouped(entry, prefix, entry.id)


def official(
    *,
    input_key: str = "",
    output_key: str = "",
    instruction_key: str = "",
    exif: str = picture_files.SHOWN,
    groups: str = "",
) -> Official:
    """Neither counts nor downloads: these triplets are your own."""
    own.prefix_of(groups, "")
    records.one_of("exif", exif, picture_files.FRAMES)
    return Official(entries=None, downloads=())


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """Both images, their files' bytes or, where they were turned, uint8 RGB [H, W, 3].

    Raises BadSample.
    """
    records.refuse(entry, kinds)
    record = records.unpack(entry.record) if entry.record else {}
    image = _read(root, entry, "image", record)
    labels = {kind: _read(root, entry, kind, record) for kind in kinds}
    references = _references(root, entry, record) if "edited" in kinds else ()
    return Sample(image=image, labels=labels, references=references)


def _read(root: Root, entry: Entry, role: str, record: dict[str, Any]) -> bytes | Pixels:
    """One of the two images, of the entry's size. record: the entry's. Raises BadSample."""
    frame = own.frame_of(record)
    if role not in record:
        return picture_files.read(root, entry, frame, role)
    return own.tar_image(root, entry, entry.files[role].path, Span(*record[role]), frame)


def _references(root: Root, entry: Entry, record: dict[str, Any]) -> tuple[bytes | Pixels, ...]:
    """The references, each of its own size. record: the entry's. Raises BadSample."""
    frame = own.frame_of(record)
    if "image" not in record:
        return picture_files.references(root, entry, frame)
    found = []
    for number in range(1, entry.references + 1):
        role = f"{REFERENCE}{number}"
        path, span = entry.files[role].path, Span(*record[role])
        data = tars.read(root, path, span)
        found.append(picture_files.any_size(data, f"{path}/{span.name}", frame))
    return tuple(found)


def _of_tables(
    root: Root, tables: list[str], known: dict[str, int], wanted: Names
) -> Iterator[Entry]:
    """The entries of all metadata files; lines with the same two images are one entry."""
    lines = (entry for path in tables for entry in _of_table(root, path, known, wanted))
    about = own.framed({}, wanted.frame)
    for entry in own.merged(lines):
        entry = replace(entry, record=records.pack(about)) if about else entry
        try:
            yield entry if entry.fault else own.measured(root, entry, wanted.frame)
        except BadSample as bad:
            yield records.faulty(entry, bad)


def _of_table(root: Root, path: str, known: dict[str, int], wanted: Names) -> Iterator[Entry]:
    """One entry for each line of a metadata file, without the sizes that it does not state."""
    lines = records.without_mark(records.source_bytes(root, path, "triplets")).split(b"\n")
    rows = [(number, own.row(line)) for number, line in enumerate(lines, 1) if line.strip()]
    keys = list(dict.fromkeys(key for _, row in rows for key in row or ()))
    names = _names(wanted, [keys] * 3, path) if keys else wanted
    above = path[: -len(METADATA)]
    for number, row in rows:
        try:
            if row is None:
                raise own.garbled("not a JSON object")
            yield _of_row(row, names, above, known)
        except BadSample as bad:
            yield records.faulty(_bare(f"{path}:{number:09d}"), bad, f"line {number} of {path}")


def _of_row(row: dict[str, Any], names: Names, above: str, known: dict[str, int]) -> Entry:
    """The entry of a line. Raises BadSample."""
    given = row.get(names.input)
    first, *more = given if isinstance(given, list) and given else [given]
    if len(more) > MOST:
        detail = f"{names.input} has {1 + len(more)} images: an input and up to {MOST} references"
        raise BadSample("left out", f"{detail} are read")
    paths = []
    for key, name in ((names.input, first), (names.output, row.get(names.output))):
        paths.append(_path_of(key, name, above))
    others = [_path_of(names.input, name, above) for name in more]
    roles = [*ROLES, *(f"{REFERENCE}{number}" for number in range(1, 1 + len(more)))]
    entry = replace(
        _bare("|".join(paths + others)),
        files={
            role: records.file_ref(path, known)
            for role, path in zip(roles, paths + others, strict=True)
        },
        references=len(more),
    )
    return triplet.described(entry, row, row.get(names.instruction))


def _path_of(key: str, name: Any, above: str) -> str:
    """The path of an image by its name in a line. Raises BadSample."""
    if not records.text(name):
        raise own.garbled(f"{key} is {name!r:.40}, expected text")
    return safe(above + name)


def _of_tar(root: Root, tar: FileRef, wanted: Names) -> Iterator[Entry]:
    """The entries of a tar in order of their keys, after one fault if the tar is damaged."""
    samples, damage = tars.samples(root, tar.path, tar.size)
    if damage:
        yield records.faulty(_bare(f"{tar.path}/"), damage, tar.path)
    if not samples:
        return
    pictures, texts = triplet.columns(samples)
    sides = (pictures, pictures, texts)
    names = _names(wanted, sides, tar.path)
    for key in sorted(samples):
        entry = _bare(f"{tar.path}/{key}")
        try:
            yield _of_sample(root, entry, tar, samples[key], names)
        except BadSample as bad:
            yield records.faulty(entry, bad, f"{key} in {tar.path}")


def _of_sample(root: Root, entry: Entry, tar: FileRef, parts: Parts, names: Names) -> Entry:
    """The entry of a tar's sample. Raises BadSample."""
    if parts.twice:
        raise own.garbled(f"two members .{parts.twice}")
    spans = {role: triplet.image(parts, name) for role, name in zip(ROLES, names, strict=False)}
    row = parts.table()
    instruction = row.get(names.instruction)
    for extension in (f"{names.instruction}.txt", names.instruction):
        if instruction is None and extension in parts.texts:
            instruction = own.decoded(parts.texts[extension], "instruction")
    more = triplet.references(parts)
    record = records.pack(own.framed(spans | more, names.frame))
    entry = replace(
        entry,
        files=dict.fromkeys((*ROLES, *more), tar),
        record=record,
        labels=LABELS,
        references=len(more),
    )
    entry = triplet.described(entry, row, instruction)
    return own.measured(root, entry, names.frame, spans["image"])


def _names(wanted: Names, sides: Sequence[list[str]], path: str) -> Names:
    """What all parts are called. sides: for each the names that are there. Raises SourceError."""
    before, after, instruction = map(_name, ALIASES, wanted, sides, [path] * 3)
    return Names(before, after, instruction, wanted.frame)


def _name(option: str, wanted: str, there: list[str], path: str) -> str:
    """What a part is called: as wanted, else by the first usual name. Raises SourceError."""
    for name in (wanted,) if wanted else (*ALIASES[option], "txt"):
        if name in there:
            return name
    raise own.absent(option, wanted, there, path)


def _bare(name: str) -> Entry:
    """An entry of which nothing is known but its name, and no group yet."""
    return Entry(
        id=name,
        group="",
        width=0,
        height=0,
        license="unknown",
        files={},
        labels=LABELS,
    )
