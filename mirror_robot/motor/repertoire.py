# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The motor repertoire: scripts in human terms, bound to the body of one robot.

Binding re-lives every script, with the variation that people show, through the same retargeting
that the robot uses for a person it sees, and learns a primitive from that. It takes seconds and is
kept in the cache folder, so that it happens once per robot and repertoire.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from mirror_robot.body.face import face_positions
from mirror_robot.body.model import RobotModel
from mirror_robot.body.retargeting import Retargeter
from mirror_robot.human.posture import HumanPosture
from mirror_robot.motor.primitive import (
    MotorPrimitive,
    MotorStyle,
    Trajectory,
    learn_style,
    load_primitives,
    save_primitives,
)
from mirror_robot.motor.script import (
    Course,
    RepertoireError,
    Script,
    read_scripts,
    sample_course,
)
from mirror_robot.motor.shown import Shown, bind_shown, load_shown_or_last, shown_path
from mirror_robot.resources import cache_folder, share_file
from mirror_robot.tables import choices

__all__ = ["Repertoire", "RepertoireError", "bind_script", "load_repertoire"]

_LOG = logging.getLogger(__name__)

_SAMPLES = 2
"""Varied courses per style, beside the one as written."""

_STEP = 0.08
"""Spacing of a course while binding [s]."""


@dataclass(frozen=True)
class Repertoire:
    """The units that one robot can perform and recognise.

    Attributes
    ----------
    model : RobotModel
    units : tuple of MotorPrimitive
    """

    model: RobotModel
    units: tuple[MotorPrimitive, ...]

    def __iter__(self) -> Iterator[MotorPrimitive]:
        return iter(self.units)

    def __len__(self) -> int:
        return len(self.units)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the units, in order."""
        return tuple(unit.name for unit in self.units)

    def with_units(self, units: Sequence[MotorPrimitive]) -> Repertoire:
        """Return a repertoire with further units, in the place of those of the same names."""
        names = {unit.name for unit in units}
        return Repertoire(
            self.model, (*(unit for unit in self.units if unit.name not in names), *units))

    def __getitem__(self, name: str) -> MotorPrimitive:
        """Return a unit by name.

        Raises
        ------
        RepertoireError
            If there is none; the message names those that are.
        """
        for unit in self.units:
            if unit.name == name:
                return unit
        raise RepertoireError(f"no unit {name!r}; {choices(name, self.names)}")

    def perform(self, name: str, start: np.ndarray | None = None, *, speed: float = 1.0,
                size: float = 1.0, repetitions: int = 3, style: str | None = None,
                random: np.random.Generator | None = None) -> Trajectory:
        """Return a unit's movement within this robot's limits of position and velocity.

        As `MotorPrimitive.perform`, from the robot's rest when no `start` (n,) is given; positions
        are clipped, and the whole is slowed down when some joint would be too fast.
        """
        model = self.model
        trajectory = self[name].perform(
            model.rest if start is None else start, speed=speed, size=size,
            repetitions=repetitions, style=style, random=random)
        rows = [model.index[joint] for joint in trajectory.joint_names]
        positions = np.clip(trajectory.positions, model.lower[rows], model.upper[rows])
        velocities = np.gradient(positions, trajectory.times, axis=0)
        velocities[[0, -1]] = 0.0
        steps = np.diff(positions, axis=0) / np.diff(trajectory.times)[:, None]
        slower = max(float((np.abs(steps) / model.velocity[rows]).max(initial=0.0)), 1.0)
        return Trajectory(trajectory.joint_names, trajectory.times * slower, positions,
                          velocities / slower)


def _relive(course: Course, retargeter: Retargeter) -> np.ndarray:
    """Return the robot's positions (t, n) for a course; NaN for joints that it leaves free."""
    retargeter.reset()
    positions = []
    unknown = np.full((2, 3), np.nan)
    for number, stamp in enumerate(course.times):
        posture = HumanPosture(float(stamp), course.limbs[number], unknown,
                               course.torso[number], course.head[number])
        body = retargeter.retarget(posture).positions
        if course.face:
            face = face_positions(retargeter.model,
                                  {unit: float(v[number]) for unit, v in course.face.items()})
            body = np.where(np.isfinite(face), face, body)
        positions.append(body)
    return np.array(positions)


def _closed(positions: np.ndarray, times: np.ndarray, repeat: tuple[float, float] | None,
            ) -> np.ndarray:
    """Return positions (t, n) whose repeated part ends where it began.

    Its limbs do, but what they leave free (the turn of an arm held straight) may have drifted on
    the way; the difference is taken back evenly, and given up again after it.
    """
    if repeat is None:
        return positions
    first, last = (int(np.abs(times - time).argmin()) for time in repeat)
    drift = np.nan_to_num(positions[last] - positions[first])
    share = np.interp(np.arange(len(times)), [first, last, len(times) - 1], [0.0, 1.0, 0.0])
    return positions - share[:, None] * drift


