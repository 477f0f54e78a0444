"""Readers, one module a dataset; the file name is the dataset's name in a recipe.

A reader lists its records (`index`) and loads one of them (`load`), from the official layout, in
metres and OpenCV axes (+x right, +y down, +z forward). It may import `vbdata.errors`,
`vbdata.core`, `vbdata.storage` and `vbdata.sources`; `parts` holds what belongs to one dataset or a
few, `formats` the file formats, `demo` the writers of miniatures. README.md ("Add a dataset") has
the contract.

The files themselves lie in pipelines/, beside vbdata: `vbdata.plugins` says why.
"""

from pathlib import Path

__path__ = [str(Path(__file__).parents[3] / "pipelines")]
