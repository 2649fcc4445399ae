# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A person's joint angles by the kinematic model of REP-155 (package ``human_description``).

Frames: x to the front, y to the left, z up; a limb points along -z of its link. With all angles 0
the person stands upright, arms and legs hanging straight down. With s = 1 on the left and -1 on
the right, c = cos and s = sin of the angle by that name, the chains are::

    waist          Ry(waist)
    head           Rx(r_head) Rz(y_head) Ry(-p_head)               from the torso
    shoulder       Rz(-s y) Rx(s p) Rz(s r)                        from the torso
    elbow          Ry(-elbow)                                      from the upper arm
    hip            Rz(-y) Rx(s p) Ry(-r)                           from the root
    knee           Ry(-knee)                                       from the thigh

The model has one joint between pelvis and chest, so that a trunk which leans sideways rolls the
root of the model, ``body_<id>``; `Skeleton.root` says how far.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirror_robot.human.landmarks import POSE_INDEX

SIDES = ("left", "right")

JOINTS: Mapping[str, tuple[float, float]] = {
    "waist": (-0.2, 1.0), "r_head": (-1.0, 1.0), "y_head": (-1.4, 1.4), "p_head": (-1.5, 1.5),
    **{f"{side}_{joint}": limits for side in "lr" for joint, limits in {
        "y_shoulder": (-1.1, 1.9), "p_shoulder": (-0.4, 3.3), "r_shoulder": (-1.7, 1.5),
        "elbow": (0.0, 2.5), "y_hip": (-0.1, 0.6), "p_hip": (-0.4, 3.3), "r_hip": (-0.4, 0.7),
        "knee": (-2.5, 0.0)}.items()},
}
"""The joints and their limits [rad] in ``human_description``. People go beyond some of them (a
knee raised to the chest, an arm swung back); their angles are told as they are."""

DIRECTIONS = (
    "torso", "head", "left_upper_arm", "left_forearm", "right_upper_arm", "right_forearm",
    "left_thigh", "left_shin", "right_thigh", "right_shin",
)
"""Rows of `limb_directions`: where each limb points; the torso up, the head to where it looks."""

# Near a singular pose the joint that is not determined there is damped: this much [rad] aside of
# the pose it no longer is, and the damping grows from 0 there to so much that half of a change is
# followed where it points the limb `_DAMPING` [rad] aside. Y. Nakamura and H. Hanafusa, Inverse
# Kinematic Solutions With Singularity Robustness, 1986. Larger is steadier at rest and later.
_NEAR, _DAMPING = math.radians(10.0), math.radians(2.0)

# What the joints of a limb turn at most [rad/s] where it passes a singular pose, or to catch up
# afterwards: about as fast as the fastest limbs of lively people move. Farther than `_CLEAR` [rad]
# off they turn as fast as the limbs make them, up to `_FASTEST`.
_CATCH_UP, _FASTEST = 9.5, 20.0
_CLEAR = math.radians(20.0)
_FORGOTTEN = 1.0  # [s] unseen after which a limb begins anew

# What is left to turn to where the limbs would point exactly counts as much as this times what
# they point aside, linearised, so that an arm far off finds the way. There are two ways to
# point: raised toward somewhere or lowered away from it. One beyond the limits of joints counts as
# farther off by so much [rad^2] per squared excess [rad^2].
_AHEAD, _UNLIKELY = 1.0, 0.1

# At the beginning a joint is left open within so much [rad] of a singular pose.
_OPEN = math.radians(1.0)

# Elbows of mobile people, and landmarks of straight arms, bend backwards a little [rad]. As they
# may, a straight arm that swings needs no half turn of its roll.
_STRAIGHT = -0.2

# An angle out of its limits costs as much as this times its excess in limb direction: enough to
# come back while an arm hangs, where it costs nothing.
_WITHIN = 0.05

# A knee bent by so much [rad] has the axis half its own and half that of a straight leg.
_STIFF = math.radians(1.6)

_UP = np.array([0.0, 0.0, 1.0])

