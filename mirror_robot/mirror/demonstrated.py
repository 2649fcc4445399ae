# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Recognition of movements that were shown: every demonstration is kept and compared with.

Two views of the same demonstrations are fused:

A  every demonstration is a left-right hidden Markov model with one state per frame, over posture
   and compressed velocity of the robot's own points; an action is the mixture of its
   demonstrations. Elastic, and good from a third of a movement on.
B  per elapsed time, a linear discriminant over running statistics (where it started, how far and
   how fast it went, its extremes). Good in the first fifth, when there is nothing to align yet.

Frames of one movement are strongly correlated, so the summed log likelihoods are tempered by a
power of the elapsed time; that, and not the models' finesse, is what makes probabilities of them.
Both views see points [m], of a robot's body or of a skeleton: the learner does not care which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mirror_robot.motor.primitive import RATE

_POSE, _MOTION = 1.5, 5.0
"""Weights of posture [1/m] and of compressed velocity in what is compared."""

_COMPONENTS = 20
_PRECISION = 5.0
"""Of one frame: log p = -5 |y - mu|^2."""

_ADVANCE = np.array([0.5, 0.2, 0.15, 0.1, 0.05])
"""Probability of going on by 0, 1 ... 4 frames of the demonstration."""

_FIRST = 4
"""A movement begins on one of so many first frames."""

_TEMPER = 0.795
"""Summed log likelihoods are divided by (frames / 20) to this power."""

_SHARPNESS = 0.6
"""How much the best demonstrations of an action count beyond the mean of all."""

_JITTER = (0.7, 0.85, 1.0, 1.18, 1.4)
"""Tempi at which demonstrations are replayed to learn view B."""

# Log odds that a movement is none of those that were shown: a constant, and weights of log
# probability; then, where many actions were shown often, of the entropy of the actions, the share
# of the likeliest one among the `_NEAREST` demonstrations, log of minus the fit, lead of an action
# over the second in view A, lead of view B's best over its median, whether the views agree, and
# lead of the best demonstration over the median one; where few were, of fit, best score of an
# action, the leads, agreement, and logarithms of the numbers of actions and of demonstrations of
# each, and of frames / 20. Learnt on the odd-numbered people of MSRAction3D, with a person and
# some actions left out, and in the other case with 1 to 15 actions shown 1 to 10 times.
_STRANGE = np.array([-2.270, 0.534, 0.573, -1.781, 1.533, 0.00267, -0.01142, -0.298, -0.00202])
_STRANGE_FEW = np.array([2.534, -0.469, -0.0485, 0.00097, -0.00429, -0.00036, -0.233,
                         -1.160, -0.066, 0.261])
_NEAREST = 10
_MANY = 10, 5
"""Actions, and demonstrations of each, from which there are many."""

_CERTAIN = 1.2
"""Exponent of the probabilities where there are many: they were too cautious by 2 to 5 % at every
fraction of a movement (MSRAction3D, odd-numbered people, each left out in turn)."""

_MOVES = 0.2
"""Speed of a point from which something moves [m/s]; landmarks of who stands still stay below."""

_REST, _PAUSE = 0.7, 0.2
"""Times of stillness that end a movement, and that may part two [s]."""

_ELAPSED = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 19, 22, 26, 30, 36, 44, 56, 80])
_SHRINK = 0.8

_AMONG = 0.6
"""Share of all variance that is within an action, as long as there is one demonstration of it."""

_ENOUGH = 40
"""Demonstrations of an action from which view B is learnt; its means change little with more."""


@dataclass(frozen=True)
class Fusion:
    """How the views are fused: each weighs weight x (frames / 20) ^ -power.

    The defaults were fitted to the odd-numbered people of MSRAction3D, each left out in turn, in
    the motor space of the robot kagami.
    """

    exemplar: float = 0.0185
    exemplar_power: float = 0.12
    running: float = 0.0507
    running_power: float = 0.204


def _compressed(velocity: np.ndarray) -> np.ndarray:
    """Return velocities (..., 3) with their length |v| compressed to about |v|^0.6."""
    length = np.linalg.norm(velocity, axis=-1, keepdims=True)
    return velocity * (length + 0.01) ** -0.4


def _difference(points: np.ndarray, frames: int) -> np.ndarray:
    """Return how far the points (t, k, 3) moved in so many frames; from rest at the first."""
    padded = np.concatenate([np.repeat(points[:1], frames, axis=0), points])
    return padded[frames:] - padded[:-frames]


