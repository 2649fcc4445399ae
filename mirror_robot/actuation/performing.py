# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Whole movements at a time: a performance shaped in advance, and played while a robot makes it.

Streaming commands is right for copying a person, of whom nobody knows what comes next. A movement
of the repertoire is known from its beginning to its end; a robot may get it as one trajectory,
which its own controller then follows without a network in between. The movement goes through the
same `Shaper` as everything else, so it keeps the same limits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mirror_robot.actuation.limits import JointLimits
from mirror_robot.actuation.shaping import Shaper

LONGEST = 120.0
"""A movement that lasts longer [s] is refused: nobody would wait for its end."""

# A shaped movement lags behind what was wanted; it gets this much longer to come to its end [s].
_AFTER = 3.0


class PerformanceError(ValueError):
    """A movement that cannot be performed; says why."""


@dataclass(frozen=True)
class Movement:
    """A movement as it is wanted, not yet shaped.

    Attributes
    ----------
    joints : ndarray (m,) of int
        Indices of the joints that it moves.
    times : ndarray (k,)
        Since its beginning [s], increasing.
    positions, velocities : ndarray (k, m)
        [rad], [rad/s].
    """

    joints: np.ndarray
    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray

    def at(self, time: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return position, velocity, acceleration (m,) at `time` [s]; it rests after its end.

        The cubic that has the positions and the velocities of the points on both sides.
        """
        times = self.times
        if time >= times[-1]:
            still = np.zeros(len(self.joints))
            return self.positions[-1], still, still
        row = max(int(np.searchsorted(times, time, "right")) - 1, 0)
        span = times[row + 1] - times[row]
        s = max((time - times[row]) / span, 0.0)
        p, v0 = self.positions[row], self.velocities[row] * span
        step, v1 = self.positions[row + 1] - p, self.velocities[row + 1] * span
        c2, c3 = 3.0 * step - 2.0 * v0 - v1, v0 + v1 - 2.0 * step
        return (p + s * (v0 + s * (c2 + s * c3)), (v0 + s * (2.0 * c2 + s * 3.0 * c3)) / span,
                (2.0 * c2 + s * 6.0 * c3) / span**2)

    def held(self, groups: Sequence[np.ndarray], standing: np.ndarray) -> Movement:
        """Return it with all joints of the groups that it touches; the others stand.

        Parameters
        ----------
        groups : sequence of ndarray of int
            Joints that get their trajectories together: those of each controller.
        standing : ndarray (n,)
            Where all joints stand [rad].
        """
        mine = set(self.joints.tolist())
        more = np.array([joint for group in groups if mine & set(group.tolist())
                         for joint in group.tolist() if joint not in mine], int)
        still = np.tile(standing[more], (len(self.times), 1))
        return Movement(
            np.concatenate([self.joints, more]), self.times,
            np.hstack([self.positions, still]), np.hstack([self.velocities, 0.0 * still]))


def read_movement(
    limits: JointLimits, names: Sequence[str], times: Sequence[float],
    positions: Sequence[Sequence[float]], velocities: Sequence[Sequence[float]] | None = None,
    beyond: float = 1.0,
) -> Movement:
    """Return the movement that a message holds, which is not trusted.

    Parameters
    ----------
    limits : JointLimits
        Of all n joints.
    names : sequence of m str
    times : sequence (k,)
        [s]
    positions, velocities : sequence (k, m)
        [rad], [rad/s]; without velocities they follow from the positions.
    beyond : float
        How far positions may lie outside of the range [rad]; they are cut there.

    Raises
    ------
    PerformanceError
        If it is none; says what is wrong.
    """
    index = {name: i for i, name in enumerate(limits.names)}
    if unknown := [name for name in names if name not in index]:
        raise PerformanceError(f"the robot has no joint {', '.join(unknown[:5])}; it has "
                               f"{', '.join(index)}")
    if not names or len(set(names)) != len(names):
        raise PerformanceError("it moves no joint, or one twice")
    joints = np.array([index[name] for name in names], int)
    try:
        times, positions = np.array(times, float), np.array(positions, float)
        velocities = np.array(velocities, float) if velocities is not None else None
    except ValueError:
        raise PerformanceError("its points differ in size") from None
    shape = (len(times), len(names))
    if len(times) < 2 or positions.shape != shape or (
            velocities is not None and velocities.shape != shape):
        raise PerformanceError(f"it needs two points at least, each of {len(names)} positions")
    if not np.isfinite(times).all() or times[0] < 0.0 or (np.diff(times) <= 0.0).any():
        raise PerformanceError("its times do not increase from 0 on")
    if times[-1] > LONGEST:
        raise PerformanceError(f"it lasts {times[-1]:.0f} s, longer than {LONGEST:.0f} s")
    if velocities is None:
        velocities = np.gradient(positions, times, axis=0)
    if not (np.isfinite(positions).all() and np.isfinite(velocities).all()):
        raise PerformanceError("it holds what is no number")
    far = np.maximum(limits.lower[joints] - positions, positions - limits.upper[joints]) > beyond
    if far.any():
        which = ", ".join(names[int(i)] for i in np.flatnonzero(far.any(axis=0)))
        raise PerformanceError(f"far outside of the range: {which}")
    return Movement(joints, times, positions, velocities)


@dataclass(frozen=True)
class Performance:
    """A movement within all limits, from standing to standing, sampled at the control rate.

    Attributes
    ----------
    joints : ndarray (m,) of int
        Indices of the joints that it moves.
    period : float
        Between two samples [s].
    start : ndarray (m,)
        Where the joints stand before it [rad].
    states : ndarray (k, 3, m)
        Position, velocity and acceleration at the end of each period [rad, s].
    """

    joints: np.ndarray
    period: float
    start: np.ndarray
    states: np.ndarray

    @property
    def duration(self) -> float:
        """Until it stands [s]."""
        return self.period * len(self.states)

    def points(self, every: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return times (k,), positions and velocities (k, m) of each `every`-th sample."""
        rows = np.arange(every - 1, len(self.states), every)
        if rows[-1:] != [len(self.states) - 1]:
            rows = np.append(rows, len(self.states) - 1)
        return (rows + 1) * self.period, self.states[rows, 0], self.states[rows, 1]


def shape_movement(
    movement: Movement, limits: JointLimits, start: np.ndarray, period: float, bandwidth: float,
    scale: Callable[[float], np.ndarray | float],
) -> Performance:
    """Return the movement as the robot makes it from standing, within its limits.

    Takes about 0.2 ms for each period of the movement; call it where that holds up nobody.

    Parameters
    ----------
    movement : Movement
    limits : JointLimits
        Of all n joints.
    start : ndarray (n,)
        Where all joints stand [rad].
    period, bandwidth : float
        Of the control loop [s], of the tracking law [1/s]; see `Shaper`.
    scale : callable time -> (m,) or float
        0..1 of the limits at a time since the beginning [s].

    Raises
    ------
    PerformanceError
        If the joints do not come to rest within reasonable time after the movement.
    """
    joints = movement.joints
    own = JointLimits(
        tuple(limits.names[i] for i in joints), limits.lower[joints], limits.upper[joints],
        limits.velocity[joints], limits.acceleration[joints], limits.jerk[joints])
    shaper = Shaper(own, period, bandwidth)
    shaper.start(start[joints])
    states, end = [], movement.times[-1]
    for step in range(1, int(np.ceil((end + _AFTER) / period)) + 1):
        shaper.step(*movement.at(step * period), scale(step * period))
        motion = shaper.motion
        states.append([motion.position, motion.velocity, motion.acceleration])
        if step * period >= end and shaper.standing:
            return Performance(joints, period, start[joints].copy(), np.array(states))
    raise PerformanceError(f"it does not come to an end within {end + _AFTER:.1f} s")
