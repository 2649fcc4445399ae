# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A person's posture becomes the robot's, and back."""

from __future__ import annotations

import numpy as np
import pytest

from mirror_robot.body.chain import Chain
from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.body.retargeting import Retargeter
from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.human.observation import BodyObservation
from mirror_robot.human.posture import LIMBS, HumanPosture, elevation, posture_from_landmarks


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_model("kagami")


def _random_postures(robot: RobotModel, count: int, seed: int) -> list[np.ndarray]:
    """Return smooth random postures well inside the limits, each followed by a neighbour."""
    rng = np.random.default_rng(seed)
    span = robot.upper - robot.lower
    q = robot.rest.copy()
    postures = []
    goal = q
    for step in range(count):
        if step % 25 == 0:
            goal = robot.lower + span * rng.uniform(0.15, 0.85, len(q))
        q = q + 0.08 * (goal - q)
        postures.append(q.copy())
    return postures


def _angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip((a * b).sum(axis=-1), -1, 1)))


def test_a_posture_that_the_robot_can_take_is_reproduced_within_one_degree(robot):
    retargeter = Retargeter(robot)
    errors = []
    for q in _random_postures(robot, 200, seed=1):
        wanted = robot.human_posture(q)
        result = retargeter.retarget(wanted)
        errors.append(_angles(robot.limb_directions(result.positions), wanted.limbs))
    errors = np.array(errors)
    assert np.median(errors) < 1.0
    assert np.percentile(errors, 95) < 5.0


def test_the_reported_residual_is_the_angle_that_remains(robot):
    retargeter = Retargeter(robot)
    back = HumanPosture.standing()
    back.head[:] = np.diag([-1.0, -1.0, 1.0])  # no neck turns so far
    back.limbs[0] = [-0.6, -0.8, 0.0]  # nor does a left arm reach through the back
    for _ in range(20):
        result = retargeter.retarget(back)
    shown = robot.human_posture(result.positions)
    for row, limb in enumerate(LIMBS):
        angle = _angles(shown.limbs[row], back.limbs[row])
        assert np.degrees(result.residual[limb]) == pytest.approx(angle, abs=0.1)
    turned = np.arccos((np.trace(shown.head.T @ back.head) - 1) / 2)
    assert result.residual["head"] == pytest.approx(turned, abs=1e-3)
    assert result.residual["head"] > 0.5


def test_positions_stay_within_limits_whatever_is_asked(robot):
    rng = np.random.default_rng(2)
    retargeter = Retargeter(robot)
    for _ in range(150):
        limbs = rng.normal(size=(6, 3))
        limbs /= np.linalg.norm(limbs, axis=1, keepdims=True)
        rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        rotation *= np.sign(np.linalg.det(rotation))
        posture = HumanPosture(0.0, limbs, limbs[:2], rotation, rotation)
        q = retargeter.retarget(posture).positions[robot.body]
        assert np.isfinite(q).all()
        assert (q >= robot.lower[robot.body] - 1e-9).all()
        assert (q <= robot.upper[robot.body] + 1e-9).all()


def test_an_unknown_limb_leaves_its_joints_unknown_and_the_others_alone(robot):
    posture = HumanPosture.standing()
    posture.limbs[4:] = np.nan  # right forearm and hand
    positions = Retargeter(robot).retarget(posture).positions
    assert np.isfinite(positions[robot.index["right_shoulder_pitch"]])
    assert np.isnan(positions[robot.index["right_wrist_pitch"]])
    assert np.isfinite(positions[robot.columns("left_arm")]).all()


def test_nothing_known_gives_nothing(robot):
    result = Retargeter(robot).retarget(HumanPosture.unknown())
    assert np.isnan(result.positions).all()
    assert result.residual == {}


def test_in_mirror_image_the_right_arm_of_the_person_drives_the_left_of_the_robot(robot):
    posture = HumanPosture.standing()
    posture.limbs[3:] = [0.0, -1.0, 0.0]
    mirrored = Retargeter(robot, mirror_image=True)
    anatomical = Retargeter(robot)
    for _ in range(10):
        left = robot.limb_directions(mirrored.retarget(posture).positions)
        right = robot.limb_directions(anatomical.retarget(posture).positions)
    assert elevation(left[0]) == pytest.approx(0.0, abs=0.05)
    assert elevation(left[3]) == pytest.approx(-np.pi / 2, abs=0.15)
    assert elevation(right[3]) == pytest.approx(0.0, abs=0.05)


