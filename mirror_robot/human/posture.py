# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A person's posture as directions and rotations: what a body of any size can share."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.human.observation import BodyObservation

LIMBS = (
    "left_upper_arm", "left_forearm", "left_hand",
    "right_upper_arm", "right_forearm", "right_hand",
)
"""Rows of `HumanPosture.limbs`; each arm from the shoulder outwards, the person's own sides."""

SIDES = ("left", "right")

_MIRRORED_LIMBS = [3, 4, 5, 0, 1, 2]
_MIRROR = np.diag([1.0, -1.0, 1.0])

# In an upright head that looks straight ahead, the line from between the ears to the nose of
# MediaPipe's world landmarks points this far below the horizon [rad] (median over the frames of a
# standing person who looks ahead and of two faces whose transformation says how they look).
_NOSE_BELOW_EARS = 0.19


def _unknown(*shape: int) -> np.ndarray:
    return np.full(shape, np.nan)


@dataclass(frozen=True)
class HumanPosture:
    """The upper body of a person at one instant, independent of size.

    All in the body frame: x to the front (horizontal), y to the left, z up. NaN where unknown.

    Attributes
    ----------
    stamp : float
        Acquisition time [s].
    limbs : ndarray (6, 3)
        Unit directions of `LIMBS`, from the joint nearer to the trunk outwards.
    palms : ndarray (2, 3)
        Unit normals out of the left and the right palm.
    torso : ndarray (3, 3)
        Rotation of the chest: columns are its front, left and up.
    head : ndarray (3, 3)
        Rotation of the head: columns are its front (where the nose points), left and up.
    """

    stamp: float
    limbs: np.ndarray
    palms: np.ndarray
    torso: np.ndarray
    head: np.ndarray

    @classmethod
    def unknown(cls, stamp: float = 0.0) -> HumanPosture:
        """Return a posture of which nothing is known."""
        return cls(stamp, _unknown(6, 3), _unknown(2, 3), _unknown(3, 3), _unknown(3, 3))

    @classmethod
    def standing(cls, stamp: float = 0.0) -> HumanPosture:
        """Return the posture of standing upright with the arms hanging, palms to the thighs."""
        return cls(
            stamp, np.tile([0.0, 0.0, -1.0], (6, 1)), np.array([[0.0, -1, 0], [0.0, 1, 0]]),
            np.eye(3), np.eye(3))

    def mirrored(self) -> HumanPosture:
        """Return the posture as a mirror shows it: left and right exchanged."""
        return HumanPosture(
            self.stamp, self.limbs[_MIRRORED_LIMBS] @ _MIRROR, self.palms[::-1] @ _MIRROR,
            _MIRROR @ self.torso @ _MIRROR, _MIRROR @ self.head @ _MIRROR)

    def with_head(self, head: np.ndarray) -> HumanPosture:
        """Return the same posture with another head rotation (3, 3)."""
        return replace(self, head=np.asarray(head, float))


def elevation(directions: np.ndarray) -> np.ndarray:
    """Return the elevation [rad] over the horizon of directions (..., 3): -pi/2 hangs down."""
    directions = np.asarray(directions, float)
    return np.arctan2(directions[..., 2], np.hypot(directions[..., 0], directions[..., 1]))


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Normalise along the last axis; vectors shorter than a millimetre have no direction."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-3, vectors / np.where(length > 1e-3, length, 1.0), np.nan)


def _frame(left: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Return the rotation whose left axis is `left` and whose up axis is nearest to `up`."""
    y = _unit(left)
    x = _unit(np.cross(y, up))
    return np.column_stack([x, y, np.cross(x, y)])


def posture_from_landmarks(body: BodyObservation) -> HumanPosture:
    """Return limb directions, palms, torso and head of a body seen.

    The torso's left is the shoulder line and its up the line from mid-hip to mid-shoulder; with
    the hips out of sight the trunk is taken as upright, for which a leaning person in a close-up
    pays.
    The head comes from ears and nose; a face transformation, where there is one, is better
    (`HumanPosture.with_head`).
    """
    point = body.landmarks

    def at(name: str) -> np.ndarray:
        return point[POSE_INDEX[name]]

    limbs, palms = _unknown(6, 3), _unknown(2, 3)
    for row, side in enumerate(SIDES):
        knuckles = 0.5 * (at(f"{side}_index") + at(f"{side}_pinky"))
        chain = np.array([at(f"{side}_shoulder"), at(f"{side}_elbow"), at(f"{side}_wrist"),
                          knuckles])
        limbs[3 * row:3 * row + 3] = _unit(np.diff(chain, axis=0))
        across = np.cross(at(f"{side}_index") - chain[2], at(f"{side}_pinky") - chain[2])
        palms[row] = _unit(100 * across) * (-1 if side == "left" else 1)

    left, right = at("left_shoulder"), at("right_shoulder")
    hips = 0.5 * (at("left_hip") + at("right_hip"))
    up = 0.5 * (left + right) - hips
    torso = _frame(left - right, up if np.isfinite(up).all() else np.array([0.0, 0.0, 1.0]))

    ears = at("left_ear") - at("right_ear")
    nose = at("nose") - 0.5 * (at("left_ear") + at("right_ear"))
    y = _unit(ears)
    x = _unit(nose - (nose @ y) * y)
    z = np.cross(x, y)
    c, s = np.cos(_NOSE_BELOW_EARS), np.sin(_NOSE_BELOW_EARS)
    head = np.column_stack([c * x + s * z, y, c * z - s * x])
    return HumanPosture(body.stamp, limbs, palms, torso, head)