def _observed(points: np.ndarray) -> np.ndarray:
    """Return what view A compares (t, 6 k)."""
    pose = _POSE * points
    motion = _MOTION * _compressed(_difference(points, 2))
    return np.concatenate([pose, motion], axis=1).reshape(len(points), -1)


def _values(points: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Return what view B knows the extremes and the spread of: posture and motion (t, 6 k)."""
    return np.concatenate([points, _compressed(two)], axis=1).reshape(len(points), -1)


def _statistics(points: np.ndarray, first: np.ndarray, one: np.ndarray, two: np.ndarray,
                low: np.ndarray, high: np.ndarray, mean: np.ndarray, square: np.ndarray,
                ) -> np.ndarray:
    """Return the running statistics that view B compares (t, m).

    Of points (t, k, 3), the first of them (k, 3), how far they moved in one and in two frames,
    and least, greatest, mean and mean square (t, 6 k) of the `_values` so far.
    """
    count = len(points)
    moved = points - first
    distance = np.linalg.norm(moved, axis=-1, keepdims=True)
    parts = (points, np.broadcast_to(first, points.shape), moved, moved / (distance + 0.05),
             _compressed(one), _compressed(two), np.log(np.linalg.norm(two, axis=-1) + 0.01),
             low, high, mean, np.sqrt(np.maximum(square - mean ** 2, 0.0)))
    return np.concatenate([part.reshape(count, -1) for part in parts], axis=1)


def _running(points: np.ndarray) -> np.ndarray:
    """Return the running statistics (t, m) of a whole course (t, k, 3)."""
    count = np.arange(1, len(points) + 1).reshape(-1, 1)
    one, two = _difference(points, 1), _difference(points, 2)
    values = _values(points, two)
    return _statistics(
        points, points[0], one, two, np.minimum.accumulate(values),
        np.maximum.accumulate(values), np.cumsum(values, axis=0) / count,
        np.cumsum(values ** 2, axis=0) / count)


def _replayed(points: np.ndarray, tempo: float) -> np.ndarray:
    length = max(round((len(points) - 1) / tempo), 1) + 1
    at = np.linspace(0, len(points) - 1, length)
    left = np.minimum(at.astype(int), max(len(points) - 2, 0))
    part = (at - left).reshape(-1, 1, 1)
    right = np.minimum(left + 1, len(points) - 1)
    return points[left] + part * (points[right] - points[left])


class Demonstrated:
    """What was learnt from demonstrations; immutable, to be shared by many `Listener`.

    Parameters
    ----------
    demonstrations : sequence of (name, points (t, k, 3))
        At `RATE`, t >= 2; NaN where unknown, which is filled in as `fill` does.
    fusion : Fusion
    weights : sequence of float, optional
        How much each demonstration counts in view A: 2 as if it had been shown twice.

    Attributes
    ----------
    names : tuple of C str
        The actions, sorted.

    Raises
    ------
    ValueError
        If there is no demonstration, or they differ in their points, or one is too short.
    """

    def __init__(self, demonstrations: Sequence[tuple[str, np.ndarray]],
                 fusion: Fusion = Fusion(), weights: Sequence[float] | None = None) -> None:
        if not demonstrations:
            raise ValueError("there is nothing to learn from: no demonstration")
        shapes = {np.shape(points)[1:] for _, points in demonstrations}
        if len(shapes) > 1:
            raise ValueError(f"all demonstrations must have the same points, not {shapes}")
        if min(len(points) for _, points in demonstrations) < 2:
            raise ValueError("a demonstration needs at least two frames")
        self.fusion = fusion
        self.names = tuple(sorted({name for name, _ in demonstrations}))
        order = sorted(range(len(demonstrations)), key=lambda i: demonstrations[i][0])
        labels = np.array([self.names.index(demonstrations[i][0]) for i in order])
        stacked = np.concatenate([points for _, points in demonstrations])
        self._fit_posture(stacked.reshape(len(stacked), -1))
        courses = [self.fill(np.asarray(demonstrations[i][1], float)) for i in order]
        self.label_of, self.courses = labels, courses
        self.weights = np.ones(len(order)) if weights is None else np.array(weights)[order]
        self.counts = np.bincount(labels, self.weights, minlength=len(self.names))
        self._fit_exemplars(courses)
        self._fit_running(courses, labels)

    def _fit_posture(self, flat: np.ndarray) -> None:
        seen = np.isfinite(flat)
        known = flat[seen.all(axis=1)]
        self._middle = known.mean(axis=0) if len(known) else (
            np.nan_to_num(flat).sum(axis=0) / np.maximum(seen.sum(axis=0), 1))
        self._covariance = (np.cov(known.T) if len(known) > 1 else np.eye(flat.shape[1])) \
            + 1e-5 * np.eye(flat.shape[1])

    def fill(self, points: np.ndarray) -> np.ndarray:
        """Return points (t, k, 3) with the unknown as is to be expected given the known.

        The conditional mean of one Gaussian over all postures that were shown.
        """
        flat = points.reshape(len(points), -1)
        unknown = ~np.isfinite(flat)
        if not unknown.any():
            return points
        out = flat.copy()
        patterns, where = np.unique(unknown, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            rows = np.flatnonzero(where.ravel() == number)
            if not pattern.any():
                continue
            known = ~pattern
            gain = np.linalg.solve(self._covariance[np.ix_(known, known)],
                                   self._covariance[np.ix_(known, pattern)])
            out[np.ix_(rows, pattern)] = self._middle[pattern] + (
                flat[np.ix_(rows, known)] - self._middle[known]) @ gain
        return out.reshape(points.shape)

    def _fit_exemplars(self, courses: Sequence[np.ndarray]) -> None:
        observed = [_observed(course) for course in courses]
        stacked = np.concatenate(observed)
        centre = stacked.mean(axis=0)
        _, _, axes = np.linalg.svd(stacked - centre, full_matrices=False)
        self._axes, self._centre = axes[:_COMPONENTS].T, centre
        # The states of all demonstrations lie in one row, with as many empty ones between them as
        # a step is long, so that stepping on is a shift of the row and nothing leaks.
        gap = len(_ADVANCE) - 1
        width = self._axes.shape[1]
        lengths = np.array([len(course) for course in courses])
        self.starts = np.concatenate([[0], np.cumsum(lengths + gap)[:-1]])
        total = int((lengths + gap).sum())
        means = np.zeros((total, width))
        self.real = np.zeros(total, bool)
        self.begin = np.zeros(total)
        for start, length, course in zip(self.starts, lengths, observed):
            means[start:start + length] = (course - centre) @ self._axes
            self.real[start:start + length] = True
            first = min(_FIRST, length)
            self.begin[start:start + first] = 1.0 / first
        self.lengths = lengths
        self.exemplar_of = np.repeat(np.arange(len(courses)), lengths + gap)
        self._means = np.ascontiguousarray(means)
        self._squares = (means ** 2).sum(axis=1)

    def project(self, observed: np.ndarray) -> np.ndarray:
        """Return what view A compares, in its principal components."""
        return (observed - self._centre) @ self._axes

    def emission(self, y: np.ndarray) -> np.ndarray:
        """Return log p of one frame (d,) for every state."""
        distance = self._squares - 2.0 * (self._means @ y) + y @ y
        return np.where(self.real, -_PRECISION * distance, -1e9)

    def _fit_running(self, courses: Sequence[np.ndarray], labels: np.ndarray) -> None:
        statistics, owners = [], []
        seen = np.zeros(len(self.names), int)
        for label, course in zip(labels, courses):
            seen[label] += 1
            if seen[label] > _ENOUGH:
                continue
            for tempo in _JITTER:
                replay = _replayed(course, tempo)
                # Where a movement begins is seen a little too late or too early.
                for begun in (replay, replay[2:] if len(replay) > 4 else replay,
                              np.concatenate([replay[:1], replay[:1], replay])):
                    statistics.append(_running(begun))
                    owners.append(label)
        owners = np.array(owners)
        count = len(self.names)
        size = statistics[0].shape[1]
        self._linear = np.empty((len(_ELAPSED), count, size))
        self._offset = np.empty((len(_ELAPSED), count))
        for row, elapsed in enumerate(_ELAPSED):
            x = np.array([s[min(elapsed, len(s)) - 1] for s in statistics])
            middle, scale = x.mean(axis=0), x.std(axis=0) + 1e-3
            x = (x - middle) / scale
            means = np.array([x[owners == c].mean(axis=0) for c in range(count)])
            inner = x - means[owners]
            # One demonstration, replayed at several tempi, does not tell how people differ.
            alone = 1.0 / (len(courses) / count) ** 2
            spread = np.sqrt((1 - alone) * (inner ** 2).mean(axis=0) + alone * _AMONG + 1e-3)
            inner /= spread
            pooled = (1 - _SHRINK) * (inner.T @ inner) / len(inner) + _SHRINK * np.eye(size)
            weights = np.linalg.solve(pooled, (means / spread).T).T
            linear = weights / (spread * scale)
            self._linear[row] = linear
            self._offset[row] = -linear @ middle - 0.5 * (weights * means / spread).sum(axis=1)

    def running(self, elapsed: int, statistics: np.ndarray) -> np.ndarray:
        """Return view B's log likelihoods (C,), up to a constant, after so many frames."""
        row = int(np.abs(np.log(_ELAPSED / elapsed)).argmin())
        return self._linear[row] @ statistics + self._offset[row]

    @property
    def nbytes(self) -> int:
        """Memory of what was learnt."""
        arrays = [value for value in self.__dict__.values() if isinstance(value, np.ndarray)]
        return sum(array.nbytes for array in (*arrays, *self.courses))


@dataclass(frozen=True)
class Heard:
    """What a `Listener` makes of a movement so far.

    Attributes
    ----------
    probability : ndarray (C,)
        Of the actions, given that it is one of them.
    fit : float
        Mean log likelihood per frame of the best demonstration; the lower, the stranger.
    strange : float
        Probability that it is none of the actions, 0..1.
    many : bool
        Whether that many were shown that how strange it is can be told well.
    exemplar, running : ndarray (C,)
        The two views' tempered log likelihoods.
    """

    probability: np.ndarray
    fit: float
    strange: float
    many: bool
    exemplar: np.ndarray
    running: np.ndarray


class Listener:
    """Follows one movement, frame by frame from its beginning.

    Parameters
    ----------
    learnt : Demonstrated
    """

    def __init__(self, learnt: Demonstrated) -> None:
        self._learnt = learnt
        self.reset()

    def reset(self) -> None:
        """Expect a new movement."""
        self.elapsed = 0
        self._points: list[np.ndarray] = []
        self._alpha = self._learnt.begin.copy()
        self._score = np.zeros(len(self._learnt.lengths))

    def hear(self, points: np.ndarray) -> Heard:
        """Take in the next frame, points (k, 3) at `RATE`, NaN where unknown."""
        learnt = self._learnt
        points = learnt.fill(np.asarray(points, float)[None])
        self.elapsed += 1
        elapsed = self.elapsed
        self._points = [*self._points[-2:], points[0]]
        recent = np.array(self._points)
        two = points - recent[:1]
        values = _values(points, two)
        if elapsed == 1:
            self._first, self._low, self._high = points[0], values, values
            self._total, self._square = values, values ** 2
        else:
            self._low, self._high = np.minimum(self._low, values), np.maximum(self._high, values)
            self._total, self._square = self._total + values, self._square + values ** 2
        statistics = _statistics(
            points, self._first, points - recent[-2:][:1], two, self._low, self._high,
            self._total / elapsed, self._square / elapsed)[0]
        if elapsed > 1:
            after = np.zeros_like(self._alpha)
            for step, weight in enumerate(_ADVANCE):
                after[step:] += weight * self._alpha[:len(self._alpha) - step]
            self._alpha = after
        observed = _observed(recent)[-1]
        emission = learnt.emission(learnt.project(observed))
        # Per demonstration, and in double precision: single precision underflows and costs 9 %.
        top = np.maximum.reduceat(np.where(self._alpha > 0, emission, -1e9), learnt.starts)
        self._alpha *= np.exp(np.clip(emission - top[learnt.exemplar_of], -600.0, 0.0))
        self._alpha[~learnt.real] = 0.0
        total = np.add.reduceat(self._alpha, learnt.starts)
        self._alpha /= np.maximum(total, 1e-300)[learnt.exemplar_of]
        self._score += top + np.log(np.maximum(total, 1e-300))
        return self._read(statistics)

    def _read(self, statistics: np.ndarray) -> Heard:
        elapsed = self.elapsed
        learnt, fusion = self._learnt, self._learnt.fusion
        tempered = _SHARPNESS * self._score * (elapsed / 20.0) ** -_TEMPER
        top = tempered.max()
        sums = np.bincount(learnt.label_of, learnt.weights * np.exp(tempered - top),
                           len(learnt.names))
        exemplar = (np.log(np.maximum(sums, 1e-300)) + top - np.log(learnt.counts)) / _SHARPNESS
        running = learnt.running(elapsed, statistics)
        fused = (fusion.exemplar * (elapsed / 20.0) ** -fusion.exemplar_power * exemplar
                 + fusion.running * (elapsed / 20.0) ** -fusion.running_power * running)
        often = len(learnt.lengths) / len(learnt.names)
        many = len(learnt.names) >= _MANY[0] and often >= _MANY[1]
        probability = np.exp((_CERTAIN if many else 1.0) * (fused - fused.max()))
        probability /= probability.sum()
        fit = float(self._score.max() / elapsed)
        best = int(probability.argmax())
        ordered = np.sort(exemplar)
        lead = ordered[-1] - ordered[-2] if len(ordered) > 1 else 0.0
        ahead, agree = running.max() - np.median(running), float(running.argmax() == best)
        likely = np.log(np.maximum(probability, 1e-12))
        if many:
            nearest = learnt.label_of[np.argpartition(-tempered, _NEAREST)[:_NEAREST]]
            share = (nearest == best).sum() / min((learnt.label_of == best).sum(), _NEAREST)
            odds = _STRANGE @ [
                1.0, likely[best], -(probability @ likely), share, np.log(max(-fit, 1e-3)), lead,
                ahead, agree, (top - np.median(tempered)) / _SHARPNESS]
        else:
            odds = _STRANGE_FEW @ [1.0, likely[best], fit, ordered[-1], lead, ahead, agree,
                                   *np.log([len(learnt.names), often, elapsed / 20.0])]
        strange = float(1.0 / (1.0 + np.exp(np.clip(-odds, -50, 50))))
        return Heard(probability, fit, strange, many, exemplar, running)

    def forecast(self, ahead: float) -> np.ndarray:
        """Return where the points (k, 3) will be `ahead` seconds from now [m].

        Half the present posture moved on as the demonstrations moved, half their own posture,
        weighted by how well each demonstration explains the movement so far.
        """
        learnt = self._learnt
        tempered = self._score * (self.elapsed / 20.0) ** -_TEMPER
        weight = np.exp(learnt.fusion.exemplar * 2.0 * (tempered - tempered.max()))
        weight /= weight.sum()
        frames = round(ahead * RATE)
        now = self._points[-1]
        out = np.zeros_like(now)
        for row in np.flatnonzero(weight > 1e-3 * weight.max()):
            start, course = learnt.starts[row], learnt.courses[row]
            states = self._alpha[start:start + len(course)]
            at = round(float(states @ np.arange(len(course))))
            there = course[min(at + frames, len(course) - 1)]
            out += weight[row] * (0.5 * (now + there - course[at]) + 0.5 * there)
        return out / weight[weight > 1e-3 * weight.max()].sum()


class Onlooker:
    """Finds movements in a stream, and follows each from its onset to its end.

    A movement begins when a point moves faster than `_MOVES`, and ends with `_REST` of stillness.
    What goes on without a rest but was strange up to a pause is followed anew from there.

    Parameters
    ----------
    learnt : Demonstrated
    """

    def __init__(self, learnt: Demonstrated) -> None:
        self._listener = Listener(learnt)
        self.reset()

    def reset(self) -> None:
        """Forget the stream. What it begins with counts as the beginning of a movement."""
        self._last: tuple[float, np.ndarray] | None = None
        self._next = 0.0
        self._recent: list[np.ndarray] = []
        self._still = 0
        self._following = True
        self._heard: Heard | None = None
        self._listener.reset()

    def look(self, stamp: float, points: np.ndarray) -> Heard | None:
        """Take in points (k, 3) [m] at `stamp` [s], NaN where unknown; the stream's rate is free.

        Returns
        -------
        Heard or None
            None while nothing moves.
        """
        then, before = self._last or (stamp, points)
        if self._last is None:
            self._next = stamp
        while self._next <= stamp + 1e-6:
            part = 1.0 if stamp == then else min((self._next - then) / (stamp - then), 1.0)
            self._take(before + part * (points - before) if part < 1.0 else points)
            self._next += 1.0 / RATE
        self._last = stamp, points
        return self._heard

    def _take(self, points: np.ndarray) -> None:
        self._recent = [*self._recent[-2:], points]
        moved = np.linalg.norm(points - self._recent[0], axis=1)
        speed = np.nan_to_num(moved).max() * RATE / max(len(self._recent) - 1, 1)
        paused = self._still >= _PAUSE * RATE
        self._still = 0 if speed > _MOVES else self._still + 1
        if self._still >= _REST * RATE:
            self._following, self._heard = False, None
        elif self._following and not (
                paused and not self._still and self._heard and self._heard.strange > 0.5):
            self._heard = self._listener.hear(points)
        elif not self._still:
            self._listener.reset()
            for one in self._recent[-2:]:
                self._heard = self._listener.hear(one)
            self._following = True
