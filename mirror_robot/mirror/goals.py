# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What somebody reaches for: which of the objects that are known, early, or none of them.

Bayesian goal inference as in Baker, Saxe and Tenenbaum (Action understanding as inverse planning,
Cognition 113, 2009), with the movements that people make as the model of how a goal is pursued: a
hand that goes from x0 to g within a time D is after t seconds at

    x0 + s(t / D) (g - x0),    s(u) = 10 u^3 - 15 u^4 + 6 u^5

the minimum-jerk course (Flash and Hogan, The coordination of arm movements, J. Neuroscience 5,
1985), and D grows with the way (after Fitts 1954). Every object is such a goal g, known to within
its size; `none` is the same movement to a place that is not known. All are compared by how well
they explain where the hand has been since it set out - its direction and how fast it goes, which
early on tells how far it will go - with D and the instant of the start summed out. With g normal
about the object everything is a closed form; nothing is sampled or learnt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.human.observation import BodyObservation

HANDS = ("left", "right")

NONE = "none"
"""In a distribution over objects: it goes nowhere, or somewhere else."""

_DURATIONS = np.geomspace(0.3, 2.4, 14)
_STARTS = np.array([0.0, 0.07, 0.14])
"""How long ago before it was noticed the hand may have set out [s]."""

_TIME = 0.45, 0.7
"""A way of d metres usually takes the first [s] plus the second [s/m] times d."""

_TIME_SPREAD = 0.4
"""Standard deviation of the logarithm of that time."""

_NOISE = 0.02
"""Standard deviation of where a hand is seen [m]."""

_STRAY = 0.3
"""How far hands stray from the straight course, as a share of the way made so far."""

_EXACT = 0.02
"""The same at the end, when the hand comes to rest."""

_HURRY_NOISE = 0.15
"""Standard deviation of how fast a hand is seen to go [m/s]."""

_HURRY = 0.18
"""How far its velocity strays, as a share of the greatest so far."""

_CORRELATION = 0.14
"""What strays goes on straying: so many seconds of frames count as one observation."""

_FADING = 0.14
"""A course that bends says less and less of where it leads [s]."""

_SIZE = 0.05
"""Standard deviation of where a hand ends that reaches for an object, about the object [m]."""

_REACH = 0.35
"""Standard deviation of where hands go from where they are, in each direction [m]."""

_OFF = 0.15, 0.3
"""A hand stands still below the first speed and has set out above the second [m/s]."""

_STOPPED = 0.2
"""A hand that stands still for this long has arrived [s]."""

_HELD = 0.8
"""What it reached for is told for so long after it has arrived [s]."""

_TURNED = 0.6
"""A hand that slows down to this share of its speed, and goes on, sets out for something else."""

_RISEN = 1.3
"""How much faster than at its slowest a hand is that has set out for something else."""

_LONGEST = 2.5
"""What takes longer is no single reach [s]."""

_WAY = 0.03
"""Before a hand has come this far its direction says nothing [m]."""

_GAP = 0.4
"""A hand that was not seen for longer starts anew [s]."""


@dataclass(frozen=True)
class Reach:
    """What a hand is probably reaching for.

    Attributes
    ----------
    stamp : float
        Of the image [s].
    hand : str
        ``left`` or ``right``, the person's own; empty while no hand reaches.
    distribution : mapping str -> float
        Over the objects' names and `NONE`; sums to 1.
    """

    stamp: float
    hand: str
    distribution: Mapping[str, float]

    def target(self, floor: float = 0.5) -> str:
        """Return the object with a probability of at least `floor`, or an empty string."""
        best = max(self.distribution, key=lambda name: self.distribution[name])
        return best if best != NONE and self.distribution[best] >= floor else ""


