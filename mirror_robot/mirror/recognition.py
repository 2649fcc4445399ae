# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Recognition: which of the robot's own units fires for a stream of postures, seen or its own.

A Bayesian filter over unit x style x phase x tempo, with a background that explains everything
else, runs on the stream as it comes; nobody says where an action starts or ends. Every frame, of
length dt:

1. phases advance by tempo x dt, with a spread that lets a movement linger or hurry (the elastic
   alignment that mattered most on MSRAction3D); repeated sections wrap; what ends or is broken off
   goes to the background and to the beginnings of all units,
2. each state is weighted by how well it explains posture and motion, against the background,
   p(y | state) / p(y | background), raised to dt / `CORRELATION`: neighbouring frames say nearly
   the same, and without that the product of their likelihoods is no probability,
3. the evidence that units gathered is forgotten over `MEMORY`, so that certainty does not grow
   without bound.

A joint that is unknown, and one that is free in a unit, counts as much for the unit as for the
background: it is marginalised. All frames' work is a matrix product and a few array operations.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirror_robot.mirror.demonstrated import Demonstrated, Heard, Onlooker
from mirror_robot.mirror.features import Block, MotorFeatures, RobotPoints
from mirror_robot.motor.primitive import MotorPrimitive, MotorStyle

CELLS = 24
"""Phases at which a unit is compared."""

TEMPI = np.array([0.6, 0.85, 1.2, 1.7])
"""How much faster than learnt a movement may be made."""

CORRELATION = {"body": 0.32, "head": 0.25, "face": 0.25}
"""Time over which the evidence of frames counts once [s], per channel. With 0.25 for bodies, three
times as many strange movements were taken for an action, and labels changed twice as often."""

MEMORY = 4.0
"""Time over which evidence for a unit is forgotten [s]."""

LAG = 0.12
"""Time over which motion is measured [s]: two frames of a 15 Hz camera, on which it was tried."""

ELASTICITY = 16.0
"""Growth of the variance of the phase [cells^2/s]."""

BREAK_OFF = 0.25
"""Rate at which an action is broken off, and at which the background gives way to one [1/s]."""

STAY_UNKNOWN = 0.4
"""Part of what ends that becomes background; the rest are beginnings of units."""

LEAVE_REPEAT = 0.25
"""Probability that a repeated section is left at its end."""

JOIN = 0.1
"""Part of the beginnings that are somewhere in the middle: one does not see everything start."""

LONGEST_GAP = 1.0
"""A stream that pauses for longer starts anew [s]."""

# Standard deviation of postures about a unit's own, beyond the spread that it has learnt: what
# people and landmarks add. Limbs [rad], trunk and head angles [rad], face -1..1.
_POSTURE = {"upper_arm": 0.42, "forearm": 0.5, "hand": 0.8, "torso": 0.14, "head": 0.2,
            "face": 0.22}
# The same of compressed velocities.
_MOTION = {"upper_arm": 0.42, "forearm": 0.48, "hand": 0.72, "torso": 0.3, "head": 0.3,
           "face": 0.6}
_GROWTH = {"upper_arm": 0.4, "forearm": 0.4, "hand": 0.4, "torso": 0.3, "head": 0.15,
           "face": 0.4}
"""What is added to it per compressed velocity of the unit: the faster, the less alike."""
# What the background expects of each block: part of the time rest and stillness, part of the time
# any direction of the limbs and these deviations about zero, and part of the time that a limb
# prolongs the one before it, about as closely as this. Without the last, a straight arm that
# happens to point where a unit's does would be three coincidences instead of one.
_STRAIGHT = {"forearm": 0.7, "hand": 0.4}
_BACKGROUND_POSTURE = {"torso": 0.5, "head": 0.5, "face": 0.5}
_BACKGROUND_MOTION = {"upper_arm": 1.0, "forearm": 1.2, "hand": 1.4, "torso": 0.7, "head": 0.9,
                      "face": 1.2}
STRANGE = {"upper_arm": 0.5, "forearm": 0.5, "hand": 0.5, "torso": 0.3, "head": 0.05,
           "face": 0.1}
"""What the background is granted against an action, per block [nat]: a movement that the robot
does not know is not a random one but one of the many that people make, which a density over every
direction underrates. The honest `unknown` hangs on it: more, and people's own ways of waving are
unknown; less, and drawing in the air is a wave (MSRAction3D, odd-numbered people)."""

