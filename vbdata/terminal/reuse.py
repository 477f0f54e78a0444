"""What a run says of the samples that it copied from earlier builds."""

from __future__ import annotations

import json

from vbdata.storage.folder import Folder
from vbdata.terminal import events
from vbdata.terminal.tables import console


def show(out: Folder, as_json: bool) -> None:
    """How many samples of the last run were copied, and why others were not, by its run.json."""
    said = json.loads(out.read("run.json"))["reuse"]
    if as_json:
        events.say("reuse", **said)
        return
    lines = [f"reused {said['reused']} samples, rendered {said['rendered']}"]
    lines += [f"  {count} not reused: {cause}" for cause, count in said["refused"].items()]
    for url, tally in said["folders"].items():
        shards, samples = tally.pop("shards", 0), tally.pop("samples", 0)
        lines.append(f"  {url}: {samples} samples in {shards} finished shards")
        lines += [f"  {url}: {count} shards left out: {cause}" for cause, count in tally.items()]
    console().print("\n".join(lines), markup=False, soft_wrap=True)
