# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""How a movement is made: any unit of the repertoire, in a manner of one's own, within limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mirror_robot.body.collision import SelfCollision
from mirror_robot.body.face import face_positions
from mirror_robot.body.model import RobotModel
from mirror_robot.body.retargeting import Retargeter
from mirror_robot.human.posture import HumanPosture
from mirror_robot.motor.primitive import Trajectory
from mirror_robot.motor.repertoire import Repertoire

ADDED = ("head", "chest", "weight", "sudden")
MULTIPLIED = ("height", "size", "tempo")
COLOUR = "colour"

_STEP = 0.02
"""Spacing of the points [s]."""

_CONTRAST = 0.45
"""Exponent by which the most sudden movement exaggerates its own changes of speed."""

_AGAINST_GRAVITY = 0.5
"""Part by which the heaviest movement is slower upwards and faster downwards."""

_SLOWEST, _FASTEST = 0.4, 2.5
"""Local speed stays within these times the mean, so that no movement freezes or leaps."""

_WINDOWS = (3, 5, 7, 9, 11)
"""Points over which a joint is averaged, twice, where it would change its speed too fast; more
would take the swing out of a wave."""

_BLEND = 0.6
"""Time over which the difference to where the robot is now is blended out [s]."""


@dataclass(frozen=True)
class Manner:
    """How to make a movement; the default is as learnt.

    Attributes
    ----------
    head, chest : float
        Added pitch [rad], + looks down, bends forward; of the head and trunk against the horizon.
    weight : float
        -1..1, + is slow against gravity and fast with it.
    sudden : float
        -1..1, + moves in bursts, - evenly.
    height : float
        How far the limbs are carried from rest, as a factor.
    size : float
        How far they swing about where they are carried, as a factor.
    tempo : float
        Speed, as a factor.
    colour : tuple of 3 floats, optional
        Red, green, blue 0..1, for robots with lights.
    """

    head: float = 0.0
    chest: float = 0.0
    weight: float = 0.0
    sudden: float = 0.0
    height: float = 1.0
    size: float = 1.0
    tempo: float = 1.0
    colour: tuple[float, float, float] | None = None