def test_both_arms_choose_alike(robot):
    retargeter = Retargeter(robot, avoid_collisions=False)
    rng = np.random.default_rng(4)
    left, right = robot.columns("left_arm"), robot.columns("right_arm")
    # Axes along y turn alike on both sides, the others the other way round.
    sign = np.array([1, -1, -1, 1, -1, 1, -1])
    posture = HumanPosture.standing()
    for _ in range(40):
        limbs = posture.limbs[:3] + 0.4 * rng.normal(size=(3, 3))
        posture.limbs[:3] = limbs / np.linalg.norm(limbs, axis=1, keepdims=True)
        posture.limbs[3:] = posture.limbs[:3] * [1, -1, 1]
        q = retargeter.retarget(posture).positions
        np.testing.assert_allclose(q[left], sign * q[right], atol=1e-4)


def test_a_slow_movement_gives_a_smooth_one_through_the_straight_arm(robot):
    retargeter = Retargeter(robot)
    last, largest = None, 0.0
    for angle in np.linspace(-np.pi / 2 + 0.1, np.pi / 3, 150):
        posture = HumanPosture.standing()
        posture.limbs[:3] = [np.cos(angle), 0.0, np.sin(angle)]
        q = retargeter.retarget(posture).positions[robot.body]
        if last is not None:
            largest = max(largest, np.abs(q - last).max())
        last = q
    step = (np.pi / 3 + np.pi / 2) / 150
    assert largest < 10 * step


def test_an_arm_leaves_for_a_posture_that_becomes_better_only_after_it_was_found(robot):
    arm = Chain(robot, "left_arm")
    # No elbow folds flat, so that something is always missed and a better posture looked for.
    targets = np.zeros((arm.size, 3))
    targets[:, 2] = [-1.0] + [1.0] * (arm.size - 1)
    weights = arm.weights * (np.arange(arm.size) < arm.limbs)
    least = arm.search(arm.rest, targets, weights)[1]
    pace = np.full(len(arm.rest), 0.1)
    for _ in range(10):
        arm.consider(arm.rest, targets, weights, least + 0.01, pace)
    assert arm.goal is None
    for _ in range(200):
        if arm.goal is None:
            arm.consider(arm.rest, targets, weights, least + 0.5, pace)
    assert arm.goal is not None


def test_mirroring_twice_is_the_identity():
    rng = np.random.default_rng(3)
    posture = HumanPosture(0.0, rng.normal(size=(6, 3)), rng.normal(size=(2, 3)),
                           rng.normal(size=(3, 3)), rng.normal(size=(3, 3)))
    again = posture.mirrored().mirrored()
    for name in ("limbs", "palms", "torso", "head"):
        np.testing.assert_allclose(getattr(again, name), getattr(posture, name))


def _standing_landmarks() -> np.ndarray:
    points = np.full((33, 3), np.nan)
    for side, y in (("left", 0.2), ("right", -0.2)):
        heights = {"hip": 0.0, "shoulder": 0.5, "elbow": 0.2, "wrist": -0.05,
                   "index": -0.13, "pinky": -0.13}
        for name, z in heights.items():
            forward = {"index": 0.03, "pinky": -0.03}.get(name, 0.0)
            points[POSE_INDEX[f"{side}_{name}"]] = [forward, y if name != "hip" else y / 2, z]
        points[POSE_INDEX[f"{side}_ear"]] = [0.0, 0.35 * y, 0.65]
    points[POSE_INDEX["nose"]] = [0.1, 0.0, 0.63]
    return points


def test_landmarks_of_a_standing_person_give_the_standing_posture():
    posture = posture_from_landmarks(
        BodyObservation(1.5, "a", _standing_landmarks(), np.ones(33)))
    standing = HumanPosture.standing()
    np.testing.assert_allclose(posture.limbs, standing.limbs, atol=1e-6)
    np.testing.assert_allclose(posture.palms, standing.palms, atol=1e-6)
    np.testing.assert_allclose(posture.torso, np.eye(3), atol=1e-6)
    assert np.degrees(np.arccos(posture.head[0, 0])) < 3
    assert posture.stamp == 1.5


def test_without_hips_the_trunk_counts_as_upright_and_the_arms_are_still_known():
    points = _standing_landmarks()
    points[[POSE_INDEX["left_hip"], POSE_INDEX["right_hip"]]] = np.nan
    posture = posture_from_landmarks(BodyObservation(0.0, "a", points, np.ones(33)))
    np.testing.assert_allclose(posture.torso, np.eye(3), atol=1e-6)
    assert np.isfinite(posture.limbs).all()


def test_a_hidden_wrist_hides_forearm_and_hand_only():
    points = _standing_landmarks()
    points[POSE_INDEX["left_wrist"]] = np.nan
    posture = posture_from_landmarks(BodyObservation(0.0, "a", points, np.ones(33)))
    known = np.isfinite(posture.limbs).all(axis=1)
    assert known.tolist() == [True, False, False, True, True, True]
