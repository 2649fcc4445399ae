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

# Within about this angle [rad] of a singular pose the joint that is not determined there follows
# the slower, the nearer the limb is to the pose. What the limb then points aside of where it
# should stays below the angle itself, unless it moves fast. Larger is steadier at rest.
_NEAR = math.radians(5.0)
_QUICK = 0.02  # [s] time constant of that joint within that angle; off it, it is at once there
_FASTEST = 20.0

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


def _wrapped(angle: float) -> float:
    return (angle + math.pi) % (2 * math.pi) - math.pi


def _raised(pitch: float) -> float:
    """Return a shoulder's pitch such that an arm may go on over the head: -pi/2..3 pi/2 [rad]."""
    return pitch + 2 * math.pi if pitch < -0.5 * math.pi else pitch


def _outside(name: str, value: float) -> float:
    low, high = JOINTS[name]
    return max(low - value, value - high, 0.0)


def _smooth(low: float, high: float, value: float) -> float:
    x = min(max((value - low) / (high - low), 0.0), 1.0)
    return x * x * (3 - 2 * x)


def _known(*vectors: np.ndarray) -> bool:
    return all(math.isfinite(vector[0]) for vector in vectors)


class SkeletonSolver:
    """Joint angles from limb directions, in closed form; remembers only to stay continuous.

    An arm that hangs straight down leaves the yaw of its shoulder open, and a straight arm the
    roll: there the last angle stays, and the others point the limb as well as they then can.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the last pose."""
        self._stamp: float | None = None
        self._open = {f"{side}_{joint}_shoulder": 0.0 for side in "lr" for joint in "yr"}

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
        step = math.inf if self._stamp is None else stamp - self._stamp
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
                angles |= self._arm(side[0], step, *(torso.T @ limb for limb in arm))
            if _known(leg[0]):
                angles |= _leg(side[0], *(root.T @ limb for limb in leg))
        return Skeleton(angles, root)

    def _arm(
        self, side: str, step: float, upper: np.ndarray, fore: np.ndarray,
    ) -> dict[str, float]:
        sign = 1.0 if side == "l" else -1.0
        # The right arm is solved as the left one seen in a mirror.
        x, y, z = upper[0], sign * upper[1], upper[2]
        name = f"{side}_y_shoulder"
        last, off = self._open[name], math.hypot(x, y)
        down, azimuth = math.atan2(off, -z), math.atan2(x, y)
        # Raised toward the azimuth, or lowered (p < 0) away from it.
        choices = []
        for yaw, pitch in ((azimuth, down), (azimuth + math.pi, -down)):
            yaw = last + _wrapped(yaw - last)
            # Turning a raised arm over points it elsewhere meanwhile; one that hangs can turn.
            cost = ((off + 0.1) * abs(yaw - last) + _outside(name, _wrapped(yaw))
                    + _outside(f"{side}_p_shoulder", _raised(pitch)))
            choices.append((cost, yaw))
        self._open[name] = yaw = _wrapped(self._followed(last, min(choices)[1], off, step))
        c, s = math.cos(yaw), math.sin(yaw)
        pitch = _raised(math.atan2(s * x + c * y, -z))
        angles = {name: yaw, f"{side}_p_shoulder": pitch}
        if not _known(fore):
            return angles
        x, y, z = _turn(0, pitch).T @ _turn(2, -yaw).T @ (fore * (1.0, sign, 1.0))
        name, off = f"{side}_r_shoulder", math.hypot(x, y)
        last = self._open[name]
        target = last + _wrapped(math.atan2(y, x) - last)
        self._open[name] = roll = _wrapped(self._followed(last, target, off, step))
        elbow = math.atan2(math.cos(roll) * x + math.sin(roll) * y, -z)
        return angles | {name: roll, f"{side}_elbow": max(elbow, 0.0)}

    @staticmethod
    def _followed(last: float, target: float, sine: float, step: float) -> float:
        """Return the angle after `step` seconds; slower the nearer to the singular pose."""
        if not math.isfinite(step):
            return target if sine > _NEAR else last
        rate = (sine / _NEAR) ** 2 / _QUICK
        moved = (1.0 - math.exp(-rate * step)) * (target - last)
        return last + min(max(moved, -_FASTEST * step), _FASTEST * step)


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


def _leg(side: str, thigh: np.ndarray, shin: np.ndarray) -> dict[str, float]:
    sign = 1.0 if side == "l" else -1.0
    # Thigh and shin lie in a plane, whose normal is the axis of the knee. A straight leg leaves it
    # open: then that which is nearest to the axis between the hips, across the leg as a whole.
    bent = _known(shin)
    along = thigh + max(float(thigh @ shin), 0.0) * shin if bent else thigh
    along = along / np.linalg.norm(along)
    axis = np.array([0.0, 1.0, 0.0]) - along[1] * along
    length = np.linalg.norm(axis)
    axis = axis / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    if bent:
        bend = np.cross(thigh, shin)
        sine = np.linalg.norm(bend)
        if sine > 1e-6:
            weight = (sine * sine / (sine * sine + 0.1 * _NEAR * _NEAR)
                      * _smooth(-0.2, 0.3, float(bend @ axis) / sine))
            axis = (1 - weight) * axis + weight * bend / sine
            axis /= np.linalg.norm(axis)
    yaw, pitch = math.atan2(axis[0], axis[1]), sign * math.asin(min(max(axis[2], -1.0), 1.0))
    turned = _turn(2, -yaw) @ _turn(0, sign * pitch)
    x, _, z = turned.T @ thigh
    roll = math.atan2(x, -z)
    angles = {f"{side}_y_hip": yaw, f"{side}_p_hip": pitch, f"{side}_r_hip": roll}
    if bent:
        x, _, z = turned.T @ shin
        angles[f"{side}_knee"] = _wrapped(math.atan2(x, -z) - roll)
    return angles


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
