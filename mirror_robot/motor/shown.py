# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Movements that were shown and named, kept in human terms: limb directions and rotations.

What is kept knows nothing of robots, so a file written beside one robot serves another; it is
bound to a body when it is loaded, by the same retargeter that re-lives a person.

A file appears whole or not at all, and the one before it is kept beside it: a damaged file is
refused with the reason, and `load_shown_or_last` falls back on the last good one.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mirror_robot.body.model import RobotModel
from mirror_robot.body.retargeting import Retargeter
from mirror_robot.human.posture import HumanPosture
from mirror_robot.motor.primitive import MotorPrimitive, learn_primitive
from mirror_robot.motor.script import RepertoireError
from mirror_robot.resources import PACKAGE

_LOG = logging.getLogger(__name__)
_FORMAT = 1
_NAME = re.compile(r"[a-z][a-z0-9_]*")

MIRRORED = "mirrored_"
"""What the names of styles begin with that are mirror images of what was shown."""

_STILL = np.radians(20.0)
"""A limb that turns less than this during a whole demonstration is not what it is about [rad]."""

_ONSET = 0.35
"""A movement begins and ends where some limb turns faster than this [rad/s]."""

REST = 0.7
"""A rest shorter than this [s] does not part two repetitions."""

_LIKE = np.radians(30.0)
"""A movement whose mirror image is never further from it than this is symmetric [rad]."""

_SHORTEST = 0.4
"""Anything shorter is no movement [s]."""

HEAVIEST = 10.0
"""No demonstration counts more than this: a file from elsewhere shall not silence the others."""


@dataclass(frozen=True)
class Demonstration:
    """One recording of a movement, once through.

    Attributes
    ----------
    times : ndarray (t,)
        From 0 [s], growing.
    limbs : ndarray (t, 6, 3)
        Unit directions as in `HumanPosture.limbs`; NaN where unknown.
    torso, head : ndarray (t, 3, 3)
        Rotations as in `HumanPosture`; NaN where unknown.
    weight : float
        How much it counts beside others of the same movement; more than 0, at most `HEAVIEST`.
    """

    times: np.ndarray
    limbs: np.ndarray
    torso: np.ndarray
    head: np.ndarray
    weight: float = 1.0

    def __post_init__(self) -> None:
        count = len(self.times)
        shapes = {"limbs": (count, 6, 3), "torso": (count, 3, 3), "head": (count, 3, 3)}
        for field, shape in shapes.items():
            if np.shape(getattr(self, field)) != shape:
                raise ValueError(f"{field} has the shape {np.shape(getattr(self, field))}, "
                                 f"not {shape}")
        if count < 4 or not (np.diff(self.times) > 0).all():
            raise ValueError("a demonstration needs at least four frames with growing times; "
                             f"it has {count}")
        if not 0.0 < self.weight <= HEAVIEST:
            raise ValueError("the weight of a demonstration is more than 0 and at most "
                             f"{HEAVIEST:g}, not {self.weight}")


def check_name(name: str) -> None:
    """Raise a RepertoireError unless a unit may be called so."""
    if not _NAME.fullmatch(name):
        raise RepertoireError(
            f"{name!r} is no name for a unit: lower-case letters, digits and _")


@dataclass(frozen=True)
class Shown:
    """A named movement with its demonstrations and its meaning."""

    name: str
    demonstrations: tuple[Demonstration, ...]
    meaning: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        if not self.demonstrations:
            raise RepertoireError(f"{self.name!r} has no demonstration")


