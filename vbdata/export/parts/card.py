"""The README of an exported folder: its contents and licences, how to train, how to decode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vbdata.export.parts.sizes import all_sizes, described, reasons
from vbdata.export.parts.types import Format, Part, Summary
from vbdata.recipe.licences import commercial

DECODE = """\
## Decode

`vbdata.jsonl` has a line a sample: the manifest's row, and where its files are. `params` is what a
task's decoder needs:

```python
import json

from PIL import Image
import numpy as np
from vbdata import codecs

for line in open("vbdata.jsonl"):
    row = json.loads(line)
    rgb = np.asarray(Image.open(row["target"]).convert("RGB"))
    label = codecs.decode(row["task"], rgb, json.loads(row["params"]))
```

Answers of a trained model, saved as `KEY.png`, are scored against the build by
`vbdata eval BUILD --predictions DIR`.
"""


def card(summary: Summary, form: Format) -> str:
    """The whole README of an export, in Markdown; form: the module of its format."""
    front = form.front(summary)
    return "\n".join(
        [
            *([front] if front else []),
            f"# {summary.name}, for {form.TRAINER}\n",
            _contents(summary, form),
            "## Train\n",
            form.howto(summary).rstrip() + "\n",
            described(all_sizes(summary.parts.values()), summary.layout, form.TRAINER) + "\n",
            DECODE,
            "## Licences\n",
            "Each sample keeps the licence of its record; `license` in `vbdata.jsonl`. Share-alike "
            "(SA) and no-derivatives (ND) licences have duties of their own.\n",
            _licences(summary),
        ]
    )


def _contents(summary: Summary, form: Format) -> str:
    cells = [(source, task, str(n)) for (source, task), n in sorted(summary.cells.items())]
    return "\n".join(
        [
            f"{summary.samples} samples of the vbdata build `{summary.order['build'][:16]}`, "
            f"written by `vbdata export --to {summary.order['format']}{_model(summary)}`. "
            f"Format: {form.HOMEPAGE}\n",
            _table(("source", "task", "samples"), cells),
            *(f"- `{part.name}/`: {_part(part)}" for part in summary.ordered),
            *_left_out(summary),
            "",
            "Images are the bytes of the build. In targets that are labels, pixels without a label "
            "have a colour of their own, or black"
            + (
                "; masks are 255 where there is a label."
                if any(part.mask for part in summary.ordered)
                else ", and this folder has no masks, so a trainer learns that colour, too."
            )
            + "\n",
        ]
    )


def _model(summary: Summary) -> str:
    return f" --model {summary.order['model']}" if summary.chosen else ""


def _part(part: Part) -> str:
    control = "`control/`, the input image, and " if part.control else "no input image; "
    if part.references:
        more = ", ".join(f"`reference{n}/`" for n in range(1, 1 + part.references))
        control = f"`control/`, the input image, {more}, further pictures of the question, and "
    mask = ", `mask/`, valid pixels" if part.mask else ""
    return f"{part.samples} samples: {control}`target/`, the answer{mask}"


def _left_out(summary: Summary) -> list[str]:
    policy, lines = summary.order["blank"], list[str]()
    if summary.skipped:
        lines.append(f"- {summary.skipped} samples without an input image were left out")
    if summary.unseen:
        lines.append(
            f"- {summary.unseen} samples were left out whose prompts refer to further pictures, "
            "which this trainer does not take"
        )
    if summary.odd:
        lines.append(
            f"- {summary.odd.total()} samples that the trainer would resize were left out: "
            f"{reasons(summary.odd, summary.layout.odd)}"
        )
    if policy == "keep":
        lines.append("- samples of text-to-image tasks have a black control image")
    chosen = [*summary.order["tasks"], *summary.order["sources"]]
    if chosen:
        lines.append(f"- of the build only: {', '.join(chosen)}")
    return lines


def _licences(summary: Summary) -> str:
    rows = [
        (name, source, str(count), "yes" if commercial(name) else "not known to be allowed")
        for (name, source), count in sorted(summary.licenses.items())
    ]
    return _table(("licence", "source", "samples", "commercial use"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
