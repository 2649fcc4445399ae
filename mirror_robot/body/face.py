# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The robot's face: action units to its own face joints, and back to how far each is driven."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mirror_robot.body.model import RobotModel

_OTHER_SIDE = {"L": "R", "R": "L"}


def face_positions(
    model: RobotModel, action_units: Mapping[str, float], mirror_image: bool = False,
) -> np.ndarray:
    """Return the positions (n,) with which the robot's face shows `action_units`.

    Parameters
    ----------
    model : RobotModel
        Its profile says which joint shows which action unit with which gain.
    action_units : mapping str -> float
        0..1 by FACS name, with L or R behind it where the sides differ (``AU12L``, ``AU4``); the
        sides are the person's own.
    mirror_image : bool
        Exchange the sides, as in a mirror.

    Returns
    -------
    ndarray (n,)
        NaN for all joints outside the face, and for those none of whose action units are known.
    """
    positions = np.full(len(model.joint_names), np.nan)
    for joint, gains in model.profile.face.items():
        known = [(gain, value) for unit, gain in gains.items()
                 if np.isfinite(value := _intensity(action_units, unit, mirror_image))]
        if known:
            drive = float(np.clip(sum(gain * value for gain, value in known), -1.0, 1.0))
            row = model.index[joint]
            rest = model.rest[row]
            end = model.upper[row] if drive > 0 else model.lower[row]
            positions[row] = rest + abs(drive) * (end - rest)
    return positions


def face_drive(model: RobotModel, positions: np.ndarray) -> dict[str, float]:
    """Return how far each face joint is driven: -1 lower limit, 0 neutral, 1 upper limit.

    Joints whose position is NaN are left out.
    """
    drives = {}
    for joint in model.profile.face:
        row = model.index[joint]
        offset = positions[row] - model.rest[row]
        if np.isfinite(offset):
            span = (model.upper[row] if offset > 0 else model.lower[row]) - model.rest[row]
            drives[joint] = float(np.clip(abs(offset) / max(abs(span), 1e-9), 0.0, 1.0)
                                  * np.sign(offset))
    return drives


def _intensity(action_units: Mapping[str, float], unit: str, mirror_image: bool) -> float:
    """Return the intensity of `unit`; a side not told apart has that of the whole."""
    if unit[-1] in _OTHER_SIDE:
        name = unit[:-1] + (_OTHER_SIDE[unit[-1]] if mirror_image else unit[-1])
        return action_units.get(name, action_units.get(unit[:-1], np.nan))
    if unit in action_units:
        return action_units[unit]
    sides = [action_units[unit + side] for side in "LR" if unit + side in action_units]
    return float(np.mean(sides)) if sides else np.nan
