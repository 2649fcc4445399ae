# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What the robot does: copy, answer, or perform what it was asked for - and which of them wins.

A joint follows, first, a movement that is being performed, then the stance of a response, then
what is copied. So a robot that waves on request goes on copying the smile, and nothing has to be
switched off and on again around a performance.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from mirror_robot.body.face import face_positions
from mirror_robot.mirror.affect import Affect
from mirror_robot.mirror.manner import Manner, Performer
from mirror_robot.mirror.metaphor import Metaphors
from mirror_robot.mirror.narration import Understanding
from mirror_robot.mirror.recognition import Prediction
from mirror_robot.mirror.response import Responder, Response
from mirror_robot.mirror.words import Order, Vocabulary
from mirror_robot.motor.primitive import Trajectory
from mirror_robot.motor.repertoire import Repertoire

MODES = ("mimic", "respond")

_FRESH = 0.5
"""Age [s] up to which what was copied last still goes on beside a performance."""

_ANTICIPATED = 0.8
"""Share of the predicted movement that is anticipated: predictions are sometimes wrong."""

_EASE = 0.35
"""Time constant with which the robot takes a stance [s]."""


@dataclass(frozen=True)
class Wanted:
    """Where joints are wanted.

    Attributes
    ----------
    stamp : float
        [s].
    positions : ndarray (n,)
        [rad]; NaN where nothing is wanted.
    """

    stamp: float
    positions: np.ndarray


