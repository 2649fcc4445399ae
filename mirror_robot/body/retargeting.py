# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Retargeting: the joint positions with which a robot does what a person does.

Limb *directions* and trunk and head *rotations* are matched, not hand positions, so that the sizes
of the two bodies do not matter. Each chain is a small nonlinear least-squares problem with bounds,
solved by Levenberg-Marquardt with an active set, warm-started from the last frame (Nocedal and
Wright, Numerical Optimization, 2nd ed., ch. 10 and 16).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mirror_robot.body.model import RobotModel
from mirror_robot.human.posture import LIMBS, SIDES, HumanPosture

_DAMPING = 1e-3
"""Levenberg-Marquardt damping: no bias at the solution, only how boldly it is approached."""

_PULL = 1e-3
"""Weight of the anchor, against 1 for a limb: settles redundancy without jumps, and being so small
costs less than 0.1 degree of limb direction where the arm is not singular."""

_TO_REST = 0.05
"""The anchor lies this part of the way from the last posture to rest: a free joint goes to rest
over some twenty frames instead of jumping there."""

_PALM = 0.1
"""Weight of the palm's normal in the residual: it turns a free wrist, but never bends a limb."""

_STEP = 0.6
"""Largest change of a joint in one iteration [rad]; the linearisation is poor beyond."""

