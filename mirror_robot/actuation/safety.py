# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The states of the actuation, what leads from one to another, and the watchdogs.

======== ================================================= =======================================
state    the robot                                         left by
======== ================================================= =======================================
disarmed is left alone; nothing is sent                    ``enable`` -> following
following does what is seen                                silence -> holding
holding  stops and stays: no target is fresh               target -> following; time -> resting
resting  goes to rest slowly and stays there               target -> following
relaxing goes to rest slowly, because it was asked to      there -> disarmed
stopping stops within the limits                           standing -> disarmed
emergency stops within the limits, latched                 ``reset`` -> disarmed
======== ================================================= =======================================

Only silence of the targets recovers by itself: the operator armed the robot, and nothing but the
person went away. Everything else (no joint states, a joint that does not follow, the deadman) ends
in *disarmed* with a reason, because the robot is then not where the commands thought it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np


class State(str, Enum):
    """What the actuation is doing."""

    DISARMED = "disarmed"
    FOLLOWING = "following"
    HOLDING = "holding"
    RESTING = "resting"
    RELAXING = "relaxing"
    STOPPING = "stopping"
    EMERGENCY = "emergency"


ARMED = frozenset({State.FOLLOWING, State.HOLDING, State.RESTING})
"""States in which the robot follows as soon as there is something to follow."""


@dataclass(frozen=True)
class Answer:
    """The answer to a request of an operator.

    Attributes
    ----------
    accepted : bool
    text : str
        What happens now, or why it was refused and what would help.
    """

    accepted: bool
    text: str


class Silence:
    """How long nothing was received of n things, counted only while this process is awake.

    A process that was stopped or starved for a while finds its input silent when it wakes,
    although messages wait for it. Time between two checks therefore counts for at most `grain`.
    """

    def __init__(self, count: int, grain: float = 0.1) -> None:
        self._grain = grain
        self._checked: float | None = None
        self._silent = np.full(count, np.inf)

    def heard(self, which: np.ndarray | slice = slice(None)) -> None:
        """Note that something was received."""
        self._silent[which] = 0.0

    def check(self, steady: float) -> np.ndarray:
        """Return the silences (n,) [s] at `steady`; infinite where nothing was ever received."""
        if self._checked is not None:
            self._silent += min(max(steady - self._checked, 0.0), self._grain)
        self._checked = steady
        return self._silent


