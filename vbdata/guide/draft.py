"""Draft the sources of a recipe for a folder: what its readers recognise in it, and what is left.

Each reader may have a module of its name in `pipelines/recognise`, or state its layout itself
(vbdata.guide.layouts). Those of official layouts look first; the files that one has found the next
ones do not see.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from vbdata import plugins
from vbdata.errors import RecipeError
from vbdata.guide import layouts
from vbdata.guide.describe import served
from vbdata.sources.found import Blank, Found
from vbdata.sources.glimpse import Glimpse, look
from vbdata.sources.members import is_archive

RECOGNISERS = f"{plugins.DATASETS}.recognise"
PICTURES = re.compile(r".*\.(?:jpe?g|png|webp|tiff?|bmp|exr)", re.IGNORECASE)
MOST_SAMPLES = 1_000_000
FIRST = 0  # the rank of a reader that states its layout: that of official ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A source of a draft. tasks: that its labels can serve; blanks: options to be filled in."""

    name: str
    dataset: str
    found: Found
    tasks: tuple[str, ...]
    blanks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a folder could be in a recipe.

    folder: the folder, or an archive; sources: that can be read once blanks are filled in; lacking:
    those of which something is missing; left: pictures that belong to none; unseen: sentences about
    what was not looked at.
    """

    folder: Path
    sources: tuple[Drafted, ...]
    lacking: tuple[Drafted, ...]
    left: tuple[str, ...]
    unseen: tuple[str, ...]

    @property
    def blanks(self) -> int:
        """How many options are to be filled in."""
        return sum(len(source.blanks) for source in self.sources)

    @property
    def samples(self) -> int:
        """One pass over the smallest source, in equal shares for all sources and tasks."""
        cells = sum(len(source.tasks) for source in self.sources)
        smallest = min((source.found.count for source in self.sources), default=1)
        return max(cells, min(MOST_SAMPLES, max(1, smallest) * cells))


def draft(folder: Path) -> Draft:
    """The draft for a folder or an archive. Raises RecipeError if it is not there."""
    try:
        glimpse = look(folder)
    except OSError as err:
        raise RecipeError([f"{folder}: cannot be looked at: {err.strerror or err}"]) from err
    if glimpse.alone and not is_archive(folder.name):
        raise RecipeError([f"{folder}: is a file; name its folder, or an archive (.zip, .tar)"])
    sources, lacking = list[Drafted](), list[Drafted]()
    for name, recognised in _recognisers():
        for found in list(recognised(glimpse)):
            source = _drafted(glimpse, name, found, [each.name for each in sources])
            (lacking if source.found.lacking else sources).append(source)
            if not source.found.lacking:
                glimpse = glimpse.without(found.files)
    told = {p for each in (*sources, *lacking) for p in (*each.found.files, *each.found.shared)}
    left = (path for path in glimpse.paths if PICTURES.fullmatch(path) and path not in told)
    taken = {path for source in sources for path in source.found.files}
    return Draft(
        folder=folder,
        sources=tuple(sources),
        lacking=tuple(each for each in lacking if not each.found.files <= taken),
        left=tuple(left),
        unseen=glimpse.unseen,
    )


def _recognisers() -> list[tuple[str, Callable[[Glimpse], Iterator[Found]]]]:
    """What recognises the data of readers, in the order in which they look."""
    readers, own = plugins.names(plugins.DATASETS), plugins.names(RECOGNISERS)
    looking: list[tuple[int, str, Callable[[Glimpse], Iterator[Found]]]] = []
    for name in readers:
        if name in own:
            module = importlib.import_module(f"{plugins.HOME}.{RECOGNISERS}.{name}")
            looking.append((module.RANK, name, module.recognised))
        elif hasattr(reader := plugins.dataset(name), "LAYOUT"):
            looking.append((FIRST, name, partial(layouts.recognised, reader)))
    return [(name, recognised) for _, name, recognised in sorted(looking, key=lambda each: each[0])]


def _drafted(glimpse: Glimpse, dataset: str, found: Found, taken: Sequence[str]) -> Drafted:
    tasks = tuple(task for task in served(found.labels) if task not in found.unfit)
    lacking = found.lacking
    if not lacking and glimpse.folder_of(found.root) != found.root:
        lacking = f"a folder {found.root} on the disk: it is inside an archive, so unpack that"
    if not lacking and not tasks:
        lacking = "labels that a task can use"
    return Drafted(
        name=_name(found.name or found.root.rpartition("/")[2] or dataset, dataset, taken),
        dataset=dataset,
        found=replace(found, lacking=lacking),
        tasks=tasks,
        blanks=tuple(blanks_of(found.options)),
    )


def blanks_of(options: object, prefix: str = "") -> list[str]:
    """The keys of options that are to be filled in, such as depth.scale."""
    if not isinstance(options, dict):
        return []
    found = list[str]()
    for key, value in options.items():
        here = [f"{prefix}{key}"] if isinstance(value, Blank) else []
        found += here or blanks_of(value, f"{prefix}{key}.")
    return found


def _name(wanted: str, dataset: str, taken: Sequence[str]) -> str:
    """A name for a source that no other one has."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", wanted).strip("-_")[:48] or dataset
    numbered = (f"{plain}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (plain, *numbered) if name not in taken)
