"""The page of a table of benchmarks: its lines, and pictures of the worst and median answers.

Builds and answers are read where the reports say that they lie; of one that is gone the page has
its numbers, and says why it has no pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from vbdata import plugins
from vbdata.bench.answers import Answers, Targets
from vbdata.bench.facts import Benchmark, benchmark
from vbdata.bench.table import MARKS, Line, shown
from vbdata.core import images
from vbdata.errors import BadSample, VbdataError
from vbdata.manifest.drawn import decoded, drawn
from vbdata.manifest.opened import Build, open_build
from vbdata.storage.folder import Folder
from vbdata.view.report.page import LONGEST_PROMPT, UNPRINTABLE
from vbdata.view.report.tiles import Tile, picture_tile

EACH = 3  # answers of the worst and of the middle
BOX = (280, 210)  # pixels of a picture at most
TARGETS = "targets of the build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictured:
    """An answer as it is shown. name: of its record; value: of the primary metric, as text."""

    key: str
    name: str
    value: str
    prompt: str
    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A report on the page. groups: "worst" and "median", each with answers; lost: why not."""

    known: Benchmark
    report: Mapping[str, Any]
    who: str
    groups: Mapping[str, Sequence[Pictured]]
    lost: str

    @property
    def prompt(self) -> str:
        """The prompt of all answers that are shown, "" if they have several."""
        prompts = {one.prompt for some in self.groups.values() for one in some}
        return prompts.pop() if len(prompts) == 1 else ""


def benchmark_page(reports: Sequence[Mapping[str, Any]], table: Sequence[Line]) -> str:
    """Reports of `vbdata bench score` and the lines of their table as one HTML page."""
    environment = Environment(
        loader=PackageLoader("vbdata.view.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = [_section(report) for report in reports]
    html = environment.get_template("benchmarks.html").render(
        table=table, sections=sections, shown=shown, marks=MARKS
    )
    return UNPRINTABLE.sub("\ufffd", html)


def ranked(report: Mapping[str, Any]) -> dict[str, list[tuple[str, str, float]]]:
    """(key, record, value) of a report's worst answers, the worst first, and of its middle ones."""
    sign = -1 if report["primary"]["better"] == "less" else 1
    known = [(key, name, value) for key, name, value in report["ranked"] if value is not None]
    known.sort(key=lambda one: (sign * one[2], one[0]))
    middle = max(0, (len(known) - EACH + 1) // 2)
    return {"worst": known[:EACH], "median": known[middle : middle + EACH]}


def _section(report: Mapping[str, Any]) -> Section:
    known = benchmark(report["benchmark"])
    groups: dict[str, list[Pictured]] = {}
    lost = ""
    try:
        build = open_build(Folder(report["build"]["at"]))
        answers = Answers([Targets(build)])
        if report["answers"] != [TARGETS]:
            answers = Answers.of(report["answers"])
        for group, some in ranked(report).items():
            groups[group] = [_pictured(build, answers, one) for one in some]
    except (VbdataError, OSError) as err:
        lost = str(err)
    who = report.get("model") or ", ".join(report["answers"])
    return Section(known=known, report=report, who=who, groups=groups, lost=lost)


def _pictured(build: Build, answers: Answers, one: tuple[str, str, float]) -> Pictured:
    key, name, value = one
    sample = build[key]
    prompt = sample.instruction
    if len(prompt) > LONGEST_PROMPT:
        prompt = f"{prompt[:LONGEST_PROMPT]} ..."
    coded = not plugins.photograph(sample.task)
    made = [picture_tile(sample.input, *BOX, f"input of {key}", coded=False)]
    for rgb in _answers(answers, key):
        made.append(picture_tile(rgb, *BOX, f"answer to {key}", coded=coded))
        label = decoded(rgb, sample.task, sample.params)
        under = rgb if rgb.shape != sample.input.shape else sample.input
        made.append(
            picture_tile(drawn(label, under), *BOX, f"decoded answer to {key}", coded=False)
        )
    made.append(picture_tile(sample.target, *BOX, f"target of {key}", coded=coded))
    return Pictured(key=key, name=name, value=shown(value), prompt=prompt, tiles=made)


def _answers(answers: Answers, key: str) -> Iterator[images.Pixels]:
    """The first answer to a key that can be read."""
    for each in answers.sets:
        try:
            rgb = each(key)
        except BadSample:
            continue
        if rgb is not None:
            yield rgb
            return
