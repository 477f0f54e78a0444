"""The tables of the report, as lines of Markdown, from the numbers alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from experiments.arms import ARMS, Run, steps
from experiments.data import manifest_of, wanted_builds
from experiments.results import HEADLINE, METRICS, PRIMARY, SEEN, Metric, Results
from experiments.size import GENERATIVE, TASKS, task
from experiments.statistics import Interval, interval, paired

COMPARED = (("A", "C"), ("A", "B"), ("A", "E"), ("D", "B"), ("C", "B"), ("A", "D"))
PRIMARY_PAIRS = COMPARED[:3]
HELD_OUT = ("compositions", "crowded", "textures", "cameras")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a Markdown table, and a blank one."""
    yield "| " + " | ".join(head) + " |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def verdict(difference: Interval, one: str, other: str, better: int) -> str:
    """What an interval of one minus other shows, in words. better: 1 or -1, as for a Metric."""
    if difference.count < 2:
        return "one seed, no interval"
    shows = difference.shows * better
    return {1: f"{one} is better", -1: f"{other} is better", 0: "no difference shown"}[shows]


def headline(results: Results) -> Iterator[str]:
    """Skill by number of labels and arm: mean and standard deviation over seeds."""
    head = ["labelled scenes", *ARMS]
    rows = [
        [str(n), *(_cell(results.skill(arm, n), 3) for arm in ARMS)] for n in results.size.labelled
    ]
    yield from table(head, rows)


