# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What the robot does differently while a person is near: slower hands, or none that move."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_MARGIN = 0.9
"""Share of the hands' speed that is planned with: a joint whose share shrinks must brake first."""
_LEAVE = 1.1
"""A person must be this much farther off than the distance of holding before it ends."""


class Nearness:
    """How near the nearest person is, and whether that is known at all.

    Parameters
    ----------
    near, hold : float
        Distances [m] below which the hands are slow, and below which the robot holds still; 0
        switches either off.
    timeout : float
        A distance that was not heard of for this long is unknown. An unknown distance counts as
        too near: a sensor that died, or was never started, protects nobody.
    """

    def __init__(self, near: float, hold: float, timeout: float) -> None:
        self._near, self._hold, self._timeout = near, hold, timeout
        self._distance, self._heard = math.nan, -math.inf
        self._holding = False

    def receive(self, distance: float, steady: float) -> bool:
        """Take in a distance [m], infinite when nobody is there; return False if it is none."""
        if math.isnan(distance) or distance < 0.0:
            return False
        self._distance, self._heard = distance, steady
        return True

    def distance(self, steady: float) -> float:
        """Return the distance [m] at `steady`; NaN when it is unknown."""
        return self._distance if steady - self._heard <= self._timeout else math.nan

    def near(self, steady: float) -> bool:
        """Return whether the hands are to be slow."""
        return self._near > 0.0 and not self.distance(steady) >= self._near

    def hold(self, steady: float) -> str:
        """Return why the robot is to hold still; empty when it is not."""
        if not self._hold > 0.0:
            return ""
        distance = self.distance(steady)
        self._holding = not distance >= self._hold * (_LEAVE if self._holding else 1.0)
        if not self._holding:
            return ""
        return ("how near people are is unknown" if math.isnan(distance)
                else f"somebody is {distance:.2f} m away")


class HandSpeed:
    """Shares a speed of the hands out among the joints that move them.

    A hand is never faster than the sum of what each joint gives it, ``sum |v_j| r_j`` with the
    lever ``r_j`` from the axis of joint j to the hand, which is the length of that column of its
    Jacobian. The joints get shares of the speed in proportion to what they are about to do.

    Parameters
    ----------
    model : RobotModel
    speed : float
        Of the tips of the hands, or the wrists where there are none [m/s], in the body frame.
    """

    def __init__(self, model: Any, speed: float) -> None:
        self._model, self._speed = model, _MARGIN * speed
        self._points = [
            model.point(name, "tip" if "tip" in chain.links else "wrist")
            for name, chain in model.profile.chains.items()
            if "tip" in chain.links or "wrist" in chain.links]
        self._moves = model.moves(self._points) if self._points else None

    def levers(self, positions: np.ndarray) -> np.ndarray:
        """Return the speed (hands, n) [m/s per rad/s] that each joint gives to each hand."""
        kinematics = self._model.kinematics(positions)
        return self._moves * np.array([
            np.linalg.norm(kinematics.linear + np.cross(
                kinematics.angular, kinematics.point(point), axis=0), axis=0)
            for point in self._points])

    def __call__(self, positions: np.ndarray, demand: np.ndarray) -> np.ndarray:
        """Return the speed (n,) [rad/s] that each joint may have; infinite for those without hand.

        Parameters
        ----------
        positions : ndarray (n,)
            [rad]
        demand : ndarray (n,)
            How fast each joint would go [rad/s], not negative.
        """
        allowed = np.full(len(positions), np.inf)
        if self._moves is None:
            return allowed
        levers = self.levers(positions)
        # A joint that rests gets a little too, so that it can begin.
        wanted = np.maximum(demand, 0.02)
        share = self._speed / np.maximum(levers @ wanted, 1e-9)
        for row, moves in zip(share, self._moves):
            allowed[moves] = np.minimum(allowed[moves], row * wanted[moves])
        return allowed
