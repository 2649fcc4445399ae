# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Keeping the way between targets clear: targets may be free of self-collision and their way not.

Each joint is shaped for itself, so a late arm may cross where the head or the other arm already
is. Before a step is taken the stop from the state that it leads to is looked at, and no arm takes
a step after which it could not stop clear of the rest: what can always stop clear never touches.
An arm that comes to stand before something goes around it, or by another posture.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mirror_robot.actuation.detour import TRIES, posture_between
from mirror_robot.actuation.shaping import Shaper

_SHARES = np.array([[0.4], [1.0]])
"""Where on the way to standstill a stop is looked at, as shares of its longest duration."""

_REACH = 0.4
"""How far ahead [rad] the target on the way around is: straight, and without a hurry."""

_SLOW, _PATIENCE = 0.05, 0.3
"""Arms slower [rad/s] than this for so long [s], and braked meanwhile, stand before something."""

_AGAIN = 10
"""Times its patience that an arm waits after all ways were tried."""

_NEAR, _CHANGED = 0.1, 0.5
"""A posture [rad] so near is reached; a target so far from what it was makes a way obsolete."""


class Clearance:
    """Lets arms brake where they would come nearer to the robot itself than its margin.

    That is the margin of the targets too. With half of it the arms come up to a centimetre nearer
    in physics, which is what drives lag behind, and touch; with a centimetre more they do not get
    where targets want them.

    Parameters
    ----------
    model : RobotModel
    period : float
        Of the control loop [s].
    """

    def __init__(self, model: Any, period: float = 0.01) -> None:
        from mirror_robot.body.collision import SelfCollision

        self._model, self._collision = model, SelfCollision(model)
        self._body = np.flatnonzero(np.asarray(model.body))
        self._arms = [model.columns(f"{side}_arm") for side in ("left", "right")
                      if f"{side}_arm" in model.profile.chains]
        self._columns = np.concatenate([np.zeros(0, int), *self._arms])
        self.braked = self.detours = 0
        """Steps at which an arm braked, and ways by another posture that were taken."""
        self._blocked = np.zeros(len(model.joint_names), bool)
        self._patience = max(1, round(_PATIENCE / period))
        self._slow = 0
        self._braked_ago = self._patience
        self._tries = TRIES
        """Of the search for a way; as many as there are: none is searched for."""
        self._way: list[np.ndarray] = []
        self._end = np.zeros(0)

    def of_posture(self, position: np.ndarray) -> float:
        """Return by how much [m] a posture (n,) keeps the margin; negative: too near."""
        return self._collision.clearance(position)

    def of(self, shaper: Shaper) -> float:
        """Return the least clearance [m] from here to standstill; negative: too near."""
        stop = shaper.stop
        if not (stop.velocity.any() or stop.acceleration.any()):
            return self._collision.clearance(stop.position)
        postures, _, _ = stop.at(float(stop.duration.max()) * _SHARES)
        return min(self._collision.clearance(posture) for posture in postures)

    def around(self, shaper: Shaper, target: np.ndarray) -> np.ndarray:
        """Return `target` (n,) as near as an arm that is braked gets by going around.

        Parameters
        ----------
        shaper : Shaper
        target : ndarray (n,)
            [rad], NaN where nothing is wanted.
        """
        self._braked_ago += 1
        blocked = bool(self._blocked.any())
        slow = np.abs(shaper.motion.velocity[self._columns]).max(initial=0.0) < _SLOW
        waits = slow and (blocked or self._braked_ago < self._patience)
        self._slow = self._slow + 1 if waits or self._slow < 0 else 0
        searches = bool(self._way) or self._tries < TRIES
        if not (blocked or searches or self._slow >= self._patience):
            return target
        at, known = shaper.motion.position, np.isfinite(target)
        wanted = np.where(known, target, at)
        if searches and np.abs(wanted - self._end)[self._columns].max() > _CHANGED:
            self._tries, self._way, searches = TRIES, [], False
        if self._slow >= self._patience:
            # Neither the direct way nor the one tried last leads on.
            self._slow, self._way = 0, []
            if not searches and self._collision.clearance(wanted) >= 0.0:
                self._tries, self._end = 0, wanted
        if self._tries < TRIES and not self._way:
            self._search(at, wanted)
        if self._way:
            return np.where(known, self._ahead(at, wanted), target)
        nearer = self._collision.limit(at, wanted, 0.3)
        return np.where(self._blocked & known, nearer, target)

    def _search(self, at: np.ndarray, wanted: np.ndarray) -> None:
        """Try one more posture to go by."""
        arms = [arm for arm in self._arms if np.abs(wanted - at)[arm].max() > _NEAR]
        if not arms:
            self._tries = TRIES
            return
        by = posture_between(self._collision, self._model, arms, at, wanted, self._tries)
        self._tries += 1
        if by is not None:
            self._way = [by, wanted]
            self.detours += 1
        elif self._tries == TRIES:
            # None, as far as can be told: the arm stays as near as it is, and tries again later.
            self._slow = -_AGAIN * self._patience

    def _ahead(self, at: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Return where to go next on the way by another posture."""
        self._way[-1] = wanted
        away = self._way[0] - at
        farthest = np.abs(away[self._columns]).max()
        if farthest < _NEAR:
            self._way.pop(0)
            if not self._way:
                self._tries = TRIES
            return self._way[0] if self._way else wanted
        return at + min(1.0, _REACH / farthest) * away

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
        if new < 0.0:
            self._brake(shaper, stop, new)

    def _brake(
        self, shaper: Shaper, stop: tuple[np.ndarray, np.ndarray, np.ndarray], new: float,
    ) -> None:
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
        self._braked_ago = 0
        self._blocked[columns] = True