def hand_positions(body: BodyObservation) -> np.ndarray:
    """Return where the hands (2, 3) of a body are, in its frame [m]; NaN where unknown.

    The middle of wrist and knuckles, or the wrist alone where no more is known.
    """
    rows = np.array([[POSE_INDEX[f"{side}_{part}"] for part in ("wrist", "index", "pinky")]
                     for side in HANDS])
    points = body.landmarks[rows]
    knuckles = 0.5 * (points[:, 1] + points[:, 2])
    return np.where(np.isfinite(knuckles), 0.5 * (points[:, 0] + knuckles), points[:, 0])


class _Hand:
    """Follows one hand from where it set out."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Know nothing of where the hand was."""
        self._recent: list[tuple[float, np.ndarray]] = []
        self._course: list[tuple[float, np.ndarray]] = []
        self.moving = False
        self._peak = self._slowest = 0.0
        self._still_since: float | None = None
        self.arrived = -np.inf

    def see(self, stamp: float, position: np.ndarray) -> None:
        """Take in where the hand (3,) is."""
        if not np.isfinite(position).all():
            if self._recent and not 0.0 <= stamp - self._recent[-1][0] <= _GAP:
                self.reset()
            return
        if self._recent and not 0.0 < stamp - self._recent[-1][0] <= _GAP:
            if stamp == self._recent[-1][0]:
                return
            self.reset()
        self._recent.append((stamp, position))
        while len(self._recent) > 2 and self._recent[1][0] <= stamp - 0.1:
            self._recent.pop(0)
        span = stamp - self._recent[0][0]
        if span <= 0.0:
            return
        speed = float(np.linalg.norm(position - self._recent[0][1])) / span
        if self.moving:
            self._go_on(stamp, position, speed)
        elif speed > _OFF[1]:
            self._set_out(speed)

    def _set_out(self, speed: float) -> None:
        self.moving, self.arrived = True, -np.inf
        self._course = list(self._recent)
        self._peak = self._slowest = speed
        self._still_since = None

    def _go_on(self, stamp: float, position: np.ndarray, speed: float) -> None:
        self._course.append((stamp, position))
        if speed < _OFF[0]:
            self._still_since = stamp if self._still_since is None else self._still_since
            if stamp - self._still_since >= _STOPPED:
                self.moving, self.arrived = False, stamp
            return
        self._still_since = None
        if speed > self._peak:
            self._peak = self._slowest = speed
        self._slowest = min(self._slowest, speed)
        turned = (self._slowest < _TURNED * self._peak and speed > _RISEN * self._slowest
                  and speed > _OFF[1])
        if turned or stamp - self._course[0][0] > _LONGEST:
            self._set_out(speed)

    def evidence(self, goals: np.ndarray) -> np.ndarray | None:
        """Return log p(course | goal) (k + 1,) of goals (k, 3) and, last, of somewhere else.

        None while the course says nothing.
        """
        if len(self._course) < 2:
            return None
        times = np.array([when for when, _ in self._course])
        places = np.array([place for _, place in self._course])
        elapsed, way = times[1:] - times[0], places[1:] - places[0]
        extent = float(np.linalg.norm(way, axis=1).max())
        if extent < _WAY:
            return None
        steps = np.diff(times)
        velocity = np.diff(places, axis=0) / steps[:, None]
        fastest = float(np.linalg.norm(velocity, axis=1).max())
        fresh = np.minimum(steps / _CORRELATION, 1.0) * np.exp((times[1:] - times[-1]) / _FADING)
        # Who slows down is about to arrive, and corrects what strayed.
        pace_left = float(np.linalg.norm(velocity[-2:].mean(axis=0))) / max(fastest, 1e-9)
        stray = (_EXACT + (_STRAY - _EXACT) * min(pace_left, 1.0) ** 2) * extent
        weight = fresh / (_NOISE ** 2 + stray ** 2)
        hurry = fresh / (_HURRY_NOISE ** 2 + (_HURRY * fastest) ** 2)
        ahead = (elapsed + _STARTS[:, None])[None] / _DURATIONS[:, None, None]
        u = np.minimum(ahead, 1.0).reshape(-1, len(elapsed))
        s = u ** 3 * (10.0 - 15.0 * u + 6.0 * u * u)
        # Velocities lie between two frames.
        between = np.minimum(ahead - 0.5 * steps / _DURATIONS[:, None, None], 1.0)
        u = np.maximum(between, 0.0).reshape(-1, len(elapsed))
        pace = 30.0 * (u * (1.0 - u)) ** 2 / np.repeat(_DURATIONS, len(_STARTS))[:, None]
        squares = (s * s) @ weight + (pace * pace) @ hurry
        product = (s * weight) @ way + (pace * hurry) @ velocity
        about = goals - places[0]
        middle = np.concatenate([about, np.zeros((1, 3))])
        precision = np.append(np.full(len(goals), 1.0 / _SIZE ** 2), 1.0 / _REACH ** 2)
        # The integral over g of N(g; middle, 1 / precision) exp(-(s^2 g^2 - 2 s way g) / 2).
        total = squares[:, None] + precision
        pulled = product[:, None] + (precision[:, None] * middle)[None]
        log = 1.5 * np.log(precision / total) - 0.5 * (
            precision * (middle ** 2).sum(axis=1) - (pulled ** 2).sum(axis=2) / total)
        # How long the way would take; for somewhere else it is as far as hands go on average.
        far = np.append(np.linalg.norm(about, axis=1), 1.2 * _REACH)
        usual = np.log(_TIME[0] + _TIME[1] * far)
        spread = np.append(np.full(len(goals), _TIME_SPREAD), 1.3 * _TIME_SPREAD)
        prior = -0.5 * ((np.log(_DURATIONS)[:, None] - usual) / spread) ** 2
        prior -= np.log(np.exp(prior).sum(axis=0))
        log += np.repeat(prior, len(_STARTS), axis=0)
        top = log.max(axis=0)
        return top + np.log(np.exp(log - top).mean(axis=0))


