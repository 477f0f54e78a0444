"""Receipts on disk: the last file that is written of a shard, whose presence is completion.."""

from __future__ import annotations

import json
from dataclasses import fields

from vbdata.errors import BadSample
from vbdata.jobs.job import Receipt
from vbdata.layout import receipt_path
from vbdata.storage.folder import Folder

OF_THE_RUN = ("reuse", "spent")  # fields of a receipt that are not written


def write_receipt(out: Folder, receipt: Receipt) -> None:
    """Write a receipt where it is looked for; how a run came by the bytes is not part of it."""
    names = (field.name for field in fields(receipt) if field.name not in OF_THE_RUN)
    plain = {name: getattr(receipt, name) for name in names}
    out.write(receipt_path(receipt.job), json.dumps(plain, sort_keys=True).encode())


def read_receipt(out: Folder, digest: str) -> Receipt | None:
    """The receipt of a job, if its shard is finished."""
    try:
        plain = json.loads(out.read(receipt_path(digest)))
        lists = {key: tuple(plain[key]) for key in ("samples", "quarantine", "shortfall")}
        return Receipt(**plain | lists)
    except (BadSample, ValueError, TypeError, KeyError):  # not there, or cut short by a crash
        return None
