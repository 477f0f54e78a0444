"""Receipts as files: the last file that is written of a shard, so its presence means completion.

A receipt is JSON, named after the digest of its job (vbdata.layout.receipt_path).
"""

from __future__ import annotations

import json
from dataclasses import fields

from vbdata.errors import BadSample
from vbdata.jobs.job import Receipt
from vbdata.layout import receipt_path
from vbdata.storage.folder import Folder

OF_THE_RUN = ("reuse", "spent")  # fields of a receipt that are not written


def write_receipt(out: Folder, receipt: Receipt) -> None:
    """Write a receipt, but for the fields that are of this run alone. Raises OSError."""
    names = (field.name for field in fields(receipt) if field.name not in OF_THE_RUN)
    plain = {name: getattr(receipt, name) for name in names}
    out.write(receipt_path(receipt.job), json.dumps(plain, sort_keys=True).encode())


def read_receipt(out: Folder, digest: str) -> Receipt | None:
    """The receipt of the job with this digest; None if its shard is not finished.

    One that a crash has cut short, or that another version wrote, counts as none. Raises OSError.
    """
    try:
        plain = json.loads(out.read(receipt_path(digest)))
        lists = {key: tuple(plain[key]) for key in ("samples", "quarantine", "shortfall")}
        return Receipt(**plain | lists)
    except (BadSample, ValueError, TypeError, KeyError):  # not there, or cut short by a crash
        return None
