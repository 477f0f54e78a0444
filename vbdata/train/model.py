"""The default model, kind "flow": a small pixel-space flow transformer with its own text encoder.

A plain vision transformer predicts the clean picture from large patches through a bottleneck (JiT:
Li & He, arXiv:2511.13720), with RMSNorm, SwiGLU, normed queries and keys, rotary positions in two
dimensions, and adaptive norms by t and text (Peebles & Xie, arXiv:2212.09748). The reference's
channels are stacked on the noisy picture's, with a plane that says whether there is a reference; so
text-to-image takes the same path with a blank input.

Text is split into words and punctuation, and these into pieces of up to eight UTF-8 bytes. A
piece's embedding is a function of its bytes, so there is no vocabulary, and a word has the same
embedding wherever it stands. A small transformer encodes the pieces; each block attends to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from vbdata.train.adapter import Condition
from vbdata.train.layers import (
    Attention,
    Norm,
    SwiGLU,
    position_sinusoids,
    rotations,
    rotations_2d,
    sinusoids,
)

PIECE = 8  # bytes
NONE = 256  # the value of no byte; a piece of nothing else is padding
WORD = re.compile(r"\w+|[^\w\s]")
TEXT_STEP = 16  # texts are padded to multiples of this many pieces: few shapes to compile
Count = Annotated[int, Field(ge=1, le=65536)]
Ints = NDArray[np.int64]


class Options(BaseModel):
    """Keys of `model:` for kind "flow".

    dim, depth, heads: width, blocks and attention heads of the picture's transformer; patch: side
    of a patch, in pixels; bottleneck: width through which a patch is embedded; text_dim,
    text_depth: width and blocks of the text's transformer; text_length: pieces at which a text is
    cut.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dim: Count = 128
    depth: Count = 6
    heads: Count = 4
    patch: Count = 4
    bottleneck: Count = 128
    text_dim: Count = 128
    text_depth: Count = 2
    text_length: Count = 128

    @model_validator(mode="after")
    def _divisible(self) -> Options:
        if self.dim % (4 * self.heads) or self.text_dim % (2 * self.heads) or self.dim % 8:
            raise ValueError("dim must be a multiple of 8 and 4 * heads, text_dim of 2 * heads")
        return self


