# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Looks for the face where the body has its head, enlarged, when the whole image shows none.

MediaPipe's face detector finds no face that is much smaller than a tenth of the image. On a
full-body clip (head 22 pixels wide) it found 0 % of the faces, in crops 59 %; the rest are turned
away or look up. The crop must stand still: landmarks found in a crop that follows the head by a
few pixels each frame jitter fifty times as much, because the tracker of the video mode expects the
face where it was in the *crop*. So the crop is held until the head nears its edge.

Of several people each face is looked for in a crop of its own, by a landmarker of its own: asked
for several faces in the whole image, MediaPipe finds those that are large. Of two dancers with
heads 16 and 27 pixels wide it found none in any image; in crops there was about one an image, the
other looks down or is hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import cv2
import numpy as np

from mirror_robot.perception.wire import PoseLandmarks

Found: TypeAlias = Any
Region = tuple[float, float, float]

_SIDE, _LARGEST = 256, 640  # [pixels] to which a crop is enlarged, or shrunk
_ROOM = 4.0  # side of the crop as a multiple of the extent of nose, eyes, ears and mouth
_TIGHT = 2.6  # the same where the wider crop shows no face, or somebody else's
_SLACK = 0.2  # the head may wander by this share of the crop's side before the crop follows
_SCALES = 0.7, 1.4  # and its size change so much
_WORTHWHILE = 0.8  # a crop must be smaller than this share of the image, or it enlarges nothing
_RETRY = 15  # misses in the crop after which the whole image is tried again
_HEAD = slice(0, 11)  # rows of the pose landmarks: nose, eyes, ears, mouth


def head_of(pose: PoseLandmarks, height: int, width: int) -> Region:
    """Return centre x, y and extent of the head [pixels]; NaN when it is not in the image."""
    points = pose.image[_HEAD, :2]
    if not ((points >= 0).all() and (points <= 1).all()):
        return np.nan, np.nan, np.nan
    points = points * (width, height)
    x, y = points.mean(axis=0).tolist()
    return x, y, float(np.ptp(points, axis=0).max())


class HeadCrop:
    """Decides frame by frame where to look for the face of the one person there is.

    Parameters
    ----------
    detect : callable image -> list
        Finds faces in an RGB image; empty when there is none.
    """

    def __init__(self, detect: Callable[[np.ndarray], list[Found]]) -> None:
        self._detect = detect
        self._region: Region | None = None
        self._misses = 0

    def __call__(self, image: np.ndarray, head: Region) -> tuple[list[Found], Region | None]:
        """Return what was found, and the region (centre x, y, side [pixels]) or None if whole.

        Parameters
        ----------
        image : ndarray (h, w, 3) uint8
        head : tuple (x, y, size)
            Where the head was last seen [pixels]; NaN where unknown.
        """
        wanted = head[0], head[1], max(_ROOM * head[2], 16.0)
        if not np.isfinite(head).all() or wanted[2] > _WORTHWHILE * min(image.shape[:2]):
            self._region, self._misses = None, 0
            return self._detect(image), None
        if self._region is None or (self._misses and self._misses % _RETRY == 0):
            found = self._detect(image)
            if found:
                self._region, self._misses = None, 0
                return found, None
        self._region = region = _held(wanted, None if self._misses else self._region)
        found = self._detect(crop(image, region))
        self._misses = 0 if found else self._misses + 1
        return found, region


class HeadCrops:
    """Looks for the faces of several people, each where that person's body has its head.

    Parameters
    ----------
    make : callable () -> (callable image -> list)
        Makes a detector that follows one face from image to image.
    whole : callable image -> list
        Finds faces in the whole image; asked only while no head's place is known.
    centre : callable found -> (x, y)
        The middle of a face, as shares of the image that it was found in.
    """

    def __init__(
        self, make: Callable[[], Callable[[np.ndarray], list[Found]]],
        whole: Callable[[np.ndarray], list[Found]],
        centre: Callable[[Found], tuple[float, float]],
    ) -> None:
        self._make, self._whole, self._centre = make, whole, centre
        self._followed: dict[int, _Followed] = {}
        self._spare: list[Callable[[np.ndarray], list[Found]]] = []

    def __call__(
        self, image: np.ndarray, heads: Mapping[int, Region],
    ) -> list[tuple[Found, Region | None]]:
        """Return each face that was found, and the region it was found in, None if the whole.

        Parameters
        ----------
        image : ndarray (h, w, 3) uint8
        heads : mapping int -> (x, y, size)
            Where the heads were last seen [pixels], by a number that stays a person's own.
        """
        heads = {key: head for key, head in heads.items() if np.isfinite(head).all()}
        for key in self._followed.keys() - heads.keys():
            self._spare.append(self._followed.pop(key).detect)
        if not heads:
            return [(one, None) for one in self._whole(image)]
        found = []
        for key, head in heads.items():
            if key not in self._followed:
                self._followed[key] = _Followed(self._spare.pop() if self._spare else self._make())
            found += self._followed[key](image, head, self._centre)
        return found


class _Followed:
    def __init__(self, detect: Callable[[np.ndarray], list[Found]]) -> None:
        self.detect = detect
        self._region: Region | None = None
        self._missed, self._room = False, _ROOM

    def __call__(
        self, image: np.ndarray, head: Region, centre: Callable[[Found], tuple[float, float]],
    ) -> list[tuple[Found, Region]]:
        x, y, size = head
        if self._missed:  # the wider crop and the tighter one in turn, until one shows the face
            self._room = _TIGHT if self._room == _ROOM else _ROOM
        self._region = region = _held(
            (x, y, max(self._room * size, 16.0)), None if self._missed else self._region)
        side = min(max(round(region[2]), _SIDE), _LARGEST)
        for one in self.detect(crop(image, region, side)):
            place = (np.array(centre(one)) - 0.5) * region[2] + region[:2]
            if np.abs(place - (x, y)).max() < size:
                self._missed = False
                return [(one, region)]
        self._missed = True  # nobody, or somebody who stands close by
        return []


def _held(wanted: Region, old: Region | None) -> Region:
    """Return the old region as long as what is wanted hardly differs."""
    if old is None:
        return wanted
    moved = max(abs(wanted[0] - old[0]), abs(wanted[1] - old[1])) > _SLACK * old[2]
    grown = not _SCALES[0] < wanted[2] / old[2] < _SCALES[1]
    return wanted if moved or grown else old


def crop(image: np.ndarray, region: Region, pixels: int = _SIDE) -> np.ndarray:
    """Return a square region of an image, scaled; black where it reaches over the edge."""
    x, y, side = region
    scale = pixels / side
    matrix = np.array([[scale, 0, pixels / 2 - x * scale], [0, scale, pixels / 2 - y * scale]])
    return cv2.warpAffine(image, matrix, (pixels, pixels), flags=cv2.INTER_LINEAR)


def uncrop(landmarks: np.ndarray, region: Region, height: int, width: int) -> np.ndarray:
    """Return landmarks (n, 3), shares of a crop, as shares of the image it was taken from."""
    x, y, side = region
    origin = np.array([x - side / 2, y - side / 2, 0.0])
    return (landmarks * side + origin) / (width, height, width)
