# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What is known of the running loop at this moment, and of the last minute; others feed it."""

from __future__ import annotations

import functools
import math
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mirror_robot.mirror.affect import Affect, describe
from mirror_robot.mirror.intention import NONE, UNKNOWN, load_intentions

FRESH = 1.5
"""Time [s] after which what was heard is no longer taken for the present."""

MEMORY = 60.0
"""Time [s] that the timeline goes back."""

TRAIL = 12.0
"""Time [s] that the trail of the mood goes back."""

_FIRING = 0.5  # activation from which a unit is told as an action
_GAP = 0.6  # [s] of silence within one and the same thing
_SAID = 5.0  # [s] after which a sentence about nobody's action is past
_FADE = 4.0  # [s] in which a unit that fired makes room for another
_COUNT = re.compile(r"\d+ \.\.\.")
_OTHER_SIDE = {"left": "right", "right": "left"}
_ANSWERS = 5  # what the robot said to the user, newest last
_ECHO = 1.5  # [s] within which the same is told on two ways
OK, WARN, ERROR, STALE = range(4)
"""Levels of a node's health, the numbers of diagnostic_msgs/DiagnosticStatus."""


@functools.cache
def _background() -> frozenset[str]:
    return load_intentions().background


def is_action(unit: str) -> bool:
    """Return whether a unit stands for doing something, unlike rest and the unknown."""
    return unit not in _background() and not unit.startswith(UNKNOWN)


def firing(activation: Mapping[str, float]) -> tuple[str, float]:
    """Return the action that fires most and its probability; empty and 0 where none does."""
    actions = {unit: value for unit, value in activation.items() if is_action(unit)}
    best = max(actions, key=actions.get, default="")
    return (best, actions[best]) if best and actions[best] >= _FIRING else ("", 0.0)


def spoken(name: str) -> str:
    """Return a unit's or intention's name as people write it."""
    return name.replace("_", " ")


@dataclass
class Segment:
    """Something that lasted from `begin` to `end` [s]."""

    label: str
    begin: float
    end: float


class Lane:
    """What there was, one after the other, in the last minute."""

    def __init__(self) -> None:
        self.segments: deque[Segment] = deque()

    def tell(self, now: float, label: str) -> None:
        """Say what there is at `now` [s]; empty for nothing."""
        if self.segments and now < self.segments[-1].end:  # the clock jumped back
            self.segments.clear()
        last = self.segments[-1] if self.segments else None
        if last is not None and last.label == label and now - last.end < _GAP:
            last.end = now
        elif label:
            if last is not None and now - last.end < _GAP:
                last.end = now
            self.segments.append(Segment(label, now, now))
        while self.segments and self.segments[0].end < now - MEMORY:
            self.segments.popleft()


@dataclass(frozen=True)
class Health:
    """What a node says of itself.

    Attributes
    ----------
    level : int
        `OK`, `WARN`, `ERROR` or `STALE`.
    message : str
    values : mapping str -> str
    heard : float
        When it was said [s].
    """

    level: int
    message: str
    values: Mapping[str, str]
    heard: float


class Rows:
    """Chooses which of many units are shown, so that none jumps about while one watches it."""

    def __init__(self, count: int = 8) -> None:
        self._count = count
        self._scores: dict[str, float] = {}
        self._time = -math.inf
        self.shown: list[str] = []

    def update(self, now: float, activations: Sequence[Mapping[str, float]]) -> list[str]:
        """Return the units to show at `now` [s], each in the row that it had before."""
        fade = math.exp(-min(max(now - self._time, 0.0), 60.0) / _FADE)
        self._time = now
        scores = {unit: fade * score for unit, score in self._scores.items()}
        for activation in activations:
            for unit, value in activation.items():
                if unit.startswith(UNKNOWN):
                    continue
                scores[unit] = max(scores.get(unit, 0.0), value)
        self._scores = scores
        self.shown = [unit for unit in self.shown if unit in scores]
        for unit in sorted(scores, key=scores.get, reverse=True)[:self._count]:
            if unit in self.shown:
                continue
            if len(self.shown) < self._count:
                self.shown.append(unit)
                continue
            weakest = min(self.shown, key=scores.get)
            if scores[unit] > scores[weakest] + 0.03:
                self.shown[self.shown.index(weakest)] = unit
        return self.shown


