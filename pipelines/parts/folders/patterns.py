"""Patterns of paths with named parts, and which file belongs to which image.

    {name}   one part of a path or of a file's name, without "/"; the same text wherever it comes
    *  ?     any characters without "/", one of them
    **       any number of folders

An image's file of another pattern is the one with the same named parts. `**` counts as a part, too:
the first of one pattern is the first of the other. In a pattern without names, the first `*` of the
file's own name is {id}.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import safe

from .. import records

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

PIECE = re.compile(r"\{(\w+)\}|(\*\*/?)|(\*)|(\?)|([^{}*?]+)|(.)", re.DOTALL)
FOLDERS = "folders"  # how the parts are called that `**` stands for: folders1, folders2
MOST_WILD = 12  # wildcards and names of a pattern
NAME = re.compile(r"[a-z]\w{0,31}")

Parts = Mapping[str, str]


@dataclass(frozen=True)
class Pattern:
    """A pattern, compiled. text: as the recipe has it, {id} put in; option: where it stands there.

    names: of its parts, those of `**` among them.
    """

    text: str
    option: str
    regex: re.Pattern[str]
    names: tuple[str, ...]

    @cached_property
    def folder(self) -> str:
        """The folder below which all of its files lie, "" for the root."""
        plain = re.split(r"[{*?]", self.text, maxsplit=1)[0]
        return plain.rpartition("/")[0]

    @property
    def plain(self) -> bool:
        """Whether it is the path of one file."""
        return not re.search(r"[{*?]", self.text)

    def parts(self, path: str) -> dict[str, str] | None:
        """The named parts of a path; None if it does not match."""
        match = self.regex.fullmatch(path)
        return match.groupdict() if match else None

    def filled(self, parts: Parts) -> str:
        """The pattern with what is known put in, for messages and for files that are missing."""
        text = re.sub(r"\{(\w+)\}", lambda name: parts.get(name[1], name[0]), self.text)
        count = 0

        def folders(match: re.Match[str]) -> str:
            nonlocal count
            count += 1
            return parts.get(f"{FOLDERS}{count}", match[0])

        return re.sub(r"\*\*/?", folders, text)


def compiled(text: str, option: str, *, stem: bool = True) -> Pattern:
    """A pattern of a recipe.

    option: where it stands, for messages; stem: whether a `*` is {id} where nothing is named.
    Raises SourceError for one that leads out of the root or is none.
    """
    text = text.removeprefix("./")
    try:
        safe(text)
    except BadSample as bad:
        raise SourceError(
            f"{option}: {text!r} is not a path below the root, written with '/' and without '..'"
        ) from bad
    if stem and "{" not in text:
        above, _, name = text.rpartition("/")
        if "*" in name and "**" not in name:
            text = f"{above}/" * bool(above) + name.replace("*", "{id}", 1)
    expression, names, wild = "", list[str](), 0
    for name, deep, star, one, plain, strange in PIECE.findall(text):
        wild += not plain
        if strange:
            raise SourceError(f"{option}: {text!r}: a part is written {{name}}; found {strange!r}")
        if plain:
            expression += re.escape(plain)
        elif deep:
            folders = f"{FOLDERS}{1 + sum(n.startswith(FOLDERS) for n in names)}"
            names.append(folders)
            expression += f"(?P<{folders}>(?:[^/]+/)*)" if deep == "**/" else f"(?P<{folders}>.*)"
        elif star or one:
            expression += "[^/]*" if star else "[^/]"
        elif not NAME.fullmatch(name) or name.startswith(FOLDERS):
            raise SourceError(
                f"{option}: {{{name}}}: a part's name is lower-case letters, digits and '_', "
                "not 'folders'"
            )
        elif name in names:
            expression += f"(?P={name})"
        else:
            names.append(name)
            expression += f"(?P<{name}>[^/]+)"
    if wild > MOST_WILD:
        raise SourceError(f"{option}: {text!r} has {wild} wildcards and parts, at most {MOST_WILD}")
    return Pattern(text, option, re.compile(expression), tuple(names))


class Listing:
    """The files of a root, folder by folder, as far as they are asked for: path -> bytes."""

    def __init__(self, root: Root) -> None:
        self._root, self._known = root, dict[str, dict[str, int]]()
        self._matches = dict[str, dict[str, dict[str, str]]]()

    def sizes(self, pattern: Pattern) -> dict[str, int]:
        """The files that may match a pattern; hidden ones are left out."""
        if pattern.plain:
            size = self._root.size(pattern.text)
            return {} if size < 0 else {pattern.text: size}
        folder = pattern.folder
        if folder not in self._known:
            above = (f for f in self._known if not f or folder.startswith(f"{f}/"))
            if (held := next(above, None)) is not None:
                whole = self._known[held].items()
                self._known[folder] = {p: n for p, n in whole if p.startswith(f"{folder}/")}
            else:
                sizes = records.sizes(self._root, folder).items()
                self._known[folder] = {p: n for p, n in sizes if not _hidden(p)}
        return self._known[folder]

    def matches(self, pattern: Pattern) -> dict[str, dict[str, str]]:
        """Path -> named parts of the files that match a pattern, sorted by path."""
        if pattern.text not in self._matches:
            found = {path: pattern.parts(path) for path in sorted(self.sizes(pattern))}
            kept = {path: parts for path, parts in found.items() if parts is not None}
            self._matches[pattern.text] = kept
        return self._matches[pattern.text]


def _hidden(path: str) -> bool:
    """Whether a file or a folder above it begins with a dot, as those that macOS leaves do."""
    return path.startswith((".", "__MACOSX/")) or "/." in path


def paired(
    images: Mapping[str, Parts], listing: Listing, pattern: Pattern, *, shared: bool
) -> dict[str, list[str]]:
    """Image -> its files of another pattern: none, one, or several where that has wildcards.

    images: path -> named parts; shared: whether one file may be that of several images. Raises
    SourceError for a part that images do not have, and for files that several images would share.
    """
    known: Parts = next(iter(images.values()), {})
    if unknown := [name for name in pattern.names if name not in known and name[:7] != FOLDERS]:
        listed = ", ".join(f"{{{n}}}" for n in known if not n.startswith(FOLDERS)) or "none"
        raise SourceError(
            f"{pattern.option}: {{{unknown[0]}}} is no part of the pattern of images, which has "
            f"{listed}"
        )
    names = [name for name in pattern.names if name in known]
    files: dict[tuple[str, ...], list[str]] = {}
    for path, parts in listing.matches(pattern).items():
        files.setdefault(tuple(parts[name] for name in names), []).append(path)
    found: dict[str, list[str]] = {}
    taken: dict[tuple[str, ...], str] = {}
    for image, own in images.items():
        key = tuple(own[name] for name in names)
        found[image] = files.get(key, [])
        if found[image] and not shared and taken.setdefault(key, image) != image:
            raise SourceError(
                f"{pattern.option}: {found[image][0]} would be the file of several images, such as "
                f"{taken[key]} and {image}: name the part that tells them apart in both patterns, "
                f"or say {pattern.option.rpartition('.')[0] or pattern.option}.shared: true"
            )
    return found


def nearest(
    images: Mapping[str, Parts], listing: Listing, pattern: Pattern, within: Mapping[str, float]
) -> dict[str, list[str]]:
    """Image -> its file of another pattern, where one part is a number that need not be equal.

    within: the part, and how far its numbers may be apart. Pairs are made as the TUM benchmark's
    associate.py makes them: the closest first, each image and each file once; all other parts must
    be equal. Raises SourceError.
    """
    ((name, most),) = within.items()
    others = [n for n in pattern.names if n != name]
    known: Parts = next(iter(images.values()), dict.fromkeys(pattern.names, ""))
    if lost := [n for n in pattern.names if n not in known]:
        raise SourceError(f"{pattern.option}: {{{lost[0]}}} is no part of the pattern of images")
    if name not in pattern.names:
        raise SourceError(f"{pattern.option}: without the part {{{name}}} that `nearest` names")
    groups: dict[tuple[str, ...], tuple[list[tuple[float, str]], list[tuple[float, str]]]] = {}
    for side, paths in enumerate((images, listing.matches(pattern))):
        for path, parts in paths.items():
            value = _number(parts[name])
            if value is not None:
                key = tuple(parts[n] for n in others)
                groups.setdefault(key, ([], []))[side].append((value, path))
    found: dict[str, list[str]] = {image: [] for image in images}
    for wanted, there in groups.values():
        used = set[str]()
        for _, image, file in sorted(_near(sorted(wanted), sorted(there), most)):
            if not found[image] and file not in used:
                found[image] = [file]
                used.add(file)
    return found


def _near(
    wanted: Sequence[tuple[float, str]], there: Sequence[tuple[float, str]], most: float
) -> Iterable[tuple[float, str, str]]:
    """(distance, image, file) of all pairs that are close enough. Both sides are sorted."""
    start = 0
    for value, image in wanted:
        while start < len(there) and there[start][0] < value - most:
            start += 1
        place = start
        while place < len(there) and there[place][0] <= value + most:
            yield abs(there[place][0] - value), image, there[place][1]
            place += 1


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,18}(\.\d{1,12})?", text) else None