class TextBlock(nn.Module):
    """A pre-norm transformer block of the text's pieces."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(Norm(dim) for _ in range(2))
        self.attention, self.feed = Attention(dim, dim, heads), SwiGLU(dim)

    def forward(self, x: Tensor, rotation: Tensor, mask: Tensor) -> Tensor:
        """Return x, [B, L, dim], after the block; mask: bool[B, L], False for padding."""
        y = self.norms[0](x)
        x = x + self.attention(y, y, rotation, mask)
        return x + self.feed(self.norms[1](x))


class Block(nn.Module):
    """Self-attention and feed-forward with adaptive norms, between them cross attention to text."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        dim = options.dim
        self.norms = nn.ModuleList(Norm(dim) for _ in range(3))
        self.attention = Attention(dim, dim, options.heads)
        self.reading = Attention(dim, options.text_dim, options.heads)
        self.feed = SwiGLU(dim)
        self.adapt = nn.Linear(dim, 6 * dim)
        self.apply(_initialise)
        _silence(self.adapt)  # a block starts without self-attention and feed-forward

    def forward(self, x: Tensor, c: Tensor, rotation: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """Return x, [B, n, dim], after the block.

        c: [B, dim], of t and the text; rotation: of the patches; text: [B, L, text_dim]; mask:
        bool[B, L], False for padding.
        """
        a, b, gate, a2, b2, gate2 = self.adapt(F.silu(c))[:, None].chunk(6, -1)
        y = self.norms[0](x) * (1 + a) + b
        x = x + gate * self.attention(y, y, rotation)
        x = x + self.reading(self.norms[1](x), text, None, mask)
        return x + gate2 * self.feed(self.norms[2](x) * (1 + a2) + b2)


class FlowTransformer(nn.Module):
    """Predicts x from z, t, a reference image and the bytes of a text."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        dim, pixels = options.dim, 3 * options.patch**2
        self.patches = nn.Linear(7 * options.patch**2, options.bottleneck, bias=False)
        self.embed = nn.Linear(options.bottleneck, dim)
        self.time = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.bytes = nn.Embedding(PIECE * (NONE + 1), options.text_dim)
        self.spelling = SwiGLU(options.text_dim)
        self.start = nn.Parameter(torch.zeros(options.text_dim))
        self.text_blocks = nn.ModuleList(
            TextBlock(options.text_dim, options.heads) for _ in range(options.text_depth)
        )
        self.text_norm = Norm(options.text_dim)
        self.gist = nn.Linear(options.text_dim, dim)
        self.blocks = nn.ModuleList(Block(options) for _ in range(options.depth))
        self.norm, self.adapt = Norm(dim), nn.Linear(dim, 2 * dim)
        self.pixels = nn.Linear(dim, pixels)
        self.bytes.apply(_initialise)
        parts = (self.patches, self.embed, self.time, self.gist, self.spelling, self.text_blocks)
        for part in parts:
            part.apply(_initialise)
        for layer in (self.pixels, self.adapt):
            _silence(layer)  # the output starts at grey

    def forward(
        self, z: Tensor, t: Tensor, reference: Tensor, known: Tensor, tokens: Tensor
    ) -> Tensor:
        """Predict x, shaped like z.

        z, reference: float[B, 3, H, W] in -1..1; t: float[B]; known: bool[B], False where there is
        no reference; tokens: int64[B, L, PIECE], bytes or NONE.
        """
        text, mask = self.read(tokens)
        plane = known.to(z.dtype)[:, None, None, None].expand(-1, 1, *z.shape[-2:])
        stacked = torch.cat([z, reference * plane, plane], 1)
        parts = F.pixel_unshuffle(stacked, self.options.patch)
        h, w = parts.shape[-2:]
        x = self.embed(self.patches(parts.flatten(2).transpose(1, 2)))
        x = x + position_sinusoids(h, w, x.shape[-1], x.device)
        rotation = rotations_2d(h, w, self.options.dim // self.options.heads, x.device)
        c = self.time(sinusoids(t * 1000, x.shape[-1])) + self.gist(text[:, 0])
        for block in self.blocks:
            x = block(x, c, rotation, text, mask)
        a, b = self.adapt(F.silu(c))[:, None].chunk(2, -1)
        out = self.pixels(self.norm(x) * (1 + a) + b).transpose(1, 2).unflatten(-1, (h, w))
        return F.pixel_shuffle(out, self.options.patch)

    def read(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Encode texts' tokens, int64[B, L, PIECE], to vectors, float[B, L + 1, text_dim].

        The first vector stands for the whole text. Also returns bool[B, L + 1], False for padding.
        """
        mask = F.pad((tokens != NONE).any(-1), (1, 0), value=True)
        place = torch.arange(PIECE, device=tokens.device) * (NONE + 1)
        x = self.bytes(tokens + place).sum(-2)
        x = x + self.spelling(x)
        x = torch.cat([self.start.expand(len(x), 1, -1).to(x.dtype), x], 1)
        size = self.options.text_dim // self.options.heads
        rotation = rotations(torch.arange(x.shape[1], device=x.device), size)
        for block in self.text_blocks:
            x = block(x, rotation, mask)
        return self.text_norm(x), mask


def _silence(layer: nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)


def pieces(text: str) -> list[bytes]:
    """Split a text into words and single other characters in UTF-8, long words into PIECE bytes.

    White space is left out.
    """
    words = (word.encode() for word in WORD.findall(text))
    return [word[i : i + PIECE] for word in words for i in range(0, len(word), PIECE)]


def padded(count: int) -> int:
    """Return to how many pieces a batch is padded whose longest text has `count` of them."""
    return max(1, -(-count // TEXT_STEP)) * TEXT_STEP


class FlowEditor:
    """The transformer as a `vbdata.train.adapter.Editor`; x is the picture's pixels."""

    def __init__(self, options: Options) -> None:
        self.options = options
        network = FlowTransformer(options)
        self.module: nn.Module = network
        self.multiple_of = options.patch
        self.blocks: Sequence[nn.Module] = [*network.text_blocks, *network.blocks]

    def encode_image(self, rgb: Tensor) -> Tensor:
        """Return rgb, float32[B, 3, H, W], as it is."""
        return rgb

    def encode_text(self, texts: Sequence[str], where: torch.device) -> Tensor:
        """Return the bytes of the texts' pieces, int64[B, L, PIECE], padded with NONE.

        A text is cut at text_length pieces.
        """
        cut = self._pieces(texts)
        length = padded(max(map(len, cut)))
        raw = [row + [b""] * (length - len(row)) for row in cut]
        values = [[[*piece, *[NONE] * (PIECE - len(piece))] for piece in row] for row in raw]
        return torch.tensor(values).to(where, non_blocking=True)

    def text_table(
        self, texts: Sequence[str], where: torch.device
    ) -> Callable[[Ints, Tensor], Any]:
        """Encode all texts; return a function of texts' numbers, as an array and on the device.

        It gives their encodings, int64[B, L, PIECE], with the padding that encode_text gives them.
        """
        table = self.encode_text(texts, where)
        counts = np.array([len(row) for row in self._pieces(texts)])

        def encodings(rows: Ints, rows_there: Tensor) -> Tensor:
            return table[:, : padded(int(counts[rows].max()))].index_select(0, rows_there)

        return encodings

    def _pieces(self, texts: Sequence[str]) -> list[list[bytes]]:
        return [pieces(text)[: self.options.text_length] for text in texts]

    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Predict x, float32[B, 3, H, W], shaped like z; t: float32[B], 0 = noise."""
        x: Tensor = self.module(z, t, condition.reference, condition.known, condition.text)
        return x

    def decode(self, x: Tensor) -> Tensor:
        """Return x, float32[B, 3, H, W], as it is."""
        return x


def make(options: Options) -> FlowEditor:
    """Make a model with random weights, which torch's seed decides."""
    return FlowEditor(options)
