# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What comes in: a gate for target messages, and an estimate of where the targets are now."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Refusal:
    """Why a message was dropped.

    Attributes
    ----------
    reason : str
        One of `REASONS`, for counting.
    text : str
        What was wrong and what would be right.
    """

    reason: str
    text: str


@dataclass(frozen=True)
class Targets:
    """Positions wanted of some joints.

    Attributes
    ----------
    stamp : float
        Acquisition time of what they were derived from, on the node's clock [s].
    joints : ndarray (m,) of int
        Indices of the joints.
    positions : ndarray (m,)
        [rad].
    """

    stamp: float
    joints: np.ndarray
    positions: np.ndarray


REASONS = ("wrong_size", "unknown_joint", "joint_twice", "not_a_number", "out_of_range", "stale",
           "future", "out_of_order", "jump")
"""Why input is dropped; all are messages, except that ``jump`` counts single joints."""


class InputGate:
    """Lets through only what a robot could follow; one for each topic, since it knows their order.

    Parameters
    ----------
    names : sequence of str
        The robot's joints.
    lower, upper : ndarray (n,)
        Their range [rad].
    max_age : float
        Oldest stamp that is taken [s].
    max_ahead : float
        Farthest stamp in the future that is taken [s]; clocks of two machines differ a little.
    beyond : float
        How far a target may lie outside of the range [rad]; it is then cut at the range. What lies
        farther out was not meant for this robot, or not in radians.
    """

    def __init__(
        self, names: Sequence[str], lower: np.ndarray, upper: np.ndarray, max_age: float = 0.5,
        max_ahead: float = 0.1, beyond: float = 1.0,
    ) -> None:
        self._index: Mapping[str, int] = {name: i for i, name in enumerate(names)}
        self._low, self._high = lower - beyond, upper + beyond
        self._max_age, self._max_ahead = max_age, max_ahead
        self._last = -math.inf
        self._names: list[str] = []
        self._joints = np.zeros(0, int)

    def forget(self) -> None:
        """Accept any stamp next: the clock was set back."""
        self._last = -math.inf

    def admit(
        self, names: Sequence[str], positions: Sequence[float], stamp: float, now: float,
    ) -> Targets | Refusal:
        """Return the targets that a message holds, or why it is dropped as a whole.

        Parameters
        ----------
        names, positions : sequences
            The message's fields, not trusted.
        stamp, now : float
            Of the message and of the node's clock [s].
        """
        if len(names) != len(positions):
            return Refusal("wrong_size", f"{len(names)} names but {len(positions)} positions")
        if names != self._names:
            unknown = [name for name in names if name not in self._index]
            if unknown:
                return Refusal("unknown_joint", f"the robot has no joint {', '.join(unknown[:5])};"
                                                f" it has {', '.join(self._index)}")
            if len(set(names)) != len(names):
                return Refusal("joint_twice", "a joint is named twice")
            self._names = list(names)
            self._joints = np.array([self._index[name] for name in names], int)
        values = np.array(positions, float)
        if not np.isfinite(values).all():
            wrong = [names[int(i)] for i in np.flatnonzero(~np.isfinite(values))]
            return Refusal("not_a_number", f"no number for {', '.join(wrong[:5])}; a joint that "
                                           "is not known is to be left out")
        joints = self._joints
        outside = (values < self._low[joints]) | (values > self._high[joints])
        if outside.any():
            wrong = [f"{names[int(i)]} {values[i]:.4g}" for i in np.flatnonzero(outside)]
            return Refusal("out_of_range", f"far outside of the range: {', '.join(wrong[:5])}")
        if not now - stamp <= self._max_age:
            hint = "; the stamp is not set" if stamp == 0.0 else ""
            return Refusal("stale", f"{now - stamp:.2f} s old, at most {self._max_age} s is taken"
                                    f"{hint}; for a bag or a simulator set use_sim_time")
        if not stamp - now <= self._max_ahead:
            return Refusal("future", f"stamped {stamp - now:.2f} s ahead of the node's clock")
        if stamp <= self._last:
            return Refusal("out_of_order", f"not newer than the last ({self._last - stamp:.3f} s)")
        self._last = stamp
        return Targets(stamp, joints, values)


