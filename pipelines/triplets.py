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

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from vbdata.core.members import REFERENCE
from vbdata.core.types import Entry, Official, Part, Sample
from vbdata.errors import SourceError

from .formats import tars
from .formats.tars import Span
from .parts import own_records as own
from .parts import picture_files, records
from .parts.triplets.names import EDITED, Names
from .parts.triplets.tables import METADATA, of_tables
from .parts.triplets.tars import of_tar

if TYPE_CHECKING:
    from vbdata.core.images import Pixels
    from vbdata.storage.folder import Root

LICENSE = "unknown: set by whoever made the triplets"
HOMEPAGE = "https://huggingface.co/docs/datasets/image_dataset"
LABELS = EDITED
READS_ARCHIVES = True  # its tars are read as they are, not mounted as folders


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
    given = {
        **{"input_key": input_key, "output_key": output_key, "instruction_key": instruction_key},
        **{"exif": exif, "groups": groups, "source": source},
    }
    for part in index_parts(root, **given):
        yield from index_part(root, part, **given)


def index_parts(
    root: Root, *, exif: str = picture_files.SHOWN, groups: str = "", source: str = "", **_: str
) -> Iterator[Part]:
    """What can be indexed by itself, in the order of ids: each tar, or all metadata files.

    Options: as for `index`. Raises SourceError unless there are files of exactly one layout.
    """
    own.prefix_of(groups, source)
    records.one_of("exif", exif, picture_files.FRAMES)
    listed = {file.path: file for file in root.files()}
    lists = [path for path in listed if path.rpartition("/")[2] == METADATA]
    archives = [path for path in listed if tars.is_tar(path)]
    packed = tars.packed(listed)
    if not lists and not archives and packed:
        raise SourceError(f"{root.url}: {packed[0]} is {tars.is_packed('').detail}")
    archives += packed if archives else []
    if bool(lists) == bool(archives):
        found = f"{len(lists)} {METADATA} and {len(archives)} *.tar"
        raise SourceError(f"{root.url}: {found}; expected files of one of the two")
    if lists:
        yield Part(name=lists[0], kind="tables", files=tuple(listed.values()))
    for path in sorted(archives, key=lambda path: f"{path}/"):  # the order of the ids
        yield Part(name=path, kind="tar", files=(listed[path],))


def index_part(
    root: Root,
    part: Part,
    *,
    input_key: str = "",
    output_key: str = "",
    instruction_key: str = "",
    exif: str = picture_files.SHOWN,
    groups: str = "",
    source: str = "triplets",
) -> Iterator[Entry]:
    """The triplets of a part in order of their ids. Options: as for `index`. Raises SourceError."""
    prefix = own.prefix_of(groups, source)
    wanted = Names(input_key, output_key, instruction_key, exif)
    if part.kind == "tar":
        for entry in of_tar(root, part.files[0], wanted):
            yield own.grouped(entry, prefix, entry.id)
        return
    known = {file.path: file.size for file in part.files}
    lists = [path for path in known if path.rpartition("/")[2] == METADATA]
    for entry in of_tables(root, lists, known, wanted):
        name = entry.files["image"].path if entry.files else entry.id
        yield own.grouped(entry, prefix, name)


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
