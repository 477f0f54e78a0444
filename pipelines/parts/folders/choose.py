"""Which layout, which images and which of their files a root has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vbdata.errors import SourceError

from .. import own_records, records
from .patterns import Listing, Parts, Pattern, nearest, paired
from .spec import Files, Spec

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

ARRAYS = ("hdf5", "h5")  # files that may hold an image as an array
SHOWN = 4  # examples in a message
ALL = "all"  # of the splits


class Images(NamedTuple):
    """The images of a source, path -> named parts.

    every: of all splits, as texts may name them; lost: lines of a list that are no image.
    """

    wanted: Mapping[str, Parts]
    every: Mapping[str, Parts]
    lost: tuple[str, ...] = ()


def layout(specs: Sequence[Spec], listing: Listing) -> Spec:
    """The layout with most kinds of labels that the root has, the first of equals."""

    def there(spec: Spec) -> tuple[bool, int]:
        kinds = sum(_any(listing, files) is not None for files in spec.files().values())
        return bool(listing.matches(spec.images)), kinds

    return max(specs, key=there)  # the first of the largest


def images(root: Root, spec: Spec, listing: Listing) -> Images:
    """The images that a recipe wants. Raises SourceError if there are none."""
    every = {p: parts for p, parts in listing.matches(spec.images).items() if _may_be(p, spec)}
    if not every:
        raise SourceError(
            f"{root.url}: no picture matches images: {spec.images.text!r} (images or preset says "
            f"where they are); found {_examples(root)}"
        )
    if spec.lists and spec.split != ALL:
        return _of_list(root, every, spec)
    return Images(_of_split(root, every, spec), every)


def files(
    spec: Files, kind: str, chosen: Images, listing: Listing, *, optional: bool
) -> dict[str, list[str]] | None:
    """Image -> its files of a kind; None if the root has none and need not have any.

    Raises SourceError if it has none and should have some.
    """
    pattern = _any(listing, spec)
    if pattern is None:
        if optional:
            return None
        option, texts = spec.patterns[0].option, " or ".join(repr(p.text) for p in spec.patterns)
        raise SourceError(f"no file matches {option}: {texts}, for {kind}")
    if spec.nearest:
        return nearest(chosen.wanted, listing, pattern, spec.nearest)
    return paired(chosen.wanted, listing, pattern, shared=spec.shared)


def matching(listing: Listing, spec: Files) -> Pattern:
    """The pattern of several that files match; the first if none does."""
    return _any(listing, spec) or spec.patterns[0]


def _any(listing: Listing, spec: Files) -> Pattern | None:
    """The first of some alternative patterns that any file matches."""
    return next((p for p in spec.patterns if listing.matches(p)), None)


def _may_be(path: str, spec: Spec) -> bool:
    """Whether a file that matches may be a picture, by its type."""
    kind = path.lower().rpartition(".")[2]
    return kind in (*own_records.KINDS, *own_records.OTHERS, *(ARRAYS if spec.dataset else ()))


def _of_split(root: Root, every: Mapping[str, Parts], spec: Spec) -> Mapping[str, Parts]:
    """The images of a split by {split}. Raises SourceError where it is to be said which."""
    found = sorted({parts["split"] for parts in every.values() if "split" in parts})
    if not found:
        if spec.split not in ("", ALL) and not spec.lists:
            raise SourceError(
                f"split: {spec.split!r}, but the pattern of images has no part {{split}}; `lists` "
                "may name a file of ids for each split"
            )
        return every
    if not spec.split and len(found) > 1:
        listed = ", ".join(found[:10])
        raise SourceError(f"{root.url}: split is to be set: there are {listed}; all takes all")
    if spec.split in ("", ALL):
        return every
    if spec.split not in found:
        listed = ", ".join(found[:10])
        raise SourceError(f"{root.url}: split: {spec.split!r} is not there. Known: {listed}, all")
    return {path: parts for path, parts in every.items() if parts["split"] == spec.split}


def _of_list(root: Root, every: Mapping[str, Parts], spec: Spec) -> Images:
    """The images that a file lists, a line each: an {id}, or a path or the end of one."""
    path = spec.lists.replace("{split}", spec.split)
    text = records.source_bytes(root, path, "lists").decode("utf-8", "replace")
    lines = {line.split()[0].removeprefix("./") for line in text.splitlines() if line.strip()}
    wanted = {p: parts for p, parts in every.items() if p in lines or parts.get("id") in lines}
    if lines and not wanted:
        raise SourceError(f"{root.url}: none of the {len(lines)} lines of {path} is an image")
    known = {*wanted, *(parts.get("id", "") for parts in wanted.values())}
    return Images(wanted, every, tuple(sorted(lines - known)))


def _examples(root: Root) -> str:
    """The first files of a root, for a message."""
    first = [file.path for file, _ in zip(root.files(), range(SHOWN), strict=False)]
    return ", ".join(first) + ", ..." * (len(first) == SHOWN) if first else "no file at all"
