# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A way around for an arm that stands before the robot itself: by a posture in between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mirror_robot.body.collision import SelfCollision
from mirror_robot.body.model import RobotModel

_STEP = 0.2
"""Largest movement of a joint [rad] between two looks at a way."""

DEPTH = 1e-3
"""Depth below the margin [m] that counts as none: targets at the margin may have half of it."""

TRIES = 60
"""Postures to try."""


def is_clear(collision: SelfCollision, start: np.ndarray, end: np.ndarray) -> bool:
    """Return whether the straight way between two postures (n,) keeps the margin after its start.

    Parameters
    ----------
    collision : SelfCollision
    start, end : ndarray (n,)
        [rad]
    """
    steps = max(1, int(np.ceil(np.abs(end - start).max() / _STEP)))
    # From the end: that is where a way that is none is found out most often.
    return all(collision.clearance(start + step / steps * (end - start)) >= -DEPTH
               for step in range(steps, 0, -1))


def posture_between(
    collision: SelfCollision, model: RobotModel, arms: Sequence[np.ndarray], start: np.ndarray,
    end: np.ndarray, number: int,
) -> np.ndarray | None:
    """Return a posture by which straight ways lead from `start` to `end`, if this try finds one.

    Tried are rest for each arm and for all, then postures at random, the same ones every time;
    the other joints go straight meanwhile.

    Parameters
    ----------
    collision : SelfCollision
    model : RobotModel
    arms : sequence of ndarray of int
        Joints of each arm that is to move.
    start, end : ndarray (n,)
        [rad]
    number : int
        Of the try, from 0 to `TRIES` - 1.

    Returns
    -------
    posture : ndarray (n,) or None
    """
    by = 0.5 * (start + end)
    resting = [*arms, np.concatenate(arms)]
    if number < len(resting):
        columns = resting[number]
        by[columns] = model.rest[columns]
    else:
        columns = arms[number % len(arms)]
        low, high = np.maximum(model.lower, -np.pi), np.minimum(model.upper, np.pi)
        by[columns] = np.random.default_rng(number).uniform(low, high)[columns]
    clear = is_clear(collision, by, end) and is_clear(collision, start, by)
    return by if clear else None
