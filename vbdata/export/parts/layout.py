"""What a trainer does with the sizes of a build's samples, found before any file is written.

The rows of the manifest say every sample's size, so an export that the trainer would spoil is
refused at once, with the reason and what to do.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from vbdata.errors import RecipeError, choices
from vbdata.export.parts.sizes import odd_count, reasons
from vbdata.export.parts.types import ExportOptions, Format, Layout, Model, Sizes
from vbdata.manifest.opened import Build

FACTS = ["task", "source", "width", "height", "blank_input"]


def arranged(build: Build, options: ExportOptions, form: Format) -> Layout:
    """The layout of the samples that the options choose.

    Raises RecipeError if the format knows no such model, or, with odd_sizes "refuse", if the
    trainer would resize samples; or if it cannot train those without an input image; BuildError if
    the rows are damaged.
    """
    model = model_of(form, options)
    order = f"--to {options.format}" + (f" --model {options.model}" if options.model else "")
    sizes, blank = _counted(build, options)
    layout = form.layout(sizes, model)
    faults = []
    if options.odd_sizes == "refuse" and layout.odd:
        faults.append(f"{order}: {_refusal(sizes, layout, form.TRAINER)}")
    if options.odd_sizes == "skip":
        kept = Counter({size: n for size, n in sizes.items() if size not in layout.odd})
        layout = replace(form.layout(kept, model), odd=layout.odd)
    if blank and options.blank == "apart" and not model.alone:
        faults.append(
            f"{order}: {form.TRAINER} trains {model.title} with an input image only, and {blank} "
            "samples have none: --blank skip leaves them out, --blank keep gives them a black one"
        )
    if faults:
        raise RecipeError(faults)
    return layout


def model_of(form: Format, options: ExportOptions) -> Model:
    """The model that the options name, or the format's ANY; RecipeError if there is none such."""
    if not options.model:
        return form.ANY
    if options.model not in form.MODELS:
        known = choices(options.model, form.MODELS)
        raise RecipeError([f"--model {options.model}: not known for --to {options.format}{known}"])
    return form.MODELS[options.model]


def _counted(build: Build, options: ExportOptions) -> tuple[Sizes, int]:
    """How many of the chosen samples have each size, and how many of them have no input image."""
    table = build.columns(FACTS)
    with build.reading():
        counts = table.unify_dictionaries().group_by(FACTS).aggregate([([], "count_all")])
        rows = counts.to_pylist()
    sizes, blank = Sizes(), 0
    for row in rows:
        count = row["count_all"]
        if options.wants(row) and not (row["blank_input"] and options.blank == "skip"):
            sizes[row["width"], row["height"]] += count
            blank += count if row["blank_input"] else 0
    return sizes, blank


def _refusal(sizes: Sizes, layout: Layout, trainer: str) -> str:
    return (
        f"{trainer} would resize {odd_count(sizes, layout.odd)} of {sum(sizes.values())} samples, "
        f"and a resized target has colours that mean something else ({reasons(sizes, layout.odd)})."
        f" Build with {layout.remedy} in the recipe; or --odd-sizes skip leaves these samples out, "
        "and --odd-sizes keep exports them all the same"
    )
