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

from mirror_robot.actuation.detour import DEPTH, TRIES, posture_between
from mirror_robot.actuation.shaping import Shaper
from mirror_robot.actuation.stopping import Stop, stop_from

_SOFT = 0.5
"""Share of the acceleration and the jerk with which an arm must be able to stop clear. Drives
overshoot a stop in proportion to its deceleration; and what is not needed is in reserve."""

_STRIDE, _LOOKS = 0.15, 8
"""A stop is looked at every so many radians of its fastest joint, at most so often."""

_REACH = 0.4
"""How far ahead [rad] the target on the way around is: straight, and without a hurry."""

_SLOW, _PATIENCE = 0.05, 0.3
"""Arms slower [rad/s] than this for so long [s], and braked meanwhile, stand before something."""

_AGAIN = 10
"""Times its patience that an arm waits after all ways were tried."""

_NEXT = 0.3
"""How far ahead [rad] a braked arm looks for where it can go on toward its target."""

_NEAR, _CHANGED = 0.1, 0.5
"""A posture [rad] so near is reached; a target so far from what it was makes a way obsolete."""


class Clearance:
    """Lets arms brake where they would come nearer to the robot itself than its margin.

    That is the margin of the targets too. With half of it the arms come up to a centimetre nearer
    in physics, which is what drives lag behind, and touch; with a centimetre more, or with what
    drives will overshoot taken off it, they do not get where targets want them. So they brake
    early instead, and softly.

    Parameters
    ----------
    model : RobotModel
    period : float
        Of the control loop [s].
    """

    def __init__(self, model: Any, period: float = 0.01) -> None:
        from mirror_robot.body.collision import SelfCollision

        self._model, self._collision, self._period = model, SelfCollision(model), period
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
        """Return the least clearance [m] from here to standstill in a soft stop, at most `AMPLE`.

        An arm may go on so down to -`DEPTH`.
        """
        motion, limits = shaper.motion, shaper.limits
        stop = stop_from(motion.position, motion.velocity, motion.acceleration,
                         _SOFT * limits.acceleration, _SOFT * limits.jerk)
        travel = np.abs(stop.end - stop.position).max()
        looks = int(min(1.0 + travel / _STRIDE, _LOOKS))
        # Even in distance where the deceleration is even; and from the state itself on.
        shares = 1.0 - np.sqrt(1.0 - np.arange(looks + 1) / looks)
        postures, _, _ = stop.at(float(stop.duration.max()) * shares[:, None])
        return float(self._collision.clearances(postures).min())

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
            if not searches and self._collision.clearance(wanted) >= -DEPTH:
                self._tries, self._end = 0, wanted
        if self._tries < TRIES and not self._way:
            self._search(at, wanted)
        if self._way:
            return np.where(known, self._ahead(at, wanted), target)
        nearer = self._collision.limit(at, at + np.clip(wanted - at, -_NEXT, _NEXT))
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

    def keep(self, shaper: Shaper, before: Stop) -> None:
        """Brake the arms that must, after a step.

        Parameters
        ----------
        shaper : Shaper
            After the step.
        before : Stop
            From the state before it.
        """
        self._blocked[:] = False
        clear = self.of(shaper)
        if clear < -DEPTH:
            # Whoever is too near already, as when armed so, may go anywhere but nearer.
            floor = min(-DEPTH, self._collision.clearance(before.position))
            if clear < floor:
                self._brake(shaper, before.at(self._period), floor)

    def _brake(
        self, shaper: Shaper, stop: tuple[np.ndarray, np.ndarray, np.ndarray], floor: float,
    ) -> None:
        taken = shaper.motion
        state = np.array([taken.position, taken.velocity, taken.acceleration])
        brake = np.array(stop)
        # One arm, the other, both, the body, and in the end all, which could stop until now: a jaw
        # that opens onto a hand is of the face.
        options = [*self._arms, np.concatenate(self._arms)] if self._arms else []
        for columns in (*options, self._body, np.arange(len(self._blocked))):
            trial = state.copy()
            trial[:, columns] = brake[:, columns]
            shaper.impose(*trial)
            if self.of(shaper) >= floor:
                break
        self.braked += 1
        self._braked_ago = 0
        self._blocked[columns] = True