class Acting:
    """Decides between copying, answering and performing.

    Parameters
    ----------
    performer : Performer
    metaphors : Metaphors
    vocabulary : Vocabulary
    responder : Responder
    mode : str
        One of `MODES`.
    selective : bool
        Do not copy the expressions that the table spares: match the smile, not the tears.
    delay : float
        Copy so much later [s]; people answer a smile within 0.2 to 0.4 s. Negative: anticipate by
        the prediction.
    """

    def __init__(
        self, performer: Performer, metaphors: Metaphors, vocabulary: Vocabulary,
        responder: Responder, *, mode: str = "mimic", selective: bool = False, delay: float = 0.0,
    ) -> None:
        self.mode, self.selective, self.delay = mode, selective, delay
        self._performer, self._metaphors = performer, metaphors
        self._vocabulary, self._responder = vocabulary, responder
        self._model = performer.model
        self._unknown = np.full(len(self._model.joint_names), np.nan)
        self._trajectory: Trajectory | None = None
        self._begin = 0.0
        self._columns = np.zeros(0, int)
        self._queue: deque[tuple[float, bool, np.ndarray]] = deque()
        nothing = Wanted(-np.inf, self._unknown)
        self._copied = {True: nothing, False: nothing}  # of the body, of the face
        self._affect: Affect | None = None
        self.forget()

    def forget(self) -> None:
        """Forget the person; a performance goes on."""
        self._responder.reset()
        self._affect = None
        self._stance, self._stand = self._unknown, self._unknown
        self._stance_stamp = -np.inf
        self._queue.clear()

    def take_up(self, repertoire: Repertoire, vocabulary: Vocabulary) -> None:
        """Perform what stands in this repertoire from now on; what is being performed goes on."""
        self._performer.repertoire, self._vocabulary = repertoire, vocabulary

    @property
    def performing(self) -> bool:
        """Whether a movement is being performed."""
        return self._trajectory is not None

    @property
    def performance(self) -> Trajectory | None:
        """The whole movement that is being performed; None when there is none."""
        return self._trajectory

    @property
    def leads(self) -> bool:
        """Whether `wanted` is to be asked at a steady rate, and copies are not passed on."""
        return self.performing or self.mode == "respond"

    # Words

    def ask(self, text: str, now: float, own: np.ndarray) -> str:
        """Begin what a sentence asks for, and return what is going to be done.

        Parameters
        ----------
        text : str
        now : float
            [s].
        own : ndarray (n,)
            The robot's own joint positions, NaN where unknown.

        Raises
        ------
        WordsError
            If it is not understood; the message says what would be.
        """
        order = self._vocabulary.parse(text)
        if not order.unit:
            self._trajectory = None
        else:
            self._start(order, now, own)
        return self._vocabulary.answer(order)

    def _start(self, order: Order, now: float, own: np.ndarray) -> None:
        start = np.where(np.isfinite(own), own, self._at(now))
        self._trajectory = self._performer.perform(
            order.unit, order.manner(self._metaphors), start=start, face=order.face() or None,
            repetitions=order.times)
        self._begin = now
        self._columns = np.array(
            [self._model.index[name] for name in self._trajectory.joint_names], int)

    def _at(self, now: float) -> np.ndarray:
        """Return where the performance has the joints (n,), NaN for those that it leaves."""
        positions = self._unknown.copy()
        if self._trajectory is not None:
            times = self._trajectory.times
            late = min(max(now - self._begin, 0.0), times[-1])
            after = min(int(np.searchsorted(times, late)), len(times) - 1)
            before = max(after - 1, 0)
            span = times[after] - times[before]
            share = (late - times[before]) / span if span > 0 else 0.0
            course = self._trajectory.positions
            positions[self._columns] = (1 - share) * course[before] + share * course[after]
        return positions

    # Copying

    def copy(
        self, stamp: float, positions: np.ndarray, prediction: Prediction | None = None,
    ) -> Wanted | None:
        """Take in where a copy would have body or face, and return what is wanted at once.

        Parameters
        ----------
        stamp : float
            Acquisition time [s].
        positions : ndarray (n,)
            Of the body or of the face; NaN for the rest.
        prediction : Prediction, optional
            How the movement will go on, from which it is anticipated when `delay` is negative.

        Returns
        -------
        Wanted or None
            None when it comes later (`late`), or when something else leads.
        """
        body = bool(np.isfinite(positions[self._model.body]).any())
        if not body and self.selective:
            positions = self._spared(positions)
        if self.delay < 0 and prediction is not None and prediction.unit:
            positions = _ahead(positions, prediction, -self.delay)
        if self.delay > 0:
            self._queue.append((stamp + self.delay, body, positions))
            return None
        self._copied[body] = Wanted(stamp, positions)
        return None if self.leads else self._copied[body]

    def late(self, now: float) -> list[Wanted]:
        """Return the delayed copies that are due, oldest first."""
        due = []
        if self._queue and self._queue[-1][0] - now > self.delay + 1.0:  # the clock jumped back
            self._queue.clear()
        while self._queue and self._queue[0][0] <= now:
            stamp, body, positions = self._queue.popleft()
            self._copied[body] = Wanted(stamp, positions)
            due.append(self._copied[body])
        return [] if self.leads else due

    def _spared(self, positions: np.ndarray) -> np.ndarray:
        """Return the positions of a face, without what the table spares."""
        if self._affect is None:
            return positions
        share, instead = self._responder.table.spared(self._affect.emotions)
        if share <= 0.0:
            return positions
        other = self._face(instead)
        known = np.isfinite(positions) & np.isfinite(other)
        return np.where(known, (1 - share) * positions + share * other, positions)

    def _face(self, units: dict[str, float]) -> np.ndarray:
        shown = {unit: 0.0 for gains in self._model.profile.face.values() for unit in gains}
        return face_positions(self._model, {
            unit: units.get(unit, units.get(unit.rstrip("LR"), 0.0)) for unit in shown})

    # Answering

    def answer(
        self, understanding: Understanding, now: float, own: np.ndarray,
        pointing: tuple[float, float] | None = None,
    ) -> Response | None:
        """Take in what is understood; return the response that begins now, if one does.

        Parameters
        ----------
        understanding : Understanding
        now : float
            [s].
        own : ndarray (n,)
        pointing : (turn, pitch), optional
            Where the robot has to look to see what the person points at [rad].
        """
        self._affect = understanding.affect
        if self.mode != "respond":
            return None
        response, begins = self._responder.update(understanding)
        if response is None:
            self._stand = self._unknown
            return None
        if begins or (response.look and pointing is not None):
            gaze = pointing if response.look and pointing is not None else (0.0, 0.0)
            face = self._face(response.action_units())
            stance = self._performer.stance(Manner(head=response.head, chest=response.chest),
                                            gaze=gaze)
            self._stand = np.where(np.isfinite(face), face, stance)
        if begins and response.unit and not self.performing:
            try:
                order = self._vocabulary.parse(response.unit)
            except ValueError:
                return response  # this robot lacks the movement; the stance is the answer
            self._start(Order(order.unit, response.mood, times=2), now, own)
        return response if begins else None

    # What is wanted

    def wanted(self, now: float) -> Wanted | None:
        """Return where the joints are wanted now, while this `leads`."""
        if not self.leads:
            return None
        positions = self._at(now)
        if self._trajectory is not None and now - self._begin >= self._trajectory.times[-1]:
            self._trajectory = None
        if self.mode == "respond":
            below = self._eased(now)
        else:
            parts = [wanted.positions for wanted in self._copied.values()
                     if now - wanted.stamp <= _FRESH + max(self.delay, 0.0)]
            below = self._unknown
            for part in parts:
                below = np.where(np.isfinite(part), part, below)
        return Wanted(now, np.where(np.isfinite(positions), positions, below))

    def _eased(self, now: float) -> np.ndarray:
        """Return the stance, taken without haste."""
        elapsed = now - self._stance_stamp
        self._stance_stamp = now
        before = np.where(np.isfinite(self._stance), self._stance, self._model.rest)
        share = 1.0 - float(np.exp(-min(max(elapsed, 0.0), 0.1) / _EASE))
        self._stance = before + share * (self._stand - before)
        return self._stance


def _ahead(positions: np.ndarray, prediction: Prediction, ahead: float) -> np.ndarray:
    """Return positions (n,) moved on by what is predicted for `ahead` s later."""
    mean = prediction.mean
    if len(prediction.times) < 2:
        return positions
    at = float(np.clip(np.interp(ahead, prediction.times, np.arange(len(prediction.times))), 0,
                       len(prediction.times) - 1))
    low = int(at)
    high = min(low + 1, len(mean) - 1)
    later = mean[low] + (at - low) * (mean[high] - mean[low])
    known = np.isfinite(positions) & np.isfinite(later)
    return np.where(known, positions + _ANTICIPATED * (later - positions), positions)
