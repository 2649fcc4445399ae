# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""How far people seem to lean toward the camera because of the camera, and not of themselves.

MediaPipe's world landmarks are turned as seen from the camera, and lean toward it even where the
camera stands level. Who stands with straight legs has the centre of mass over the middle of the
feet, or would fall; what is left of lean then, on average over many seconds, is the camera's. The
ankles are not that middle: they lie behind it, so that a line from ankles to shoulders leans
forward by 3 degrees in everybody who stands.

What is learnt is the lean of the landmarks, the model's own and the camera's together. It is not
applied to heads, which another model sees without that lean.
"""

from __future__ import annotations

import math

import numpy as np

from mirror_robot.human.landmarks import POSE_INDEX

_ROWS = np.array([[POSE_INDEX[f"{side}_{point}"] for side in ("left", "right")]
                  for point in ("shoulder", "hip", "knee", "ankle", "heel", "foot_index")])

# Shares of a body's mass as if it were in shoulders, hips, knees and ankles: segments and where
# along them their masses are by D. Winter, Biomechanics and Motor Control, table 4.1; head and
# arms, whose places are less sure, with the trunk, at 0.58 of its height.
_MASS = np.array([0.39, 0.40, 0.14, 0.07])

# What still counts as standing straight [rad]. MediaPipe bends the straight knees of a standing
# person by 20 degrees.
_KNEE, _HIP = math.radians(32.0), math.radians(16.0)
_LARGEST = math.radians(25.0)  # more is no camera's tilt but somebody who bends

_HASTE = 0.5  # [s] of standing after which half of the first lean seen is taken off
_PATIENCE = 20.0  # [s] over which lean is averaged later on


class Level:
    """Learns the tilt of the camera from people who stand.

    Parameters
    ----------
    tilt : float
        What is known of it beforehand [rad]: positive for a camera that looks down.
    learn : bool
        Whether to go on from there.
    """

    def __init__(self, tilt: float = 0.0, learn: bool = True) -> None:
        self.tilt = tilt
        """Tilt that makes who stands upright upright [rad]."""
        self._learn = learn
        self._standing = _HASTE
        self._stamp: float | None = None

    def __call__(self, stamp: float, world: np.ndarray, known: np.ndarray) -> float:
        """Take in a body and return the tilt.

        Parameters
        ----------
        stamp : float
            [s]
        world : ndarray (33, 3)
            [m]; x to the right of the image, y down, z away from the camera.
        known : ndarray (33,) bool
        """
        last, self._stamp = self._stamp, stamp
        if not self._learn or last is None or not known[_ROWS].all():
            return self.tilt
        step = min(stamp - last, 0.2)
        if step <= 0:
            return self.tilt
        points = world[_ROWS]  # (6, 2, 3)
        thigh, shin = points[1] - points[2], points[2] - points[3]
        trunk = (points[0] - points[1]).mean(axis=0)
        if (_angles(thigh, shin) > _KNEE).any() or _angles(
                trunk[None], thigh.mean(axis=0)[None])[0] > _HIP:
            return self.tilt
        middle = points.mean(axis=1)
        _, y, z = _MASS @ middle[:4] - middle[4:].mean(axis=0)
        lean = math.atan2(-z, -y)
        if y >= 0 or abs(lean) > _LARGEST:
            return self.tilt
        self.tilt += step / (self._standing + step) * (lean - self.tilt)
        self._standing = min(self._standing + step, _PATIENCE)
        return self.tilt


def _angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angles (n,) [rad] between vectors (n, 3)."""
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), (a * b).sum(axis=1))
