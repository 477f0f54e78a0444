"""Write the report of an experiment from the JSON of its runs, as far as they are finished.

python -m experiments.report DIR [--docs docs] [--name experiment]     docs/NAME.md, docs/NAME/*.png
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments import figures
from experiments import report_tables as tables
from experiments.arms import ARMS, all_runs
from experiments.results import Results, load
from experiments.run import registered
from experiments.statistics import paired

TEXT = Path(__file__).with_name("report.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report of a folder; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m experiments.report", description=__doc__)
    parser.add_argument("out", type=Path, help="what experiments.run wrote")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where the report goes")
    parser.add_argument("--name", default="experiment", help="of the page and of its pictures")
    given = parser.parse_args(arguments)
    results = load(given.out.resolve())
    pictures = given.docs / given.name
    pictures.mkdir(parents=True, exist_ok=True)
    figures.curves(results, pictures)
    columns = figures.grid(results, pictures)
    text = TEXT.read_text(encoding="utf-8")
    for name, lines in {**sections(results, columns), "folder": [given.name]}.items():
        text = text.replace(f"<!-- {name} -->", "\n".join(lines).strip())
    (given.docs / f"{given.name}.md").write_text(text, encoding="utf-8")
    return 0


def sections(results: Results, columns: list[str]) -> dict[str, list[str]]:
    """All of the report that is made of numbers, by the name of its placeholder in report.md.

    columns: those of the sample grid.
    """
    return {
        "status": list(status(results)),
        "findings": list(findings(results)),
        "headline": list(tables.headline(results)),
        "primary": list(tables.comparisons(results, tables.PRIMARY_PAIRS)),
        "secondary": list(tables.comparisons(results, tables.COMPARED[3:])),
        "by metric": list(tables.by_metric(results)),
        "scores": list(tables.scores(results)),
        "beaten": list(tables.beaten(results)),
        "held out": list(tables.held_out(results)),
        "generative": list(tables.generative(results)),
        "mixtures": list(tables.mixtures(results)),
        "size": list(tables.size_of(results)),
        "training scenes": [f"{results.size.scenes['train']:,}"],
        "images": [images(results)],
        "columns": [f"{', '.join(columns[:-1])}; {columns[-1]}"],
    }


def status(results: Results) -> Iterator[str]:
    """Lines on the machine, the dates, and what is missing."""
    machine, wanted = results.experiment["machine"], len(all_runs(results.size))
    done = len(list((results.out / "runs").glob("*/result.json")))
    where = machine["gpu"] or f"{machine['cpu']}, {machine['cores']} cores"
    ended = results.experiment.get("finished", "not finished")
    versions = f"Python {machine['python']}, torch {machine['torch']}"
    yield f"Size `{results.size.name}` on {where}, {versions}."
    yield f"Begun {results.experiment['started']}, ended {ended}; {done} of {wanted} runs are in."
    if results.experiment["registration_sha256"] != registered():
        yield ""
        yield "**The registration was changed after these runs were begun.**"
    if done < wanted:
        yield ""
        missing = wanted - done
        yield f"**Partial: {missing} runs are missing; intervals are over the seeds there are.**"


def images(results: Results) -> str:
    """A sentence on how many images the arms see."""
    batch = int(results.size.train["batch"])
    tuned, longer = results.size.tuning, results.size.tuning + results.size.pretraining
    return (
        f"An arm on labels sees {tuned * batch:,} images, E {longer * batch:,}, of {batch} a step."
    )


def findings(results: Results) -> Iterator[str]:
    """A line for each primary comparison, with its verdict at each number of labelled scenes."""
    for one, other in tables.PRIMARY_PAIRS:
        verdicts = []
        for n in results.size.labelled:
            difference = paired(results.skill(one, n), results.skill(other, n))
            if difference is not None:
                verdicts.append(f"n = {n}: {tables.verdict(difference, one, other, 1)}")
        yield f"- **{one} against {other}**: {'; '.join(verdicts) or 'no runs yet'}."
    beats = [
        (arm, n)
        for arm in ARMS
        for n in results.size.labelled
        if (won := tables.won(results, arm, n)) and all(won)
    ]
    total = [(arm, n) for arm in ARMS for n in results.size.labelled if tables.won(results, arm, n)]
    yield (
        f"- {len(beats)} of {len(total)} cells (an arm and a number of labels) beat the best "
        "trivial rows of depth (AbsRel), normals and classes with every seed."
    )


if __name__ == "__main__":
    sys.exit(main())
