"""What other libraries need to open a build as it is: small files beside the shards.

There is a module for each library. Each file is a function of the manifest and of nothing else
(croissant.json also states the digests of the tables beside it), so it holds no time, host or path.

    README.md           Hugging Face datasets, and people      vbdata/publish/card.py
    SPLIT.wids.json     wids                                   vbdata/publish/wids.py
    .nv-meta/, metadataset.yaml   Megatron-Energon             vbdata/publish/energon.py
    croissant.json      mlcroissant                            vbdata/publish/croissant.py

webdataset itself needs no file but the tars.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vbdata.publish import card, croissant, energon, wids


def reader_files(
    manifest: Mapping[str, Any], sums: Mapping[str, str]
) -> dict[str, Iterable[bytes]]:
    """The files for other libraries: pieces of bytes, by path.

    manifest: that of the build; sums: SHA-256 of the tables that are written already, by path. The
    pieces are made as they are iterated, once: a build may have more shards than memory holds.
    """
    return {
        **card.files(manifest),
        **wids.files(manifest),
        **energon.files(manifest),
        **croissant.files(manifest, sums),
    }