_ITERATIONS = 15
_STUCK = 0.12
"""Error of a limb [rad] from which other starting points are tried."""


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

    Parameters
    ----------
    model : RobotModel
    mirror_image : bool
        True: as in a mirror, the person's right drives the robot's left. False: anatomical.

    Raises
    ------
    ValueError
        From `retarget`, if arrays of the posture have another shape than documented.
    """

    def __init__(self, model: RobotModel, mirror_image: bool = False) -> None:
        self.model = model
        self.mirror_image = mirror_image
        self._failed: dict[str, np.ndarray] = {}
        self.reset()

    def reset(self) -> None:
        """Forget the last frame: the next one starts from rest."""
        self._q = np.where(np.isfinite(self.model.rest), self.model.rest, 0.0)
        self._failed.clear()

    def retarget(self, posture: HumanPosture) -> RobotPosture:
        """Return the robot's posture for one human posture.

        Unknown limbs give NaN joints; what hangs on an unknown limb is unknown too. The solution
        continues from the last one, so a stream of postures gives a smooth stream of positions.
        """
        if self.mirror_image:
            posture = posture.mirrored()
        q = self._q
        known = np.zeros(len(q), bool)
        residual: dict[str, float] = {}
        missing: list[str] = []
        for part in ("torso", "head"):
            target = getattr(posture, part)
            if not np.isfinite(target).all():
                continue
            columns = self.model.columns(part)
            if not len(columns):
                missing.append(part)
                continue
            q, error = self._follow_rotation(q, part, columns, target)
            residual[part] = error
            known[columns] = True
        for row, side in enumerate(SIDES):
            targets = posture.limbs[3 * row:3 * row + 3]
            # What hangs on an unknown limb cannot be placed.
            count = int(np.cumprod(np.isfinite(targets).all(axis=1)).sum())
            names = LIMBS[3 * row:3 * row + count]
            chain = self.model.profile.chains.get(f"{side}_arm")
            if chain is None:
                missing.extend(names)
                continue
            count = min(count, len(chain.links) - 1)
            missing.extend(names[count:])
            if count == 0:
                continue
            q, errors, columns = self._follow_arm(
                q, side, targets[:count], posture.palms[row] if count == 3 else None)
            residual.update(zip(names, errors))
            known[columns] = True
        self._q = q
        return RobotPosture(
            posture.stamp, np.where(known, q, np.nan), residual, tuple(missing))

    def _follow_rotation(
        self, q: np.ndarray, part: str, columns: np.ndarray, target: np.ndarray,
    ) -> tuple[np.ndarray, float]:
        link = self.model.profile.chains[part].links["link"]
        goal = target @ self.model.upright(link)

        def problem(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            kinematics = self.model.kinematics(q)
            return (_rotation_vector(goal @ kinematics.rotation(link).T),
                    kinematics.angular[:, columns])

        q, error = self._solve(q, columns, problem)
        return q, float(np.linalg.norm(error))

    def _follow_arm(
        self, q: np.ndarray, side: str, targets: np.ndarray, palm: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return positions, the angle errors of the limbs, and the columns that were placed."""
        chain = self.model.profile.chains[f"{side}_arm"]
        links = list(chain.links.values())[:len(targets) + 1]
        columns = self.model.columns(f"{side}_arm")
        moves = self.model.moves(links)[:, columns]
        used = moves.any(axis=0)
        columns, moves = columns[used], moves[:, used].astype(float)
        axis = None
        if palm is not None and chain.palm_axis is not None and np.isfinite(palm).all():
            axis = np.array(chain.palm_axis)
        count = len(targets)

        def problem(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            kinematics = self.model.kinematics(q)
            angular, linear = kinematics.angular[:, columns], kinematics.linear[:, columns]
            points = np.array([kinematics.point(link) for link in links])
            # Velocity of each point: v + w x p, where the joint moves it at all.
            jacobian = (linear.T + _cross(angular.T, points[:, None])) * moves[:, :, None]
            limb = points[1:] - points[:-1]
            length = np.sqrt((limb * limb).sum(axis=1))[:, None]
            direction = limb / length
            change = (jacobian[1:] - jacobian[:-1]) / length[:, None]
            along = (change * direction[:, None]).sum(axis=2, keepdims=True)
            change = change - along * direction[:, None]
            error = _toward(direction, targets)
            if axis is not None:
                normal = kinematics.rotation(links[2]) @ axis
                error = np.vstack([error, _PALM * _toward(normal[None], palm[None])])
                turn = _PALM * _cross(angular.T, normal) * moves[2][:, None]
                change = np.concatenate([change, turn[None]])
            return error.reshape(-1), change.transpose(0, 2, 1).reshape(-1, len(columns))

        def angles(error: np.ndarray) -> np.ndarray:
            return np.linalg.norm(error.reshape(-1, 3)[:count], axis=1)

        solution, error = self._solve(q, columns, problem)
        errors = angles(error)
        failed = self._failed.get(side)
        if errors.max() < _STUCK:
            self._failed.pop(side, None)
        elif failed is None or failed.shape != targets.shape or (
                np.linalg.norm(failed - targets) > 0.3):
            # A local minimum, or a direction that no posture of this arm reaches: look elsewhere
            # once, and again only when the target has moved on.
            for seed in self._seeds(q, columns):
                other, error = self._solve(seed, columns, problem, iterations=40)
                if (angles(error) ** 2).sum() < 0.5 * (errors ** 2).sum():
                    solution, errors = other, angles(error)
            if errors.max() >= _STUCK:
                self._failed[side] = targets.copy()
        return solution, errors, columns

    def _seeds(self, q: np.ndarray, columns: np.ndarray) -> list[np.ndarray]:
        """Return starting points spread over the range of the joints `columns`, rest first."""
        lower, upper = self.model.lower[columns], self.model.upper[columns]
        spread = np.random.default_rng(0).uniform(0.2, 0.8, (6, len(columns)))
        seeds = []
        for values in [self.model.rest[columns], *(lower + spread * (upper - lower))]:
            seed = q.copy()
            seed[columns] = values
            seeds.append(seed)
        return seeds

    def _solve(
        self, q: np.ndarray, columns: np.ndarray,
        problem: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
        iterations: int = _ITERATIONS,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return positions that minimise the squared error of `problem`, and that error.

        `problem` gives the error (m,) and the Jacobian (m, k) of what the joints `columns` move
        toward it.
        """
        lower, upper = self.model.lower[columns], self.model.upper[columns]
        anchor = (1 - _TO_REST) * q[columns] + _TO_REST * self.model.rest[columns]
        q = q.copy()
        damping = _DAMPING
        error, jacobian = problem(q)
        cost = error @ error + _PULL * ((anchor - q[columns]) ** 2).sum()
        for _ in range(iterations):
            at = q[columns]
            step = _bounded_step(jacobian, error, anchor - at, lower - at, upper - at, damping)
            trial = q.copy()
            trial[columns] = np.clip(at + step, lower, upper)
            new_error, new_jacobian = problem(trial)
            new_cost = new_error @ new_error + _PULL * ((anchor - trial[columns]) ** 2).sum()
            small = np.abs(step).max() < 1e-3
            if new_cost <= cost:
                q, error, jacobian, cost = trial, new_error, new_jacobian, new_cost
                damping = max(damping * 0.3, 1e-5)
            else:
                damping = min(damping * 10, 10.0)
            if small:
                break
        return q, error


def _bounded_step(
    jacobian: np.ndarray, error: np.ndarray, to_anchor: np.ndarray, lower: np.ndarray,
    upper: np.ndarray, damping: float,
) -> np.ndarray:
    """Return the damped Gauss-Newton step (k,) that stays between `lower` and `upper`.

    Joints that would leave their bounds are put onto them and taken out of the problem, until the
    rest stays inside; at most k rounds.
    """
    lower, upper = np.maximum(lower, -_STEP), np.minimum(upper, _STEP)
    gram = jacobian.T @ jacobian
    gram.flat[::len(gram) + 1] += damping + _PULL
    slope = jacobian.T @ error + _PULL * to_anchor
    step = np.linalg.solve(gram, slope)
    fixed = np.zeros(len(step), bool)
    value = np.zeros(len(step))
    while True:
        out = ~fixed & ((step > upper + 1e-9) | (step < lower - 1e-9))
        if not out.any():
            return step
        value[out] = np.clip(step[out], lower[out], upper[out])
        fixed |= out
        free = ~fixed
        step = value.copy()
        if not free.any():
            return step
        step[free] = np.linalg.solve(
            gram[np.ix_(free, free)], slope[free] - gram[np.ix_(free, fixed)] @ value[fixed])


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a x b over the last axis; numpy's own is several times slower on small arrays."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def _toward(directions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the tangent vectors (m, 3) [rad] that turn unit directions (m, 3) to the targets."""
    cosine = np.clip((directions * targets).sum(axis=1), -1.0, 1.0)[:, None]
    tangent = targets - cosine * directions
    sine = np.sqrt((tangent * tangent).sum(axis=1))[:, None]
    if (opposite := (sine[:, 0] < 1e-6) & (cosine[:, 0] < 0)).any():
        # Exactly opposite: every way round is as short; take one.
        helper = np.eye(3)[np.abs(directions[opposite]).argmin(axis=1)]
        tangent[opposite] = _cross(directions[opposite], helper)
        sine[opposite] = np.linalg.norm(tangent[opposite], axis=1, keepdims=True)
    return tangent / np.maximum(sine, 1e-12) * np.arctan2(sine, cosine)


def _rotation_vector(rotation: np.ndarray) -> np.ndarray:
    """Return the rotation vector (3,) [rad] of a rotation matrix (3, 3)."""
    twice_sine = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0],
                           rotation[1, 0] - rotation[0, 1]])
    sine = 0.5 * np.linalg.norm(twice_sine)
    cosine = 0.5 * (np.trace(rotation) - 1.0)
    angle = np.arctan2(sine, cosine)
    if sine > 1e-6:
        return twice_sine / (2 * sine) * angle
    if cosine > 0:
        return 0.5 * twice_sine
    # Half a turn: the axis is the eigenvector of +1.
    axis = np.sqrt(np.maximum((np.diag(rotation) + 1) / 2, 0.0))
    largest = axis.argmax()
    axis *= np.where(rotation[largest] < 0, -1.0, 1.0)
    return axis / np.linalg.norm(axis) * np.pi
