# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Finds several bodies: the first in the whole image, the others each in a crop of their own.

MediaPipe's own ``num_poses=2`` often misses the second person, because its detector merges what
stands close together, and is slower for one person too. Here those who are found already are
painted over now and then, and whoever is found in what is left is followed from then on by a
landmarker of its own. With one person asked for, nothing of this runs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mirror_robot.perception.head_crop import Region, crop

SEARCH_PERIOD, SEARCH_SOON = 0.5, 0.12
"""Time between two looks for another person [s]; the shorter one while somebody who was followed
is missing, as after two have crossed."""

_RECENTLY = 2.0  # [s] for which somebody lost counts as missing

_SIDE = 320  # [pixels] of a person's crop; the model itself takes 256
_ROOM = 1.5  # side of the crop as a multiple of the person's larger extent
_SLACK = 0.12  # the person may wander by this share of the crop's side before the crop follows
_SCALES = 0.75, 1.35  # and its size change so much
_MISSES = 5  # images without the person after which the crop is given up
_SAME = 0.25  # mean distance of landmarks, as share of the extent, of one person found twice

Rows = np.ndarray
"""A body (33, 8): columns as in `mirror_robot.perception.wire.POSE_COLUMNS`."""


class PoseFinder:
    """Finds up to `people` bodies in the images of a video.

    Parameters
    ----------
    make : callable () -> (callable (image (h, w, 3), stamp [s]) -> list of Rows)
        Makes a landmarker that follows one person from image to image.
    search : callable image -> list of Rows
        Finds one person in an image that stands for itself.
    people : int
    """

    def __init__(
        self, make: Callable[[], Callable[[np.ndarray, float], list[Rows]]],
        search: Callable[[np.ndarray], list[Rows]] | None = None, people: int = 1,
    ) -> None:
        self._make, self._search, self._people = make, search, people
        self._first = make()
        self._spare: list[Callable[[np.ndarray, float], list[Rows]]] = []
        self._others: list[_Followed] = []
        self._searched = self._lost = -np.inf

    def __call__(self, image: np.ndarray, stamp: float) -> list[Rows]:
        """Return the bodies in an RGB image taken at `stamp` [s]."""
        found = self._first(image, stamp)[:1]
        if self._people == 1:
            return found
        kept = []
        for other in self._others:
            rows = other(image, stamp)
            twice = rows is not None and any(_same(rows, one, image.shape) for one in found)
            if twice or (rows is None and other.misses >= _MISSES):
                self._spare.append(other.landmarker)
                self._lost = stamp
                continue
            kept.append(other)
            if rows is not None:
                found.append(rows)
        self._others = kept
        missing = 0 <= stamp - self._lost < _RECENTLY
        due = not 0 <= stamp - self._searched < (SEARCH_SOON if missing else SEARCH_PERIOD)
        if found and due and 1 + len(self._others) < self._people:
            self._searched = stamp
            found += self._look(image, stamp, found)
        return found

    def _look(self, image: np.ndarray, stamp: float, found: list[Rows]) -> list[Rows]:
        rest = image.copy()
        for rows in found:
            (left, top), (right, bottom) = box_of(rows, image.shape)
            rest[top:bottom, left:right] = 127
        for rows in self._search(rest):
            if any(_same(rows, one, image.shape) for one in found):
                continue
            (left, top), (right, bottom) = box_of(rows, image.shape)
            if min(right - left, bottom - top) < 0.05 * min(image.shape[:2]):
                continue
            landmarker = self._spare.pop() if self._spare else self._make()
            other = _Followed(landmarker, region_of(rows, image.shape))
            again = other(image, stamp)
            if again is not None and not any(_same(again, one, image.shape) for one in found):
                self._others.append(other)
                return [again]
            self._spare.append(landmarker)
        return []


class _Followed:
    """Somebody in a crop that stands still until the person nears its edge."""

    def __init__(
        self, landmarker: Callable[[np.ndarray, float], list[Rows]], region: Region,
    ) -> None:
        self.landmarker, self._region = landmarker, region
        self.misses = 0

    def __call__(self, image: np.ndarray, stamp: float) -> Rows | None:
        found = self.landmarker(crop(image, self._region, _SIDE), stamp)
        if not found:
            self.misses += 1
            return None
        self.misses = 0
        height, width = image.shape[:2]
        rows = found[0].copy()
        x, y, side = self._region
        rows[:, 0] = (rows[:, 0] * side + x - side / 2) / width
        rows[:, 1] = (rows[:, 1] * side + y - side / 2) / height
        rows[:, 2] *= side / width
        wanted = region_of(rows, image.shape)
        moved = max(abs(wanted[0] - x), abs(wanted[1] - y)) > _SLACK * side
        if moved or not _SCALES[0] < wanted[2] / side < _SCALES[1]:
            self._region = wanted
        return rows


_VISIBILITY = 3  # column
_SMOOTHING = 0.1  # MediaPipe's pose_landmarks_smoothing: share of the new image in the visibility


class PromptVisibility:
    """Takes back MediaPipe's smoothing of the visibility, which lasts a third of a second.

    In video mode it says of each landmark v[n] = 0.9 v[n-1] + 0.1 seen[n], whatever the rate of
    the images. An arm that vanishes behind something is thus told as visible for eleven images;
    solved for `seen`, for none.
    """

    def __init__(self) -> None:
        self._last: Rows | None = None

    def __call__(self, found: list[Rows]) -> list[Rows]:
        """Return the first body of an image with what is seen of it in this image alone."""
        if not found:
            self._last = None  # who is found anew is not smoothed
            return found
        smooth = found[0][:, _VISIBILITY].copy()
        if self._last is not None:
            found[0][:, _VISIBILITY] = np.clip(
                self._last + (smooth - self._last) / _SMOOTHING, 0.0, 1.0)
        self._last = smooth
        return found[:1]


def box_of(rows: Rows, shape: tuple[int, ...]) -> np.ndarray:
    """Return ((left, top), (right, bottom)) [pixels] of a body, with some room, in the image."""
    size = np.array([shape[1], shape[0]])
    points = rows[:, :2] * size
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.08 * (high - low).max()
    return np.clip([low - room, high + room], 0, size).astype(int)


def region_of(rows: Rows, shape: tuple[int, ...]) -> Region:
    """Return the square (centre x, y, side [pixels]) in which to follow a body."""
    points = rows[:, :2] * (shape[1], shape[0])
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = (0.5 * (low + high)).tolist()
    return x, y, max(_ROOM * float((high - low).max()), 32.0)


def _same(one: Rows, other: Rows, shape: tuple[int, ...]) -> bool:
    size = np.array([shape[1], shape[0]])
    a, b = one[:, :2] * size, other[:, :2] * size
    extent = max(np.ptp(a, axis=0).max(), np.ptp(b, axis=0).max())
    return bool(np.linalg.norm(a - b, axis=1).mean() < _SAME * extent)

