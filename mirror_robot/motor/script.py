# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Movements written down in human terms: what a person reads and edits in the repertoire's YAML.

A script says where the limbs point, how the trunk and the head are held and what the face does at
a few instants; between them everything moves smoothly. It knows nothing of robots: scripts are
sampled with the variation that people show and then re-lived by a body
(`mirror_robot.motor.repertoire`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mirror_robot.body.profile import ACTION_UNITS
from mirror_robot.tables import Checks

FORMAT = 1
CHANNELS = ("body", "head", "face")
SIDES = ("left", "right")

_UNIT_KEYS = ("meaning", "channel", "background", "variants", "matters", "variation", "styles")
_STYLE_KEYS = ("repeat", "keys")
_VARIATION = {"angle": 9.0, "size": 0.2, "tempo": 0.25}
_ARM_KEYS = ("upper", "forearm", "hand")
_ANGLES = {"torso": ("bend", "turn", "lean"), "head": ("nod", "turn", "tilt")}
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class RepertoireError(ValueError):
    """A repertoire that cannot be used; names the key, the value and the valid choices."""


_check = Checks(RepertoireError)
_mapping, _number, _numbers, _choice = _check.mapping, _check.number, _check.numbers, _check.choice


@dataclass(frozen=True)
class Style:
    """One way to make a movement.

    Attributes
    ----------
    name : str
    times : ndarray (k,)
        Instants of the keys [s], from 0, increasing.
    repeat : tuple of 2 floats, or None
        From and until when [s] the movement repeats, any number of times; both are keys.
    limbs : ndarray (k, 6, 3)
        Unit directions as in `HumanPosture.limbs`; NaN where a key does not name the limb.
    angles : mapping ``torso``, ``head`` -> ndarray (k, 3)
        Bend or nod (+ forward), turn (+ to the left), lean or tilt (+ to the right) [rad]; the
        head's relative to the chest. NaN where a key does not name them.
    face : mapping of action unit -> ndarray (k,)
        0..1, NaN where a key does not name it.
    """

    name: str
    times: np.ndarray
    repeat: tuple[float, float] | None
    limbs: np.ndarray
    angles: Mapping[str, np.ndarray]
    face: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Script:
    """A movement in human terms.

    Attributes
    ----------
    name : str
        Unique, such as ``wave_left``.
    action : str
        What it is, whichever side makes it, such as ``wave``.
    side : str
        ``left``, ``right``, ``both`` or empty.
    meaning : str
        A short sentence.
    channel : str
        One of `CHANNELS`.
    background : bool
        True for what is no action, such as standing with the arms hanging.
    matters : mapping of part -> tuple of 2 floats
        How much posture and motion of a part tell, 0..1; parts are ``left_arm``, ``right_arm``,
        ``torso``, ``head``, ``face``. Parts that are not named are free.
    angle, size, tempo : float
        Natural variation: standard deviation of directions [rad], of size and of log duration.
    styles : tuple of Style
    """

    name: str
    action: str
    side: str
    meaning: str
    channel: str
    background: bool
    matters: Mapping[str, tuple[float, float]]
    angle: float
    size: float
    tempo: float
    styles: tuple[Style, ...]


@dataclass(frozen=True)
class Course:
    """A sampled course of a movement, once through: before, one repetition, after.

    Attributes
    ----------
    times : ndarray (t,)
        Equally spaced [s].
    limbs : ndarray (t, 6, 3)
    torso, head : ndarray (t, 3, 3)
        Rotations in the body frame.
    face : mapping of action unit -> ndarray (t,)
    """

    times: np.ndarray
    limbs: np.ndarray
    torso: np.ndarray
    head: np.ndarray
    face: Mapping[str, np.ndarray]


def read_scripts(path: Path) -> tuple[Script, ...]:
    """Read a repertoire file.

    Raises
    ------
    RepertoireError
        If it cannot be read or anything in it is not as it should be.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RepertoireError(f"cannot read the repertoire {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RepertoireError(f"{path} is not valid YAML: {error}") from error
    try:
        return parse_scripts(content)
    except RepertoireError as error:
        raise RepertoireError(f"{path}: {error}") from None


def parse_scripts(content: Any) -> tuple[Script, ...]:
    """Return the scripts that the content of a repertoire file describes.

    Raises
    ------
    RepertoireError
        As `read_scripts`.
    """
    content = _mapping(content, "a repertoire", ("format", "postures", "units"))
    if content.get("format") != FORMAT:
        raise RepertoireError(f"format must be {FORMAT}, not {content.get('format')!r}")
    postures = {str(name): _arm(value, f"postures.{name}", {}) for name, value in
                _mapping(content.get("postures") or {}, "postures").items()}
    units = _mapping(content.get("units"), "units", filled=True)
    scripts: list[Script] = []
    for name, value in units.items():
        scripts += _unit(name, value, postures)
    names = [script.name for script in scripts]
    for name in names:
        if names.count(name) > 1:
            raise RepertoireError(f"two units would be named {name!r}; rename one of them")
    return tuple(scripts)


def _arm(value: Any, where: str, postures: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return an arm (3, 2) as elevation and azimuth to the outside [rad] per limb."""
    if isinstance(value, str):
        return postures[_choice(value, where, tuple(postures))]
    value = _mapping(value, where, _ARM_KEYS, filled=True)
    rows = np.full((3, 2), np.nan)
    for row, key in enumerate(_ARM_KEYS):
        if key in value:
            elevation, azimuth = _numbers(value[key], f"{where}.{key}", 2, -180, 180)
            _number(elevation, f"{where}.{key} (elevation)", -90, 90)
            rows[row] = np.radians([elevation, azimuth])
        elif key == "hand":
            rows[row] = rows[1]  # unless said otherwise the hand prolongs the forearm
        else:
            raise RepertoireError(f"{where} lacks {key!r}: [elevation, azimuth] in degrees")
    return rows


def _directions(arm: np.ndarray, side: str) -> np.ndarray:
    """Return unit directions (3, 3) in the body frame of an arm (3, 2) on a side."""
    elevation, azimuth = arm.T
    outwards = 1.0 if side == "left" else -1.0
    return np.stack([np.cos(elevation) * np.cos(azimuth),
                     outwards * np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=1)


def _unit(name: Any, value: Any, postures: Mapping[str, np.ndarray]) -> list[Script]:
    where = f"units.{name}"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RepertoireError(f"{where}: a unit's name is lower-case letters, digits and _")
    value = _mapping(value, where, _UNIT_KEYS)
    for key in ("channel", "styles"):
        if key not in value:
            raise RepertoireError(f"{where} lacks the key {key!r}")
    background = value.get("background", False)
    if not isinstance(background, bool):
        raise RepertoireError(f"{where}.background must be true or false, not {background!r}")
    variation = {**_VARIATION, **{
        key: _number(number, f"{where}.variation.{key}", 0.0, 60.0 if key == "angle" else 1.0)
        for key, number in _mapping(value.get("variation") or _VARIATION,
                                    f"{where}.variation", tuple(_VARIATION)).items()}}
    variants = value.get("variants", [])
    if not isinstance(variants, list) or len(set(map(str, variants))) != len(variants):
        raise RepertoireError(f"{where}.variants must be a list without repetition")
    sides = [_choice(side, f"{where}.variants", (*SIDES, "both")) for side in variants] or [""]
    scripts = []
    for side in sides:
        arms = {"left": ("left_arm",), "right": ("right_arm",)}.get(
            side, ("left_arm", "right_arm"))
        styles = tuple(
            _style(str(key), style, f"{where}.styles.{key}", side, postures)
            for key, style in _mapping(value["styles"], f"{where}.styles", filled=True).items())
        scripts.append(Script(
            name=f"{name}_{side}" if side else name, action=name, side=side,
            meaning=str(value.get("meaning", name.replace("_", " "))),
            channel=_choice(value["channel"], f"{where}.channel", CHANNELS),
            background=background,
            matters=_matters(value.get("matters"), f"{where}.matters", styles, arms),
            angle=float(np.radians(variation["angle"])), size=variation["size"],
            tempo=variation["tempo"], styles=styles))
    return scripts


def _matters(value: Any, where: str, styles: tuple[Style, ...], arms: tuple[str, ...],
             ) -> dict[str, tuple[float, float]]:
    named = {
        "left_arm": any(np.isfinite(s.limbs[:, :3]).any() for s in styles),
        "right_arm": any(np.isfinite(s.limbs[:, 3:]).any() for s in styles),
        "torso": any(np.isfinite(s.angles["torso"]).any() for s in styles),
        "head": any(np.isfinite(s.angles["head"]).any() for s in styles),
        "face": any(s.face for s in styles)}
    weights = {part: (1.0, 1.0) for part, there in named.items() if there}
    if value is None:
        return weights
    parts = ("arm", "other_arm", "torso", "head", "face")
    for key, entry in _mapping(value, where, parts, filled=True).items():
        if isinstance(entry, list):
            first, second = _numbers(entry, f"{where}.{key}", 2, 0.0, 1.0)
            pair = first, second
        else:
            weight = _number(entry, f"{where}.{key}", 0.0, 1.0)
            pair = weight, weight
        others = tuple(part for part in ("left_arm", "right_arm") if part not in arms)
        for part in {"arm": arms, "other_arm": others}.get(key, (key,)):
            if part not in weights:
                raise RepertoireError(f"{where}.{key}: no key of a style names that part")
            weights[part] = pair
    return weights


def _style(name: str, value: Any, where: str, side: str, postures: Mapping[str, np.ndarray],
           ) -> Style:
    value = _mapping(value, where, _STYLE_KEYS)
    keys = value.get("keys")
    if not isinstance(keys, list) or len(keys) < 2:
        raise RepertoireError(f"{where}.keys must be a list of at least two keys")
    times = []
    for number, key in enumerate(keys):
        key = _mapping(key, f"{where}.keys[{number}]",
                       ("at", "arm", "other_arm", "torso", "head", "face"))
        if "at" not in key:
            raise RepertoireError(f"{where}.keys[{number}] lacks 'at', its time in seconds")
        times.append(_number(key["at"], f"{where}.keys[{number}].at", 0.0, 60.0))
    if times[0] != 0 or np.any(np.diff(times) < 0.05):
        raise RepertoireError(f"{where}.keys: 'at' must start at 0 and grow by at least 0.05 s; "
                              f"it is {times}")
    repeat = value.get("repeat")
    if repeat is not None:
        first, second = _numbers(repeat, f"{where}.repeat", 2, 0.0, 60.0)
        repeat = first, second
        if repeat[0] not in times or repeat[1] <= repeat[0] + 0.2:
            raise RepertoireError(f"{where}.repeat is {list(repeat)}; it must start at a key "
                                  f"({times}) and last more than 0.2 s")
        if repeat[1] in times:
            raise RepertoireError(f"{where}.keys: leave out the key at {repeat[1]}: the end of a "
                                  "repetition is its start")
        # The end of a repetition is its start, so a repeated movement never jumps.
        again = {**keys[times.index(repeat[0])], "at": repeat[1]}
        place = int(np.searchsorted(times, repeat[1]))
        keys = [*keys[:place], again, *keys[place:]]
        times = [*times[:place], repeat[1], *times[place:]]
    limbs = np.full((len(keys), 6, 3), np.nan)
    angles = {part: np.full((len(keys), 3), np.nan) for part in _ANGLES}
    units = sorted({str(unit) for key in keys for unit in key.get("face") or {}})
    face = {unit: np.full(len(keys), np.nan) for unit in units}
    acting = {"left": ("left",), "right": ("right",)}.get(side, SIDES)
    for number, key in enumerate(keys):
        here = f"{where}.keys[{number}]"
        for part, sides in (("arm", acting),
                            ("other_arm", tuple(s for s in SIDES if s not in acting))):
            if part not in key:
                continue
            if not sides:
                raise RepertoireError(f"{here}: 'other_arm' is only for variants left and right")
            arm = _arm(key[part], f"{here}.{part}", postures)
            for one in sides:
                row = 3 * SIDES.index(one)
                limbs[number, row:row + 3] = _directions(arm, one)
        for part, names in _ANGLES.items():
            if part in key:
                given = _mapping(key[part], f"{here}.{part}", names)
                degrees = [_number(given.get(n, 0.0), f"{here}.{part}.{n}", -120, 120)
                           for n in names]
                # Scripts with variants are written for the left; the right is its mirror image.
                sign = -1.0 if side == "right" else 1.0
                angles[part][number] = np.radians(degrees) * (1.0, sign, sign)
        for unit, strength in (key.get("face") or {}).items():
            valid = [u + s for u in ACTION_UNITS for s in ("", "L", "R")]
            _choice(unit, f"{here}.face", valid)
            face[unit][number] = _number(strength, f"{here}.face.{unit}", 0.0, 1.0)
    for limb in np.moveaxis(limbs, 1, 0):
        known = limb[np.isfinite(limb[:, 0])]
        if len(known) > 1 and (np.sum(known[1:] * known[:-1], axis=1) < -0.87).any():
            raise RepertoireError(f"{where}: two successive keys point an arm in nearly opposite "
                                  "directions; add a key between them that says which way it goes")
    return Style(name, np.array(times), repeat, limbs, angles, face)


def _slopes(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return slopes (k, ...) at the knots that keep a cubic monotone (Fritsch & Butland 1984).

    Zero at both ends: a movement starts and ends at rest.
    """
    step = np.diff(times).reshape(-1, *([1] * (values.ndim - 1)))
    rise = np.diff(values, axis=0) / step
    slopes = np.zeros_like(values)
    if len(values) > 2:
        a, b = rise[:-1], rise[1:]
        w1, w2 = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
        same = a * b > 0
        a, b = np.where(same, a, 1.0), np.where(same, b, 1.0)
        slopes[1:-1] = np.where(same, (w1 + w2) / (w1 / a + w2 / b), 0.0)
    return slopes


def smooth(times: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Interpolate smoothly and without overshoot through knots.

    Parameters
    ----------
    times : ndarray (k,)
        Increasing.
    values : ndarray (k, ...)
        Rows that hold NaN are skipped; all NaN gives NaN.
    at : ndarray (t,)
        Held at the ends outside `times`.

    Returns
    -------
    ndarray (t, ...)
    """
    known = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not known.any():
        return np.full((len(at), *values.shape[1:]), np.nan)
    times, values = times[known], values[known]
    if len(times) == 1:
        return np.repeat(values, len(at), axis=0)
    slopes = _slopes(times, values)
    at = np.clip(at, times[0], times[-1])
    left = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    step = times[left + 1] - times[left]
    u = (at - times[left]) / step
    shape = (-1, *([1] * (values.ndim - 1)))
    u, step = u.reshape(shape), step.reshape(shape)
    return ((1 + 2 * u) * (1 - u) ** 2 * values[left] + u * (1 - u) ** 2 * step * slopes[left]
            + u * u * (3 - 2 * u) * values[left + 1]
            + u * u * (u - 1) * step * slopes[left + 1])


def _rotations(angles: np.ndarray) -> np.ndarray:
    """Return rotations (t, 3, 3) = Rz(turn) Ry(bend) Rx(lean) of angles (t, 3)."""
    pitch, yaw, roll = angles.T
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    cr, sr = np.cos(roll), np.sin(roll)
    return np.stack([
        np.stack([cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr], -1),
        np.stack([sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr], -1),
        np.stack([-sp, cp * sr, cp * cr], -1)], -2)


def _turned(directions: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return `directions` (..., 3) turned a little by rotation vectors `by`, unit length."""
    moved = directions + np.cross(by, directions)
    return moved / np.linalg.norm(moved, axis=-1, keepdims=True)


def sample_course(script: Script, style: Style, step: float = 0.05,
                  random: np.random.Generator | None = None) -> Course:
    """Return one course of a movement as somebody might make it.

    Parameters
    ----------
    script : Script
    style : Style
        One of the script's.
    step : float
        Approximate spacing of the course [s].
    random : numpy Generator, optional
        Source of the variation of posture and size; without one the course is as written. Tempo is
        not varied: phase, not time, is what courses of one movement have in common.
    """
    times, limbs = style.times, style.limbs
    angles = {part: values.copy() for part, values in style.angles.items()}
    face = {unit: values.copy() for unit, values in style.face.items()}
    if random is not None:
        size = np.exp(script.size * random.standard_normal())
        if style.repeat is not None:
            # Repeated sway is larger or smaller about its own middle, and the middle stays.
            inside = (times >= style.repeat[0]) & (times <= style.repeat[1])
            middle = np.nanmean(np.where(np.isfinite(limbs[inside]), limbs[inside], 0), axis=0)
            limbs = np.where(inside[:, None, None], middle + size * (limbs - middle), limbs)
        # Half of a posture's variation is the person's habit, half comes anew with every key.
        habit = random.standard_normal((1, 6, 3))
        anew = random.standard_normal((len(times), 6, 3))
        if style.repeat is not None:
            anew[times == style.repeat[1]] = anew[times == style.repeat[0]]
        limbs = _turned(limbs, script.angle * np.sqrt(0.5) * (habit + anew))
        for values in angles.values():
            values *= size
            values += 0.3 * script.angle * random.standard_normal((1, 3))
        for values in face.values():
            values *= np.clip(size * np.exp(script.size * random.standard_normal()), 0.3, 1.6)
            np.clip(values, 0.0, 1.0, out=values)

    count = max(int(np.ceil(times[-1] / step)), 8) + 1
    grid = np.linspace(0.0, times[-1], count)
    at, knots, pick = grid, times, slice(None)
    if style.repeat is not None:
        # Two repetitions are laid out, so that the seam between them is as smooth as the rest.
        first, last = style.repeat
        before, inside = times < last, (times >= first) & (times < last)
        pick = np.concatenate([np.flatnonzero(before), np.flatnonzero(inside),
                               np.flatnonzero(times >= last)])
        period = last - first
        knots = np.concatenate([times[before], times[inside] + period,
                                times[times >= last] + period])
        # The way in comes from the first repetition, the rest from the second.
        at = np.where(grid < first, grid, grid + period)

    def course(values: np.ndarray) -> np.ndarray:
        return smooth(knots, values[pick], at)

    directions = np.stack([course(limbs[:, row]) for row in range(6)], axis=1)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    torso_angles, head_angles = course(angles["torso"]), course(angles["head"])
    torso = _rotations(torso_angles)
    head = np.where(np.isfinite(torso), torso, np.eye(3)) @ _rotations(head_angles)
    return Course(grid, directions, torso, head, {u: course(v) for u, v in face.items()})
