"""Tasks, one module each; the file name is the task's name in a recipe.

A task asks (`ask`: the prompt and the decoder's params), draws a label as RGB (`render`), reads RGB
back (`decode`), and measures its own round trip. It may import `vbdata.errors` and `vbdata.core`;
README.md ("Add a task") has the contract. `prompts/` holds the templates, `parts` what tasks share.

The files themselves lie in transforms/, beside vbdata: `vbdata.plugins` says why.
"""

from pathlib import Path

__path__ = [str(Path(__file__).parents[3] / "transforms")]
