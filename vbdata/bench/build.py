"""Build a benchmark: its recipe with the user's roots, then the count against the official set."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from vbdata.bench.count import Counting, write_count
from vbdata.bench.facts import Benchmark
from vbdata.engine.build import build
from vbdata.engine.progress import Watcher
from vbdata.errors import RecipeError, choices
from vbdata.recipe import yaml12
from vbdata.recipe.recipe import Recipe, parse_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

Built = tuple[dict[str, Any], dict[str, Any]]


def recipe_of(
    benchmark: Benchmark,
    roots: Mapping[str, Sequence[str]],
    votes: int | None = None,
    max_pixels: int | None = None,
    sources: Collection[str] = (),
) -> Recipe:
    """A benchmark's recipe. roots: by source, or "" for all of them where they share one root.

    votes: how often each query is asked; max_pixels: pictures that are larger are shrunk to so many
    pixels, and answers enlarged again; None: what the recipe says; sources: only these of several.
    Raises RecipeError.
    """
    for name in sources:
        if name not in benchmark.size:
            raise RecipeError([f"--source {name}: no such source{choices(name, benchmark.size)}"])
    wanted = [name for name in benchmark.size if not sources or name in sources]
    given = {name: tuple(urls) for name, urls in roots.items()}
    if "" in given:
        shared = given.pop("")
        given = dict.fromkeys(wanted, shared) | given
    if lacking := [name for name in wanted if name not in given]:
        told = ", ".join(f"{name}=PATH" for name in lacking)
        raise RecipeError(
            [f"{benchmark.name}: --root {told}: where its data lies. {benchmark.where}"]
        )
    path = benchmark.recipe
    text = path.read_text(encoding="utf-8")
    if votes or max_pixels or sources:
        # as text, so that whoever reads the build's own record of its recipe reads the same
        content = yaml12.load(text)
        content |= {"votes": votes} if votes else {}
        if max_pixels:
            content["image"] = {**content.get("image", {}), "max_pixels": max_pixels}
        content["sources"] = {name: content["sources"][name] for name in wanted}
        text = json.dumps(content, indent=1)
    return parse_recipe(text, str(path), path.parent, given)


def build_benchmark(
    benchmark: Benchmark,
    recipe: Recipe,
    out: Folder,
    how: How,
    watcher: Watcher | None = None,
    run: Callable[[Recipe, Folder, How, Watcher], dict[str, Any]] = build,
) -> Built:
    """Build a benchmark into a folder; return the manifest and the count of its rows.

    A build that was interrupted goes on where it was. Raises as vbdata.engine.build.build does.
    """
    counting = Counting(watcher or Watcher())
    manifest = run(recipe, out, how, counting)
    assert counting.plan is not None, "a build that ends has told its plan"
    return manifest, write_count(benchmark, counting.plan, out, manifest["digest"])