class TargetEstimator:
    """Where n targets are now, and how they move, from samples that come late and unevenly.

    Each joint has a fading-memory filter of second order (Morrison, *Introduction to Sequential
    Smoothing and Prediction*, 1969, ch. 13): with ``f = exp(-dt / memory)`` the gains on position,
    velocity and acceleration are ``1 - f^3``, ``3/2 (1 - f)^2 (1 + f) / dt`` and
    ``(1 - f)^3 / dt^2``. Between samples it predicts from the acquisition stamp to now, which
    takes back the delay of camera and perception; the predicted motion fades with ``fade``, so
    that a target that stops being sent comes to rest near where it was seen last.

    Parameters
    ----------
    count : int
        Number of joints.
    memory : float
        Time constant of the filter [s]. Longer is smoother, and overshoots when a movement turns.
    fade : float
        Time constant with which the predicted motion fades [s]. Longer takes back more of the
        delay, and overshoots more: at 0.05 (with as much memory) a wave of 1.5 Hz is answered by
        one a quarter larger; at 0.02 by one 2 % larger and 20 ms later.
    jump : float
        A sample farther than this from its prediction [rad] is dropped, unless the next one
        confirms it: people cannot move like that, trackers can.
    """

    def __init__(
        self, count: int, memory: float = 0.02, fade: float = 0.02, jump: float = 0.8,
    ) -> None:
        self._memory, self._fade, self._jump = memory, fade, jump
        self._state = np.zeros((3, count))
        self._stamp = np.full(count, -math.inf)
        self._heard = np.full(count, -math.inf)
        self._doubt = np.full(count, np.nan)

    @property
    def heard(self) -> np.ndarray:
        """When a sample of each joint was last accepted (n,), on the steady clock [s]."""
        return self._heard

    def forget(self) -> None:
        """Drop all samples, as after the clock was set back."""
        self._stamp[:] = -math.inf
        self._heard[:] = -math.inf
        self._doubt[:] = np.nan

    def add(self, targets: Targets, steady: float) -> int:
        """Take in samples; return how many joints were dropped for a jump.

        Parameters
        ----------
        targets : Targets
        steady : float
            Time of receipt on the steady clock [s].
        """
        joints, values = targets.joints, targets.positions
        dt = targets.stamp - self._stamp[joints]
        # After a gap the old state says nothing of the new; a filter would see a huge velocity.
        new = ~((dt > 0.0) & (dt < max(0.3, 4.0 * self._memory)))
        dt = np.where(new, 1.0, dt)
        p, v, a = self._state[:, joints]
        p, v = p + dt * (v + dt * a / 2.0), v + dt * a
        gap = values - p
        far = ~new & (np.abs(gap) > self._jump)
        confirmed = far & (np.abs(values - self._doubt[joints]) < self._jump / 2.0)
        self._doubt[joints] = np.where(far, values, np.nan)
        new |= confirmed
        f = np.exp(-dt / self._memory)
        state = np.where(new, np.stack([values, np.zeros_like(v), np.zeros_like(v)]), np.stack([
            p + (1.0 - f**3) * gap,
            v + 1.5 * (1.0 - f) ** 2 * (1.0 + f) / dt * gap,
            a + (1.0 - f) ** 3 / dt**2 * gap]))
        keep = ~(far & ~confirmed)
        kept = joints[keep]
        self._state[:, kept] = state[:, keep]
        self._stamp[kept] = targets.stamp
        self._heard[kept] = steady
        return int(len(joints) - keep.sum())

    def at(self, time: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return position, velocity and acceleration (n,) of all targets at `time`.

        Joints never heard of have undefined values; see `heard`.
        """
        late = np.clip(time - self._stamp, 0.0, 10.0)
        left = np.exp(-late / self._fade)
        ahead = self._fade * (1.0 - left)
        p, v, a = self._state
        return p + ahead * (v + ahead * a / 2.0), left * (v + ahead * a), left * a
