# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A lesson: somebody shows a movement a few times, it is named, and the robot knows it.

The same lesson serves the console, a video and the running node: whoever holds it tells it the
postures that are seen and the time, and passes its sentences on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirror_robot.body.model import RobotModel
from mirror_robot.human.posture import HumanPosture
from mirror_robot.mirror.memory import demonstration_weight
from mirror_robot.mirror.telling_apart import confusions
from mirror_robot.motor.primitive import MotorPrimitive
from mirror_robot.motor.shown import (
    Demonstration,
    Shown,
    bind_shown,
    change_shown,
    check_name,
    cut,
)

WAITING, COUNTING, SHOWING, OVER = "waiting", "counting", "showing", "over"

_LOOK_EVERY = 0.4
"""How often a lesson looks for movements that are complete [s]."""

_MOVED = 1.3
"""A repetition that counts so many times as much as another is worth a word."""

_RIVAL = 0.1
"""A unit that fires for this share of a movement's time is worth a warning."""


class LessonError(ValueError):
    """A lesson from which nothing can be learnt; says why, and what would help."""


class Lesson:
    """Counts down, watches, and says how far it has come.

    Parameters
    ----------
    name : str
        Of the movement.
    repetitions : int
        How often it is to be shown.
    countdown : int
        From which number it counts down, one a second.
    longest : float
        After this time of showing the lesson is over [s].
    patience : float
        How long it waits for somebody to be seen [s].

    Attributes
    ----------
    state : str
        `WAITING` for somebody to be seen, `COUNTING` down, `SHOWING`, or `OVER`.

    Raises
    ------
    RepertoireError
        If a unit cannot be named so.
    ValueError
        If `repetitions` is less than one.
    """

    def __init__(self, name: str, *, repetitions: int = 3, countdown: int = 3,
                 longest: float = 30.0, patience: float = 10.0) -> None:
        check_name(name)
        if repetitions < 1:
            raise ValueError(f"a movement is shown at least once, not {repetitions} times")
        self.name, self.repetitions = name, repetitions
        self._countdown, self._longest, self._patience = countdown, longest, patience
        self.state = WAITING
        self._postures: list[HumanPosture] = []
        self._weights: list[float] = []
        self._shown: list[Demonstration] = []
        self._since: float | None = None
        self._counted, self._looked = countdown, -np.inf

    def see(self, posture: HumanPosture, importance: float = 0.0) -> None:
        """Take in a posture of the person who shows; before the countdown is over it is let go.

        Parameters
        ----------
        posture : HumanPosture
        importance : float
            Of what is felt with the person meanwhile, 0..1; what is shown with strong feeling
            counts more (`mirror_robot.mirror.memory`).
        """
        if self.state == WAITING or self.state == SHOWING:
            self._postures.append(posture)
            self._weights.append(demonstration_weight(importance))

    @property
    def shown(self) -> tuple[Demonstration, ...]:
        """What was shown, repetition by repetition."""
        return tuple(self._shown)

    def update(self, now: float) -> list[str]:
        """Return what is to be said now.

        Parameters
        ----------
        now : float
            Of any clock that does not jump, in seconds.
        """
        if self._since is None:
            self._since = now
        elapsed = now - self._since
        if self.state == WAITING:
            return self._wait(now, elapsed)
        if self.state == COUNTING:
            return self._count(now, elapsed)
        if self.state == SHOWING and now - self._looked >= _LOOK_EVERY:
            self._looked = now
            return self._look(elapsed)
        return []

    def _wait(self, now: float, elapsed: float) -> list[str]:
        if self._postures:
            self.state, self._since, self._postures, self._weights = COUNTING, now, [], []
            return [f"lesson {self.name}: stand so that I see your arms", *self._count(now, 0.0)]
        if elapsed > self._patience:
            self.state = OVER
            return [f"lesson {self.name} is over: nobody was seen for {self._patience:.0f} s"]
        return [] if elapsed > 0.0 else [f"lesson {self.name}: I am looking for somebody"]

    def _count(self, now: float, elapsed: float) -> list[str]:
        said = []
        while self._counted > 0 and elapsed >= self._countdown - self._counted:
            said.append(f"{self._counted} ...")
            self._counted -= 1
        if elapsed >= self._countdown:
            self.state, self._since = SHOWING, now
            said.append("now: show it, then rest" if self.repetitions == 1 else
                        f"now: show it {self.repetitions} times, with a rest after each")
        return said

    def _look(self, elapsed: float) -> list[str]:
        said = []
        latest = self._postures[-1].stamp if self._postures else -np.inf
        complete = cut(self._postures, latest, weights=self._weights)
        for number in range(len(self._shown) + 1, min(len(complete), self.repetitions) + 1):
            said.append(f"seen {number} of {self.repetitions} "
                        f"({complete[number - 1].times[-1]:.1f} s)")
        if len(complete) > len(self._shown):
            self._shown = complete[:self.repetitions]
        if len(self._shown) >= self.repetitions:
            self.state = OVER
        elif elapsed > self._longest:
            said += [f"{self._longest:.0f} s are over", *self.end()]
        return said

    def end(self) -> list[str]:
        """End the lesson with what was shown so far, and return what is to be said."""
        if self.state == SHOWING:
            # Whoever ends it has finished showing: no rest need follow.
            self._shown = cut(self._postures, weights=self._weights)[:self.repetitions]
        self.state = OVER
        count = len(self._shown)
        return [f"lesson {self.name} ends after {count} repetition{'s' * (count != 1)}"]

    def cancel(self) -> list[str]:
        """End the lesson without anything learnt, and return what is to be said."""
        self.state, self._shown = OVER, []
        return [f"lesson {self.name} is cancelled; nothing is kept"]


