# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A head on six legs: a platform of the Stewart-Gough kind with rotating motors.

Each motor turns a crank; a rod of fixed length joins the crank's ball to a ball on the head. The
way from the head's rotation to the motors is closed (J.-P. Merlet, Parallel Robots, 2nd ed.,
ch. 3.1: one circle and one sphere per leg), the way back is Newton's method on the rods' lengths.
A URDF, being a tree, cannot say that the legs close; with all joints at zero they must.
"""

from __future__ import annotations

import numpy as np
import pinocchio as pin

_HALVINGS = 7


class Platform:
    """The geometry of a platform, in the frame of what carries it, upright.

    Parameters
    ----------
    tree : pinocchio.Model
        In the body frame, with the motors free and the passive joints held where the legs close.
    motors : sequence of int
        Joints of the tree.
    cranks, tops : sequence of int
        Frames of the balls on the cranks and on the head.
    head : int
        Frame of the head; the point about which it turns.
    closed : ndarray (tree.nq,)
        The configuration at which the legs close and the head is upright.
    """

    def __init__(self, tree: pin.Model, motors, cranks, tops, head: int,
                 closed: np.ndarray) -> None:
        data = tree.createData()
        pin.framesForwardKinematics(tree, data, closed)
        pin.computeJointJacobians(tree, data, closed)
        jacobian = np.reshape(data.J, (6, -1))
        self.carrier = int(tree.parents[motors[0]])
        self._origin = np.array([data.oMi[joint].translation for joint in motors])
        self._axis = np.array([jacobian[3:, tree.joints[joint].idx_v] for joint in motors])
        ball = np.array([data.oMf[frame].translation for frame in cranks]) - self._origin
        self.pivot = data.oMf[head].translation.copy()
        self._top = np.array([data.oMf[frame].translation for frame in tops]) - self.pivot
        self._along = (ball * self._axis).sum(axis=1)
        self._across = ball - self._along[:, None] * self._axis
        self._third = np.cross(self._axis, self._across)
        self.length = np.linalg.norm(ball + self._origin - self._top - self.pivot, axis=1)
        self._square = (ball * ball).sum(axis=1) - self.length ** 2
        # Of the two crank angles that a leg allows, the one on whose side the closed one lies.
        a, b, _ = self._terms(np.eye(3))
        self._side = np.where(np.arctan2(b, a) < 0, 1.0, -1.0)

    def _terms(self, rotation: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a, b, c (6,) of a cos(angle) + b sin(angle) = c."""
        away = self._top @ rotation.T + self.pivot - self._origin
        c = 0.5 * ((away * away).sum(axis=1) + self._square) - self._along * (
            away * self._axis).sum(axis=1)
        return (away * self._across).sum(axis=1), (away * self._third).sum(axis=1), c

    def motors(self, rotation: np.ndarray) -> np.ndarray:
        """Return the motors' angles (6,) [rad] for a head rotation; NaN where a rod is too short.

        Parameters
        ----------
        rotation : ndarray (3, 3)
            Relative to upright; the pivot stays.
        """
        a, b, c = self._terms(rotation)
        with np.errstate(invalid="ignore"):
            angle = np.arctan2(b, a) + self._side * np.arccos(c / np.hypot(a, b))
        return (angle + np.pi) % (2 * np.pi) - np.pi

    def rotation(self, motors: np.ndarray) -> np.ndarray:
        """Return the head's rotation (3, 3) relative to upright, at the motors' angles (6,)."""
        c, s = np.cos(motors)[:, None], np.sin(motors)[:, None]
        balls = (self._origin + self._along[:, None] * self._axis + c * self._across
                 + s * self._third)
        turn, place = np.eye(3), self.pivot.copy()
        for _ in range(12):
            arm = self._top @ turn.T
            rod = arm + place - balls
            length = np.sqrt((rod * rod).sum(axis=1))
            rod = rod / length[:, None]
            jacobian = np.column_stack([np.cross(arm, rod), rod])
            jacobian = jacobian.T @ np.linalg.inv(jacobian @ jacobian.T + 1e-12 * np.eye(6))
            step = jacobian @ (self.length - length)
            step *= min(1.0, 0.5 / max(float(np.linalg.norm(step[:3])), 1e-12))
            turn, place = pin.exp3(step[:3]) @ turn, place + step[3:]
            if np.abs(step).max() < 1e-9:
                break
        return turn


class PlatformChain:
    """A head on a platform, which follows rotations in closed form.

    Attributes
    ----------
    columns : ndarray (6,)
        The motors in the model's order.
    q : ndarray (6,)
        Where they are.
    """

    def __init__(self, model, name: str) -> None:
        self.model, self.name = model, name
        self.columns = model.columns(name)
        self.lower, self.upper = model.lower[self.columns], model.upper[self.columns]
        self.velocity = model.velocity[self.columns]
        self.platform: Platform = model.platform
        self.carrier = self.platform.carrier
        data = model.pin.createData()
        pin.forwardKinematics(model.pin, data, model.configuration(model.rest))
        self.stand = data.oMi[self.carrier].rotation.copy()
        self.reset()

    def reset(self) -> None:
        """Go back to rest."""
        self.q = self.model.rest[self.columns].copy()

    def follow(self, rotation: np.ndarray, period: float | None) -> np.ndarray:
        """Turn the head to `rotation` (3, 3), as seen from its carrier; return the motors (6,)."""
        share, wanted = 1.0, self._motors(rotation)
        if wanted is None:
            # As far as motors and rods go.
            axis = pin.log3(rotation)
            low, high, wanted = 0.0, 1.0, self._motors(np.eye(3))
            for _ in range(_HALVINGS):
                share = 0.5 * (low + high)
                motors = self._motors(pin.exp3(share * axis))
                if motors is None:
                    high = share
                else:
                    low, wanted = share, motors
        step = wanted - self.q
        if period is not None:
            # All six by the same part, so that the head turns straight there.
            step *= min(1.0, float((self.velocity * period / np.maximum(
                np.abs(step), 1e-9)).min()))
        self.q = self.q + step
        return self.q

    def _motors(self, rotation: np.ndarray) -> np.ndarray | None:
        """Return the motors' angles, or None where a rod or a limit forbids it."""
        motors = self.platform.motors(rotation)
        fits = (motors >= self.lower) & (motors <= self.upper)  # False for NaN
        return motors if fits.all() else None
