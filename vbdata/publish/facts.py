"""What all descriptions of a build share: its shards, the members of a sample, its licences."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vbdata.layout import DIGEST_LENGTH
from vbdata.manifest.json_text import json_pieces

SPDX = re.compile(r"CC-BY(-NC)?(-SA|-ND)?-\d\.\d|CC0-1\.0|MIT|Apache-2\.0|BSD-[23]-Clause")


class SampleMember(NamedTuple):
    """A member of every sample: KEY.extension. is_image: whether it is one."""

    extension: str
    media_type: str
    meaning: str

    @property
    def is_image(self) -> bool:
        """Whether it holds pixels."""
        return self.media_type.startswith("image/")


def input_extension(manifest: Mapping[str, Any]) -> str:
    """input.jpg or input.png, the same in all samples of a build."""
    return f"input.{manifest['recipe']['image']['input']}"


def members(manifest: Mapping[str, Any]) -> tuple[SampleMember, ...]:
    """The five members of every sample, sorted as they lie in the tar."""
    kind = "image/jpeg" if manifest["recipe"]["image"]["input"] == "jpg" else "image/png"
    return (
        SampleMember(input_extension(manifest), kind, "input image; black if the task needs none"),
        SampleMember("instruction.txt", "text/plain", "the prompt, UTF-8"),
        SampleMember("json", "application/json", "facts of the sample, the same keys in all"),
        SampleMember("target.png", "image/png", "the answer as RGB; its colours are the label"),
        SampleMember("valid.png", "image/png", "mask: 255 where the target has a label, else 0"),
    )


def short_digest(manifest: Mapping[str, Any]) -> str:
    """The digits of the build's digest that stand in the shards' path."""
    return str(manifest["build_sha256"][:DIGEST_LENGTH])


def shard_folder(manifest: Mapping[str, Any]) -> str:
    """Where the shards lie in the folder."""
    return posixpath.dirname(manifest["shards"][0]["tar"])


def braces(manifest: Mapping[str, Any]) -> str:
    """All shards in the one pattern that webdataset and energon expand: {00000..00002}."""
    count, split = len(manifest["shards"]), manifest["split"]
    numbers = f"{{00000..{count - 1:05d}}}"
    return f"{shard_folder(manifest)}/{split}-{numbers}-of-{count:05d}.tar"


def glob(manifest: Mapping[str, Any]) -> str:
    """All shards as a glob that no .tar.idx matches."""
    return f"{shard_folder(manifest)}/{manifest['split']}-*.tar"


def licence_url(name: str) -> str:
    """The SPDX page of a licence that is spelled as there, else the name itself."""
    return f"https://spdx.org/licenses/{name}.html" if SPDX.fullmatch(name) else name


def summary(manifest: Mapping[str, Any]) -> str:
    """What the data is, in one sentence."""
    tasks = sorted({cell["task"] for cell in manifest["cells"] if cell["realised"]})
    return (
        f"{manifest['samples']} instruction-following image pairs ({', '.join(tasks)}): an input "
        "image, an instruction, and an RGB image that is the answer and decodes to the label."
    )


def json_text(value: Any) -> Iterator[bytes]:
    """JSON in the order that it is given in, in pieces."""
    return json_pieces(value)
