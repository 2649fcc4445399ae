# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Following joint trajectories as ros2_control's joint_trajectory_controller does on its topic."""

from __future__ import annotations

import difflib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


class TrajectoryError(ValueError):
    """A trajectory that a controller refuses; says why."""


@dataclass(frozen=True)
class Trajectory:
    """Where k points in time want m joints to be.

    Attributes
    ----------
    joint_names : sequence of m str
    times : sequence (k,)
        Since the start of the trajectory [s], strictly increasing.
    positions : sequence (k, m)
        [rad or m]
    velocities : sequence (k, m), optional
        [rad/s or m/s]; with them the way between points is a cubic, without them a line.
    """

    joint_names: Sequence[str]
    times: Sequence[float]
    positions: Sequence[Sequence[float]]
    velocities: Sequence[Sequence[float]] | None = None


class TrajectoryController:
    """Turns the newest trajectory into desired positions and velocities of its joints.

    What a joint_trajectory_controller with ``interpolate_from_desired_state`` and
    ``allow_nonzero_velocity_at_trajectory_end`` does: a new trajectory replaces the running one
    and starts from the state desired at that instant; points that lie in the past are skipped;
    the last position is held, at rest.

    Parameters
    ----------
    joint_names : sequence of n str
    positions : ndarray (n,)
        Where the joints are at the start [rad or m]; held until a trajectory comes.
    allow_partial_joints_goal : bool
        Whether a trajectory may leave out joints; those then hold where they are.
    """

    def __init__(
        self, joint_names: Sequence[str], positions: np.ndarray,
        allow_partial_joints_goal: bool = False,
    ) -> None:
        self.joint_names = tuple(joint_names)
        self._index = {name: i for i, name in enumerate(self.joint_names)}
        self._partial = allow_partial_joints_goal
        self._times = np.zeros(1)
        self._positions = np.array(positions, float).reshape(1, len(self.joint_names))
        self._velocities: np.ndarray | None = None

    def replace(self, trajectory: Trajectory, now: float, start: float | None = None) -> None:
        """Follow `trajectory` from `now` on.

        Parameters
        ----------
        trajectory : Trajectory
        now : float
            [s]
        start : float, optional
            When the trajectory's time is 0 [s]; now when not given.

        Raises
        ------
        TrajectoryError
            If it names unknown joints, a joint twice or too few, its sizes do not fit, it holds
            NaN or infinity, its times do not increase, or it has already ended. The running
            trajectory then goes on.
        """
        columns = self._columns(trajectory.joint_names)
        times, positions, velocities = _arrays(trajectory)
        times = times + (now if start is None else start)
        if start is not None and times[-1] < now:
            raise TrajectoryError(f"it ended {now - times[-1]:.3f} s ago")
        here, speed = self.sample(now)
        count = len(times)
        whole = np.tile(here, (count, 1))
        whole[:, columns] = positions
        slopes = None
        if velocities is not None:
            slopes = np.zeros_like(whole)
            slopes[:, columns] = velocities
        following = bisect_right(times, now)
        if following == 0:
            times = np.concatenate([[now], times])
            whole = np.vstack([here, whole])
            slopes = None if slopes is None else np.vstack([speed, slopes])
        else:
            first = following - 1
            times, whole = times[first:], whole[first:]
            slopes = None if slopes is None else slopes[first:]
        self._times, self._positions, self._velocities = times, whole, slopes

    def sample(self, now: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the desired positions (n,) and velocities (n,) at `now` [s]."""
        times = self._times
        if now >= times[-1]:
            return self._positions[-1], np.zeros(len(self.joint_names))
        row = max(bisect_right(times, now) - 1, 0)
        span = times[row + 1] - times[row]
        s = min(max((now - times[row]) / span, 0.0), 1.0)
        p0, p1 = self._positions[row], self._positions[row + 1]
        if self._velocities is None:
            return p0 + s * (p1 - p0), (p1 - p0) / span
        # Cubic Hermite: the polynomial that has both positions and both velocities.
        v0, v1 = self._velocities[row] * span, self._velocities[row + 1] * span
        c2 = 3 * (p1 - p0) - 2 * v0 - v1
        c3 = 2 * (p0 - p1) + v0 + v1
        return (p0 + s * (v0 + s * (c2 + s * c3)),
                (v0 + s * (2 * c2 + s * 3 * c3)) / span)

    def hold(self, positions: np.ndarray) -> None:
        """Drop the trajectory and hold `positions` (n,) [rad or m]."""
        self._times = np.zeros(1)
        self._positions = np.array(positions, float).reshape(1, -1)
        self._velocities = None

    def _columns(self, names: Sequence[str]) -> np.ndarray:
        for name in names:
            if name not in self._index:
                near = difflib.get_close_matches(name, self._index, n=1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                raise TrajectoryError(
                    f"unknown joint {name!r}; {hint}valid: {', '.join(self.joint_names)}")
        if len(set(names)) != len(names):
            raise TrajectoryError("a joint is named twice")
        if not names:
            raise TrajectoryError("it names no joint")
        if len(names) < len(self.joint_names) and not self._partial:
            missing = ", ".join(name for name in self.joint_names if name not in set(names))
            raise TrajectoryError(f"joints are missing (partial goals are not allowed): {missing}")
        return np.array([self._index[name] for name in names])


def _arrays(trajectory: Trajectory) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return times (k,), positions (k, m) and velocities (k, m) or None, checked."""
    try:
        times = np.asarray(trajectory.times, float)
        positions = np.asarray(trajectory.positions, float)
        velocities = (None if trajectory.velocities is None
                      else np.asarray(trajectory.velocities, float))
    except ValueError:
        raise TrajectoryError("its points differ in size") from None
    shape = (len(times), len(trajectory.joint_names))
    if times.ndim != 1 or len(times) == 0:
        raise TrajectoryError("it has no points")
    for what, values in (("positions", positions), ("velocities", velocities)):
        if values is not None and values.shape != shape:
            raise TrajectoryError(
                f"its {what} have the shape {values.shape}, not {shape} (points, joints)")
        if values is not None and not np.isfinite(values).all():
            raise TrajectoryError(f"its {what} are not all finite")
    if not np.isfinite(times).all() or times[0] < 0 or (np.diff(times) <= 0).any():
        raise TrajectoryError("its times do not strictly increase from 0 or later")
    return times, positions, velocities
