# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Where people are in the camera's optical frame: x to the right, y down, z along its axis [m]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirror_robot.human.landmarks import POSE_INDEX

_EYE_SPAN = (33, 263)  # outer corners of the eyes in the face mesh
_EYE_METRES = 0.09  # between them; adults differ by 5 % (L. Farkas, Anthropometry, 1994)
_FEWEST = 4  # landmarks
_SHOULDERS = [POSE_INDEX["left_shoulder"], POSE_INDEX["right_shoulder"]]
_HIPS = [POSE_INDEX["left_hip"], POSE_INDEX["right_hip"]]
_TRUNK = 0.11  # [m] from the surface of a trunk to its middle; chests are 0.2 to 0.25 deep


@dataclass(frozen=True)
class Pinhole:
    """A camera without distortion.

    Attributes
    ----------
    focal : tuple (x, y)
        [pixels]
    centre : tuple (x, y)
        Of the optical axis in the image [pixels].
    """

    focal: tuple[float, float]
    centre: tuple[float, float]

    @classmethod
    def from_fov(cls, vertical: float, width: int, height: int) -> Pinhole:
        """Return a camera with square pixels and a vertical field of view [rad]."""
        focal = 0.5 * height / math.tan(0.5 * vertical)
        return cls((focal, focal), (0.5 * width, 0.5 * height))

    def scaled(self, ratio: float) -> Pinhole:
        """Return the camera of an image that was scaled by `ratio`."""
        (fx, fy), (cx, cy) = self.focal, self.centre
        return Pinhole((ratio * fx, ratio * fy), (ratio * cx, ratio * cy))


def locate_body(
    world: np.ndarray, image: np.ndarray, weight: np.ndarray, camera: Pinhole,
    size: tuple[int, int],
) -> np.ndarray | None:
    """Return where mid-hip is (3,) [m], or None when too little is seen.

    Puts the body, whose shape is known, to where its landmarks project to where they are seen:
    u (Z + z) = X + x and v (Z + z) = Y + y, least squares over landmarks.

    Parameters
    ----------
    world : ndarray (n, 3)
        From mid-hip, in the axes of the camera [m].
    image : ndarray (n, 2)
        As shares of width and height.
    weight : ndarray (n,)
        0 for a landmark that does not count.
    camera : Pinhole
    size : tuple (width, height)
        [pixels]
    """
    used = weight > 0
    if used.sum() < _FEWEST:
        return None
    u, v = ((image[used] * size - camera.centre) / camera.focal).T
    x, y, z = world[used].T
    root = np.sqrt(weight[used])
    zero, one = np.zeros_like(u), np.ones_like(u)
    matrix = np.concatenate([np.column_stack([one, zero, -u]) * root[:, None],
                             np.column_stack([zero, one, -v]) * root[:, None]])
    there = np.concatenate([(u * z - x) * root, (v * z - y) * root])
    place = np.linalg.lstsq(matrix, there, rcond=None)[0]
    return place if np.isfinite(place).all() and place[2] > 0.05 else None


def decode_depth(
    data: bytes | np.ndarray, encoding: str, height: int, width: int, step: int,
    big_endian: bool = False,
) -> np.ndarray:
    """Return a depth image (height, width) [m], by the conventions of REP-118; NaN unknown.

    Raises
    ------
    ValueError
        If the encoding is none of depth, or bytes are missing.
    """
    kinds = {"16UC1": ("u2", 0.001), "mono16": ("u2", 0.001), "32FC1": ("f4", 1.0)}
    if encoding not in kinds:
        raise ValueError(f"the encoding {encoding!r} is none of depth: {', '.join(kinds)}")
    kind, metres = kinds[encoding]
    kind = np.dtype((">" if big_endian else "<") + kind)
    if not height or step < width * kind.itemsize or len(data) < step * height:
        raise ValueError(f"{len(data)} bytes in rows of {step} are no {encoding} image of "
                         f"{width}x{height}")
    flat: Any = memoryview(data)[:step * height]  # type: ignore[arg-type]
    rows = np.frombuffer(flat, np.uint8).reshape(height, step)
    values = np.ascontiguousarray(rows[:, :width * kind.itemsize]).view(kind)
    depth = values.astype(np.float32) * np.float32(metres)
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))


