"""Hypersim's tables: where its cameras' lenses, its scales and its public split are written down.

Only the columns that describe the image size, the scale and the lens carry information here; the
others hold what the real table has for a plain V-Ray camera.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .solids import Array

WIDTH, HEIGHT = 256, 192
CAMERA = "cam_00"
FLIP = np.array([1.0, -1.0, -1.0])  # OpenCV axes <-> Hypersim's


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRow:
    """A scene's entry in the tables. tilt: degrees; shift: of the picture, in half widths."""

    split: str
    metres: float
    degrees: float
    tilt: float = 0.0
    shift: float = 0.0


PLACES = {
    "ai_001_001": SceneRow(split="train", metres=0.02539999969303608, degrees=60),
    "ai_003_002": SceneRow(
        split="val", metres=0.009999999776482582, degrees=66, tilt=9, shift=0.15
    ),
    "ai_005_003": SceneRow(split="test", metres=1.0, degrees=54, shift=-0.22),
}
ABSENT = "ai_007_004"  # listed in the split, but not on disk
PHYSICAL = """
anisotropy blades_enable blades_num blades_rotation bmpaperture_affects_exposure
bmpaperture_enable bmpaperture_resolution bmpaperture_tex center_bias distortion distortion_tex
distortion_type dof_display_threshold dont_affect_settings enable_thin_lens_equation exposure
f_number film_width focal_length focus_distance fov horizontal_offset horizontal_shift ISO
latency lens_file lens_shift optical_vignetting rolling_shutter_duration rolling_shutter_mode
shutter_angle shutter_offset shutter_speed specify_focus specify_fov subdivs target_distance
targeted type use_dof use_moblur vertical_offset vignetting white_balance zoom_factor
"""
SETTINGS = {
    "auto_corrections_mode": "1.0",
    "auto_exposure": "0.0",
    "auto_exposure_compensation": "0.0",
    "auto_fit": "0.0",
    "auto_white_balance": "0.0",
    "curve": "1.0",
    "dist": "2.0",
    "dont_affect_settings": "False",
    "fov": "1.0471975803375244",
    "height": "400.0",
    "image_planes": "",
    "type": "0.0",
}
SPLIT = (
    "scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name"
)


def matrix_of(place: SceneRow) -> Array:
    """M_cam_from_uv, 3x3: (u, v, 1) in -1..1, v up, -> ray in Hypersim's camera axes."""
    half = float(np.tan(np.radians(place.degrees) / 2))
    cos, sin = float(np.cos(np.radians(place.tilt))), float(np.sin(np.radians(place.tilt)))
    plain = ((half, 0.0, place.shift * half), (0.0, half * HEIGHT / WIDTH, 0.0), (0.0, 0.0, -1.0))
    tilted = ((1.0, 0.0, 0.0), (0.0, cos, -sin), (0.0, sin, cos))
    return np.array([[sum(t[k] * plain[k][j] for k in range(3)) for j in range(3)] for t in tilted])


def lens_of(matrix: Array) -> Array:
    """A camera's lens for the ray caster: 3x3, pixel (column, row, 1) -> ray in OpenCV axes."""
    a, b, c = matrix.T
    u0, v0 = 1 / WIDTH - 1, 1 - 1 / HEIGHT
    columns = (a * (2 / WIDTH), b * (-2 / HEIGHT), a * u0 + b * v0 + c)
    lens: Array = np.stack(columns, axis=1) * FLIP[:, None]
    return lens


def write_tables(folder: Path, frames: int) -> None:
    """The camera parameters; the split of `frames` public frames a scene and its excluded ones."""
    rows = [_lens_row(name, place) for name, place in PLACES.items()]
    header = ",".join(_lens_row("ai_001_001", PLACES["ai_001_001"]))
    lines = [header, *(",".join(row.values()) for row in rows)]
    _write_lines(folder / "contrib/mikeroberts3000/metadata_camera_parameters.csv", lines)
    lines = [SPLIT, *_split_rows(frames)]
    _write_lines(folder / "evermotion_dataset/analysis/metadata_images_split_scene_v1.csv", lines)


def write_detail(folder: Path, place: SceneRow) -> None:
    """A scene's list of cameras and its scale."""
    _write_lines(folder / "metadata_cameras.csv", ["camera_name", CAMERA])
    scale = ["parameter_name,parameter_value", f"meters_per_asset_unit,{place.metres!r}"]
    _write_lines(folder / "metadata_scene.csv", scale)


def _split_rows(frames: int) -> Iterator[str]:
    """Public frames first; then one that was flagged and two that look out of the room."""
    outside = "OUTSIDE VIEWING AREA (BAD TRAJECTORY)"
    reasons = ("CONTENT FLAGGED FOR REMOVAL", outside, outside)
    for name, place in PLACES.items():
        for number in range(frames):
            yield f"{name},{CAMERA},{number},True,,{place.split}"
        for number, reason in enumerate(reasons, frames):
            yield f"{name},{CAMERA},{number},False,{reason},"
    for number in range(2):
        yield f"{ABSENT},{CAMERA},{number},True,,train"


def _lens_row(name: str, place: SceneRow) -> dict[str, str]:
    matrix = matrix_of(place)
    across, up, ahead = np.linalg.inv(matrix).tolist()
    near = 1001 / 999  # of the near and far planes 1 and 1000
    project = ([*across, 0.0], [*up, 0.0], [*(near * v for v in ahead), -1 - near], [*ahead, 0.0])
    return {
        "scene_name": name,
        "settings_output_img_height": repr(float(HEIGHT)),
        "settings_output_img_width": repr(float(WIDTH)),
        "settings_units_info_meters_scale": repr(place.metres),
        "use_camera_physical": "False",
        **{f"camera_physical_{key}": "" for key in PHYSICAL.split()},
        **{f"settings_camera_{key}": value for key, value in SETTINGS.items()},
        **_cells("M_cam_from_uv", matrix.tolist()),
        **_cells("M_proj", project),
    }


def _cells(name: str, matrix: Iterable[Iterable[float]]) -> dict[str, str]:
    return {
        f"{name}_{i}{j}": repr(value) for i, row in enumerate(matrix) for j, value in enumerate(row)
    }


def _write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
