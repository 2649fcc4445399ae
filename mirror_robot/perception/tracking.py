# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""From what the landmark workers find to what is said of a person.

Frames
------
viewer
    MediaPipe's: x to the right of the image, y down, z away from the camera.
upright camera
    At the person, along the line of sight: x horizontally toward the camera, y to the left of a
    person who faces the camera (right in the image), z up. MediaPipe sees body and face each in a
    window of its own, so that both are turned as seen along the line of sight to them, and not as
    seen along the camera's axis.
body
    Origin mid-hip; x horizontally to where the pelvis faces, y to the person's left, z up.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mirror_robot.human.face import face_geometry
from mirror_robot.human.landmarks import BLENDSHAPES, POSE_INDEX
from mirror_robot.human.observation import BodyObservation, FaceObservation
from mirror_robot.human.one_euro import OneEuroFilter
from mirror_robot.human.skeleton import LimbLengths
from mirror_robot.perception.level import Level
from mirror_robot.perception.plausibility import SwapGuard, impossible
from mirror_robot.perception.wire import FaceLandmarks, PoseLandmarks

_HIPS = [POSE_INDEX["left_hip"], POSE_INDEX["right_hip"]]
_SHOULDERS = [POSE_INDEX["left_shoulder"], POSE_INDEX["right_shoulder"]]

# The line from right to left must be so long on the ground [m] to tell where someone faces;
# shoulders are about 0.35 wide, hips 0.22.
_SHORTEST_LINE = 0.08

# Rows: axes of the upright camera, in a viewer with y up and z toward the camera (that of the
# facial transformation matrix).
_UPRIGHT_FROM_FACE_VIEWER = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class TrackedBody:
    """A body in one image.

    Attributes
    ----------
    observation : BodyObservation
    heading : float
        Where the pelvis faces [rad]: turn about z from the upright camera's frame to the body's;
        0 when the person faces the camera, positive when turned to their left.
    pixels : ndarray (33, 3)
        x and y as shares of the image's width and height, and the visibility as in `observation`;
        for drawing, not filtered.
    upright : ndarray (3, 3)
        Rotation from the viewer's axes to the upright camera's.
    """

    observation: BodyObservation
    heading: float
    pixels: np.ndarray
    upright: np.ndarray


class Identity:
    """A transient name, kept through short losses."""

    def __init__(
        self, keep: float, make: Callable[[], str] | None = None,
    ) -> None:
        self._keep = keep
        self._make = make or (
            lambda: "".join(random.choices(string.ascii_lowercase, k=5)))  # as REP-155 advises
        self._name, self._seen = "", float("-inf")

    def __call__(self, stamp: float) -> tuple[str, bool]:
        """Return the name of who is seen now, and whether it is a new one."""
        # Time that steps back (a bag that loops) also begins anew.
        new = not self._name or not 0 <= stamp - self._seen <= self._keep
        if new:
            self._name = self._make()
        self._seen = stamp
        return self._name, new