class FollowingMonitor:
    """Finds joints that do not do what they are told.

    A joint is stalled when it was told to move through its travel within a second, was far off for
    a good part of that time, and did not move by a fifth of that during this second and the grace
    after it. All three are needed. A twitch of a lip is told and over in a tenth of a second, and
    a loaded machine may never deliver it; and what a robot did is known only as late as its joint
    states come.

    Parameters
    ----------
    error : ndarray (n,)
        Largest distance of measured and commanded position [rad] ...
    time : float
        ... that may last this long [s].
    travel : ndarray (n,)
        How far a joint must be told to move before it can be found stalled [rad].
    grace : float
        How much later than told a movement may be seen [s]: delay of drive and joint states.
    """

    _EVERY, _WINDOW, _OFF = 0.1, 10, 0.3

    def __init__(
        self, error: np.ndarray, time: float, travel: np.ndarray, grace: float = 0.5,
    ) -> None:
        self._limit, self._time, self._travel = error, time, travel
        self._slots = self._WINDOW + int(np.ceil(grace / self._EVERY))
        self.clear()

    def clear(self) -> None:
        """Forget what was seen, as when arming."""
        count = len(self._limit)
        self.error = np.zeros(count)
        """Latest distance of measured and commanded position (n,) [rad]."""
        self._since = np.full(count, np.inf)
        # Extremes over slots of 0.1 s, so that no movement falls between two samples.
        self._told = np.full((self._slots, 2, count), np.nan)
        self._seen = np.full((self._slots, 2, count), np.nan)
        self._off = np.zeros((self._slots, count))
        self._now: list[np.ndarray] = []
        self._slot_end, self._checked = -np.inf, -np.inf
        self._stalled = np.zeros(count, bool)

    def check(
        self, told: np.ndarray, seen: np.ndarray, steady: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which joints (n,) are too far off for too long, and which are stalled."""
        self.error = np.abs(told - seen)
        over = self.error > self._limit
        self._since = np.where(over, np.minimum(self._since, steady), np.inf)
        passed = min(steady - self._checked, self._EVERY)
        self._checked = steady
        off = passed * (self.error > 0.5 * self._travel)
        if self._now:
            low, high, dip, peak, away = self._now
            self._now = [np.minimum(low, told), np.maximum(high, told),
                         np.minimum(dip, seen), np.maximum(peak, seen), away + off]
        else:
            self._now = [told, told, seen, seen, off]
        if steady >= self._slot_end:
            self._slot_end = steady + self._EVERY
            low, high, dip, peak, away = self._now
            self._now = []
            self._told = np.concatenate([self._told[1:], [[low, high]]])
            self._seen = np.concatenate([self._seen[1:], [[dip, peak]]])
            self._off = np.concatenate([self._off[1:], [away]])
            # NaN until the window is full.
            asked = np.ptp(self._told[:self._WINDOW], axis=(0, 1))
            done = np.ptp(self._seen, axis=(0, 1))
            self._stalled = ((asked > self._travel) & (done < 0.2 * asked)
                             & (self._off.sum(axis=0) >= self._OFF))
        return over & (steady - self._since >= self._time), self._stalled


class Supervisor:
    """The state machine; knows no time but what it is told."""

    def __init__(self) -> None:
        self.state = State.DISARMED
        self.reason = "not enabled yet"
        """Why it is in this state; one line for an operator."""
        self.pressed = False
        """Whether the emergency stop is being pressed."""

    def _go(self, state: State, reason: str) -> None:
        self.state, self.reason = state, reason

    def enable(self, obstacles: str) -> Answer:
        """Arm, unless there are `obstacles` (a text; empty: none)."""
        if self.state is State.EMERGENCY:
            return Answer(False, "the emergency stop is latched; call reset first")
        if self.state in ARMED:
            return Answer(True, "already enabled")
        if self.state is not State.DISARMED:
            return Answer(False, f"still {self.state.value}; try again when the robot stands")
        if obstacles:
            return Answer(False, obstacles)
        self._go(State.FOLLOWING, "enabled")
        return Answer(True, "enabled; the robot follows within its limits")

    def stop(self, reason: str) -> Answer:
        """Decelerate to a hold and disarm."""
        if self.state is State.DISARMED:
            return Answer(True, "the robot is disarmed already")
        if self.state is State.EMERGENCY:
            return Answer(True, "the emergency stop is latched already")
        self._go(State.STOPPING, reason)
        return Answer(True, "decelerating to a hold; disarmed then")

    def relax(self) -> Answer:
        """Go to rest slowly and disarm."""
        if self.state not in ARMED:
            return Answer(False, f"the robot is {self.state.value}; enable it first")
        self._go(State.RELAXING, "asked to relax")
        return Answer(True, "going to rest; disarmed then")

    def emergency(self, pressed: bool) -> None:
        """Take in the state of the emergency stop; pressing latches, releasing does not reset."""
        self.pressed = pressed
        if pressed and self.state is not State.EMERGENCY:
            self._go(State.EMERGENCY, "emergency stop; release it and call reset")

    def reset(self, standing: bool) -> Answer:
        """Leave the emergency state, when nobody presses and the robot stands."""
        if self.state is not State.EMERGENCY:
            return Answer(True, "no emergency stop is latched")
        if self.pressed:
            return Answer(False, "the emergency stop is still pressed")
        if not standing:
            return Answer(False, "the robot still decelerates")
        self._go(State.DISARMED, "reset after an emergency stop")
        return Answer(True, "reset; enable to go on")

    def leave(self, reason: str) -> None:
        """Disarm at once; a latched emergency stays."""
        if self.state is not State.EMERGENCY:
            self._go(State.DISARMED, reason)

    def targets(self, fresh: bool, resting: bool, hold: str = "") -> None:
        """Take in what there is to follow.

        Parameters
        ----------
        fresh, resting : bool
            Whether any target is fresh, and whether none has been for the holding time.
        hold : str
            Why nothing is followed nevertheless; empty when there is no such reason.
        """
        if self.state not in ARMED:
            return
        wanted = State.FOLLOWING if fresh else State.RESTING if resting else State.HOLDING
        if wanted is not self.state or hold:
            self._go(wanted, hold or ("targets arrive" if fresh else "no fresh target"))

    def standing(self, at_rest: bool) -> None:
        """Take in that the robot stands; `at_rest`: in the rest posture."""
        if self.state is State.STOPPING or (self.state is State.RELAXING and at_rest):
            self._go(State.DISARMED, self.reason)