# Shares of what a joint may turn, tried at first, and then about the best of them.
_COARSE, _FINE = np.linspace(-1.0, 1.0, 21), np.linspace(-0.1, 0.1, 11)


@dataclass(frozen=True)
class Skeleton:
    """Joint angles of a person at one instant.

    Attributes
    ----------
    angles : mapping str -> float
        By the names of `JOINTS` [rad]; a joint that is not known is not in it.
    root : ndarray (3, 3)
        Rotation of the root of the model in the body frame of
        `mirror_robot.human.observation.BodyObservation`.
    """

    angles: Mapping[str, float]
    root: np.ndarray


def _turn(axis: int, angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    matrix = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


def _wrapped(angle: Any) -> Any:
    return (angle + math.pi) % (2 * math.pi) - math.pi


def _raised(pitch: float) -> float:
    """Return a shoulder's pitch such that an arm may go on over the head: -pi/2..3 pi/2 [rad]."""
    return pitch + 2 * math.pi if pitch < -0.5 * math.pi else pitch


def _smooth(low: float, high: float, value: float) -> float:
    x = min(max((value - low) / (high - low), 0.0), 1.0)
    return x * x * (3 - 2 * x)


def _known(*vectors: np.ndarray) -> bool:
    return all(math.isfinite(vector[0]) for vector in vectors)


class SkeletonSolver:
    """Joint angles from limb directions; remembers only to stay continuous.

    Head, waist and legs are closed forms. So are arms, except near the poses that leave a joint
    open: one that hangs straight down or points straight up leaves the yaw of its shoulder open,
    a straight one the roll. A limb that passes such a pose turns those joints arbitrarily fast;
    there they turn no faster than `_ArmSolver` lets them and, within that, such that upper arm and
    forearm point where they should as well as they can, by least squares.
    """

    def __init__(self) -> None:
        self._stamp: float | None = None
        self._arms = {side: _ArmSolver(side[0]) for side in SIDES}
        self._legs = {side: _LegSolver(side[0]) for side in SIDES}

    def reset(self) -> None:
        """Forget the last pose."""
        self.__init__()

    def __call__(
        self, stamp: float, directions: Mapping[str, np.ndarray],
        head: np.ndarray | None = None,
    ) -> Skeleton:
        """Return the joint angles.

        Parameters
        ----------
        stamp : float
            [s]; one that steps back starts anew.
        directions : mapping str -> ndarray (3,)
            Unit vectors in the body frame by the names of `DIRECTIONS` (without the head); NaN, or
            left out, where unknown. With an unknown torso the trunk is taken as upright and the
            waist left out.
        head : ndarray (3, 3), optional
            Rotation of the head in the body frame; None or NaN when unknown.
        """
        if self._stamp is not None and stamp < self._stamp:
            self.reset()
        self._stamp = stamp
        angles: dict[str, float] = {}
        unknown = np.full(3, np.nan)
        up = directions.get("torso", unknown)
        root = torso = np.eye(3)
        if _known(up):
            root, angles["waist"] = _root(up)
            torso = root @ _turn(1, angles["waist"])
        if head is not None and np.isfinite(head).all():
            angles |= _head(torso.T @ head)
        for side in SIDES:
            arm = [directions.get(f"{side}_{limb}", unknown) for limb in ("upper_arm", "forearm")]
            leg = [directions.get(f"{side}_{limb}", unknown) for limb in ("thigh", "shin")]
            if _known(arm[0]):
                angles |= self._arms[side](stamp, *(torso.T @ limb for limb in arm))
            if _known(leg[0]):
                angles |= self._legs[side](stamp, *(root.T @ limb for limb in leg))
        return Skeleton(angles, root)


class _Past:
    """Where the two parts of a limb pointed when it was last seen."""

    def __init__(self) -> None:
        self._stamp = -math.inf
        self._parts: np.ndarray | None = None

    def __call__(self, stamp: float, parts: np.ndarray) -> tuple[np.ndarray | None, float]:
        """Return the parts (2, 3) before, None if forgotten, and the time since [s]."""
        before, step = self._parts, stamp - self._stamp
        self._stamp, self._parts = stamp, parts
        return (before if step <= _FORGOTTEN else None), step


class _ArmSolver:
    """One arm; the right one is solved as the left one seen in a mirror."""

    def __init__(self, side: str) -> None:
        self._side, self._mirror = side, np.array([1.0, 1.0 if side == "l" else -1.0, 1.0])
        self._limits = [JOINTS[f"{side}_{joint}_shoulder"] for joint in "yp"]
        self._past = _Past()
        self._yaw = self._roll = 0.0

    def __call__(self, stamp: float, upper: np.ndarray, fore: np.ndarray) -> dict[str, float]:
        bent = _known(fore)
        limbs = np.array([upper, fore if bent else upper]) * self._mirror
        before, step = self._past(stamp, limbs)
        if before is None:
            self._begin(limbs)
        elif step > 0:
            self._follow(before, limbs, step)
        pitch, (x, y, z) = _shoulder(self._yaw, *limbs)
        angles = {f"{self._side}_y_shoulder": _wrapped(self._yaw),
                  f"{self._side}_p_shoulder": _raised(pitch)}
        if not bent:
            return angles
        elbow = math.atan2(math.cos(self._roll) * x + math.sin(self._roll) * y, -z)
        return angles | {f"{self._side}_r_shoulder": _wrapped(self._roll),
                         f"{self._side}_elbow": max(elbow, _STRAIGHT)}

    def _begin(self, limbs: np.ndarray) -> None:
        # A joint that the pose leaves open begins at 0.
        off = _off(limbs)
        if off[0] > math.sin(_OPEN):
            # Raised rather than lowered, since that is likely to go on.
            self._yaw = min(_exact(limbs), key=lambda one: self._excess(
                *np.array(one[:2])[:, None])[0] + (one[1] < 0))[0]
        _, (x, y, _) = _shoulder(self._yaw, *limbs)
        self._roll = math.atan2(y, x) if off[1] > math.sin(_OPEN) else 0.0

    def _excess(self, yaws: np.ndarray, pitches: np.ndarray) -> np.ndarray:
        """Return the sum of squares (n,) of how far joints are beyond their limits [rad^2]."""
        return sum(np.maximum(np.maximum(low - _wrapped(value), _wrapped(value) - high), 0.0) ** 2
                   for value, (low, high) in zip((yaws, pitches), self._limits))

    def _follow(self, before: np.ndarray, limbs: np.ndarray, step: float) -> None:
        exact, last = _exact(limbs), _exact(before)[0]
        near = _off(limbs)
        clear = np.minimum(near, _off(before)) > math.sin(_CLEAR)
        # What the limbs themselves turned the joints by.
        turned = [abs(_wrapped(exact[0][joint] - last[joint])) if there else 0.0
                  for joint, there in ((0, clear[0]), (2, clear.all()))]
        room = [min(max(_CATCH_UP * step, one), _FASTEST * step) for one in turned]
        if near.min() > math.sin(_NEAR):
            for yaw, _, roll in exact:
                yaw, roll = _wrapped(yaw - self._yaw), _wrapped(roll - self._roll)
                if abs(yaw) <= room[0] and abs(roll) <= room[1]:
                    self._yaw, self._roll = self._yaw + yaw, self._roll + roll
                    return
        free = np.maximum(1.0 - (near / math.sin(_NEAR)) ** 2, 0.0)
        # How the limbs move per angle, for squares of how far aside they point from there.
        upper, moved = np.cross(_UP, limbs), np.cross(limbs[0], limbs[1])
        aside = (upper[0] @ upper[0], upper[1] @ upper[1], moved @ moved, upper[1] @ moved)
        beyond = [float(self._excess(*np.array(one[:2])[:, None])[0]) for one in exact]
        best = np.zeros(2)
        for tried in (_COARSE, _FINE):
            yaw, roll = (np.clip(share + tried, -1.0, 1.0) * most
                         for share, most in zip(best, room))
            cost, pitch = _aside(limbs, self._yaw + yaw, self._roll + roll)
            rest = [(aside[0] + aside[1]) * d_yaw[:, None] ** 2 + aside[2] * d_roll ** 2
                    + 2.0 * aside[3] * d_yaw[:, None] * d_roll + _UNLIKELY * excess
                    for d_yaw, d_roll, excess in (
                        (_wrapped(self._yaw + yaw - one[0]), _wrapped(self._roll + roll - one[2]),
                         excess) for one, excess in zip(exact, beyond))]
            cost = cost + _AHEAD * np.minimum(*rest) + _DAMPING ** 2 * free[1] * roll ** 2
            cost = cost + (free[0] * (_WITHIN ** 2 * self._excess(self._yaw + yaw, pitch)
                                      + _DAMPING ** 2 * yaw ** 2))[:, None]
            row, column = np.unravel_index(int(cost.argmin()), cost.shape)
            best = np.array([yaw[row] / room[0], roll[column] / room[1]])
        self._yaw, self._roll = self._yaw + best[0] * room[0], self._roll + best[1] * room[1]


def _off(limbs: np.ndarray) -> np.ndarray:
    """Return the sines of how far an arm (2, 3) is from hanging, or up, and from straight."""
    return np.array([math.hypot(limbs[0, 0], limbs[0, 1]), np.linalg.norm(np.cross(*limbs))])


def _shoulder(yaw: float, upper: np.ndarray, fore: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the pitch that points a left upper arm best, and the forearm as seen from it."""
    c, s = math.cos(yaw), math.sin(yaw)
    pitch = math.atan2(s * upper[0] + c * upper[1], -upper[2])
    return pitch, _turn(0, pitch).T @ _turn(2, -yaw).T @ fore


def _exact(limbs: np.ndarray) -> list[tuple[float, float, float]]:
    """Return the two (yaw, pitch, roll) [rad] that point a left arm (2, 3) exactly."""
    azimuth = math.atan2(limbs[0, 0], limbs[0, 1])
    # Raised toward the azimuth, or lowered (pitch < 0) away from it.
    out = []
    for yaw in (azimuth, azimuth + math.pi):
        pitch, (x, y, _) = _shoulder(yaw, *limbs)
        out.append((yaw, pitch, math.atan2(y, x)))
    return out


def _aside(
    limbs: np.ndarray, yaws: np.ndarray, rolls: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return squared sums (n, m) [rad^2] of how far aside a left arm (2, 3) points.

    With every yaw (n,) and roll (m,), and the pitches (n,) and elbows that are the best for them;
    the pitches are returned too.
    """
    upper, fore = limbs
    c, s = np.cos(yaws), np.sin(yaws)
    pitch = np.arctan2(s * upper[0] + c * upper[1], -upper[2])
    x, ahead = c * fore[0] - s * fore[1], s * fore[0] + c * fore[1]
    c_p, s_p = np.cos(pitch), np.sin(pitch)
    y, z = c_p * ahead + s_p * fore[2], c_p * fore[2] - s_p * ahead
    along = x[:, None] * np.cos(rolls) + y[:, None] * np.sin(rolls)
    length = np.hypot(along, z[:, None])
    over = np.maximum(_STRAIGHT - np.arctan2(along, -z[:, None]), 0.0)
    cosine = length * np.cos(over)
    squares = (c * upper[0] - s * upper[1]) ** 2
    return squares[:, None] + 2.0 * (1.0 - np.minimum(cosine, 1.0)), pitch


def _root(up: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the root's rotation and the waist's angle for a trunk along `up`."""
    # The root rolls with the trunk; forward lean goes into the waist as far as its limits let it,
    # the rest tilts the root. Lying on the side and upside down there is no telling which is
    # which: there the root goes along with the trunk.
    left = np.array([0.0, 1.0, 0.0]) - up[1] * up
    length = math.sqrt(max(1.0 - up[1] * up[1], 0.0))
    left = left / length if length > 1e-6 else np.array([0.0, 0.0, -math.copysign(1.0, up[1])])
    front = np.cross(left, up)
    torso = np.column_stack([front, left, up])
    lean = math.atan2(-front[2], up[2])
    low, high = JOINTS["waist"]
    waist = min(max(lean, low), high) * _smooth(0.1, 0.4, length) * _smooth(-0.7, -0.2, up[2])
    return torso @ _turn(1, -waist), waist


def _head(turned: np.ndarray) -> dict[str, float]:
    # Rx(r) Rz(y) Ry(-p) e_x = Rx(r) (cos y cos p, sin y cos p, sin p). Seen from the side the
    # nodding and tilting axes fall together; there tilting gives way to looking where the person
    # looks.
    front = turned[:, 0]
    level = math.hypot(turned[0, 0], turned[0, 2])
    roll = math.atan2(turned[2, 1], turned[1, 1]) if level > 1e-9 else 0.0
    roll *= _smooth(0.05, 0.35, level)
    low, high = JOINTS["r_head"]
    roll = min(max(roll, low), high)
    x, y, z = _turn(0, roll).T @ front
    return {"r_head": roll, "y_head": math.atan2(y, x),
            "p_head": math.asin(min(max(z, -1.0), 1.0))}


class _LegSolver:
    """One leg: with the yaw of its hip, the plane nearest to thigh and shin, and they in it."""

    def __init__(self, side: str) -> None:
        self._side, self._sign = side, 1.0 if side == "l" else -1.0
        self._past = _Past()
        self._yaw = 0.0

    def __call__(self, stamp: float, thigh: np.ndarray, shin: np.ndarray) -> dict[str, float]:
        bent = _known(shin)
        before, step = self._past(stamp, np.array([thigh, shin if bent else thigh]))
        left = _across(thigh, shin if bent else None)
        change = _wrapped(math.atan2(left[0], left[1]) - self._yaw)
        if before is not None:
            change = min(max(change, -_CATCH_UP * step), _CATCH_UP * step)
        self._yaw = _wrapped(self._yaw + change)
        parts = np.array([thigh, shin if bent else thigh]) @ _turn(2, -self._yaw)
        # The knee's axis, (0, cos p, sin p) here, as square to both as it can be.
        (y, yz), (_, z) = parts[:, 1:].T @ parts[:, 1:]
        pitch = 0.5 * math.atan2(-2.0 * yz, z - y)
        x, _, z = (parts @ _turn(0, pitch)).T
        roll = math.atan2(x[0], -z[0])
        angles = {f"{self._side}_y_hip": self._yaw, f"{self._side}_p_hip": self._sign * pitch,
                  f"{self._side}_r_hip": roll}
        if bent:
            angles[f"{self._side}_knee"] = _wrapped(math.atan2(x[1], -z[1]) - roll)
        return angles


def _across(thigh: np.ndarray, shin: np.ndarray | None) -> np.ndarray:
    """Return the axis (3,) of the knee, to the left."""
    # Thigh and shin lie in a plane, whose normal it is. A straight leg leaves it open: then that
    # which is nearest to the axis between the hips, across the leg as a whole.
    along = thigh if shin is None else thigh + max(float(thigh @ shin), 0.0) * shin
    along = along / np.linalg.norm(along)
    axis = np.array([0.0, 1.0, 0.0]) - along[1] * along
    length = np.linalg.norm(axis)
    axis = axis / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    if shin is not None:
        bend = np.cross(thigh, shin)
        sine = np.linalg.norm(bend)
        if sine > 1e-6:
            weight = (sine * sine / (sine * sine + _STIFF * _STIFF)
                      * _smooth(-0.2, 0.3, float(bend @ axis) / sine))
            axis = (1 - weight) * axis + weight * bend / sine
            axis /= np.linalg.norm(axis)
    return axis


def limb_directions(skeleton: Skeleton) -> dict[str, np.ndarray]:
    """Return where each limb points, in the body frame, by the names of `DIRECTIONS`.

    A limb whose joints are not all known is left out.
    """
    angle, out = skeleton.angles, {}
    torso = skeleton.root @ _turn(1, angle.get("waist", 0.0))
    if "waist" in angle:
        out["torso"] = torso[:, 2]
    if "y_head" in angle:
        out["head"] = (torso @ _turn(0, angle["r_head"]) @ _turn(2, angle["y_head"])
                       @ _turn(1, -angle["p_head"]))[:, 0]
    for name, side, sign in (("left", "l", 1.0), ("right", "r", -1.0)):
        if f"{side}_p_shoulder" in angle:
            arm = (torso @ _turn(2, -sign * angle[f"{side}_y_shoulder"])
                   @ _turn(0, sign * angle[f"{side}_p_shoulder"]))
            out[f"{name}_upper_arm"] = -arm[:, 2]
            if f"{side}_elbow" in angle:
                arm = arm @ _turn(2, sign * angle[f"{side}_r_shoulder"])
                out[f"{name}_forearm"] = -(arm @ _turn(1, -angle[f"{side}_elbow"]))[:, 2]
        if f"{side}_r_hip" in angle:
            leg = (skeleton.root @ _turn(2, -angle[f"{side}_y_hip"])
                   @ _turn(0, sign * angle[f"{side}_p_hip"]) @ _turn(1, -angle[f"{side}_r_hip"]))
            out[f"{name}_thigh"] = -leg[:, 2]
            if f"{side}_knee" in angle:
                out[f"{name}_shin"] = -(leg @ _turn(1, -angle[f"{side}_knee"]))[:, 2]
    return out


_SEGMENTS = {
    "upper_arm": ("shoulder", "elbow"), "forearm": ("elbow", "wrist"),
    "thigh": ("hip", "knee"), "shin": ("knee", "ankle"),
}


def directions_from_landmarks(landmarks: np.ndarray) -> dict[str, np.ndarray]:
    """Return unit directions of the limbs of landmarks (33, 3) in the body frame; NaN unknown."""
    def unit(vector: np.ndarray) -> np.ndarray:
        length = np.linalg.norm(vector)
        return vector / length if length > 1e-3 else np.full(3, np.nan)

    def middle(name: str) -> np.ndarray:
        return 0.5 * (landmarks[POSE_INDEX[f"left_{name}"]]
                      + landmarks[POSE_INDEX[f"right_{name}"]])

    out = {"torso": unit(middle("shoulder") - middle("hip"))}
    for side in SIDES:
        for limb, (near, far) in _SEGMENTS.items():
            out[f"{side}_{limb}"] = unit(landmarks[POSE_INDEX[f"{side}_{far}"]]
                                         - landmarks[POSE_INDEX[f"{side}_{near}"]])
    return out


# Shares of the height of an adult, from R. Drillis and R. Contini, Body Segment Parameters, 1966
# (as in D. Winter, Biomechanics and Motor Control, fig. 4.1), of a person 1.7 m tall.
DEFAULT_LENGTHS: Mapping[str, float] = {
    "upper_arm": 0.316, "forearm": 0.248, "thigh": 0.416, "shin": 0.418, "torso": 0.49,
    "shoulders": 0.36, "hips": 0.2, "neck": 0.09, "head": 0.22,
}
"""Lengths [m] of limbs that were never seen; shoulders and hips from left to right."""


class LimbLengths:
    """Measures a person's limbs, and keeps the lengths once they have settled.

    Parameters
    ----------
    samples : int
        Sightings of a limb after which its length, their median, stays.
    """

    def __init__(self, samples: int = 60) -> None:
        self._samples = samples
        self._seen: dict[str, deque[float]] = {}
        self._settled: dict[str, float] = {}

    def reset(self) -> None:
        """Forget the person."""
        self._seen, self._settled = {}, {}

    @property
    def settled(self) -> Mapping[str, float]:
        """Lengths [m] that stay, by the names of `DEFAULT_LENGTHS`."""
        return self._settled

    def __call__(self, landmarks: np.ndarray) -> bool:
        """Take in landmarks (33, 3) [m], NaN where unknown; return whether a length settled."""
        def at(name: str) -> np.ndarray:
            return landmarks[POSE_INDEX[name]]

        pairs = {limb: [(f"{side}_{near}", f"{side}_{far}") for side in SIDES]
                 for limb, (near, far) in _SEGMENTS.items()}
        spans = {limb: [at(a) - at(b) for a, b in ends] for limb, ends in pairs.items()}
        spans |= {
            "shoulders": [at("left_shoulder") - at("right_shoulder")],
            "hips": [at("left_hip") - at("right_hip")],
            "torso": [0.5 * (at("left_shoulder") + at("right_shoulder")
                             - at("left_hip") - at("right_hip"))],
        }
        new = False
        for limb, vectors in spans.items():
            if limb in self._settled:
                continue
            seen = self._seen.setdefault(limb, deque(maxlen=self._samples))
            seen.extend(length for length in (math.sqrt(v @ v) for v in vectors)
                        if math.isfinite(length))
            if len(seen) == self._samples:
                self._settled[limb] = float(np.median(seen))
                new = True
        return new

    def lengths(self) -> dict[str, float]:
        """Return all lengths [m]; those never seen scaled to fit the others."""
        ratio = [length / DEFAULT_LENGTHS[limb] for limb, length in self._settled.items()]
        scale = float(np.median(ratio)) if ratio else 1.0
        return {limb: self._settled.get(limb, scale * length)
                for limb, length in DEFAULT_LENGTHS.items()}


def human_urdf(body: str, lengths: Mapping[str, float]) -> str:
    """Return the URDF of a person: links and joints of ``human_description``, own lengths.

    Parameters
    ----------
    body : str
        Identity; every name ends in ``_<body>``.
    lengths : mapping str -> float
        [m], by the names of `DEFAULT_LENGTHS`.
    """
    out = ['<?xml version="1.0"?>', f'<robot name="human_{body}">']
    radius = 0.03

    def link(name: str, length: float = 0.0) -> None:
        if not length:
            out.append(f'<link name="{name}_{body}"/>')
            return
        out.append(
            f'<link name="{name}_{body}"><visual><origin xyz="0 0 {-length / 2:.4f}"/><geometry>'
            f'<cylinder length="{abs(length):.4f}" radius="{radius}"/></geometry></visual></link>')

    def joint(
        name: str, parent: str, child: str, origin: tuple[float, ...] = (0, 0, 0),
        axis: tuple[float, ...] = (),
    ) -> None:
        kind = "revolute" if axis else "fixed"
        text = (f'<joint name="{name}_{body}" type="{kind}"><parent link="{parent}_{body}"/>'
                f'<child link="{child}_{body}"/><origin xyz="{_numbers(origin)}"/>')
        if axis:
            low, high = JOINTS[name]
            text += (f'<axis xyz="{_numbers(axis)}"/><limit effort="1000" lower="{low}" '
                     f'upper="{high}" velocity="20"/>')
        out.append(text + "</joint>")

    link("body")
    link("waist")
    joint("waist", "body", "waist", axis=(0, 1, 0))
    link("torso", lengths["torso"])
    joint("torso", "waist", "torso", (0, 0, lengths["torso"]))
    parent, origin = "torso", (0.0, 0.0, lengths["neck"])
    for name, axis in (("r_head", (1, 0, 0)), ("y_head", (0, 0, 1)), ("p_head", (0, -1, 0))):
        link(name)
        joint(name, parent, name, origin, axis)
        parent, origin = name, (0.0, 0.0, 0.0)
    half = lengths["head"] / 2
    out.append(f'<link name="head_{body}"><visual><origin xyz="{-half / 2:.4f} 0 0"/><geometry>'
               f'<sphere radius="{half:.4f}"/></geometry></visual></link>')
    joint("head", "p_head", "head", (half / 2, 0, half))
    for side, sign in (("l", 1), ("r", -1)):
        chain = (
            ("torso", lengths["shoulders"], "shoulder", "elbow", "wrist",
             ((0, 0, -sign), (sign, 0, 0), (0, 0, sign)), "upper_arm", "forearm"),
            ("body", lengths["hips"], "hip", "knee", "ankle",
             ((0, 0, -1), (sign, 0, 0), (0, -1, 0)), "thigh", "shin"),
        )
        for base, width, ball, hinge, end, axes, near, far in chain:
            parent, origin = base, (0.0, sign * width / 2, 0.0)
            for letter, axis in zip("ypr", axes):
                name = f"{side}_{letter}_{ball}"
                # human_description calls the limb itself by the joint without a letter.
                child = f"{side}_{ball}" if letter == "r" else name
                link(child, lengths[near] if letter == "r" else 0.0)
                joint(name, parent, child, origin, axis)
                parent, origin = child, (0.0, 0.0, 0.0)
            link(f"{side}_{hinge}", lengths[far])
            joint(f"{side}_{hinge}", parent, f"{side}_{hinge}", (0, 0, -lengths[near]),
                  (0, -1, 0))
            link(f"{side}_{end}")
            joint(f"{side}_{end}", f"{side}_{hinge}", f"{side}_{end}", (0, 0, -lengths[far]))
    return "\n".join([*out, "</robot>"])


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.4f}" for value in values)


def head_frame(
    skeleton: Skeleton, lengths: Mapping[str, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the link ``head`` of `human_urdf` is, in the body frame.

    Returns
    -------
    place : ndarray (3,)
        [m] from mid-hip.
    rotation : ndarray (3, 3)
        The torso's where the head's angles are not known.
    """
    angle = skeleton.angles
    torso = skeleton.root @ _turn(1, angle.get("waist", 0.0))
    head = torso
    if "y_head" in angle:
        head = (torso @ _turn(0, angle["r_head"]) @ _turn(2, angle["y_head"])
                @ _turn(1, -angle["p_head"]))
    half = lengths["head"] / 2
    return ((lengths["torso"] + lengths["neck"]) * torso[:, 2]
            + head @ np.array([half / 2, 0.0, half])), head


# Points of a head of length 1, from its lower end, in its own axes; ears and nose such that
# `mirror_robot.human.posture.posture_from_landmarks` reads the head's rotation from them.
_HEAD_POINTS = {
    "nose": (0.45 * math.cos(0.19), 0.0, 0.5 - 0.45 * math.sin(0.19)),
    "left_ear": (0.0, 0.33, 0.5), "right_ear": (0.0, -0.33, 0.5),
    "left_eye": (0.38, 0.14, 0.55), "right_eye": (0.38, -0.14, 0.55),
}


def landmarks_from_skeleton(
    skeleton: Skeleton, lengths: Mapping[str, float] = DEFAULT_LENGTHS,
) -> np.ndarray:
    """Return landmarks (33, 3) [m] from mid-hip in the body frame; NaN where angles are missing.

    Parameters
    ----------
    skeleton : Skeleton
    lengths : mapping str -> float
        [m], by the names of `DEFAULT_LENGTHS`.
    """
    points = np.full((len(POSE_INDEX), 3), np.nan)
    angle, ways = skeleton.angles, limb_directions(skeleton)
    torso = skeleton.root @ _turn(1, angle.get("waist", 0.0))
    neck = lengths["torso"] * torso[:, 2]
    for side, sign in (("left", 1.0), ("right", -1.0)):
        hip = skeleton.root[:, 1] * sign * lengths["hips"] / 2
        shoulder = neck + torso[:, 1] * sign * lengths["shoulders"] / 2
        points[POSE_INDEX[f"{side}_hip"]] = hip
        points[POSE_INDEX[f"{side}_shoulder"]] = shoulder
        for start, near, far in ((shoulder, "upper_arm", "forearm"), (hip, "thigh", "shin")):
            place = start
            for limb in (near, far):
                if f"{side}_{limb}" not in ways:
                    break
                place = place + lengths[limb] * ways[f"{side}_{limb}"]
                points[POSE_INDEX[f"{side}_{_SEGMENTS[limb][1]}"]] = place
    if {"r_head", "y_head", "p_head"} <= angle.keys():
        head = (torso @ _turn(0, angle["r_head"]) @ _turn(2, angle["y_head"])
                @ _turn(1, -angle["p_head"]))
        for name, place in _HEAD_POINTS.items():
            points[POSE_INDEX[name]] = neck + lengths["neck"] * torso[:, 2] + (
                lengths["head"] * head @ np.array(place))
    return points