def shown_path() -> Path:
    """Return where what was taught is kept.

    ``MIRROR_ROBOT_DATA`` wins over ``XDG_DATA_HOME``, which wins over ``~/.local/share``.
    """
    named = os.environ.get("MIRROR_ROBOT_DATA")
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / PACKAGE
    return (Path(named).expanduser() if named else base) / "repertoire.npz"


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def save_shown(path: Path, movements: Sequence[Shown]) -> None:
    """Write a file whole or not at all; the file that was there is kept beside it."""
    arrays: dict[str, np.ndarray] = {}
    units = []
    for movement in movements:
        units.append({"name": movement.name, "meaning": movement.meaning,
                      "demonstrations": len(movement.demonstrations),
                      "weights": [float(one.weight) for one in movement.demonstrations]})
        for number, shown in enumerate(movement.demonstrations):
            for field in ("times", "limbs", "torso", "head"):
                arrays[f"{movement.name}/{number}/{field}"] = getattr(shown, field)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.npz")
    try:
        with temporary.open("wb") as stream:
            header = np.array(json.dumps({"format": _FORMAT, "units": units}))
            np.savez_compressed(stream, header=header, **arrays)  # type: ignore[arg-type]
            stream.flush()
            os.fsync(stream.fileno())
        if path.is_file():
            # What is damaged does not take the place of the last good one.
            try:
                load_shown(path)
            except RepertoireError:
                path.replace(path.with_name(f"{path.stem}.damaged{path.suffix}"))
            else:
                path.replace(_previous(path))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def change_shown(path: Path, change: Callable[[tuple[Shown, ...]], Sequence[Shown]],
                 ) -> tuple[Shown, ...]:
    """Change a file as one step that no other process comes between; return what it holds then.

    Parameters
    ----------
    path : Path
    change : callable
        From the movements that the file holds to those that it shall hold; what it raises leaves
        the file as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the file, which each change replaces by another.
    with path.with_name(f".{path.stem}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        movements = tuple(change(load_shown_or_last(path)))
        save_shown(path, movements)
    return movements


def load_shown(path: Path) -> tuple[Shown, ...]:
    """Return the movements of a file.

    Raises
    ------
    RepertoireError
        If the file cannot be read, is damaged or of another format; says which and why.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        header = json.loads(str(arrays.pop("header")))
        if header["format"] != _FORMAT:
            raise ValueError(f"format {header['format']!r} is not {_FORMAT}")
        return tuple(
            Shown(unit["name"], tuple(
                Demonstration(**{field: arrays[f"{unit['name']}/{number}/{field}"].astype(float)
                                 for field in ("times", "limbs", "torso", "head")},
                              weight=float(weight))
                # Files from before there were weights have none.
                for number, weight in enumerate(
                    unit.get("weights", [1.0] * unit["demonstrations"]))), unit["meaning"])
            for unit in header["units"])
    except Exception as error:  # zip, json, key and shape errors share no narrower base
        raise RepertoireError(f"{path} is no usable file of shown movements: {error}") from error


def load_shown_or_last(path: Path) -> tuple[Shown, ...]:
    """Return the movements of a file; of the one before it when it is damaged; none without."""
    if not path.is_file() and not _previous(path).is_file():
        return ()
    try:
        return load_shown(path)
    except RepertoireError as error:
        if not _previous(path).is_file():
            raise
        _LOG.warning("%s; using the last good one, %s", error, _previous(path).name)
        return load_shown(_previous(path))


