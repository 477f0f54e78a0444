"""What an export is made of: options, items, parts, a summary; and what a format must have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, get_args

Blank = Literal["apart", "keep", "skip"]
BLANKS: tuple[Blank, ...] = get_args(Blank)
OddSizes = Literal["refuse", "skip", "keep"]
ODD_SIZES: tuple[OddSizes, ...] = get_args(OddSizes)
Size = tuple[int, int]  # width, height in pixels
Sizes = Counter[Size]  # how many samples have each
PAIRS, TEXT2IMAGE = "pairs", "text2image"
VERSION = 1  # of the folder's layout


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What to export, and how.

    format: a name of `vbdata.export.names()`; tasks, sources: only these, all if empty;
    split_by_task: a part for each task; blank: what becomes of samples without an input image
    ("apart": a part of their own, "keep": with a black control image, "skip": left out); masks:
    whether valid pixels are written as an image, for trainers that weight their loss by one;
    model: a name of the format's MODELS, "" for none in particular; odd_sizes: what becomes of
    samples that the trainer would resize ("refuse": the export is refused, "skip": they are left
    out, "keep": they are exported, and the README says what the trainer does to them).
    """

    format: str
    tasks: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    split_by_task: bool = False
    blank: Blank = "apart"
    masks: bool = True
    model: str = ""
    odd_sizes: OddSizes = "refuse"

    def wants(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of the manifest is of a chosen task and source."""
        by_task = not self.tasks or row["task"] in self.tasks
        return by_task and (not self.sources or row["source"] in self.sources)

    def order(self, build: str) -> dict[str, Any]:
        """All that decides the exported bytes, as JSON values; build: the manifest's digest.

        Keys that came later stand in it only where they say something, so that exports of before
        are still known.
        """
        plain = asdict(self) | {"tasks": sorted(self.tasks), "sources": sorted(self.sources)}
        if not self.model:
            del plain["model"]
        if self.odd_sizes != "skip":
            del plain["odd_sizes"]
        return dict(sorted({"version": VERSION, "build": build, **plain}.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as one trainer trains it.

    title: as its makers call it; multiple: a target keeps its pixels if both sides are multiples of
    so many pixels; alone: whether samples without an input image can be trained, too; several:
    whether it takes several control images, if its trainer does; settings: what the format's
    configs and commands call it, by the format's own keys.
    """

    title: str
    multiple: int = 16
    alone: bool = True
    several: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the trainer of a model does with the sizes of a build's samples.

    odd: the sizes that it changes, each with the reason; remedy: what to write into a recipe that
    has other sizes; groups: of sizes that must not lie in one folder with all others, the number of
    their folder, from 0; sizes that are not in it have 0.
    """

    model: Model
    odd: Mapping[Size, str] = field(default_factory=dict)
    remedy: str = ""
    groups: Mapping[Size, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One exported sample; width and height in pixels.

    target, control, mask: paths of its images in the exported folder, "" for one it does not have;
    references: those of further pictures of its question, in their order.
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
    references: tuple[str, ...] = ()

    def in_part(self, path: str) -> str:
        """One of the item's paths, relative to the folder of its part."""
        return path.removeprefix(f"{self.part}/")


@dataclass(slots=True)
class Part:
    """A folder of samples that a trainer reads alike: all or none have control images and masks.

    references: how many each of its samples has, the same in all; sizes: how many of its samples
    have each (width, height), in pixels.
    """

    name: str
    control: bool
    mask: bool
    references: int = 0
    samples: int = 0
    sizes: Sizes = field(default_factory=Counter)


@dataclass(slots=True)
class Summary:
    """What was exported, counted.

    order: as `ExportOptions.order` gives it; layout: what the trainer does with the sizes; cells:
    samples of each (source, task); licenses: of each (licence, source); skipped: samples without an
    input image that were left out; unseen: samples that were left out because the trainer takes no
    further pictures of their questions; odd: how many of each size were left out for it.
    """

    name: str
    order: Mapping[str, Any]
    layout: Layout
    parts: dict[str, Part] = field(default_factory=dict)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    licenses: Counter[tuple[str, str]] = field(default_factory=Counter)
    skipped: int = 0
    unseen: int = 0
    odd: Sizes = field(default_factory=Counter)

    @property
    def samples(self) -> int:
        """How many samples were exported, over all parts."""
        return sum(part.samples for part in self.parts.values())

    @property
    def chosen(self) -> bool:
        """Whether the export is for one model, which its user named."""
        return bool(self.order.get("model"))

    @property
    def ordered(self) -> list[Part]:
        """The parts, those with control images first, then by name."""
        return sorted(self.parts.values(), key=lambda part: (not part.control, part.name))

    def add(self, item: Item) -> None:
        """Count one exported sample."""
        part = self.parts.setdefault(
            item.part,
            Part(item.part, bool(item.control), bool(item.mask), len(item.references)),
        )
        part.samples += 1
        part.sizes[item.width, item.height] += 1
        self.cells[item.source, item.task] += 1
        self.licenses[item.license, item.source] += 1


class Format(Protocol):
    """What the module of a format has.

    TRAINER: the trainer's name, for people; HOMEPAGE: where its format is defined; CAPTION_FILES:
    whether captions are .txt files beside the targets; MASKS: whether the trainer reads masks;
    REFERENCES: whether it takes several control images;
    MODELS: what it trains, by the names of --model; ANY: what it is taken to train without one.
    """

    TRAINER: str
    HOMEPAGE: str
    CAPTION_FILES: bool
    MASKS: bool
    REFERENCES: bool
    MODELS: Mapping[str, Model]
    ANY: Model

    def layout(self, sizes: Sizes, model: Model) -> Layout:
        """What the trainer does with samples of these sizes when it trains a model."""

    def line(self, item: Item, model: Model) -> Mapping[str, Any] | None:
        """The item's line in PART/metadata.jsonl, or None if the trainer reads no such file."""

    def configs(self, summary: Summary) -> dict[str, str]:
        """The trainer's config files: their text by path in the exported folder."""

    def howto(self, summary: Summary) -> str:
        """How to train on the folder, in Markdown, for the README."""

    def front(self, summary: Summary) -> str:
        """The front matter of the README, before its first heading; "" for none."""