class GoalReader:
    """Tells which object somebody reaches for, from where the hands are.

    Parameters
    ----------
    none : float
        0..1: how likely a movement of a hand is for none of the objects, before it is seen.
    """

    def __init__(self, none: float = 0.5) -> None:
        if not 0.0 < none < 1.0:
            raise ValueError(f"none is a probability between 0 and 1, not {none}")
        self._none = none
        self._hands = [_Hand() for _ in HANDS]
        self.reset()

    def reset(self) -> None:
        """Forget the person."""
        for hand in self._hands:
            hand.reset()

    def update(self, stamp: float, hands: np.ndarray, names: Sequence[str],
               positions: np.ndarray) -> Reach:
        """Take in where hands and objects are, and return what is reached for.

        Parameters
        ----------
        stamp : float
            Acquisition time [s]; a time that jumps back starts anew.
        hands : ndarray (2, 3)
            Of `HANDS` [m], NaN where unknown, in any frame that does not move.
        names : sequence of k str
        positions : ndarray (k, 3)
            Of the objects, in the frame of the hands [m]; NaN where unknown.
        """
        positions = np.asarray(positions, float).reshape(-1, 3)
        known = np.isfinite(positions).all(axis=1)
        nothing = dict.fromkeys(names, 0.0) | {NONE: 1.0}
        best = Reach(stamp, "", nothing)
        for side, hand, place in zip(HANDS, self._hands, hands):
            hand.see(stamp, place)
            reaches = hand.moving or 0.0 <= stamp - hand.arrived <= _HELD
            if not (reaches and known.any()):
                continue
            log = hand.evidence(positions[known])
            if log is None:
                continue
            log += np.append(np.full(known.sum(), np.log((1 - self._none) / known.sum())),
                             np.log(self._none))
            share = np.exp(log - log.max())
            share /= share.sum()
            if share[-1] < best.distribution[NONE]:
                told = dict(zip(np.asarray(names)[known].tolist(), share.tolist()))
                best = Reach(stamp, side, nothing | told | {NONE: float(share[-1])})
        return best
