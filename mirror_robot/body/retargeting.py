# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Retargeting: the joint positions with which a robot does what a person does.

Limb *directions* and trunk and head *rotations* are matched, not hand positions, so that the sizes
of the two bodies do not matter. Each chain is solved by itself, from the trunk outwards
(`mirror_robot.body.chain`); then the arms are kept clear of the body and of each other
(`mirror_robot.body.collision`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pinocchio as pin

from mirror_robot.body.chain import Chain
from mirror_robot.body.collision import SelfCollision
from mirror_robot.body.model import RobotModel
from mirror_robot.body.platform import PlatformChain
from mirror_robot.human.posture import LIMBS, SIDES, HumanPosture

_LONGEST = 0.2
"""Time between frames [s] beyond which the stream is taken to have been interrupted."""

_CATCH_UP = 0.2
"""Joint movement [rad] per frame after a touch when the time between frames is unknown."""


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
        self._chains = {name: PlatformChain(model, name) if chain.legs else Chain(model, name)
                        for name, chain in model.profile.chains.items()}
        arms = any(name.endswith("_arm") for name in model.profile.chains)
        self._collision = SelfCollision(model) if avoid_collisions and arms else None
        self._data = model.pin.createData()
        self.reset()

    def reset(self) -> None:
        """Forget the last frame: the next one starts from rest."""
        self._q = self.model.rest.copy()
        self._sent = self._q.copy()
        self._stamp: float | None = None
        for chain in self._chains.values():
            chain.reset()

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

        q, before = self._q, self._q.copy()
        known = np.zeros(len(q), bool)
        limbs = np.zeros(len(LIMBS), bool)
        shown: list[str] = []
        missing: list[str] = []
        for part in ("torso", "head"):
            target = getattr(posture, part)
            if not np.isfinite(target).all():
                continue
            chain = self._chains.get(part)
            if chain is None:
                missing.append(part)
                continue
            if part == "torso" and "head" not in self._chains:
                target = _with_yaw_of(target, posture.head)
            turn = self._carrier(chain)
            q[chain.columns] = chain.follow((turn @ target[:, [0, 2]]).T, _BOTH, period)
            shown.append(part)
            known[chain.columns] = True
        for row, side in enumerate(SIDES):
            directions = posture.limbs[3 * row:3 * row + 3]
            # What hangs on an unknown limb cannot be placed.
            count = int(np.cumprod(np.isfinite(directions).all(axis=1)).sum())
            chain = self._chains.get(f"{side}_arm")
            able = 0 if chain is None else min(count, chain.limbs)
            missing.extend(LIMBS[3 * row + able:3 * row + count])
            if able == 0:
                continue
            limbs[3 * row:3 * row + able] = True
            targets, given = np.zeros((chain.size, 3)), np.zeros(chain.size, bool)
            targets[:able], given[:able] = directions[:able], True
            if chain.size > chain.limbs and count == 3 and np.isfinite(posture.palms[row]).all():
                targets[chain.limbs], given[chain.limbs] = posture.palms[row], True
            q[chain.columns] = chain.follow(
                targets @ self._carrier(chain).T, given, period)
            known[chain.columns[chain.used(able)]] = True
        self._sent = self._clear_of_itself(before, q, period)
        return RobotPosture(
            posture.stamp, np.where(known, self._sent, np.nan),
            self._residual(posture, self._sent, shown, limbs), tuple(missing))

    def _clear_of_itself(
        self, before: np.ndarray, q: np.ndarray, period: float | None,
    ) -> np.ndarray:
        """Return the posture nearest to `q`, which was `before`, that keeps the margins."""
        if self._collision is None:
            return q.copy()
        # Arms that were held back catch up no faster than their joints may move.
        pace = _CATCH_UP if period is None else self.model.velocity * period
        held = np.abs(self._sent - before) > 1e-6
        catch_up = self._sent + np.clip(q - self._sent, -1.0 * pace, pace)
        return self._collision.limit(self._sent, np.where(held, catch_up, q),
                                     np.inf if period is None else pace)

    def _carrier(self, chain: Chain | PlatformChain) -> np.ndarray:
        """Return the rotation from the body frame to that of a chain, at the present posture."""
        if chain.carrier:
            pin.forwardKinematics(self.model.pin, self._data, self.model.configuration(self._q))
        return chain.rotation_of_carrier(self._data)

    def _residual(
        self, posture: HumanPosture, q: np.ndarray, shown: list[str], limbs: np.ndarray,
    ) -> dict[str, float]:
        robot = self.model.human_posture(q)
        residual = {}
        for part in shown:
            turned = (getattr(robot, part) * getattr(posture, part)).sum()
            residual[part] = float(np.arccos(min(max(0.5 * (turned - 1.0), -1.0), 1.0)))
        chord = np.sqrt(((robot.limbs - posture.limbs) ** 2).sum(axis=1))
        angles = 2.0 * np.arcsin(np.minimum(0.5 * chord, 1.0))
        residual.update((LIMBS[row], float(angles[row])) for row in np.flatnonzero(limbs))
        return residual


_BOTH = np.ones(2, bool)


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