class Visibility:
    """Which landmarks are known: smoothed over a tenth of a second, with hysteresis.

    Parameters
    ----------
    threshold : float
        Of visibility times presence [0..1]; unknown below, known again above by `margin`.
    """

    def __init__(self, threshold: float, margin: float = 0.1, time_constant: float = 0.1) -> None:
        self._low, self._high = threshold, min(threshold + margin, 0.99)
        self._time_constant = time_constant
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._stamp: float | None = None
        self._score = np.empty(0)
        self._known = np.empty(0, bool)

    def __call__(self, stamp: float, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (known (n,) bool, smoothed score (n,))."""
        if self._stamp is None or stamp < self._stamp:
            self._score, self._known = score.copy(), score >= self._low
        else:
            gain = 1 - np.exp((self._stamp - stamp) / self._time_constant)
            self._score = self._score + gain * (score - self._score)
            self._known = self._score >= np.where(self._known, self._low, self._high)
        self._stamp = stamp
        return self._known.copy(), self._score.copy()


class BodyTracker:
    """Follows one body.

    Parameters
    ----------
    visibility : float
        Landmarks that MediaPipe holds for less visible than this are unknown [0..1].
    mincutoff, beta : float
        Of the One-Euro filter on the landmarks [Hz, Hz per m/s].
    level : Level, optional
        How far the camera looks down; may be shared by trackers of one camera. Level and fixed
        when left out.
    keep_id : float
        Longest loss after which a body is still the same [s].
    """

    def __init__(
        self, *, visibility: float = 0.3, mincutoff: float = 1.5, beta: float = 10.0,
        level: Level | None = None, keep_id: float = 1.0,
    ) -> None:
        self._identity = Identity(keep_id)
        self._swaps, self.lengths = SwapGuard(), LimbLengths()
        self._visibility = Visibility(visibility)
        self._filter = OneEuroFilter(mincutoff, beta, vectors=True)
        # Where the pelvis faces is computed from depths, the noisiest thing that MediaPipe gives.
        self._heading_filter = OneEuroFilter(0.5, 0.5)
        self._heading = 0.0
        self._level = level or Level(learn=False)

    def __call__(self, stamp: float, found: list[PoseLandmarks]) -> TrackedBody | None:
        """Return the body in what the pose worker found, or None when there is nobody.

        Parameters
        ----------
        stamp : float
            Acquisition time of the image [s].
        found : list of PoseLandmarks
            The first is taken.
        """
        if not found:
            return None
        pose = found[0]
        if not (np.isfinite(pose.world).all() and np.isfinite(pose.image).all()):
            return None
        identity, new = self._identity(stamp)
        if new:
            self._visibility.reset()
            self._filter.reset()
            self._heading_filter.reset()
            self._swaps.reset()
            self.lengths.reset()
        pose = self._swaps(stamp, pose)
        seen = pose.visibility * pose.presence
        inside = ((pose.image[:, :2] >= 0) & (pose.image[:, :2] <= 1)).all(axis=1)
        seen = np.where(inside, np.clip(seen, 0.0, 1.0), 0.0)
        seen = np.where(impossible(pose.world, self.lengths), 0.0, seen)
        known, score = self._visibility(stamp, seen)
        # MediaPipe goes on following a ghost for a while when someone has left.
        if not known.any():
            return None
        self.lengths(np.where(known[:, None], pose.world, np.nan))
        upright = upright_from_viewer(self._level(stamp, pose.world, known))
        points = pose.world @ upright.T
        heading = self._facing(stamp, points, known, new)
        points = self._filter(stamp, np.where(known[:, None], points, np.nan))
        sin, cos = np.sin(heading), np.cos(heading)
        into_body = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
        visibility = np.where(known, score, 0.0)
        return TrackedBody(
            BodyObservation(stamp, identity, points @ into_body.T, visibility), heading,
            np.column_stack([pose.image[:, :2], visibility]), upright)

    def _facing(
        self, stamp: float, points: np.ndarray, known: np.ndarray, new: bool,
    ) -> float:
        # The line from right to left through the hips and, steadier because longer, the
        # shoulders; on footage the two differ by 10 degrees and turn together (r = 0.98).
        lines = [points[left, :2] - points[right, :2]
                 for left, right in (_HIPS, _SHOULDERS) if known[left] and known[right]]
        line = np.sum(lines, axis=0) if lines else np.zeros(2)
        if np.linalg.norm(line) >= _SHORTEST_LINE * max(len(lines), 1):
            heading = np.arctan2(-line[0], line[1])
            last = heading if new else self._heading
            unwrapped = last + (heading - last + np.pi) % (2 * np.pi) - np.pi
            self._heading = float(self._heading_filter(stamp, unwrapped))
        elif new:
            self._heading = 0.0
        return self._heading


class FaceTracker:
    """Follows one face.

    Parameters
    ----------
    mincutoff, beta : float
        Of the One-Euro filter on the coefficients [Hz, Hz per 1/s]. MediaPipe's video mode smooths
        already; this takes out what is left.
    camera_pitch : float
        How far the camera looks down [rad].
    vertical_fov : float
        Field of view of the image's height [rad]. A face above the image's centre that looks into
        the camera looks down by its height over the camera's axis.
    confirm : int
        Images in a row that a face must be in before it counts; phantoms last for one.
    keep_id : float
        Longest loss after which a face is still the same [s].
    readable : float
        Narrowest face [pixels] whose expression is told. Of a smaller one MediaPipe makes up
        expressions; where its head turns can still be seen.
    """

    def __init__(
        self, *, mincutoff: float = 3.0, beta: float = 3.0, camera_pitch: float = 0.0,
        vertical_fov: float = np.radians(45.0), confirm: int = 3, keep_id: float = 1.0,
        readable: float = 48.0,
    ) -> None:
        self._readable = readable
        self._identity = Identity(keep_id)
        self._filter = OneEuroFilter(mincutoff, beta)
        self._camera_pitch, self._focal = camera_pitch, 0.5 / np.tan(0.5 * vertical_fov)
        self._confirm, self._streak = confirm, 0

    def __call__(
        self, stamp: float, found: list[FaceLandmarks], height: int, width: int,
    ) -> FaceObservation | None:
        """Return the face in what the face worker found, or None when there is none to trust.

        A face too small to be read has no coefficients.

        Parameters
        ----------
        stamp : float
            Acquisition time of the image [s].
        found : list of FaceLandmarks
            The first is taken.
        height, width : int
            Of the image [pixels].
        """
        if not found or not np.isfinite(found[0].image).all():
            self._streak = 0
            return None
        self._streak += 1
        if self._streak < self._confirm:
            return None
        face = found[0]
        identity, new = self._identity(stamp)
        if new:
            self._filter.reset()
        if np.ptp(face.image[:, 0]) * width < self._readable:
            return FaceObservation(stamp, identity, {}, self._head(face))
        measures = face_geometry(face.image * (width, height, width), face.matrix)
        if not measures:  # a mesh without extent
            return None
        values = self._filter(stamp, np.concatenate([
            face.blendshapes, np.fromiter(measures.values(), float, len(measures))]))
        return FaceObservation(
            stamp, identity, dict(zip((*BLENDSHAPES, *measures), map(float, values))),
            self._head(face))

    def _head(self, face: FaceLandmarks) -> np.ndarray:
        turned = face.matrix[:3, :3] / np.linalg.norm(face.matrix[:3, :3], axis=0)
        head = _UPRIGHT_FROM_FACE_VIEWER @ turned @ _UPRIGHT_FROM_FACE_VIEWER.T
        # Along the line of sight -> level: how far the camera looks *up* to this face.
        climb = np.arctan2(0.5 - face.image[:, 1].mean(), self._focal) - self._camera_pitch
        sin, cos = np.sin(climb), np.cos(climb)
        return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]]) @ head


def upright_from_viewer(camera_pitch: float) -> np.ndarray:
    """Return the rotation (3, 3) from the viewer's axes to the upright camera's."""
    # Along the ground away from the camera, and straight down, in the viewer's axes.
    away = np.array([0.0, -np.sin(camera_pitch), np.cos(camera_pitch)])
    down = np.array([0.0, np.cos(camera_pitch), np.sin(camera_pitch)])
    return np.array([-away, [1.0, 0.0, 0.0], -down])
