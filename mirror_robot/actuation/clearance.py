# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Keeping the way between targets clear: targets may be free of self-collision and their way not.

Each joint is shaped for itself, so a late arm may cross where the head or the other arm already
is. Before a step is taken the stop from the state that it leads to is looked at, and no arm takes
a step after which it could not stop clear of the rest: what can always stop clear never touches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mirror_robot.actuation.shaping import Shaper

_SHARES = (0.4, 1.0)
"""Where on the way to standstill a stop is looked at, as shares of its longest duration."""


class Clearance:
    """Lets arms brake where they would come nearer to the robot itself than its margin.

    That is the margin of the targets too. With half of it the arms come up to a centimetre nearer
    in physics, which is what drives lag behind, and touch; with a centimetre more they do not get
    where targets want them.

    Parameters
    ----------
    model : RobotModel
    """

    def __init__(self, model: Any) -> None:
        from mirror_robot.body.collision import SelfCollision

        self._collision = SelfCollision(model)
        self._body = np.flatnonzero(np.asarray(model.body))
        self._arms = [model.columns(f"{side}_arm") for side in ("left", "right")
                      if f"{side}_arm" in model.profile.chains]
        self.braked = 0
        """Steps at which an arm braked."""
        self._blocked = np.zeros(len(model.joint_names), bool)

    def of(self, shaper: Shaper) -> float:
        """Return the least clearance [m] from here to standstill; negative: too near."""
        stop = shaper.stop
        if not (stop.velocity.any() or stop.acceleration.any()):
            return self._collision.clearance(stop.position)
        longest = float(stop.duration.max())
        return min(self._collision.clearance(stop.at(share * longest)[0]) for share in _SHARES)

    def around(self, shaper: Shaper, target: np.ndarray) -> np.ndarray:
        """Return `target` (n,) as near as an arm that is braked gets by going around.

        Parameters
        ----------
        shaper : Shaper
        target : ndarray (n,)
            [rad], NaN where nothing is wanted.
        """
        if not self._blocked.any():
            return target
        at = shaper.motion.position
        wanted = np.where(np.isfinite(target), target, at)
        nearer = self._collision.limit(at, wanted, 0.3)
        return np.where(self._blocked & np.isfinite(target), nearer, target)

    def keep(self, shaper: Shaper, stop: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        """Brake the arms that must, after a step.

        Parameters
        ----------
        shaper : Shaper
            After the step.
        stop : tuple of three ndarray (n,)
            Position, velocity, acceleration after a step along the stop instead.
        """
        self._blocked[:] = False
        new = self.of(shaper)
        if new >= 0.0:
            return
        taken = shaper.motion
        state = np.array([taken.position, taken.velocity, taken.acceleration])
        brake = np.array(stop)
        # One arm, the other, both, and in the end the whole body, which stood clear until now.
        options = [*self._arms, np.concatenate(self._arms)] if self._arms else []
        for columns in (*options, self._body):
            trial = state.copy()
            trial[:, columns] = brake[:, columns]
            shaper.impose(*trial)
            clear = self.of(shaper)
            if clear >= 0.0:
                break
        # Too near already, as when armed so: whatever leads away is right.
        if clear < 0.0 and new > clear:
            shaper.impose(*state)
            return
        self.braked += 1
        self._blocked[columns] = True
