# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
r"""The quickest jerk-limited stop of a joint, in closed form and vectorised over joints.

From velocity :math:`v` and acceleration :math:`a` the quickest stop within the acceleration
:math:`A` and the jerk :math:`J` has three phases: jerk :math:`-J` down to a peak deceleration, a
stretch at that deceleration, jerk :math:`+J` back to zero (signs for a joint that would go on in
positive direction, :math:`v + a|a|/2J > 0`). Without the stretch the peak is
:math:`p = \sqrt{J v + a^2/2}`; where that exceeds :math:`A`, it is :math:`A` and the stretch lasts
:math:`(v + a^2/2J - A^2/J)/A`. These are the velocity profiles ACC0 and NONE of Berscheid and
Kroeger, *Jerk-limited Real-time Trajectory Generation with Arbitrary Target States*, RSS 2021,
for a target velocity of zero.

Every command is checked against this stop: a joint is only ever in a state from which it can still
stop inside its range. Ruckig plans without position limits, so this is what guarantees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Stop:
    """The stop of n joints from one state.

    Attributes
    ----------
    position, velocity, acceleration : ndarray (n,)
        The state from which the joints stop [rad], [rad/s], [rad/s^2].
    durations : ndarray (3, n)
        Of the three phases [s].
    jerk : ndarray (n,)
        Of the first phase, signed [rad/s^3]; zero in the second, opposite in the third.
    """

    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    durations: np.ndarray
    jerk: np.ndarray

    @property
    def duration(self) -> np.ndarray:
        """Time until each joint stands (n,) [s]."""
        return self.durations.sum(axis=0)

    def at(self, time: float | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return position, velocity and acceleration after `time`.

        Parameters
        ----------
        time : float or ndarray (k, 1)
            Since the stop began [s]. Past its end a joint stands where it stopped.

        Returns
        -------
        position, velocity, acceleration : ndarray (n,) or (k, n)
        """
        p, v, a = self.position, self.velocity, self.acceleration
        left = time
        jerks: tuple[Any, ...] = self.jerk, 0.0, -self.jerk
        for duration, jerk in zip(self.durations, jerks):
            t = np.clip(left, 0.0, duration)
            p = p + t * (v + t * (a / 2.0 + t * (jerk / 6.0)))
            v = v + t * (a + t * (jerk / 2.0))
            a = a + t * jerk
            left = left - duration
        moving = left < 0.0
        # Rounding must not leave a joint creeping once it stands.
        return p, v * moving, a * moving

    @cached_property
    def end(self) -> np.ndarray:
        """Where each joint stands in the end (n,) [rad]."""
        p, v, a = self.position, self.velocity, self.acceleration
        jerks: tuple[Any, ...] = self.jerk, 0.0, -self.jerk
        for t, jerk in zip(self.durations, jerks):
            p = p + t * (v + t * (a / 2.0 + t * (jerk / 6.0)))
            v = v + t * (a + t * (jerk / 2.0))
            a = a + t * jerk
        return p

    @cached_property
    def extent(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest position (n,) on the way to standstill [rad]."""
        low, high = np.minimum(self.position, self.end), np.maximum(self.position, self.end)
        # A joint that moves one way while accelerating the other turns around once, in the first
        # phase, where v + a t + jerk t^2 / 2 = 0.
        turns = self.velocity * self.jerk > 0.0
        if turns.any():
            v, a, jerk = self.velocity[turns], self.acceleration[turns], self.jerk[turns]
            root = np.sqrt(np.maximum(a * a - 2.0 * jerk * v, 0.0))
            t = np.minimum((np.abs(a) - root) / np.abs(jerk), self.durations[0, turns])
            turn = self.position[turns] + t * (v + t * (a / 2.0 + t * (jerk / 6.0)))
            low[turns] = np.minimum(low[turns], turn)
            high[turns] = np.maximum(high[turns], turn)
        return low, high

    @cached_property
    def peak_velocity(self) -> np.ndarray:
        """The largest speed (n,) on the way to standstill [rad/s]."""
        # While the acceleration still points along the jerk-free direction of travel, the speed
        # grows by a^2 / 2J.
        speed = np.abs(self.velocity)
        grows = self.acceleration * self.jerk < 0.0
        if grows.any():
            gain = self.acceleration[grows]**2 / (2.0 * self.jerk[grows])
            speed[grows] = np.maximum(speed[grows], np.abs(self.velocity[grows] - gain))
        return speed


def stop_from(
    position: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray,
    max_acceleration: np.ndarray, max_jerk: np.ndarray,
) -> Stop:
    """Return the quickest stop from a state.

    Parameters
    ----------
    position, velocity, acceleration : ndarray (n,)
        The state [rad], [rad/s], [rad/s^2].
    max_acceleration, max_jerk : ndarray (n,)
        Limits [rad/s^2], [rad/s^3]; an acceleration beyond its limit is first brought back.
    """
    a, j = acceleration, max_jerk
    sign = np.where(velocity + a * np.abs(a) / (2.0 * j) < 0.0, -1.0, 1.0)
    v, a = sign * velocity, sign * a
    square = np.maximum(j * v + a * a / 2.0, 0.0)
    limit = np.maximum(max_acceleration, -a)
    peak = np.minimum(np.maximum(np.sqrt(square), -a), limit)
    durations = np.empty((3, len(v)))
    durations[0] = (a + peak) / j
    durations[1] = np.maximum(square - peak * peak, 0.0) / (j * np.maximum(peak, 1e-12))
    durations[2] = peak / j
    return Stop(position, velocity, acceleration, durations, -sign * j)


def stoppable_speed(
    distance: np.ndarray, max_acceleration: np.ndarray, max_jerk: np.ndarray,
) -> np.ndarray:
    """Return the highest speed from which, without acceleration, a stop fits into `distance`.

    The way to stop is ``v sqrt(v / J)`` up to ``v = A^2 / J`` and ``v (v / A + A / J) / 2`` above.

    Parameters
    ----------
    distance : ndarray (n,)
        [rad]; negative counts as zero.
    max_acceleration, max_jerk : ndarray (n,)
        [rad/s^2], [rad/s^3].
    """
    d = np.maximum(distance, 0.0)
    knee = max_acceleration**2 / max_jerk
    short = np.cbrt(d * d * max_jerk)
    long = (np.sqrt(knee * knee + 8.0 * max_acceleration * d) - knee) / 2.0
    return np.where(short <= knee, short, long)
