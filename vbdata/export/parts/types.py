"""What an export is made of: options, items, parts, a summary; and what a format must have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, get_args

Blank = Literal["apart", "keep", "skip"]
BLANKS: tuple[Blank, ...] = get_args(Blank)
PAIRS, TEXT2IMAGE = "pairs", "text2image"
VERSION = 1  # of the folder's layout


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What to export, and how.

    format: a name of `vbdata.export.names()`; tasks, sources: only these, all if empty;
    split_by_task: a part for each task; blank: what becomes of samples without an input image
    ("apart": a part of their own, "keep": with a black control image, "skip": left out); masks:
    whether valid pixels are written as an image, for trainers that weight their loss by one.
    """

    format: str
    tasks: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    split_by_task: bool = False
    blank: Blank = "apart"
    masks: bool = True

    def order(self, build: str) -> dict[str, Any]:
        """All that decides the exported bytes, as JSON values; build: the manifest's digest."""
        plain = asdict(self) | {"tasks": sorted(self.tasks), "sources": sorted(self.sources)}
        return dict(sorted({"version": VERSION, "build": build, **plain}.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One exported sample; width and height in pixels.

    target, control, mask: paths of its images in the exported folder, "" for one it does not have.
    """

    part: str
    key: str
    source: str
    task: str
    license: str
    caption: str
    width: int
    height: int
    target: str
    control: str
    mask: str

    def in_part(self, path: str) -> str:
        """One of the item's paths, relative to the folder of its part."""
        return path.removeprefix(f"{self.part}/")


@dataclass(slots=True)
class Part:
    """A folder of samples that a trainer reads alike: all or none have control images and masks.

    sizes: how many of its samples have each (width, height), in pixels.
    """

    name: str
    control: bool
    mask: bool
    samples: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)


@dataclass(slots=True)
class Summary:
    """What was exported, counted.

    order: as `ExportOptions.order` gives it; cells: samples of each (source, task); licenses: of
    each (licence, source); skipped: samples without an input image that were left out.
    """

    name: str
    order: Mapping[str, Any]
    parts: dict[str, Part] = field(default_factory=dict)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    licenses: Counter[tuple[str, str]] = field(default_factory=Counter)
    skipped: int = 0

    @property
    def samples(self) -> int:
        """How many samples were exported, over all parts."""
        return sum(part.samples for part in self.parts.values())

    @property
    def ordered(self) -> list[Part]:
        """The parts, those with control images first, then by name."""
        return sorted(self.parts.values(), key=lambda part: (not part.control, part.name))

    def add(self, item: Item) -> None:
        """Count one exported sample."""
        part = self.parts.setdefault(
            item.part, Part(item.part, bool(item.control), bool(item.mask))
        )
        part.samples += 1
        part.sizes[item.width, item.height] += 1
        self.cells[item.source, item.task] += 1
        self.licenses[item.license, item.source] += 1


class Format(Protocol):
    """What the module of a format has.

    TRAINER: the trainer's name, for people; HOMEPAGE: where its format is defined; CAPTION_FILES:
    whether captions are .txt files beside the targets; MASKS: whether the trainer reads masks.
    """

    TRAINER: str
    HOMEPAGE: str
    CAPTION_FILES: bool
    MASKS: bool

    def line(self, item: Item) -> dict[str, str] | None:
        """The item's line in PART/metadata.jsonl, or None if the trainer reads no such file."""

    def configs(self, summary: Summary) -> dict[str, str]:
        """The trainer's config files: their text by path in the exported folder."""

    def howto(self, summary: Summary) -> str:
        """How to train on the folder, in Markdown, for the README."""

    def front(self, summary: Summary) -> str:
        """The front matter of the README, before its first heading; "" for none."""