def comparisons(results: Results, pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Paired differences of skill between pairs of arms, with verdicts."""
    rows = []
    for one, other in pairs:
        for n in results.size.labelled:
            difference = paired(results.skill(one, n), results.skill(other, n))
            if difference is not None:
                rows.append(
                    [
                        f"{one} - {other}",
                        str(n),
                        *_shown(difference, 3),
                        verdict(difference, one, other, 1),
                    ]
                )
    yield from table(["skill", "n", "mean", "sd", "95 % interval", "seeds", "verdict"], rows)


def by_metric(results: Results) -> Iterator[str]:
    """Paired differences of each headline metric between the primary pairs of arms."""
    rows = []
    for metric in HEADLINE:
        for one, other in PRIMARY_PAIRS:
            row = [metric.titled, f"{one} - {other}"]
            for n in results.size.labelled:
                difference = paired(
                    results.of_arm(one, n, metric), results.of_arm(other, n, metric)
                )
                if difference is None:
                    row.append("-")
                    continue
                mean, _, span, _ = _shown(difference, metric.digits)
                row.append(f"{mean} {span}: {verdict(difference, one, other, metric.better)}")
            rows.append(row)
    head = ["metric", "pair", *(f"n = {n}" for n in results.size.labelled)]
    yield from table(head, rows)


def scores(results: Results) -> Iterator[str]:
    """Every metric: its trivial rows, every arm, its ceiling."""
    head = ["n", "row", *(metric.titled for metric in METRICS)]
    names = dict.fromkeys(
        name for rows in results.rows.values() for name in rows if name != "ceiling"
    )
    rows = [["", name, *(_trivial(results, name, metric) for metric in METRICS)] for name in names]
    for n in results.size.labelled:
        for arm in ARMS:
            cells = [_cell(results.of_arm(arm, n, m), m.digits) for m in METRICS]
            if any(cell != "-" for cell in cells):
                rows.append([str(n), f"**{arm}**", *cells])
    ceilings = [f"{results.ceiling(metric):.{metric.digits}f}" for metric in METRICS]
    yield from table(head, [*rows, ["", "ceiling", *ceilings]])


def beaten(results: Results) -> Iterator[str]:
    """With how many seeds each arm beats the best trivial row of each headline metric."""
    best = [results.best_trivial(metric) for metric in HEADLINE]
    head = ["n", "arm"]
    head += [
        f"{m.title} ({name} {value:.{m.digits}f})"
        for m, (name, value) in zip(HEADLINE, best, strict=True)
    ]
    rows = []
    for n in results.size.labelled:
        for arm in ARMS:
            row = [str(n), arm]
            for metric, (_, value) in zip(HEADLINE, best, strict=True):
                values = results.of_arm(arm, n, metric).values()
                wins = sum(metric.better * one > metric.better * value for one in values)
                row.append(f"{wins} of {len(values)}" if values else "-")
            rows.append(row)
    yield from table(head, rows)


def held_out(results: Results) -> Iterator[str]:
    """Scores on kinds of scenes that no arm was trained on, at the largest number of labels."""
    labelled = max(results.size.labelled)
    metrics = [metric for metric in HEADLINE if metric.task != "instance"]
    rows = []
    for source in (SEEN, *HELD_OUT):
        best = [results.best_trivial(metric, source) for metric in metrics]
        row = [source, "best trivial"]
        rows.append(row + [f"{v:.{m.digits}f}" for m, (_, v) in zip(metrics, best, strict=True)])
        for arm in ARMS:
            cells = [_cell(results.of_arm(arm, labelled, m, source), m.digits) for m in metrics]
            rows.append([source, f"**{arm}**", *cells])
    yield from table(["scenes", "row", *(metric.titled for metric in metrics)], rows)


def generative(results: Results) -> Iterator[str]:
    """What the generator still can: loss on unseen captions and edits, and edits in one step."""
    rows = []
    edit = Metric("edit", "psnr", "edit PSNR", 1, 2)
    rows.append(["", "copied input", "-", "-", f"{results.best_trivial(edit)[1]:.2f}"])
    for n in results.size.labelled:
        for arm in ARMS:
            losses = [_cell(_losses(results, arm, n, task(name)), 4) for name in GENERATIVE]
            rows.append([str(n), f"**{arm}**", *losses, _cell(results.of_arm(arm, n, edit), 2)])
    yield from table(["n", "row", "loss of generate ↓", "loss of edit ↓", "edit PSNR, dB ↑"], rows)


def mixtures(results: Results) -> Iterator[str]:
    """Realised samples of every build, and of a window of training batches."""
    rows = []
    for folder, _, _ in wanted_builds(results.size):
        manifest = manifest_of(results.out, folder)
        cells = ", ".join(f"{name} {count}" for name, count in _cells(manifest).items())
        rows.append([folder, str(manifest["samples"]), manifest["digest"][:12], cells])
    yield from table(["build", "samples", "digest", "realised samples of each cell"], rows)
    rows = []
    for arm in ARMS:
        runs = [run for (of, _, _), run in results.runs.items() if of == arm]
        if runs:
            window = runs[0]["window"]
            share = sum(n for name, n in window.items() if name.split(".")[-1] in TASKS)
            counts = ", ".join(f"{name.split('.')[-1]} {n}" for name, n in window.items() if n)
            rows.append([arm, f"{share / sum(window.values()):.3f}", counts])
    yield from table(["arm", "share of labels", "samples in every window of ten batches"], rows)


def size_of(results: Results) -> Iterator[str]:
    """Steps, images and time of a run of each arm."""
    rows = []
    batch = int(results.size.train["batch"])
    for arm in ARMS:
        count = steps(Run(arm=arm, seed=1, labelled=1), results.size)
        first = results.size.pretraining if ARMS[arm][0] else 0
        took = [run["seconds"]["training"] for (of, _, _), run in results.runs.items() if of == arm]
        shown = f"{sum(took) / len(took):.0f} s" if took else "-"
        rows.append([arm, str(first), str(count), str((first + count) * batch), shown])
    head = ["arm", "steps of pretraining", "steps on labels", "images in all", "training on labels"]
    yield from table(head, rows)


def _cells(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Realised samples by source and task."""
    return {
        f"{cell['source']}/{cell['task'].split('.')[-1]}": int(cell["realised"])
        for cell in manifest["cells"]
    }


def _losses(results: Results, arm: str, labelled: int, name: str) -> dict[int, float]:
    return {
        seed: run["validation"]["task"][name]
        for (of, n, seed), run in results.runs.items()
        if (of, n) == (arm, labelled)
    }


def won(results: Results, arm: str, labelled: int) -> list[bool]:
    """For each seed and primary metric whether the best trivial row is beaten."""
    return [
        metric.better * value > metric.better * results.best_trivial(metric)[1]
        for metric in PRIMARY
        for value in results.of_arm(arm, labelled, metric).values()
    ]


def _trivial(results: Results, name: str, metric: Metric) -> str:
    value = results.rows[SEEN, task(metric.task)].get(name, {}).get(metric.key)
    return "-" if value is None else f"{value:.{metric.digits}f}"


def _cell(values: dict[int, float], digits: int) -> str:
    """Mean and standard deviation over seeds, as a cell's text."""
    if not values:
        return "-"
    over_seeds = interval(list(values.values()))
    spread = f" ± {over_seeds.deviation:.{digits}f}" if over_seeds.count > 1 else ""
    return f"{over_seeds.mean:.{digits}f}{spread}"


def _shown(over_seeds: Interval, digits: int) -> list[str]:
    if over_seeds.count < 2:
        return [f"{over_seeds.mean:+.{digits}f}", "-", "-", str(over_seeds.count)]
    low, high = over_seeds.mean - over_seeds.half, over_seeds.mean + over_seeds.half
    return [
        f"{over_seeds.mean:+.{digits}f}",
        f"{over_seeds.deviation:.{digits}f}",
        f"[{low:+.{digits}f}, {high:+.{digits}f}]",
        str(over_seeds.count),
    ]
