"""The samples that a run copied from earlier builds, as it says at its end."""

from __future__ import annotations

import json

from vbdata.layout import RUN
from vbdata.storage.folder import Folder
from vbdata.terminal import events
from vbdata.terminal.tables import console


def show(out: Folder, as_json: bool) -> None:
    """Print how many samples the last run copied, and why not others, by the run.json of `out`."""
    reuse = json.loads(out.read(RUN))["reuse"]
    if as_json:
        events.say("reuse", **reuse)
        return
    lines = [f"reused {reuse['reused']} samples, rendered {reuse['rendered']}"]
    lines += [f"  {count} not reused: {cause}" for cause, count in reuse["refused"].items()]
    for url, tally in reuse["folders"].items():
        shards, samples = tally.pop("shards", 0), tally.pop("samples", 0)
        lines.append(f"  {url}: {samples} samples in {shards} finished shards")
        lines += [f"  {url}: {count} shards left out: {cause}" for cause, count in tally.items()]
    console().print("\n".join(lines), markup=False, soft_wrap=True)
