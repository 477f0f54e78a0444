"""What an export is made of: options, parts, items, and what a format's module must have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, get_args

Blank = Literal["apart", "keep", "skip"]
BLANKS: tuple[Blank, ...] = get_args(Blank)
PAIRS, TEXT2IMAGE = "pairs", "text2image"
VERSION = 1  # of the layout


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What to export. tasks, sources: only these, all for none; blank: what becomes of samples
    without an input image (a part of their own, a black control image, or left out);
    masks: valid pixels as an image, for trainers that weigh their loss.
    """

    format: str
    tasks: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    split_by_task: bool = False
    blank: Blank = "apart"
    masks: bool = True

    def order(self, build: str) -> dict[str, Any]:
        """All that decides the exported bytes; build: the manifest's digest."""
        plain = asdict(self) | {"tasks": sorted(self.tasks), "sources": sorted(self.sources)}
        return dict(sorted({"version": VERSION, "build": build, **plain}.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One exported sample. target, control, mask: paths in the exported folder, "" for none."""

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

    def below(self, path: str) -> str:
        """A path of the item as it is seen from its part's folder."""
        return path.removeprefix(f"{self.part}/")


@dataclass(slots=True)
class Part:
    """A folder of samples that are read alike. sizes: samples of each (width, height)."""

    name: str
    control: bool
    mask: bool
    samples: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)


@dataclass(slots=True)
class Summary:
    """What was exported. skipped: samples without an input image that were left out."""

    name: str
    order: Mapping[str, Any]
    parts: dict[str, Part] = field(default_factory=dict)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    licenses: Counter[tuple[str, str]] = field(default_factory=Counter)
    skipped: int = 0

    @property
    def samples(self) -> int:
        """Of all parts."""
        return sum(part.samples for part in self.parts.values())

    @property
    def ordered(self) -> list[Part]:
        """Parts with control images first, then by name."""
        return sorted(self.parts.values(), key=lambda part: (not part.control, part.name))

    def add(self, item: Item) -> None:
        """Count one item."""
        part = self.parts.setdefault(
            item.part, Part(item.part, bool(item.control), bool(item.mask))
        )
        part.samples += 1
        part.sizes[item.width, item.height] += 1
        self.cells[item.source, item.task] += 1
        self.licenses[item.license, item.source] += 1


class Format(Protocol):
    """What a format's module has.

    TRAINER: for people; HOMEPAGE: where its format is defined; CAPTION_FILES: whether captions
    stand in .txt files beside the targets; MASKS: whether the trainer reads masks.
    """

    TRAINER: str
    HOMEPAGE: str
    CAPTION_FILES: bool
    MASKS: bool

    def line(self, item: Item) -> dict[str, str] | None:
        """The item's line in PART/metadata.jsonl; None if there is no such file."""

    def configs(self, summary: Summary) -> dict[str, str]:
        """Further files, by path."""

    def howto(self, summary: Summary) -> str:
        """How to train with it, in Markdown."""

    def front(self, summary: Summary) -> str:
        """What stands before the README's first heading; "" for nothing."""