class Performer:
    """Makes units of a repertoire in any manner.

    Parameters
    ----------
    repertoire : Repertoire
    """

    def __init__(self, repertoire: Repertoire) -> None:
        self.repertoire = repertoire
        self.model: RobotModel = repertoire.model
        arms = any(name.endswith("_arm") for name in self.model.profile.chains)
        self._collision = SelfCollision(self.model) if arms else None
        self._retargeter = Retargeter(self.model, mirror_image=False)
        self._pitch = _pitch_directions(self.model, self._retargeter)

    def stance(self, manner: Manner, face: Mapping[str, float] | None = None,
               gaze: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        """Return a posture (n,) without a movement: trunk, head and face; NaN for the rest.

        Parameters
        ----------
        manner : Manner
            Its `head` and `chest`.
        face : mapping action unit -> 0..1, optional
        gaze : (turn, pitch)
            Where the head points [rad], + to the left, + down, beside what the manner says.
        """
        positions = self._showing(face)
        for part in ("torso", "head"):
            columns = self.model.columns(part)
            positions[columns] = self.model.rest[columns]
        unknown = HumanPosture.unknown()
        self._retargeter.reset()
        told = self._retargeter.retarget(HumanPosture(
            0.0, unknown.limbs, unknown.palms, _turned(0.0, manner.chest),
            _turned(gaze[0], manner.head + gaze[1]))).positions
        return np.where(np.isfinite(told), told, positions)

    def perform(
        self, name: str, manner: Manner | None = None, *, start: np.ndarray | None = None,
        face: Mapping[str, float] | None = None, repetitions: int = 3, style: str | None = None,
        random: np.random.Generator | None = None,
    ) -> Trajectory:
        """Return a unit made in a manner, within limits and without the arms touching anything.

        Parameters
        ----------
        name : str
        manner : Manner, optional
        start : ndarray (n,), optional
            Present positions [rad], NaN where unknown; the movement sets out from there.
        face : mapping action unit -> 0..1, optional
            What the face shows meanwhile, as far as the unit leaves it free.
        repetitions, style, random
            As `Repertoire.perform`.

        Returns
        -------
        Trajectory
            Limits of position, velocity and acceleration hold at its points.

        Raises
        ------
        RepertoireError
            If there is no such unit.
        """
        manner = manner or Manner()
        model, unit = self.model, self.repertoire[name]
        course = unit.perform(repetitions=repetitions, style=style, random=random, step=_STEP)
        columns = np.array([model.index[joint] for joint in course.joint_names], int)
        moved = self._carried(course, columns, manner, unit.style(style).repeat, repetitions)
        positions = np.tile(self._showing(face), (len(moved), 1))
        for part, pitch in zip(("torso", "head"), (manner.chest, manner.head)):
            if pitch:
                for column in model.columns(part):
                    positions[:, column] = model.rest[column]
        positions[:, columns] = moved
        if self._pitch is not None:
            positions += manner.chest * self._pitch[0] + manner.head * self._pitch[1]
        used = np.flatnonzero(np.isfinite(positions).all(axis=0))
        times = self._timed(course.times, positions, manner)
        grid = np.arange(0.0, times[-1] + _STEP / 2, _STEP)
        positions = np.array([np.interp(grid, times, positions[:, column])
                              for column in used]).T
        begin = model.rest if start is None else np.where(np.isfinite(start), start, model.rest)
        gap = begin[used] - positions[0]
        # Minimum jerk (Flash and Hogan 1985): no velocity, no acceleration at either end.
        u = np.clip(grid / max(min(_BLEND, grid[-1]), 1e-9), 0.0, 1.0)[:, None]
        positions = positions + gap * (1.0 - u**3 * (10 - 15 * u + 6 * u * u))
        positions = np.clip(positions, model.lower[used], model.upper[used])
        positions = self._clear(self._calmed(positions, used), used, begin)
        positions = self._calmed(positions, used)
        return self._within_limits(grid, positions, used)

    def _showing(self, face: Mapping[str, float] | None) -> np.ndarray:
        model = self.model
        if not face:
            return np.full(len(model.joint_names), np.nan)
        # Units that are not named do not show.
        zeros = {unit: 0.0 for gains in model.profile.face.values() for unit in gains}
        units = {unit: face.get(unit, face.get(unit.rstrip("LR"), 0.0)) for unit in zeros}
        return face_positions(model, units)

    def _carried(self, course: Trajectory, columns: np.ndarray, manner: Manner,
                 repeat: tuple[float, float] | None, repetitions: int) -> np.ndarray:
        """Return positions (t, m) with the limbs carried higher or lower and swinging wider."""
        q, rest = course.positions, self.model.rest[columns]
        window = 1.0
        if repeat is not None:
            once = course.times[-1] / (1.0 + (repetitions - 1) * (repeat[1] - repeat[0]))
            window = (repeat[1] - repeat[0]) * once
        carried = _average(q, max(int(window / (course.times[1] - course.times[0])), 1))
        # A face has no height.
        height = np.where(self.model.body[columns], manner.height, 1.0)
        return rest + height * (carried - rest) + manner.size * (q - carried)

    def _timed(self, times: np.ndarray, positions: np.ndarray, manner: Manner) -> np.ndarray:
        """Return the instants (t,) [s] of the points, told by tempo, suddenness and weight."""
        steps = np.diff(times)
        if manner.sudden:
            speed = np.nan_to_num(np.diff(positions, axis=0)) / steps[:, None]
            speed = np.sqrt(np.mean((speed / self.model.velocity)[:, self.model.body]**2, axis=1))
            speed = _average(speed[:, None], 5)[:, 0]
            floor = 0.1 * speed.max() + 1e-9
            relative = (speed + floor) / (speed.mean() + floor)
            steps = steps * np.clip(relative ** (-_CONTRAST * manner.sudden), 1 / _FASTEST,
                                    1 / _SLOWEST)
        if manner.weight:
            height = np.array([np.nansum(self.model.limb_directions(q)[:, 2]) for q in positions])
            rising = np.diff(height) / np.diff(times)
            rising = _average(rising[:, None], 5)[:, 0]
            steps = steps * (1.0 + _AGAINST_GRAVITY * manner.weight * np.tanh(rising / 2.0))
        steps = _average(steps[:, None], 7)[:, 0]
        length = (times[-1] - times[0]) / manner.tempo
        return np.concatenate([[0.0], np.cumsum(steps)]) * length / steps.sum()

    def _calmed(self, positions: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Return positions (t, m), each joint smoothed as far as its acceleration needs.

        Corners that limits, a changing tempo, or an arm that is kept off the body leave are
        rounded instead of slowing the whole movement down.
        """
        bound = self.model.acceleration[used] * _STEP**2
        out = positions.copy()
        for window in _WINDOWS:
            sharp = (np.abs(np.diff(out, 2, axis=0)) > bound).any(axis=0) & self.model.body[used]
            if not sharp.any():
                break
            out[:, sharp] = _average(_average(positions[:, sharp], window), window)
        return out

    def _clear(self, positions: np.ndarray, used: np.ndarray, begin: np.ndarray) -> np.ndarray:
        """Return positions (t, m) whose arms touch neither the body nor each other."""
        if self._collision is None or not self.model.body[used].any():
            return positions
        whole = np.tile(begin, (len(positions), 1))
        whole[:, used] = positions
        last = whole[0]
        for row, wanted in enumerate(whole):
            last = whole[row] = self._collision.limit(last, wanted)
        return whole[:, used]

    def _within_limits(self, times: np.ndarray, positions: np.ndarray, used: np.ndarray,
                       ) -> Trajectory:
        """Return the movement, as a whole slowed down where a joint would be too fast."""
        model = self.model
        step = times[1] - times[0]
        speed = np.abs(np.diff(positions, axis=0)) / step / model.velocity[used]
        bend = np.abs(np.diff(positions, 2, axis=0)) / step**2 / model.acceleration[used]
        # The face's own timing is in the actuation's hands: slowing a whole wave down for a lid
        # would change the wave.
        bend = bend[:, model.body[used]]
        slower = max(speed.max(initial=0.0), np.sqrt(bend.max(initial=0.0)), 1.0)
        velocities = np.gradient(positions, times, axis=0) / slower
        velocities[[0, -1]] = 0.0
        names = tuple(model.joint_names[column] for column in used)
        return Trajectory(names, times * slower, positions, velocities)


def _pitch_directions(model: RobotModel, retargeter: Retargeter) -> np.ndarray | None:
    """Return the change (2, n) of the joints per pitch of chest and of head [rad/rad].

    Found by retargeting, so that it does not matter what a robot's joints are called: who bends
    the chest keeps the eyes level as far as the neck can.
    """
    if not any(name in model.profile.chains for name in ("torso", "head")):
        return None
    pitch = 0.2

    def at(chest: float, head: float) -> np.ndarray:
        retargeter.reset()
        unknown = HumanPosture.unknown()
        return np.nan_to_num(retargeter.retarget(HumanPosture(
            0.0, unknown.limbs, unknown.palms, _turned(0.0, chest), _turned(0.0, head))).positions)

    return np.array([at(pitch, 0.0) - at(0.0, 0.0), at(0.0, pitch) - at(0.0, 0.0)]) / pitch


def _turned(turn: float, pitch: float) -> np.ndarray:
    """Return the rotation (3, 3) that looks `turn` to the left and `pitch` down [rad]."""
    c, s = np.cos(turn), np.sin(turn)
    d, e = np.cos(pitch), np.sin(pitch)
    return (np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
            @ np.array([[d, 0.0, e], [0.0, 1.0, 0.0], [-e, 0.0, d]]))


def _average(values: np.ndarray, window: int) -> np.ndarray:
    """Return the centred moving average of (t, m) over an odd number of points; ends stay."""
    half = min(window // 2, len(values) - 1)
    if half < 1:
        return values
    window = 2 * half + 1
    # Reflected in the end points, which thereby are the means of what lies around them.
    padded = np.pad(values, ((half, half), (0, 0)), mode="reflect", reflect_type="odd")
    padded = np.concatenate([np.zeros((1, values.shape[1])), padded])
    total = np.cumsum(padded, axis=0)
    return (total[window:] - total[:-window]) / window

