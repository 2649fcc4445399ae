# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The robot's hands: how far a person's fingers are curled, to the joints of the robot's own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mirror_robot.body.model import RobotModel
from mirror_robot.human.posture import SIDES


def finger_positions(
    model: RobotModel, curls: Mapping[str, float], mirror_image: bool = False,
) -> np.ndarray:
    """Return the positions (n,) with which the robot's hands show how the person's are curled.

    A joint goes between its ``open`` and its ``closed`` position as far as the fingers that it
    follows are curled in the mean, those of them that are known.

    Parameters
    ----------
    model : RobotModel
    curls : mapping str -> float
        0 stretched .. 1 in the fist by `mirror_robot.human.hands.named_curls`' names, such as
        ``left_index``; the sides are the person's own.
    mirror_image : bool
        Exchange the sides, as in a mirror.

    Returns
    -------
    ndarray (n,)
        NaN for all other joints, and for those none of whose fingers are known.
    """
    positions = np.full(len(model.joint_names), np.nan)
    for side, joints in model.profile.fingers.items():
        seen = SIDES[1 - SIDES.index(side)] if mirror_image else side
        for joint, finger in joints.items():
            known = [value for name in finger.follows
                     if np.isfinite(value := curls.get(f"{seen}_{name}", np.nan))]
            if known:
                share = float(np.clip(np.mean(known), 0.0, 1.0))
                positions[model.index[joint]] = (
                    finger.open + share * (finger.closed - finger.open))
    return positions
