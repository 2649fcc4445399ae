# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Retargeting: the joint positions with which a robot does what a person does.

Limb *directions* and trunk and head *rotations* are matched, not hand positions, so that the sizes
of the two bodies do not matter. All limbs follow theirs at once (`mirror_robot.body.following`);
then the arms are kept clear of the body and of each other (`mirror_robot.body.collision`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pinocchio as pin

from mirror_robot.body.chain import Chain
from mirror_robot.body.collision import SelfCollision
from mirror_robot.body.following import Follower
from mirror_robot.body.model import RobotModel
from mirror_robot.body.platform import PlatformChain
from mirror_robot.human.posture import LIMBS, SIDES, HumanPosture

_LONGEST = 0.2
"""Time between frames [s] beyond which the stream is taken to have been interrupted."""

_CATCH_UP = 0.2
"""Joint movement [rad] per frame after a touch when the time between frames is unknown."""

_ALIKE = 0.2
"""What a movement of any joint of a blocked arm counts beside what the limbs lose by it, which is
up to 1 or 2: with less, limbs are closer yet, and the arms move with more jerk."""


@dataclass(frozen=True)
class RobotPosture:
    """A posture of the robot, and what of the person's it could not express.

    Attributes
    ----------
    stamp : float
        Acquisition time of the image that it comes from [s].
    positions : ndarray (n,)
        In the order of `RobotModel.joint_names`; NaN for joints of which nothing is known.
    residual : mapping str -> float
        Angle [rad] between the person's and the robot's limb, by limb name, ``torso``, ``head``.
        A limb of the person that the robot lacks is not in it but in `missing`.
    missing : tuple of str
        Known limbs of the person for which the robot has no chain.
    """

    stamp: float
    positions: np.ndarray
    residual: Mapping[str, float]
    missing: tuple[str, ...] = ()


class Retargeter:
    """Maps human postures onto one robot, frame by frame.

    A robot without a neck turns its torso, if it has one, to where the person's head turns. A
    robot without a waist shows the directions of arms and head just the same, since they are
    given in the body frame and not relative to the trunk.

    Parameters
    ----------
    model : RobotModel
    mirror_image : bool
        True: as in a mirror, the person's right drives the robot's left. False: anatomical.
    amplitude : float
        0..2; 1 does what the person does, less does it smaller (arms nearer to hanging, head and
        torso nearer to upright), more does it larger.

    avoid_collisions : bool
        Keep the arms clear of the body and of each other by the profile's margin.

    Raises
    ------
    ValueError
        If `amplitude` is out of range; from `retarget`, if arrays of the posture have another
        shape than documented.
    """

    def __init__(
        self, model: RobotModel, mirror_image: bool = False, amplitude: float = 1.0,
        avoid_collisions: bool = True,
    ) -> None:
        if not 0.0 <= amplitude <= 2.0:
            raise ValueError(f"amplitude must be from 0 to 2, not {amplitude}")
        self.model = model
        self.mirror_image = mirror_image
        self.amplitude = amplitude
        self._platform = None if model.platform is None else PlatformChain(model, "head")
        self._follower = Follower(model, [Chain(model, name) for name, chain in
                                          model.profile.chains.items() if not chain.legs])
        chains = {chain.name: chain for chain in self._follower.chains}
        self._arms = {side: chains.get(f"{side}_arm") for side in SIDES}
        self._used = {side: [chain.columns[chain.used(limbs)] for limbs in range(4)]
                      for side, chain in self._arms.items() if chain is not None}
        arms = any(self._arms.values())
        self._collision = SelfCollision(model) if avoid_collisions and arms else None
        joints = np.arange(len(self._follower.q))
        joints = np.concatenate([np.zeros(0, int), *(
            joints[self._follower.joints[chain.name]] for chain in self._arms.values()
            if chain is not None)])
        # The arms' part of the follower's curvature, and what is added to it.
        self._of_arms, self._alike = np.ix_(joints, joints), _ALIKE * np.eye(len(joints))
        self._data = model.pin.createData()
        self.reset()

    def reset(self) -> None:
        """Forget the last frame: the next one starts from rest."""
        self._q = self.model.rest.copy()
        self._sent = self._q.copy()
        self._stamp: float | None = None
        self._follower.reset()
        if self._platform is not None:
            self._platform.reset()

    def retarget(self, posture: HumanPosture) -> RobotPosture:
        """Return the robot's posture for one human posture.

        Unknown limbs give NaN joints; what hangs on an unknown limb is unknown too. The solution
        continues from the last one, so a stream of postures gives a smooth stream of positions.
        Where stamps tell the time between frames, no joint moves faster than its velocity limit.
        """
        _check(posture)
        if self.mirror_image:
            posture = posture.mirrored()
        if self.amplitude != 1.0:
            posture = _scaled(posture, self.amplitude)
        period = None if self._stamp is None else posture.stamp - self._stamp
        if period is not None and not 0.0 < period <= _LONGEST:
            period = None
        self._stamp = posture.stamp

        q, before, follower = self._q, self._q.copy(), self._follower
        known = np.zeros(len(q), bool)
        given = np.zeros(len(follower.shown), bool)
        targets = np.zeros((len(given), 3))
        missing: list[str] = []
        for part in ("torso", "head"):
            target = getattr(posture, part)
            if not np.isfinite(target).all():
                continue
            if part not in self.model.profile.chains:
                missing.append(part)
            elif part in follower.rows:
                if part == "torso" and "head" not in self.model.profile.chains:
                    target = _with_yaw_of(target, posture.head)
                rows = follower.rows[part]
                targets[rows], given[rows] = target[:, ::2].T, True
                known[self.model.columns(part)] = True
        told = np.isfinite(posture.limbs).all(axis=1)
        palms = np.isfinite(posture.palms).all(axis=1)
        for row, (side, chain) in enumerate(self._arms.items()):
            # What hangs on an unknown limb cannot be placed.
            arm = told[3 * row:3 * row + 3]
            count = 3 if arm.all() else int(arm.argmin())
            able = 0 if chain is None else min(count, chain.limbs)
            missing.extend(LIMBS[3 * row + able:3 * row + count])
            if able == 0:
                continue
            first = follower.rows[chain.name].start
            targets[first:first + able] = posture.limbs[3 * row:3 * row + able]
            given[first:first + able] = True
            if chain.size > chain.limbs and count == 3 and palms[row]:
                targets[first + chain.limbs], given[first + chain.limbs] = posture.palms[row], True
            known[self._used[side][able]] = True
        q[follower.columns] = follower.follow(targets, given, period)
        if self._platform is not None and np.isfinite(posture.head).all():
            q[self._platform.columns] = self._platform.follow(
                self._as_carried(posture.head), period)
            known[self._platform.columns] = True
        self._sent = self._clear_of_itself(before, q, period)
        return RobotPosture(
            posture.stamp, np.where(known, self._sent, np.nan),
            self._residual(posture, targets, given), tuple(missing))

    def _clear_of_itself(
        self, before: np.ndarray, q: np.ndarray, period: float | None,
    ) -> np.ndarray:
        """Return the posture nearest to `q`, which was `before`, that keeps the margins."""
        if self._collision is None:
            return q.copy()
        # Arms that were held back catch up no faster than their joints may move.
        pace = _CATCH_UP if period is None else self.model.velocity * period
        held = np.abs(self._sent - before) > 1e-6
        wanted = q.copy()
        if held.any():
            catch_up = np.minimum(np.maximum(q - self._sent, -1.0 * pace), pace)
            wanted = np.where(held, self._sent + catch_up, q)
        return self._collision.limit(self._sent, wanted, np.inf if period is None else pace,
                                     self._follower.curvature[self._of_arms] + self._alike)

    def _as_carried(self, head: np.ndarray) -> np.ndarray:
        """Return the head's rotation as seen from what carries a platform."""
        if not self._platform.carrier:
            return head
        pin.forwardKinematics(self.model.pin, self._data, self.model.configuration(self._q))
        return self._platform.stand @ self._data.oMi[self._platform.carrier].rotation.T @ head

    def _residual(
        self, posture: HumanPosture, targets: np.ndarray, given: np.ndarray,
    ) -> dict[str, float]:
        """Return the angles [rad] between what was asked of each limb and what is sent."""
        follower = self._follower
        sent = self._sent[follower.columns]
        shown = follower.shown if (sent == follower.q).all() else follower.directions(sent)
        gap = targets - shown
        angles = 2.0 * np.arcsin(np.minimum(0.5 * np.sqrt(
            np.einsum("ij,ij->i", gap, gap)), 1.0))
        residual: dict[str, float] = {}
        for part in ("torso", "head"):
            if part in follower.rows and given[follower.rows[part].start]:
                rows = follower.rows[part]  # front and up
                (ff, fu), (uf, uu) = (targets[rows] @ shown[rows].T).tolist()
                # The third column of a rotation is the cross product of the others, and
                # (a x b).(c x d) = (a.c)(b.d) - (a.d)(b.c).
                trace = ff + uu + ff * uu - fu * uf
                residual[part] = math.acos(min(max(0.5 * (trace - 1.0), -1.0), 1.0))
        if self._platform is not None and np.isfinite(posture.head).all():
            turned = (self.model.human_posture(self._sent).head * posture.head).sum()
            residual["head"] = math.acos(min(max(0.5 * (turned - 1.0), -1.0), 1.0))
        for row, chain in enumerate(self._arms.values()):
            if chain is not None:
                first = follower.rows[chain.name].start
                residual.update((LIMBS[3 * row + i], float(angles[first + i]))
                                for i in range(chain.limbs) if given[first + i])
        return residual


def _check(posture: HumanPosture) -> None:
    for name, shape in (("limbs", (6, 3)), ("palms", (2, 3)), ("torso", (3, 3)),
                        ("head", (3, 3))):
        if np.shape(getattr(posture, name)) != shape:
            raise ValueError(f"HumanPosture.{name} must have the shape {shape}, not "
                             f"{np.shape(getattr(posture, name))}")


def _with_yaw_of(torso: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Return the torso's rotation, turned about its own up as far as the head is turned on it."""
    if not np.isfinite(head).all():
        return torso
    front = torso.T @ head[:, 0]
    yaw = np.arctan2(front[1], front[0])
    c, s = np.cos(yaw), np.sin(yaw)
    return torso @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _scaled(posture: HumanPosture, amplitude: float) -> HumanPosture:
    """Return the posture moved away from standing `amplitude` times as far."""
    standing = HumanPosture.standing()
    limbs = posture.limbs.copy()
    for row in np.flatnonzero(np.isfinite(limbs).all(axis=1)):
        axis = np.cross(standing.limbs[row], limbs[row])
        sine, cosine = np.linalg.norm(axis), standing.limbs[row] @ limbs[row]
        if sine > 1e-6:
            angle = min(amplitude * np.arctan2(sine, cosine), np.pi)
            limbs[row] = pin.exp3(axis / sine * angle) @ standing.limbs[row]
    parts = {part: pin.exp3(amplitude * pin.log3(rotation))
             for part in ("torso", "head")
             if np.isfinite(rotation := getattr(posture, part)).all()}
    return replace(posture, limbs=limbs, **parts)
