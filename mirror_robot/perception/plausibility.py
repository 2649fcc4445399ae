# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Catches what a landmark model says that no body does: swapped sides, limbs that stretch."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from mirror_robot.human.landmarks import POSE, POSE_INDEX
from mirror_robot.human.skeleton import SIDES, LimbLengths
from mirror_robot.perception.wire import PoseLandmarks

_SWAPPED = np.array([POSE_INDEX[
    name.replace("left", "*").replace("right", "left").replace("*", "right")] for name in POSE])
_SIDED = np.array([POSE_INDEX[f"{side}_{point}"] for side in SIDES
                   for point in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")])

# A swap is a jump [m per landmark] of which at most this share is left when the sides are
# exchanged. People turn by at most 20 degrees from image to image.
_JUMP, _LEFT_OVER = 0.1, 0.5
_PATIENCE = 0.3  # [s] after which the new sides are believed

# Lengths as shares of the person's own that a limb may have. MediaPipe foreshortens limbs that
# point at the camera: of a dancer 98 % of the forearms lie between 0.49 and 1.14.
_SHORTEST, _LONGEST = 0.35, 1.6
_LIMBS = tuple(
    (POSE_INDEX[f"{side}_{near}"], POSE_INDEX[f"{side}_{far}"], limb)
    for side in SIDES for near, far, limb in (
        ("shoulder", "elbow", "upper_arm"), ("elbow", "wrist", "forearm"),
        ("hip", "knee", "thigh"), ("knee", "ankle", "shin")))
_ELBOWS = tuple(tuple(POSE_INDEX[f"{side}_{point}"] for point in ("shoulder", "elbow", "wrist"))
                for side in SIDES)
_FOLDED = math.cos(math.radians(165.0))  # flesh keeps an elbow from folding further

# What hangs on a landmark is no better known than it.
_BEYOND = {POSE_INDEX[f"{side}_{near}"]: [POSE_INDEX[f"{side}_{far}"] for far in beyond]
           for side in SIDES for near, beyond in {
               "elbow": ("wrist", "pinky", "index", "thumb"), "wrist": ("pinky", "index", "thumb"),
               "knee": ("ankle", "heel", "foot_index"),
               "ankle": ("heel", "foot_index")}.items()}


class SwapGuard:
    """Exchanges left and right back where a model confuses them for some images."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the person."""
        self._last: np.ndarray | None = None
        self._since: float | None = None

    def __call__(self, stamp: float, pose: PoseLandmarks) -> PoseLandmarks:
        """Return the pose with the sides as they were."""
        points, last = pose.world, self._last
        if last is not None:
            plain = np.linalg.norm(points[_SIDED] - last[_SIDED], axis=1).mean()
            other = np.linalg.norm(points[_SWAPPED][_SIDED] - last[_SIDED], axis=1).mean()
            if plain > _JUMP and other < _LEFT_OVER * plain:
                if self._since is None:
                    self._since = stamp
                if 0 <= stamp - self._since <= _PATIENCE:
                    pose = replace(
                        pose, world=pose.world[_SWAPPED], image=pose.image[_SWAPPED],
                        visibility=pose.visibility[_SWAPPED], presence=pose.presence[_SWAPPED])
                else:
                    self._since = None
            else:
                self._since = None
        self._last = pose.world
        return pose


def impossible(points: np.ndarray, lengths: LimbLengths) -> np.ndarray:
    """Return which landmarks (33,) bool cannot be where they are.

    Parameters
    ----------
    points : ndarray (33, 3)
        [m]
    lengths : LimbLengths
        The person's own; limbs that have not settled are not judged.
    """
    wrong = np.zeros(len(points), bool)
    own = lengths.settled
    for near, far, limb in _LIMBS:
        if limb in own:
            span = points[far] - points[near]
            wrong[far] |= not _SHORTEST < math.sqrt(span @ span) / own[limb] < _LONGEST
    for shoulder, elbow, wrist in _ELBOWS:
        upper, fore = points[elbow] - points[shoulder], points[wrist] - points[elbow]
        scale = math.sqrt((upper @ upper) * (fore @ fore))
        wrong[wrist] |= scale > 0 and upper @ fore < _FOLDED * scale
    for near, beyond in _BEYOND.items():
        if wrong[near]:
            wrong[beyond] = True
    return wrong