IDLE = 0.9
"""No block speaks for a unit that is no action by more than this [nat]. Parts that rest do so
together, and they rest in most actions, too: counted one by one they made a bow, and an arm that
points, a body at rest. It halved what fires wrongly (MSRAction3D, odd-numbered people)."""

SHOWN = 0.3
"""Odds that a movement that somebody begins is one that was shown."""

_WORST = -40.0
"""No frame speaks against a state by more than this [nat, before tempering]."""


@dataclass(frozen=True)
class Activation:
    """How strongly each unit fires at one instant.

    Attributes
    ----------
    stamp : float
        Of the posture [s].
    names, channels : tuple of U str
        Of the units.
    probability : ndarray (U,)
        0..1; sums to one over the units of a channel and that channel's `unknown`.
    phase : ndarray (U,)
        How far the movement has come, 0..1.
    rate : ndarray (U,)
        How fast its phase advances [1/s].
    unknown : mapping of channel -> float
        Probability that it is nothing the robot knows.
    background : ndarray (U,) of bool
        Units that are no action.
    """

    stamp: float
    names: tuple[str, ...]
    channels: tuple[str, ...]
    probability: np.ndarray
    phase: np.ndarray
    rate: np.ndarray
    unknown: Mapping[str, float]
    background: np.ndarray

    def __getitem__(self, name: str) -> float:
        """Return the probability of a unit by name."""
        return float(self.probability[self.names.index(name)])

    def best(self, channel: str, floor: float = 0.5) -> str:
        """Return the name of the likeliest action of a channel, or `rest` or `unknown`.

        An action is named only when its probability is at least `floor`; `rest` when the units
        that are no action have it together.
        """
        own = np.array([c == channel for c in self.channels])
        probability = np.where(own & ~self.background, self.probability, -1.0)
        top = int(probability.argmax()) if len(probability) else 0
        if len(probability) and probability[top] >= floor:
            return self.names[top]
        if self.probability[own & self.background].sum() >= floor:
            return "rest"
        return "unknown"


@dataclass(frozen=True)
class Prediction:
    """How a movement will go on.

    Attributes
    ----------
    unit : str
        The action that it is taken for; empty when none is likely, and then the posture is held.
    joint_names : tuple of n str
    times : ndarray (t,)
        After the last frame [s].
    mean, std : ndarray (t, n)
        Positions [rad]; NaN for joints of which nothing is known.
    """

    unit: str
    joint_names: tuple[str, ...]
    times: np.ndarray
    mean: np.ndarray
    std: np.ndarray


def compressed(velocity: np.ndarray) -> np.ndarray:
    """Return velocities (..., k), one vector, with their length compressed to its power 0.6.

    A wave made fast or slowly then differs less from the unit than one made in another direction.
    """
    length = np.linalg.norm(velocity, axis=-1, keepdims=True)
    return velocity * (length + 0.05) ** -0.4


def _kind(block: Block) -> str:
    return block.name.split("_", 1)[1] if block.kind == "limb" else (
        "face" if block.kind == "face" else block.name)


def _directional(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, ...]:
    """Coefficients of y, |y|^2 and 1 in von Mises-Fisher log densities about means (..., 3)."""
    kappa = 1.0 / variance
    return (kappa[..., None] * mean, np.zeros_like(kappa),
            np.log(kappa / (2 * np.pi * -np.expm1(-2 * kappa))) - kappa)


def _normal(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, ...]:
    """Coefficients of y, |y|^2 and 1 in isotropic normal log densities of means (..., k)."""
    return (mean / variance[..., None], -0.5 / variance,
            -0.5 * ((mean ** 2).sum(axis=-1) / variance
                    + mean.shape[-1] * np.log(2 * np.pi * variance)))


def _cell_phases(style: MotorStyle) -> tuple[np.ndarray, np.ndarray]:
    """Return the phases of the cells and, for each, that one `LAG` earlier; repeats wrap."""
    phases = np.linspace(0.0, 1.0, CELLS)
    before = phases - LAG / style.duration
    if style.repeat is not None:
        first, last = style.repeat
        inside = (phases >= first) & (phases < last)
        period = last - first
        before = np.where(inside, first + np.mod(before - first, period), before)
    return phases, np.maximum(before, 0.0)