@dataclass(frozen=True)
class Learnt:
    """What a lesson came to.

    Attributes
    ----------
    movement : Shown
        In human terms.
    unit : MotorPrimitive
        Bound to the robot.
    told_as : mapping str -> float
        What fires while it is made: name of a unit -> share of its time, 0..1, likeliest first.
    """

    movement: Shown
    unit: MotorPrimitive
    told_as: dict[str, float]

    @property
    def own(self) -> float:
        """Share of its time in which it is told as itself, 0..1."""
        return self.told_as.get(self.movement.name, 0.0)

    @property
    def rivals(self) -> dict[str, float]:
        """The units with which it will be confused, and for which share of its time, 0..1."""
        return {name: share for name, share in self.told_as.items()
                if name not in (self.movement.name, "unknown", "rest") and share >= _RIVAL}

    def sentences(self) -> list[str]:
        """Return what is to be said of it."""
        shown = self.movement.demonstrations
        lengths = ", ".join(f"{one.times[-1]:.1f} s" for one in shown)
        rivals = ", ".join(f"{name} ({share:.0%})" for name, share in self.rivals.items())
        weights = [one.weight for one in shown]
        moved = max(weights) >= _MOVED * min(weights)
        return [f"learnt {self.movement.name} from {len(shown)} "
                f"repetition{'s' * (len(shown) != 1)}: {lengths}"
                + (f"; number {weights.index(max(weights)) + 1} moved me most and counts most"
                   if moved else ""),
                f"told as itself in {self.own:.0%} of its time"
                + (f"; will be confused with: {rivals}" if rivals else "")]


def learn(name: str, shown: Sequence[Demonstration], model: RobotModel,
          known: Sequence[MotorPrimitive], meaning: str = "") -> Learnt:
    """Make a unit of what was shown, and see how well it is told apart.

    Parameters
    ----------
    name : str
    shown : sequence of Demonstration
    model : RobotModel
    known : sequence of MotorPrimitive
        What the robot knows beside it; a unit of the same name is what it takes the place of.
    meaning : str
        What it does, for the narration; the name by default.

    Raises
    ------
    LessonError
        If nothing was shown, or the robot has no joint for what moved.
    """
    if not shown:
        raise LessonError("no movement was seen: move from rest to rest, with the arms in sight")
    movement = Shown(name, tuple(shown), meaning or name.replace("_", " "))
    unit = bind_shown(movement, model)
    if unit is None:
        raise LessonError(f"{model.profile.name} has no joint for what moved")
    return Learnt(movement, unit, dict(confusions(unit, known, model)))


def keep(movement: Shown, path: Path) -> None:
    """Store a movement, in the place of one of the same name."""
    change_shown(path, lambda kept: [
        *(one for one in kept if one.name != movement.name), movement])


def learn_and_keep(path: Path, name: str, shown: Sequence[Demonstration], model: RobotModel,
                   known: Sequence[MotorPrimitive]) -> Learnt:
    """Make a unit of what was shown, as `learn` does, and store the movement."""
    learnt = learn(name, shown, model, known)
    keep(learnt.movement, path)
    return learnt
