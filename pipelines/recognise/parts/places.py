"""Files by the root that they imply, and words for what was found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

OFFICIAL, NAMED, PAIRS, FOLDERS = range(4)  # who looks first
NOT_COUNTED = ("boxes", "instance")  # tasks that need things to be told apart
ROOT = r"(?P<root>(?:.*?/)??)"  # at the beginning of a pattern: the folders above a layout


def by_root(paths: Iterable[str], pattern: re.Pattern[str]) -> dict[str, list[re.Match[str]]]:
    """Root, without "/" at its end -> the matches of a pattern that begins with ROOT."""
    found: dict[str, list[re.Match[str]]] = {}
    for path in paths:
        if match := pattern.fullmatch(path):
            found.setdefault(match["root"].rstrip("/"), []).append(match)
    return found


def below(paths: Iterable[str], folder: str) -> list[str]:
    """The paths below a folder, "" for all."""
    return [path for path in paths if is_below(path, folder)]


def is_below(path: str, folder: str) -> bool:
    """Whether a path lies below a folder, "" for the root."""
    return not folder or path.startswith(f"{folder}/")


def joined(folder: str, path: str) -> str:
    """A path below a folder, "" for the root."""
    return f"{folder}/{path}" if folder and path else folder or path


def parent(path: str) -> str:
    """The folder of a path, "" for the root."""
    return path.rpartition("/")[0]


def first(wanted: Iterable[str], there: Collection[str]) -> str:
    """The first of some names that is there, "" if none is."""
    return next((name for name in wanted if name in there), "")


def others(key: str, used: str, there: Iterable[str]) -> tuple[str, ...]:
    """A note on other values of an option, if there are any."""
    more = sorted({value for value in there if value and value != used})
    return (f"also there, by {key}: {', '.join(more)}",) if more else ()


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: "1 picture", "2,000 pictures"."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")
SPLITS = {  # words that folders and files of a split are called by, the one to train on first
    "train": ("train", "training", "trn"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "tst"),
}
SHARDS = re.compile(r"(?:shard|part|chunk|batch)?[-_]?\d+", re.IGNORECASE)
MANY = 4  # folders beside one another that are one data set rather than a set each


def is_picture(path: str) -> bool:
    """Whether a file's name says that it is a picture."""
    return path.lower().endswith(PICTURES)


def split_of(text: str) -> str:
    """The split that a path or name has a word of: "train", "val" or "test"; "" if none.

    The last word counts: train/labels_val.json is of val.
    """
    words = [re.sub(r"(?:19|20)\d\d$", "", w) for w in re.split(r"[^a-z0-9]+", text.lower())]
    kinds = (kind for word in reversed(words) for kind, names in SPLITS.items() if word in names)
    return next(kinds, "")


def grown(folders: Collection[str]) -> set[str]:
    """The folders of whole data sets: those above shards, and above many of a kind."""
    roots = set(folders)
    for _ in range(3):
        beside = Counter(parent(folder) for folder in roots if folder)
        roots = {
            parent(f) if f and (SHARDS.fullmatch(name(f)) or beside[parent(f)] > MANY) else f
            for f in roots
        }
    return {f for f in roots if not any(is_below(f, g) for g in roots - {f})}


def to_train_on(folders: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The folders that are no split but training's where that is there -> notes on the others."""
    found: dict[str, tuple[str, ...]] = {}
    for folder in sorted(folders):
        split = split_of(name(folder))
        same = [f for f in folders if parent(f) == parent(folder) and split_of(name(f))]
        if split in ("", "train") or not any(split_of(name(f)) == "train" for f in same):
            found[folder] = ()
        if split == "train":
            more = sorted(name(f) for f in same if f != folder)
            found[folder] = (f"also there, beside it: {', '.join(more)}",) if more else ()
    return found


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence: depth, normals and segments."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def name(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]
