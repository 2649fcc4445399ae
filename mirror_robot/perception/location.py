# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Where people are in the camera's optical frame: x to the right, y down, z along its axis [m]."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_EYE_SPAN = (33, 263)  # outer corners of the eyes in the face mesh
_EYE_METRES = 0.09  # between them; adults differ by 5 % (L. Farkas, Anthropometry, 1994)
_FEWEST = 4  # landmarks


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
        return Pinhole(tuple(ratio * value for value in self.focal),
                       tuple(ratio * value for value in self.centre))


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
