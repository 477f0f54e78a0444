"""Which annotation files a source of `coco` reads, and where their pictures are looked for.

In this order: those that the option `annotations` names; COCO's own, annotations/KIND_SPLIT.json;
the only COCO-format file of the split below the root, as Roboflow, CVAT, labelme2coco, Label Studio
or LVIS leave it. Several that fit are an error that names them, never a guess.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from vbdata.errors import SourceError, choices

from .. import records
from ..places import Places

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

SPLITS = ("train2017", "val2017", "train2014", "val2014")
KINDS = ("instances", "panoptic", "stuff", "person_keypoints", "captions")
WORDS = {  # what files of a split are called
    "train": {"train", "training", "trn"},
    "val": {"val", "valid", "validation", "dev"},
    "test": {"test", "testing", "tst"},
}
HEAD = 1 << 12  # bytes in which a COCO-format file shows one of its keys
KEYS = re.compile(
    rb'^[\s\xef\xbb\xbf]*\{.*?"(?:info|licenses|images|annotations|categories)"\s*:', re.S
)
PROBED = 256  # JSON files of a root that are looked into
YEAR = re.compile(r"(?:19|20)\d\d$")
GLOB = re.compile(r"[*?\[]")


class Files(NamedTuple):
    """The annotation files of a source.

    masks, captions: their paths; own: whether they are anything but COCO's in COCO's folders.
    """

    masks: tuple[str, ...]
    captions: tuple[str, ...]
    own: bool


def find(root: Root, split: str, segments: str, annotations: Sequence[str]) -> Files:
    """The files of a split. annotations: of the option, paths and globs. Raises SourceError."""
    if annotations:
        return Files(tuple(_named(root, annotations)), (), True)
    masks = f"annotations/{segments}_{split}.json"
    captions = f"annotations/captions_{split}.json"
    there = [path for path in (masks, captions) if root.exists(path)]
    if masks in there or (there and segments == "instances"):
        of_masks = tuple(path for path in there if path == masks)
        told = tuple(path for path in there if path == captions)
        return Files(of_masks, told, split not in SPLITS)
    missing = masks if captions in there else f"{masks}, nor {captions}"
    return Files(_only(root, split, segments, f"{root.url}: no {missing}"), (), True)


def _named(root: Root, annotations: Sequence[str]) -> Iterator[str]:
    """The paths of the option `annotations`, its globs resolved."""
    every: list[str] | None = None
    for each in annotations:
        if not GLOB.search(each):
            if not root.exists(each):
                raise SourceError(f"{root.url}: no {each} (annotations){_near(root, each)}")
            yield each
            continue
        every = [file.path for file in root.files()] if every is None else every
        found = [path for path in every if fnmatchcase(path, each)]
        if not found:
            raise SourceError(f"{root.url}: no file is {each} (annotations)")
        yield from found


def _near(root: Root, path: str) -> str:
    found = [file.path for file in root.files() if file.path.lower().endswith(".json")][:PROBED]
    return choices(path, found) if found else ""


def _only(root: Root, split: str, segments: str, missing: str) -> tuple[str]:
    """The only COCO-format file of a split below the root. Raises SourceError."""
    found = [path for path in _candidates(root) if _may_be(path, segments)]
    fitting = [path for path in found if _is_of(path, split)]
    plain = [path for path in found if not any(_is_of(path, word) for word in WORDS)]
    if not fitting and split == SPLITS[0]:
        fitting = plain
    if len(fitting) == 1:
        return (fitting[0],)
    if not found:
        raise SourceError(f"{missing}. annotations: would name a file of another name")
    if not fitting:
        raise SourceError(
            f"{missing}. Found: {_few(found)}: name one with annotations:, or its split"
        )
    raise SourceError(
        f"{missing}. {_few(fitting)} may all be meant: name one or several with annotations:"
    )


def _few(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 8} more" if len(paths) > 8 else ""
    return ", ".join(paths[:8]) + more


def _candidates(root: Root) -> Iterator[str]:
    """The JSON files below the root that begin as COCO-format files do."""
    paths = (f.path for f in root.files() if f.path.lower().endswith(".json") and f.size > 0)
    for _, path in zip(range(PROBED), paths, strict=False):
        if KEYS.match(root.read_range(path, 0, HEAD)):
            yield path


def _may_be(path: str, segments: str) -> bool:
    """Whether a file is not named as COCO names those of another kind."""
    name = path.rpartition("/")[2]
    kind = next((kind for kind in KINDS if name.startswith(f"{kind}_")), segments)
    return kind == segments or (kind == "captions" and segments == "instances")


def _is_of(path: str, split: str) -> bool:
    """Whether a file's path has a split's name in it: train2017, or just train."""
    wanted, year = _dated(split.lower())
    names = {wanted, *next((names for names in WORDS.values() if wanted in names), ())}
    words = (_dated(word) for word in re.split(r"[^a-z0-9]+", path.lower()))
    return any(word in names and (not year or of in ("", year)) for word, of in words)


def _dated(word: str) -> tuple[str, str]:
    """A word and the year at its end, "" if there is none."""
    found = YEAR.search(word)
    return (word[: found.start()], found[0]) if found else (word, "")


def pictures_of(root: Root, files: Files, split: str, images: Sequence[str]) -> Places:
    """Where the pictures of annotation files are looked for.

    images: of the option, folders. Raises SourceError for a folder that is not there.
    """
    if images or not files.own:
        folders = [_plain(folder) for folder in images] or [split]
        for folder in folders:
            if not root.exists(folder):
                top = ", ".join(root.folders()) or "none"
                raise SourceError(f"{root.url}: no folder {folder} (images:). Folders: {top}")
        sizes: dict[str, int] = {}
        for folder in folders:
            sizes |= records.sizes(root, folder)
        return Places(sizes, [*folders, ""])
    folders = [path.rpartition("/")[0] for path in (*files.masks, *files.captions)]
    usual = (split, f"images/{split}", f"{split}/images", "images", "")
    return Places(records.sizes(root, ""), [*folders, *usual])


def _plain(folder: str) -> str:
    """A folder of an option as a path below the root, "" for the root itself."""
    path = posixpath.normpath(folder)
    return "" if path == "." else path


def pngs_of(root: Root, files: Files, split: str, folder: str) -> Places:
    """Where the PNGs of panoptic annotations are looked for.

    folder: of the option `pngs`. Raises SourceError if none of the possible folders is there.
    """
    stems = [path.removesuffix(".json") for path in files.masks]
    usual = [f"annotations/panoptic_{split}", f"panoptic_{split}"]
    beside = [*stems, *(stem.rpartition("/")[2] for stem in stems), *usual]
    for at in [_plain(folder)] if folder else beside:
        if root.exists(at):
            return Places(records.sizes(root, at), [at, ""])
    wanted = folder or (beside if files.own else usual)[0]
    raise SourceError(f"{root.url}: no folder {wanted} (pngs: the PNGs of panoptic masks)")