def locate_in_depth(
    depth: np.ndarray, world: np.ndarray, image: np.ndarray, known: np.ndarray, camera: Pinhole,
    size: tuple[int, int],
) -> np.ndarray | None:
    """Return where mid-hip is (3,) [m] by a depth image, or None when it does not tell.

    The median over the trunk, between shoulders and hips, or the upper half of it with the hips
    out of sight. With less than a third of it measured, or less than 60 % of that at one depth,
    something else is seen, and nothing told.

    Parameters
    ----------
    depth : ndarray (h, w)
        [m], aligned to the colour image, of any resolution; NaN unknown.
    world : ndarray (33, 3)
        From mid-hip, in the axes of the camera [m].
    image : ndarray (33, 2)
        As shares of width and height.
    known : ndarray (33,) bool
    camera : Pinhole
    size : tuple (width, height)
        Of the colour image [pixels].
    """
    if not known[_SHOULDERS].all():
        return None
    hips = known[_HIPS].all()
    corners = image[[*_SHOULDERS, *_HIPS]]
    # Shares of the way from left to right and from the shoulders down; arms hang at the edges.
    across, down = np.meshgrid(np.linspace(0.25, 0.75, 12), np.linspace(
        0.15, 0.85 if hips else 0.4, 16))
    across, down = across.ravel()[:, None], down.ravel()[:, None]
    points = ((1 - down) * ((1 - across) * corners[0] + across * corners[1])
              + down * ((1 - across) * corners[2] + across * corners[3]))
    inside = ((points >= 0) & (points < 1)).all(axis=1)
    x, y = (points[inside] * depth.shape[::-1]).astype(int).T
    measured = depth[y, x]
    measured = measured[np.isfinite(measured)]
    if len(measured) < len(points) / 3:
        return None
    near = measured[np.abs(measured - np.median(measured)) < 2 * _TRUNK]
    if len(near) < 0.6 * len(measured):
        return None
    middle = float(np.median(near))
    centre = points.mean(axis=0)
    body = world[[*_SHOULDERS, *_HIPS]]
    share = float(down.mean())
    trunk = (1 - share) * body[:2].mean(axis=0) + share * body[2:].mean(axis=0)
    ray = (centre * size - camera.centre) / camera.focal
    return (middle + _TRUNK) * np.array([*ray, 1.0]) - trunk


def sight_azimuth(place: np.ndarray, upright: np.ndarray) -> float:
    """Return the turn [rad] about the vertical from the camera's axis to the line of sight.

    What is told relative to a line of sight (`mirror_robot.perception.tracking`, upright camera)
    is turned by this as seen by the camera: who stands at the side and faces the camera is turned
    toward it.

    Parameters
    ----------
    place : ndarray (3,)
        Of who is looked at, in the camera's optical frame [m].
    upright : ndarray (3, 3)
        Rotation from the camera's optical axes to the upright camera's.
    """
    x, y, _ = -(upright @ place)
    return math.atan2(y, x)


def nearest(world: np.ndarray, weight: np.ndarray, place: np.ndarray) -> float:
    """Return how near to the camera the nearest known landmark of a body at `place` is [m]."""
    points = world[weight > 0] + place
    return float(np.linalg.norm(points, axis=1).min()) if len(points) else float("inf")


def locate_face(image: np.ndarray, camera: Pinhole, size: tuple[int, int]) -> np.ndarray | None:
    """Return where the sellion, between the eyes, is (3,) [m], or None for a mesh without extent.

    Parameters
    ----------
    image : ndarray (478, 3)
        x, y as shares of width and height, z as a share of the width.
    camera : Pinhole
    size : tuple (width, height)
        [pixels]
    """
    pixels = image * (*size, size[0])
    span = float(np.linalg.norm(pixels[_EYE_SPAN[0]] - pixels[_EYE_SPAN[1]]))
    if not span > 1.0:
        return None
    depth = camera.focal[0] * _EYE_METRES / span
    ray = (pixels[168, :2] - camera.centre) / camera.focal
    return depth * np.array([*ray, 1.0])