def _calmed(positions: np.ndarray, step: float, model: RobotModel) -> np.ndarray:
    """Return positions (t, n) smoothed where a joint would be too fast, and only there.

    Near a stretched elbow or an arm held out to the side, small changes of a limb's direction turn
    single joints far; there, and only there, smoothing costs next to nothing of the direction.
    """
    limit = 0.7 * model.velocity * step
    out = positions.copy()
    for _ in range(200):
        fast = np.abs(np.diff(out, axis=0)) > limit  # NaN compares False
        # All joints of the body together, since they share the turn.
        rows = fast[:, model.body].any(axis=1)
        if not rows.any():
            break
        near = np.zeros(len(out), bool)
        near[:-1] |= rows
        near[1:] |= rows
        near[[0, -1]] = False
        average = 0.25 * np.roll(out, 1, axis=0) + 0.5 * out + 0.25 * np.roll(out, -1, axis=0)
        out = np.where(near[:, None] & model.body, average, out)
    return out


def _bind_style(script: Script, number: int, retargeter: Retargeter,
                random: np.random.Generator) -> MotorStyle:
    style = script.styles[number]
    length = style.times[-1]
    demonstrations = []
    for source in (None, *[random] * _SAMPLES):
        course = sample_course(script, style, _STEP, source)
        positions = _calmed(_relive(course, retargeter), course.times[1], retargeter.model)
        positions = _closed(positions, course.times, style.repeat)
        demonstrations.append((course.times, positions))
    repeat = None if style.repeat is None else (style.repeat[0] / length,
                                                style.repeat[1] / length)
    return learn_style(demonstrations, name=style.name, repeat=repeat,
                       duration_spread=script.tempo, first_is_mean=True)


def bind_script(script: Script, retargeter: Retargeter, seed: int = 0) -> MotorPrimitive | None:
    """Return the primitive with which the retargeter's robot makes a scripted movement.

    None when the robot has none of the joints that the movement is made with.
    """
    model, random = retargeter.model, np.random.default_rng(seed)
    styles = tuple(_bind_style(script, number, retargeter, random)
                   for number in range(len(script.styles)))
    weights = np.zeros((len(model.joint_names), 2))
    for part, pair in script.matters.items():
        columns = np.flatnonzero(~model.body) if part == "face" else model.columns(part)
        weights[columns] = pair
    used = np.any([np.isfinite(style.mean).all(axis=0) for style in styles], axis=0)
    weights[~used] = 0.0
    if not weights.any():
        return None
    return MotorPrimitive(script.name, model.joint_names, styles, script.action, script.side,
                          script.channel, script.meaning, script.background, weights)


def load_repertoire(model: RobotModel, path: str | Path | None = None, *, cache: bool = True,
                    taught: str | Path | Sequence[Shown] | None = None,
                    progress: Callable[[int, int], None] = lambda done, of: None) -> Repertoire:
    """Return the units of a repertoire file and those that were taught, bound to a robot.

    A unit that was taught takes the place of one of the same name.

    Parameters
    ----------
    model : RobotModel
    path : str or Path, optional
        YAML in human terms; the repertoire of the package by default.
    cache : bool
        Keep the bound units in the cache folder, and take them from there.
    taught : str, Path or sequence of Shown, optional
        Movements that were shown, or a file of them (`mirror_robot.motor.shown`); the user's own
        file by default.
    progress : callable (done, of)
        Called after each unit that is bound; not at all when they come from the cache.

    Raises
    ------
    RepertoireError
        If the file is not as it should be.
    """
    path = share_file("config/repertoire.yaml") if path is None else Path(path).expanduser()
    scripts = read_scripts(path)
    if taught is None or isinstance(taught, str | Path):
        taught = load_shown_or_last(
            shown_path() if taught is None else Path(taught).expanduser())
    learnt = [unit for movement in taught if (unit := bind_shown(movement, model)) is not None]
    return Repertoire(
        model, _bound(model, scripts, path.read_text(encoding="utf-8"), cache, progress),
    ).with_units(learnt)


@functools.cache
def _sources() -> str:
    """Return a digest of the code that binds: units bound by other code are bound anew."""
    folder = Path(__file__).parent
    files = sorted([*folder.glob("*.py"), *folder.parent.joinpath("body").glob("*.py")])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _bound(model: RobotModel, scripts: tuple[Script, ...], text: str,
           cache: bool, progress: Callable[[int, int], None]) -> tuple[MotorPrimitive, ...]:
    """Return the scripts' primitives, from the cache where they have been bound before."""
    profile = model.profile
    digest = hashlib.sha256("\0".join([
        # Without comments: xacro writes the path of the file into one.
        _sources(), text, ElementTree.canonicalize(model.urdf),
        repr((profile.chains, profile.face, model.rest.tolist()))]).encode()).hexdigest()
    kept = cache_folder() / "repertoire" / f"{profile.name}-{digest[:16]}.npz" if cache else None
    if kept is not None and kept.is_file():
        try:
            units, note = load_primitives(kept)
            if note == digest:
                return units
        except ValueError as error:
            _LOG.warning("%s; binding anew", error)
    retargeter = Retargeter(model, mirror_image=False)
    bound = []
    for seed, script in enumerate(scripts):
        bound.append(bind_script(script, retargeter, seed))
        progress(len(bound), len(scripts))
    lacking = [script.name for script, unit in zip(scripts, bound) if unit is None]
    if lacking:
        _LOG.warning("%s has no joints for: %s", profile.name, ", ".join(lacking))
    units = tuple(unit for unit in bound if unit is not None)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        save_primitives(kept, model.joint_names, units, digest)
    return units
