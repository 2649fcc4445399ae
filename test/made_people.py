# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""People made for tests: landmarks of a body that takes a posture, of any size."""

from __future__ import annotations

import numpy as np

from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.human.observation import BodyObservation
from mirror_robot.human.posture import HumanPosture
from mirror_robot.motor.script import Script, read_scripts, sample_course
from mirror_robot.resources import share_file


def landmarks(posture: HumanPosture, size: float = 1.0) -> np.ndarray:
    """Return the landmarks (33, 3) of somebody who takes `posture`; 1 is an adult."""
    points = np.full((33, 3), np.nan)

    def put(name: str, at: np.ndarray) -> None:
        points[POSE_INDEX[name]] = size * at

    neck = posture.torso @ [0.0, 0.0, 0.50]
    for row, (side, left) in enumerate((("left", 1.0), ("right", -1.0))):
        put(f"{side}_hip", np.array([0.0, 0.11 * left, 0.0]))
        shoulder = neck + posture.torso @ [0.0, 0.18 * left, 0.0]
        upper, fore, hand = posture.limbs[3 * row:3 * row + 3]
        elbow = shoulder + 0.29 * upper
        wrist = elbow + 0.25 * fore
        across = np.cross(hand, posture.palms[row]) * left
        put(f"{side}_shoulder", shoulder)
        put(f"{side}_elbow", elbow)
        put(f"{side}_wrist", wrist)
        put(f"{side}_index", wrist + 0.09 * hand + 0.03 * np.nan_to_num(across))
        put(f"{side}_pinky", wrist + 0.09 * hand - 0.03 * np.nan_to_num(across))
        ear = neck + posture.head @ [0.0, 0.075 * left, 0.17]
        put(f"{side}_ear", ear)
        put(f"mouth_{side}", neck + posture.head @ [0.09, 0.025 * left, 0.09])
    put("nose", neck + posture.head @ [0.10, 0.0, 0.17 - 0.1 * np.tan(0.19)])
    return points


def body(stamp: float, posture: HumanPosture, person: str = "anna",
         size: float = 1.0) -> BodyObservation:
    """Return somebody in a posture as perception would tell it."""
    points = landmarks(posture, size)
    return BodyObservation(stamp, person, points, np.isfinite(points).all(axis=1).astype(float))


def script(name: str) -> Script:
    """Return a script of the package's repertoire by its name."""
    scripts = read_scripts(share_file("config/repertoire.yaml"))
    return next(script for script in scripts if script.name == name)


def movement(name: str, rate: float = 25.0, lead: float = 0.6) -> list[HumanPosture]:
    """Return postures at `rate` of somebody who stands for `lead` s and makes a movement once."""
    made = script(name)
    course = sample_course(made, made.styles[0], step=1.0 / rate)
    standing, unknown = HumanPosture.standing(), np.isnan
    postures = [standing] * int(lead * rate)
    for limbs, torso, head in zip(course.limbs, course.torso, course.head):
        postures.append(HumanPosture(
            0.0, np.where(unknown(limbs), standing.limbs, limbs), standing.palms,
            np.where(unknown(torso), np.eye(3), torso), np.where(unknown(head), np.eye(3), head)))
    return postures