@dataclass
class State:
    """Everything that the page shows. Fed and read by one thread.

    Attributes
    ----------
    now : float
        The present [s], on the clock of the loop.
    image : bytes
        The camera's picture as JPEG, with skeleton, face and ids.
    joints : mapping joint -> position [rad or m]
        Of the robot.
    ghost : mapping joint -> position [rad or m]
        Where the robot would be; empty for no ghost.
    ghost_of : str
        What the ghost shows, for people.
    goal : tuple (x, y, z) or None
        Where the hand is heading [m], in the frame of the robot's root link.
    person : str
        Transient id; empty when nobody is seen.
    mirror_image : bool
        Whether the person's right drives the robot's left.
    people : tuple of str
        Ids of the bodies that are seen.
    units : tuple of str
        All motor units that were ever heard of, in their own order.
    action, action_probability, own_action
        The unit that the person fires, and the one that the robot's own movement fires.
    intention, intention_probability
        What is probably meant.
    affect : tuple (valence, arousal, dominance) or None
        -1..1
    trail : sequence of (time, valence, arousal)
    sentence, said_at
        What was last said of the person, and when [s].
    robot : str
        State of the actuation: ``disarmed``, ``following`` and the like.
    answers : sequence of str
        What the robot said to whoever uses the page in the last minute, newest last.
    """

    now: float = 0.0
    image: bytes = b""
    image_at: float = -math.inf
    joints: dict[str, float] = field(default_factory=dict)
    ghost: Mapping[str, float] = field(default_factory=dict)
    ghost_of: str = ""
    goal: tuple[float, float, float] | None = None
    person: str = ""
    mirror_image: bool = False
    people: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    sentence: str = ""
    said_at: float = -math.inf
    robot: str = ""
    answers: deque[str] = field(default_factory=lambda: deque(maxlen=_ANSWERS))
    intention: str = NONE
    affect: tuple[float, float, float] | None = None
    trail: deque[tuple[float, float, float]] = field(default_factory=deque)
    health: dict[str, Health] = field(default_factory=dict)
    rows: Rows = field(default_factory=Rows)
    lanes: Mapping[str, Lane] = field(
        default_factory=lambda: {name: Lane() for name in ("sees", "means", "does")})

    def __post_init__(self) -> None:
        self._activations: dict[str, tuple[float, Mapping[str, float]]] = {}
        self._intentions: tuple[float, Mapping[str, float]] = -math.inf, {}
        self._intended = self._felt = self._ghost_at = self._goal_at = -math.inf
        self._ghost_from = ""
        self._answered = -math.inf
        self._said_of: tuple[frozenset[str], str] = frozenset(), NONE
        self._mood: tuple[Any, str] = None, ""

    def at(self, now: float) -> None:
        """Move on to `now` [s]; what is old by then is no longer the present."""
        if now < self.now - 1.0:  # a simulated clock was set back
            self.__post_init__()
            self.trail.clear()
            self.image_at = -math.inf
        self.now = now
        if now - self._ghost_at > 0.7:
            self.ghost, self.ghost_of, self._ghost_from = {}, "", ""
        if now - self._goal_at > 0.7:
            self.goal = None
        if now - self._felt > FRESH:
            self.affect = None
        if now - self._intended > FRESH:
            self.intention = NONE
        if not self.seen:
            self.person = ""
        if now - self._answered > MEMORY:
            self.answers.clear()
        while self.trail and self.trail[0][0] < now - TRAIL:
            self.trail.popleft()
        self.lanes["sees"].tell(now, self.by_person(firing(self.seen)[0]))
        self.lanes["means"].tell(
            now, "" if self.intention in (NONE, UNKNOWN) else self.intention)
        self.lanes["does"].tell(now, firing(self.own)[0])

    # What is heard

    def hear_activation(self, source: str, values: Mapping[str, float]) -> None:
        """Take the motor units' activation, driven by ``self`` or by a person's id."""
        self._activations["self" if source == "self" else "seen"] = self.now, values
        if source != "self":
            self.person = source
        if not self.units or not values.keys() <= set(self.units):
            self.units = (*self.units, *(unit for unit in values if unit not in self.units))

    def hear_intention(self, label: str) -> None:
        """Take what is probably meant."""
        self.intention, self._intended = label, self.now

    def hear_intentions(self, values: Mapping[str, float]) -> None:
        """Take how probable everything that may be meant is."""
        self._intentions = self.now, values

    def hear_affect(self, valence: float, arousal: float, dominance: float) -> None:
        """Take a felt state, -1..1 each; what is no number is not felt."""
        if all(map(math.isfinite, (valence, arousal, dominance))):
            self.affect, self._felt = (valence, arousal, dominance), self.now
            self.trail.append((self.now, valence, arousal))

    def hear_sentence(self, sentence: str) -> None:
        """Take what is said of the person."""
        self.sentence, self.said_at = sentence, self.now
        self._said_of = self._doing(), self.intention

    def hear_answer(self, line: str) -> None:
        """Take what the robot says to whoever uses the page, of teaching too."""
        before = list(self.answers)
        if line in before and self.now - self._answered < _ECHO:
            return  # a service answers with what is also published
        if before and _COUNT.fullmatch(before[-1]):
            self.answers.pop()  # of a countdown only the last number says anything
        self.answers.append(line)
        self._answered = self.now

    def hear_joints(self, values: Mapping[str, float]) -> None:
        """Take positions of some or all joints."""
        self.joints.update(values)

    def hear_ghost(self, source: str, what: str, values: Mapping[str, float]) -> None:
        """Take where the robot would be, by ``preview`` (which wins) or ``prediction``."""
        if source == "preview" or self._ghost_from != "preview":
            self.ghost, self.ghost_of = values, what
            self._ghost_from, self._ghost_at = source, self.now

    def hear_goal(self, goal: tuple[float, float, float]) -> None:
        """Take where the hand is heading [m]."""
        self.goal, self._goal_at = goal, self.now

    def hear_image(self, jpeg: bytes) -> None:
        """Take the camera's picture."""
        self.image, self.image_at = jpeg, self.now

    def hear_health(self, node: str, level: int, message: str,
                    values: Mapping[str, str]) -> None:
        """Take what a node says of itself."""
        self.health[node] = Health(level, message, values, self.now)
        if node == "perception_node":
            self.people = tuple(filter(None, values.get("ids", "").split(", ")))
        elif node == "actuation_node":
            self.robot = values.get("state", self.robot)

    # What follows from it

    @property
    def seen(self) -> Mapping[str, float]:
        """The motor units' activation by the person; empty when nobody is seen."""
        return self._activation("seen")

    @property
    def own(self) -> Mapping[str, float]:
        """The motor units' activation by the robot's own movement."""
        return self._activation("self")

    @property
    def sentence_holds(self) -> bool:
        """Whether what was said last is still so: something that it was said of goes on."""
        doing, meant = self._said_of
        now = self._doing()
        if meant == self.intention and meant not in (NONE, UNKNOWN):
            return True  # a laugh that became a smile
        if doing or now:  # is told once, however long it lasts
            return bool(doing & now)
        return self.intention == meant and self.now - self.said_at < _SAID

    def _doing(self) -> frozenset[str]:
        return frozenset(unit for unit, value in self.seen.items()
                         if value >= _FIRING and is_action(unit))

    def _activation(self, source: str) -> Mapping[str, float]:
        heard, values = self._activations.get(source, (-math.inf, {}))
        return values if self.now - heard <= FRESH else {}

    def by_person(self, unit: str) -> str:
        """Return what the person does who drives a unit: in a mirror, the other side's."""
        name, _, side = unit.rpartition("_")
        return f"{name}_{_OTHER_SIDE[side]}" if (
            self.mirror_image and name and side in _OTHER_SIDE) else unit

    @property
    def intention_probability(self) -> float:
        """Of the intention [0..1]."""
        heard, values = self._intentions
        return values.get(self.intention, 0.0) if self.now - heard <= FRESH else 0.0

    @property
    def mood(self) -> str:
        """The felt state as a word; empty where nothing is felt."""
        if self.affect is None:
            return ""
        if self._mood[0] != self.affect:
            self._mood = self.affect, describe(
                Affect(self.now, *self.affect, confidence=1.0)).word
        return self._mood[1]

    def figure(self, node: str, *names: str) -> float:
        """Return the first of a node's values that is there, as a number; else NaN."""
        health = self.health.get(node)
        for name in names:
            try:
                return float(health.values[name]) if health else math.nan
            except (KeyError, ValueError):
                continue
        return math.nan