def _turning(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return how fast (t,) anything of directions (t, k, 3) turns [rad/s]; unknown counts 0."""
    moved = np.linalg.norm(np.nan_to_num(np.diff(values, axis=0)), axis=2).max(axis=1)
    speed = moved / np.diff(times)
    return np.concatenate([speed[:1], speed])


def cut(postures: Sequence[HumanPosture], until: float = np.inf,
        weights: Sequence[float] | None = None) -> list[Demonstration]:
    """Cut a recording into its repetitions at the rests between them.

    A recording that never rests is one demonstration; one that never moves is none.

    Parameters
    ----------
    postures : sequence of HumanPosture
        In the order of their stamps.
    until : float
        Only what ended so early that the rest after it is over by then [s]; all by default.
    weights : sequence of float, optional
        Of the postures; a demonstration counts as much as the most that it was shown with.
    """
    rows = [row for row, posture in enumerate(postures) if np.isfinite(posture.limbs).any()
            or np.isfinite(posture.head).any()]
    if len(rows) < 4:
        return []
    times = np.array([postures[row].stamp for row in rows])
    keep = np.flatnonzero(np.concatenate([[True], np.diff(times) > 1e-6]))
    known, times = [postures[rows[k]] for k in keep], times[keep]
    weight = np.ones(len(known)) if weights is None else np.array(weights)[rows][keep]
    limbs = np.array([posture.limbs for posture in known])
    torso = np.array([posture.torso for posture in known])
    head = np.array([posture.head for posture in known])
    # Hands tremble in landmarks; the arm tells when a movement begins.
    directions = np.concatenate(
        [limbs[:, [0, 1, 3, 4]], torso[:, :, 0::2].swapaxes(1, 2),
         head[:, :, 0::2].swapaxes(1, 2)], axis=1)
    speed = _turning(directions, times)
    width = max(int(0.2 / max(np.median(np.diff(times)), 1e-3)), 1)
    speed = np.convolve(speed, np.ones(width) / width, mode="same")
    moving = np.flatnonzero(speed > _ONSET)
    if not len(moving):
        return []
    parts = np.split(moving, np.flatnonzero(np.diff(times[moving]) > REST) + 1)
    out = []
    for moved in parts:
        first, last = max(moved[0] - 1, 0), min(moved[-1] + 2, len(times))
        if times[last - 1] - times[first] < _SHORTEST or last - first < 4:
            continue
        if times[last - 1] > until - REST:
            continue
        part = slice(first, last)
        out.append(Demonstration(times[part] - times[first], limbs[part], torso[part],
                                 head[part], float(weight[part].max())))
    return out


def _moves(shown: Demonstration) -> Mapping[str, bool]:
    """Return which parts of the body a demonstration is made with."""
    def range_of(directions: np.ndarray) -> float:
        known = directions[np.isfinite(directions).all(axis=-1)]
        if len(known) < 2:
            return 0.0
        return float(np.arccos(np.clip(known @ known[0], -1, 1)).max())

    arms = {f"{side}_arm": max(range_of(shown.limbs[:, row]), range_of(shown.limbs[:, row + 1]))
            > _STILL for side, row in (("left", 0), ("right", 3))}
    trunk = {part: max(range_of(rotation[:, :, 0]), range_of(rotation[:, :, 2])) > _STILL
             for part, rotation in (("torso", shown.torso), ("head", shown.head))}
    return arms | trunk


def relive(shown: Demonstration, retargeter: Retargeter) -> np.ndarray:
    """Return the robot's positions (t, n) for a demonstration; NaN where it says nothing."""
    retargeter.reset()
    unknown = np.full((2, 3), np.nan)
    return np.array([
        retargeter.retarget(HumanPosture(float(stamp), limbs, unknown, torso, head)).positions
        for stamp, limbs, torso, head in zip(shown.times, shown.limbs, shown.torso, shown.head)])


def _mirrored(shown: Demonstration) -> Demonstration:
    """Return a demonstration as a mirror shows it."""
    unknown = np.full((2, 3), np.nan)
    postures = [HumanPosture(0.0, limbs, unknown, torso, head).mirrored() for limbs, torso, head
                in zip(shown.limbs, shown.torso, shown.head)]
    return replace(shown, limbs=np.array([posture.limbs for posture in postures]),
                   torso=np.array([posture.torso for posture in postures]),
                   head=np.array([posture.head for posture in postures]))


def _parts(shown: Sequence[Demonstration], model: RobotModel) -> list[str]:
    """Return the parts that move in most demonstrations and that the robot has."""
    moves = [_moves(one) for one in shown]
    return [part for part in moves[0]
            if np.mean([one[part] for one in moves]) >= 0.5 and part in model.profile.chains]


def _symmetric(shown: Demonstration, parts: Sequence[str]) -> bool:
    """Return whether a mirror shows about the same movement of those parts."""
    other = _mirrored(shown)
    for part in parts:
        if part.endswith("_arm"):
            rows = slice(0, 2) if part == "left_arm" else slice(3, 5)
            one, two = shown.limbs[:, rows], other.limbs[:, rows]
        else:
            one, two = (getattr(each, part)[:, :, 0::2].swapaxes(1, 2) for each in (shown, other))
        angle = np.arccos(np.clip((one * two).sum(axis=-1), -1.0, 1.0))
        if np.nan_to_num(np.quantile(np.nan_to_num(angle), 0.9)) > _LIKE:
            return False
    return True


def bind_shown(movement: Shown, model: RobotModel) -> MotorPrimitive | None:
    """Return the primitive with which a robot makes a movement that was shown.

    Only the parts that moved in most demonstrations tell; the others are free. A movement that is
    not its own mirror image has the mirror image of every demonstration as a further style: shown
    once with the right hand it is known from either, and whichever of its hands the robot moves
    when it re-lives a person as a mirror does. None when the robot has no joint for what moved.
    """
    retargeter = Retargeter(model)
    shown = movement.demonstrations
    parts = _parts(shown, model)
    channel = "head" if parts == ["head"] else "body"
    own = [part for part in parts if part != "head" or channel == "head"]
    sets = [(shown, own)]
    if not all(_symmetric(one, own) for one in shown):
        sides = {"left_arm": "right_arm", "right_arm": "left_arm"}
        sets.append((tuple(map(_mirrored, shown)),
                     [other for part in own
                      if (other := sides.get(part, part)) in model.profile.chains]))
    demonstrations, used, told = [], [], np.zeros(len(model.joint_names))
    for ones, made_with in sets:
        columns = [column for part in made_with for column in model.columns(part)]
        if not columns:
            continue
        told[columns] = 1.0
        for one in ones:
            demonstrations.append((one.times, relive(one, retargeter)))
            used.append(np.isin(np.arange(len(told)), columns))
    if not demonstrations:
        return None
    unit = learn_primitive(movement.name, model.joint_names, demonstrations, used=used,
                           channel=channel, meaning=movement.meaning)
    styles = tuple(replace(
        style, weight=shown[number % len(shown)].weight,
        name=style.name if number < len(shown) else f"{MIRRORED}{number - len(shown) + 1}")
        for number, style in enumerate(unit.styles))
    return replace(unit, styles=styles, weights=np.stack([told, told], axis=1))
