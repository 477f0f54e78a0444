"""Synthetic fields that cost a decoder about what real ones do: photographs, outlines, surfaces.

Everything is a function of the generator that is passed in. Sizes are in pixels, depth in metres.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 480
STEEPEST = 1.0  # slope of a surface: keeps every normal within 55 degrees of the optical axis


def smooth(rng: Generator, cells: int, channels: int = 1) -> NDArray[np.float32]:
    """float32[H, W] or [H, W, C] in about -1..1, varying over `cells` cells a width."""
    rows = max(3, cells * HEIGHT // WIDTH)
    coarse = rng.uniform(-1, 1, (rows, cells, channels)).astype(np.float32)
    field = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field, np.float32)


def photograph(rng: Generator) -> NDArray[np.uint8]:
    """uint8 BGR [H, W, 3]: soft light, a few dozen flat things, texture, sensor noise."""
    light = 128 + 80 * smooth(rng, 6, 3) + 25 * smooth(rng, 40, 3)
    for _ in range(40):
        corner = rng.integers((0, 0), (WIDTH, HEIGHT))
        extent = rng.integers(8, 120, 2)
        tint = rng.uniform(0.5, 1.4, 3)
        x, y = corner
        light[y : y + extent[1], x : x + extent[0]] *= tint
    light += 8 * smooth(rng, 200, 3) + rng.normal(0, 2.5, light.shape).astype(np.float32)
    return np.clip(light, 0, 255).astype(np.uint8)


def outline(rng: Generator) -> list[float]:
    """A COCO polygon [x1, y1, x2, y2, ...] inside the picture: a lobed blob of 20 to 60 corners."""
    corners = int(rng.integers(20, 61))
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    lobes, phase = int(rng.integers(2, 6)), rng.uniform(0, 2 * np.pi)
    radius = rng.uniform(25, 120) * (1 + 0.35 * np.sin(lobes * angle + phase))
    radius *= rng.uniform(0.9, 1.1, corners)
    x = np.clip(rng.uniform(60, WIDTH - 60) + radius * np.cos(angle), 0, WIDTH)
    y = np.clip(rng.uniform(60, HEIGHT - 60) + radius * np.sin(angle), 0, HEIGHT)
    points = np.round(np.stack([x, y], 1), 2).ravel()
    return [float(value) for value in points]


def depth(rng: Generator) -> NDArray[np.uint16]:
    """uint16[H, W], centimetres: a street with boxes; some 80 % measured, 0 elsewhere."""
    row = np.arange(HEIGHT, dtype=np.float32)[:, None]
    horizon = rng.uniform(150, 200)
    metres = np.clip(700 / np.maximum(row - horizon, 8.0), 0, 85) + np.zeros((1, WIDTH), np.float32)
    for _ in range(14):
        near = rng.uniform(4, 60)
        size = (np.array([rng.uniform(1, 4), rng.uniform(1.5, 6)]) * 500 / near).astype(int)
        x, y = int(rng.uniform(-20, WIDTH)), int(rng.uniform(60, 380))
        spot = metres[max(y, 0) : y + size[1], max(x, 0) : x + size[0]]
        np.minimum(spot, near, out=spot)
    metres *= 1 + 0.02 * smooth(rng, 30) + rng.normal(0, 5e-4, metres.shape).astype(np.float32)
    hidden = (smooth(rng, 24) > 0.55) | (row < horizon * 0.45)
    return np.where(hidden, 0, np.floor(metres * 100 + 0.5)).astype(np.uint16)


def normals(rng: Generator) -> NDArray[np.float16]:
    """float16[H, W, 3] unit normals, +x right, +y up, +z to the viewer; NaN where nothing is.

    Walls, a floor and round things, half of them bumpy; all face the camera.
    """
    slope = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    for _ in range(10):  # planes
        x, y = rng.integers((0, 0), (WIDTH - 40, HEIGHT - 40))
        w, h = rng.integers(60, 320, 2)
        slope[y : y + h, x : x + w] = rng.uniform(-0.6, 0.6, 2)
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    for _ in range(8):  # spheres, as far as they are not too steep
        x, y, r = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(20, 110)
        across, down = (columns - x) / r, (rows - y) / r
        inside = across * across + down * down < 0.45
        ahead = np.sqrt(np.maximum(1 - across * across - down * down, 0.5))
        slope[inside] = np.stack([across / ahead, -down / ahead], -1)[inside]
    bumpy = smooth(rng, 5)[..., None] > 0
    slope += np.where(bumpy, 0.04 * smooth(rng, 120, 2), 0)
    steep = np.maximum(np.sqrt((slope * slope).sum(-1, keepdims=True)) / STEEPEST, 1)
    xyz = np.concatenate([slope / steep, np.ones((HEIGHT, WIDTH, 1), np.float32)], -1)
    xyz /= np.sqrt((xyz * xyz).sum(-1, keepdims=True))
    x, y = rng.integers((0, 0), (WIDTH - 120, HEIGHT - 120))
    xyz[y : y + 100, x : x + 100] = np.nan  # a window
    return xyz.astype(np.float16)