class _Channel:
    """The filter of one channel; see the module's text."""

    def __init__(self, units: Sequence[MotorPrimitive], features: MotorFeatures,
                 channel: str, prior: np.ndarray, strange: float, correlation: float) -> None:
        self.blocks = [block for block in features.blocks if block.channel == channel]
        self.correlation, self._strange = correlation * CORRELATION[channel], strange
        self.styles = [style for unit in units for style in unit.styles]
        self.unit_of = np.repeat(np.arange(len(units)), [len(unit.styles) for unit in units])
        self.starts = np.searchsorted(self.unit_of, np.arange(len(units)))
        # The styles of a unit share what it has by their weights.
        weights = np.array([style.weight for style in self.styles])
        total = np.bincount(self.unit_of, weights, minlength=len(units))
        self.share = (prior / total)[self.unit_of] * weights
        self.speed = np.array([1.0 / style.duration for style in self.styles])
        sizes = [b.columns.stop - b.columns.start for b in self.blocks]
        self._columns = np.concatenate(
            [np.arange(b.columns.start, b.columns.stop) for b in self.blocks])
        self._block_of = np.repeat(np.arange(len(self.blocks)), sizes)
        self._background = self._backgrounds(features)
        self.matrix = self._matrix(units, features)
        self._idle_rows, self._idle_blocks = self._idle(units)
        self._begin, self._wrap = self._topology()
        self.kernels: dict[int, tuple[int, list[np.ndarray]]] = {}
        self.reset()

    def _matrix(self, units: Sequence[MotorPrimitive], features: MotorFeatures) -> np.ndarray:
        """Return the coefficients (CELLS * styles, columns) of the log likelihood ratio.

        It is linear in y and, per block, |y_b|^2, 1 and the background's log density, so that one
        product serves all states and an unknown block drops out with its zeros.
        """
        width, count = len(self._columns), len(self.blocks)
        half = width + 3 * count
        posture, earlier, spread = self._courses(features)
        weights = np.array([unit.weights for unit in units])
        idle = np.array([unit.background for unit in units])[self.unit_of]
        rows = np.zeros((CELLS, len(self.styles), 2 * half), np.float32)
        for index, block in enumerate(self.blocks):
            kind = _kind(block)
            own = np.flatnonzero(self._block_of == index)
            here = posture[:, :, block.columns]
            known = np.isfinite(here).all(axis=(1, 2))
            pair = weights[:, block.joints].max(axis=1)[self.unit_of] * known[:, None]
            here = np.nan_to_num(here)
            velocity = compressed((here - np.nan_to_num(earlier[:, :, block.columns])) / LAG)
            grant = np.where(idle, 0.0, self._strange * STRANGE[kind])
            for part, mean, variance in (
                (0, here, _POSTURE[kind] ** 2 + np.minimum(
                    np.nan_to_num(spread[:, :, block.columns]).mean(axis=2), 0.15)),
                (1, velocity, (_MOTION[kind] + _GROWTH[kind] * np.linalg.norm(
                    velocity, axis=2)) ** 2),
            ):
                weight = pair[:, part, None]
                linear, square, constant = (
                    _directional if block.kind == "limb" and part == 0 else _normal)(
                        mean, variance)
                row = rows[:, :, part * half:(part + 1) * half].swapaxes(0, 1)
                row[:, :, own] = weight[:, :, None] * linear
                row[:, :, width + index] = weight * square
                row[:, :, width + count + index] = weight * (constant - grant[:, None])
                row[:, :, width + 2 * count + index] = -weight
        return rows.reshape(CELLS * len(self.styles), -1)

    def _courses(self, features: MotorFeatures) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the styles' features at the cells and one `LAG` earlier, and their variance.

        Each (styles, CELLS, size).
        """
        posture, earlier, spread = (
            np.zeros((len(self.styles), CELLS, features.size)) for _ in range(3))
        for first in range(0, len(self.styles), 256):  # at once, but in bounded memory
            some = self.styles[first:first + 256]
            courses = []
            for style in some:
                phases, before = _cell_phases(style)
                courses += [style.positions(phases), style.positions(before)]
                courses += [style.positions(phases, factor)
                            for factor in np.eye(len(style.factors))]
            felt = features(np.concatenate(courses)).reshape(len(courses), CELLS, -1)
            at = 0
            for row, style in enumerate(some, first):
                varied = felt[at + 2:at + 2 + len(style.factors)]
                posture[row], earlier[row] = felt[at], felt[at + 1]
                spread[row] = ((varied - felt[at]) ** 2).sum(axis=0)
                at += 2 + len(style.factors)
        return posture, earlier, spread

    def _idle(self, units: Sequence[MotorPrimitive]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of units that are no action, and their coefficients block by block."""
        idle = np.array([unit.background for unit in units])[self.unit_of]
        rows = np.flatnonzero(np.tile(idle, CELLS))
        count = len(self.blocks)
        owner = np.tile(np.concatenate([self._block_of, *[np.arange(count)] * 3]), 2)
        return rows, np.where(owner == np.arange(count)[:, None, None], self.matrix[rows], 0.0)

    def _backgrounds(self, features: MotorFeatures) -> list[tuple[Any, ...]]:
        """Return, for posture and motion, what `_background_density` needs of every block."""
        rest = features(features.model.rest)[self._columns]
        kinds = [_kind(block) for block in self.blocks]
        sizes = np.bincount(self._block_of, minlength=len(self.blocks))
        out = []
        for part, (near, broad) in enumerate((
                (_POSTURE, _BACKGROUND_POSTURE), (_MOTION, _BACKGROUND_MOTION))):
            centre = rest if part == 0 else np.zeros_like(rest)
            narrow = np.array([1.0 / near[kind] ** 2 for kind in kinds])
            wide = np.array([1.0 / broad[kind] ** 2 if kind in broad else 0.0 for kind in kinds])
            limb = np.array([block.kind == "limb" and part == 0 for block in self.blocks])
            peak = np.where(limb, np.log(narrow / (2 * np.pi * -np.expm1(-2 * narrow))),
                            0.5 * sizes * np.log(narrow / (2 * np.pi)))
            flat = np.where(limb, -np.log(4 * np.pi),
                            0.5 * sizes * np.log(np.maximum(wide, 1e-9) / (2 * np.pi)))
            out.append((centre, narrow, wide, peak, flat))
        self._straight = [
            (index - 1, index, 1.0 / _STRAIGHT[kind] ** 2) for index, kind in enumerate(kinds)
            if kind in _STRAIGHT and index > 0
            and self.blocks[index - 1].name.split("_")[0] == self.blocks[index].name.split("_")[0]]
        self._straight_columns = [
            (np.flatnonzero(self._block_of == before), np.flatnonzero(self._block_of == index),
             index, kappa, float(np.log(kappa / (2 * np.pi * -np.expm1(-2 * kappa))) - kappa))
            for before, index, kappa in self._straight]
        return out

    def _topology(self) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
        """Return where movements begin (CELLS, styles) and the repeats (style, first, last)."""
        phases = np.arange(CELLS) / (CELLS - 1)
        begin = np.exp(-phases / 0.08)
        begin = (1 - JOIN) * begin / begin.sum() + JOIN / CELLS
        begin = begin[:, None] * self.share
        repeats = []
        for number, style in enumerate(self.styles):
            if style.repeat is not None:
                first, last = (round(phase * (CELLS - 1)) for phase in style.repeat)
                repeats.append((number, first, max(last, first + 2)))
        return begin, repeats

    def reset(self) -> None:
        """Know nothing: the background, and every beginning."""
        # Phases first and styles last: every operation then runs over long contiguous rows.
        self.mass = np.tile(0.5 * self.share / (CELLS * len(TEMPI)), (CELLS, len(TEMPI), 1))
        self.unknown = 0.5

    def take_over(self, before: _Channel, rows: Sequence[tuple[int, int]]) -> None:
        """Go on from another channel's state, of styles by (row there, row here)."""
        if rows:
            there, here = np.array(rows).T
            self.mass[:, :, here] = before.mass[:, :, there]
        self.unknown = before.unknown
        total = self.mass.sum() + self.unknown
        self.mass /= total
        self.unknown /= total

    def _kernel(self, dt: float) -> tuple[int, list[np.ndarray]]:
        """Return the number of substeps and the weights (tempi, styles) per offset -1, 0, 1 ...

        Three neighbouring cells carry exactly the mean and variance of the advance; substeps keep
        both within what three cells can carry.
        """
        key = round(dt * 2000)
        if key in self.kernels:
            return self.kernels[key]
        rate = (CELLS - 1) * TEMPI[:, None] * self.speed
        steps = max(int(np.ceil(dt * ELASTICITY / 0.7)), int(np.ceil(dt * rate.max() / 3.0)), 1)
        advance = rate * dt / steps
        whole = np.round(advance)
        rest = advance - whole
        variance = np.clip(ELASTICITY * dt / steps, np.abs(rest) - rest ** 2, 1.0 - rest ** 2)
        parts = {-1: 0.5 * (variance + rest ** 2 - rest), 0: 1.0 - variance - rest ** 2,
                 1: 0.5 * (variance + rest ** 2 + rest)}
        offsets = []
        for offset in range(-1, int(whole.max()) + 2):
            weight = np.zeros_like(advance)
            for part, value in parts.items():
                weight += np.where(whole == offset - part, value, 0.0)
            offsets.append(weight)
        if len(self.kernels) > 64:
            self.kernels.clear()
        self.kernels[key] = steps, offsets
        return self.kernels[key]

    def _advance(self, dt: float) -> float:
        """Move all phases on by dt; return the mass that came to its end."""
        steps, kernel = self._kernel(dt)
        ended = 0.0
        for _ in range(steps):
            before = self.mass
            after = np.zeros_like(before)
            for index, weight in enumerate(kernel):
                offset = index - 1
                part = before * weight
                if offset < 0:
                    after[:-1] += part[1:]
                    after[0] += part[0]
                elif offset == 0:
                    after += part
                else:
                    after[offset:] += part[:-offset]
                    ended += part[-offset:].sum()
                    if offset in self._crossings:
                        rows, source, target, through = self._crossings[offset]
                        back = (1.0 - LEAVE_REPEAT) * part[source, :, rows]
                        every: Any = slice(None)
                        np.subtract.at(after, (through, every, rows), back)
                        np.add.at(after, (target, every, rows), back)
            self.mass = np.maximum(after, 0.0)
        return ended

    @property
    def _crossings(self) -> dict[int, tuple[np.ndarray, ...]]:
        """Per offset: where repeated sections are left, and where that leads back to."""
        if not hasattr(self, "_crossing_table"):
            table: dict[int, list[tuple[int, int, int, int]]] = {}
            for style, first, last in self._wrap:
                for offset in range(1, 6):
                    for source in range(max(last - offset, first), last):
                        through = source + offset
                        if through < CELLS:
                            target = first + (through - last) % (last - first)
                            table.setdefault(offset, []).append((style, source, target, through))
            self._crossing_table = {
                offset: tuple(np.array(column) for column in zip(*rows))
                for offset, rows in table.items()}
        return self._crossing_table

    def update(self, dt: float, posture: np.ndarray, motion: np.ndarray) -> None:
        """Take in a frame of features (size,) and compressed velocities (size,)."""
        # What ended, what is broken off and what gives way begins anew.
        leaving = 1.0 - np.exp(-BREAK_OFF * dt)
        pool = self._advance(dt) + leaving * (self.mass.sum() + self.unknown)
        self.mass *= 1.0 - leaving
        self.unknown = self.unknown * (1.0 - leaving) + STAY_UNKNOWN * pool
        self.mass += ((1.0 - STAY_UNKNOWN) * pool / len(TEMPI)) * (
            self._begin)[:, None, :]
        change = 1.0 - np.exp(-1.0 * dt)
        self.mass += change * (self.mass.mean(axis=1, keepdims=True) - self.mass)

        # Evidence is forgotten between units, not within: phases stay known.
        held = np.add.reduceat(self.mass.sum(axis=(0, 1)), self.starts)
        power = np.exp(-dt / MEMORY) - 1.0
        self.mass *= (np.maximum(held, 1e-30) ** power)[self.unit_of]
        self.unknown *= max(self.unknown, 1e-30) ** power

        # Not BLAS, whose threads cost more than they gain when the cores are busy with a camera.
        expanded = self._expanded(posture, motion)
        ratio = np.einsum("ij,j->i", self.matrix, expanded)
        if len(self._idle_rows):
            parts = np.einsum("bij,j->bi", self._idle_blocks, expanded)
            ratio[self._idle_rows] = np.minimum(parts, IDLE).sum(axis=0)
        np.maximum(ratio, _WORST, out=ratio)
        evidence = ratio.astype(float) * (min(dt, 0.1) / self.correlation)
        top = max(float(evidence.max(initial=0.0)), 0.0)
        self.mass *= np.exp(evidence - top).reshape(CELLS, 1, len(self.styles))
        self.unknown *= np.exp(-top)
        total = self.mass.sum() + self.unknown
        self.mass /= total
        self.unknown /= total

    def _expanded(self, posture: np.ndarray, motion: np.ndarray) -> np.ndarray:
        parts = []
        count = len(self.blocks)
        for part, (values, background) in enumerate(zip((posture, motion), self._background)):
            values = values[self._columns]
            known = np.isfinite(values)
            values = np.where(known, values, 0.0)
            there = np.bincount(self._block_of, known, count) > 0
            square = np.bincount(self._block_of, values * values, count)
            centre, narrow, wide, peak, flat = background
            distance = np.bincount(self._block_of, (values - centre) ** 2, count)
            density = np.logaddexp(peak - 0.5 * narrow * distance, flat - 0.5 * wide * square)
            ways = np.full(count, 2.0)
            if part == 0:
                for before, own, index, kappa, constant in self._straight_columns:
                    if there[index]:  # and then the limb before it, too
                        density[index] = np.logaddexp(
                            density[index], constant + kappa * (values[before] @ values[own]))
                        ways[index] = 3.0
            parts += [values, square, there, np.where(there, density - np.log(ways), 0.0)]
        return np.concatenate(parts).astype(np.float32)

    def read(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return probability, phase and phase rate [1/s] of the units."""
        cells = self.mass.sum(axis=1)
        tempi = self.mass.sum(axis=0)
        weight = cells.sum(axis=0)
        probability = np.add.reduceat(weight, self.starts)
        floor = np.maximum(probability, 1e-300)
        phase = np.add.reduceat(np.linspace(0, 1, CELLS) @ cells, self.starts) / floor
        rate = np.add.reduceat((TEMPI @ tempi) * self.speed, self.starts) / floor
        return probability, phase, rate


class Recognizer:
    """Recognises a robot's units in a stream of its own joint positions.

    The stream may be the posture of a person, re-lived by the retargeter (`other`), or the robot's
    joint states (`self`): it is the same computation, one object per stream.

    Parameters
    ----------
    units : sequence of MotorPrimitive
        At least one, all bound to the features' robot.
    features : MotorFeatures
        May be shared between recognisers.
    strange : float
        Times `STRANGE`, of body and head: 0 for who does nothing but what is among the units, 1
        for people.
    correlation : float
        Times `CORRELATION`, of body and head: 1 for landmarks of people, less for what is measured
        well. (A face at rest that is watched so closely came to be taken for a laugh.)

    Attributes
    ----------
    names : tuple of str
        The units in the order of `Activation`: channel by channel.

    Raises
    ------
    ValueError
        If there is no unit, or a unit is bound to other joints.
    """

    def __init__(self, units: Sequence[MotorPrimitive], features: MotorFeatures,
                 strange: float = 1.0, correlation: float = 1.0) -> None:
        units = tuple(units)
        if not units:
            raise ValueError("a recogniser needs at least one unit")
        for unit in units:
            if tuple(unit.joint_names) != features.model.joint_names:
                raise ValueError(f"the unit {unit.name!r} is bound to another robot")
        self._features = features
        self._channels: dict[str, _Channel] = {}
        ordered: list[MotorPrimitive] = []
        for channel in ("body", "head", "face"):
            own = [unit for unit in units if unit.channel == channel]
            if own and any(block.channel == channel for block in features.blocks):
                self._channels[channel] = _Channel(
                    own, features, channel, _prior(own),
                    *((1.0, 1.0) if channel == "face" else (strange, correlation)))
                ordered += own
        self.units = tuple(ordered)
        self.names = tuple(unit.name for unit in ordered)
        self._channel_names = tuple(unit.channel for unit in ordered)
        self._background = np.array([unit.background for unit in ordered])
        shown = [(unit.name, style.course, style.weight) for unit in ordered
                 if unit.channel == "body" for style in unit.styles if style.course is not None]
        self._onlooker: Onlooker | None = None
        if shown:
            self._points = RobotPoints(features.model)
            learnt = Demonstrated([(name, self._points(course)) for name, course, _ in shown],
                                  weights=[weight for *_, weight in shown])
            self._shown = np.array([self.names.index(name) for name in learnt.names])
            self._onlooker = Onlooker(learnt)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._history: deque[tuple[float, np.ndarray]] = deque()
        self._stamp: float | None = None
        self._positions: np.ndarray | None = None
        self._heard: Heard | None = None
        if self._onlooker is not None:
            self._onlooker.reset()
        for channel in self._channels.values():
            channel.reset()

    def take_over(self, before: Recognizer) -> None:
        """Go on where another recogniser of the same robot is, so that a stream may change over.

        Units of the same name and number of styles keep their state, others begin.
        """
        self._history = deque(before._history)
        self._stamp, self._positions = before._stamp, before._positions
        for name, channel in self._channels.items():
            if (old := before._channels.get(name)) is None:
                continue
            places = {}
            for units, filter_ in ((before.units, old), (self.units, channel)):
                own = [unit for unit in units if unit.channel == name]
                places[filter_] = {(unit.name, len(unit.styles)): start
                                   for unit, start in zip(own, filter_.starts.tolist())}
            channel.take_over(old, [
                (places[old][key] + style, start + style)
                for key, start in places[channel].items() if key in places[old]
                for style in range(key[1])])

    @property
    def nbytes(self) -> int:
        """Memory of what is known of the units, without what follows those that were shown."""
        return sum(value.nbytes for channel in self._channels.values()
                   for value in channel.__dict__.values() if isinstance(value, np.ndarray))

    def update(self, stamp: float, positions: np.ndarray) -> Activation:
        """Take in one frame and return how the units fire.

        Parameters
        ----------
        stamp : float
            Acquisition time [s]. A time that jumps back, or ahead by more than `LONGEST_GAP`,
            starts anew; the same time again changes nothing.
        positions : ndarray (n,)
            [rad], in the order of the model's joints; NaN where unknown.

        Raises
        ------
        ValueError
            If `positions` has the wrong shape or `stamp` is not finite.
        """
        positions = np.asarray(positions, float)
        if positions.shape != (len(self._features.model.joint_names),):
            raise ValueError(f"positions must have the shape "
                             f"({len(self._features.model.joint_names)},), not {positions.shape}")
        if not np.isfinite(stamp):
            raise ValueError(f"the stamp must be finite, not {stamp}")
        if self._stamp is not None and not 0 <= stamp - self._stamp <= LONGEST_GAP:
            self.reset()
        dt = 1.0 / 30.0 if self._stamp is None else stamp - self._stamp
        if dt > 0:
            posture = self._features(positions)
            motion = self._motion(stamp, posture)
            for channel in self._channels.values():
                channel.update(dt, posture, motion)
            if self._onlooker is not None:
                self._heard = self._onlooker.look(stamp, self._points(positions[None])[0])
            self._stamp, self._positions = stamp, positions
        return self._read(stamp)

    def _motion(self, stamp: float, posture: np.ndarray) -> np.ndarray:
        """Return compressed velocities (size,) over the last `LAG`; NaN where not known."""
        history = self._history
        history.append((stamp, posture))
        while len(history) > 2 and history[1][0] <= stamp - LAG:
            history.popleft()
        span = stamp - history[0][0]
        if span < 0.5 * LAG:
            return np.full(len(posture), np.nan)
        then = history[0][1]
        if span > LAG and len(history) > 1:
            # The frames seldom lie one LAG apart: the posture of then is between two of them.
            late = history[1]
            part = np.clip((stamp - LAG - history[0][0]) / (late[0] - history[0][0]), 0.0, 1.0)
            mixed = then + part * (late[1] - then)
            if len(history) > 2:
                then, span = mixed, min(span, LAG)
        velocity = (posture - then) / span
        out = np.empty_like(velocity)
        for block in self._features.blocks:
            out[block.columns] = compressed(velocity[block.columns])
        return out

    def _read(self, stamp: float) -> Activation:
        read = [channel.read() for channel in self._channels.values()]
        probability, phase, rate = (np.concatenate(part) for part in zip(*read))
        unknown = {name: float(channel.unknown) for name, channel in self._channels.items()}
        if self._heard is not None:
            # What was shown has been followed twice: by the filter, whatever came before, and as
            # a whole from its onset. The surer of both tells how much of all it is; which it is,
            # the whole tells better (88 instead of 87 % at the end, MSRAction3D), and, where it
            # has learnt from many, whether it is any of them (AUROC 0.82 instead of 0.59 for the
            # filter, odd-numbered people).
            odds = SHOWN * (1.0 / max(self._heard.strange, 1e-3) - 1.0)
            before, left = probability[self._shown].sum(), unknown["body"]
            now = max(before, left * odds)
            total = 1.0 + now - before
            if self._heard.many:
                now, left = np.array([odds, 1.0]) / (1.0 + odds) * (now + left)
            probability[self._shown] = now * self._heard.probability
            own = np.array([channel == "body" for channel in self._channel_names])
            probability[own] /= total
            unknown["body"] = float(left / total)
        return Activation(stamp, self.names, self._channel_names, probability, phase, rate,
                          unknown, self._background)

    def predict(self, horizon: float = 1.0, step: float = 0.1, channel: str = "body",
                floor: float = 0.3) -> Prediction:
        """Return how the likeliest action of a channel will go on.

        Half of the forecast is the present posture moved on as the unit moves, half the unit's own
        posture: the mixture that forecast hands best on MSRAction3D.

        Parameters
        ----------
        horizon, step : float
            How far ahead and how densely [s].
        channel : str
        floor : float
            Probability below which no action is taken as going on; the posture is then held, with
            a spread that grows by 0.5 rad/s.
        """
        times = np.arange(1, max(round(horizon / step), 1) + 1) * step
        model = self._features.model
        now = self._positions
        if now is None:
            now = np.full(len(model.joint_names), np.nan)
        held = np.repeat(now[None], len(times), axis=0)
        spread = np.where(np.isfinite(held), 0.5 * times[:, None], np.nan)
        filter_ = self._channels.get(channel)
        if filter_ is None:
            return Prediction("", model.joint_names, times, held, spread)
        own = [unit for unit in self.units if unit.channel == channel]
        weight = filter_.mass.sum(axis=(0, 1))
        fires = self._read(self._stamp or 0.0).probability[
            [name == channel for name in self._channel_names]]
        probability = np.where([unit.background for unit in own], 0.0, fires)
        best = int(probability.argmax())
        if probability[best] < floor:
            return Prediction("", model.joint_names, times, held, spread)
        rows = np.flatnonzero(filter_.unit_of == best)
        share = weight[rows] / weight[rows].sum()
        means, variances = [], []
        for row in rows:
            style = filter_.styles[row]
            cells = filter_.mass[:, :, row].sum(axis=1)
            phase = float(np.argmax(cells)) / (CELLS - 1)
            tempo = float(filter_.mass[:, :, row].sum(axis=0) @ TEMPI / max(cells.sum(), 1e-300))
            ahead = phase + times * tempo / style.duration
            if style.repeat is not None and phase < style.repeat[1]:
                first, last = style.repeat
                ahead = np.where(ahead < last, ahead, first + np.mod(ahead - first, last - first))
            ahead = np.clip(ahead, 0.0, 1.0)
            there, here = style.positions(ahead), style.positions(np.array([phase]))
            mean = np.where(np.isfinite(now), 0.5 * (now + there - here) + 0.5 * there, there)
            means.append(np.where(np.isfinite(there), mean, held))
            knots = np.linspace(0, 1, len(style.mean))
            own_spread = np.array([np.interp(ahead, knots, column) for column in style.spread.T]).T
            variances.append(
                np.where(np.isfinite(there), own_spread ** 2 + 0.05 ** 2, spread ** 2))
        mean = np.tensordot(share, np.array(means), axes=1)
        variance = np.tensordot(share, np.array(variances) + (np.array(means) - mean) ** 2, axes=1)
        return Prediction(own[best].name, model.joint_names, times,
                          np.clip(mean, model.lower, model.upper), np.sqrt(variance))


def _prior(units: Sequence[MotorPrimitive]) -> np.ndarray:
    """Return how likely each unit (U,) is to begin: 0.4 for no action, the rest by action.

    The variants of an action share what the action has, so that naming three ways to wave does not
    make waving thrice as likely; with both arms is rarer than with one.
    """
    background = np.array([unit.background for unit in units])
    actions = np.array([unit.action for unit in units])
    share = np.array([0.3 if unit.side == "both" else 1.0 for unit in units])
    share /= np.array([share[actions == action].sum() for action in actions])
    idle, active = share[background].sum(), share[~background].sum()
    part = 0.4 if idle and active else 1.0
    prior = np.where(background, part * share / max(idle, 1e-9),
                     (1 - part if idle else 1.0) * share / max(active, 1e-9))
    return prior / prior.sum()
