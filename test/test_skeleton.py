# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Joint angles of people: signs, exactness, continuity, limbs that are not known, lengths."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.human.skeleton import (
    DEFAULT_LENGTHS,
    JOINTS,
    LimbLengths,
    Skeleton,
    SkeletonSolver,
    head_frame,
    human_urdf,
    landmarks_from_skeleton,
    limb_directions,
)

DOWN, FRONT, LEFT = np.array([0.0, 0, -1]), np.array([1.0, 0, 0]), np.array([0.0, 1, 0])
STANDING = {
    "torso": -DOWN, **{f"{side}_{limb}": DOWN for side in ("left", "right")
                       for limb in ("upper_arm", "forearm", "thigh", "shin")},
}


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _solve(**directions: np.ndarray) -> dict[str, float]:
    return SkeletonSolver()(0.0, {**STANDING, **directions}).angles


def test_a_standing_person_has_all_angles_at_zero():
    solved = SkeletonSolver()(0.0, STANDING, np.eye(3))
    assert set(solved.angles) == set(JOINTS)
    np.testing.assert_allclose(list(solved.angles.values()), 0.0, atol=1e-9)
    np.testing.assert_allclose(solved.root, np.eye(3), atol=1e-9)


def test_signs_are_those_of_human_description():
    bow = np.array([np.sin(0.5), 0, np.cos(0.5)])
    assert _solve(torso=bow)["waist"] == pytest.approx(0.5)
    for side, name, out in (("left", "l", LEFT), ("right", "r", -LEFT)):
        raised = _solve(**{f"{side}_upper_arm": out, f"{side}_forearm": out})
        assert raised[f"{name}_p_shoulder"] == pytest.approx(np.pi / 2)
        assert raised[f"{name}_y_shoulder"] == pytest.approx(0.0)
        bent = _solve(**{f"{side}_forearm": FRONT})
        assert bent[f"{name}_elbow"] == pytest.approx(np.pi / 2)
        assert bent[f"{name}_r_shoulder"] == pytest.approx(0.0)
        ahead = _solve(**{f"{side}_upper_arm": FRONT, f"{side}_forearm": FRONT})
        assert ahead[f"{name}_y_shoulder"] == pytest.approx(np.pi / 2)
        spread = _solve(**{f"{side}_{limb}": 0.5 * out + 0.75**0.5 * DOWN
                           for limb in ("thigh", "shin")})
        assert spread[f"{name}_p_hip"] == pytest.approx(np.pi / 6)
        seated = _solve(**{f"{side}_thigh": FRONT})
        assert seated[f"{name}_r_hip"] == pytest.approx(np.pi / 2)
        assert seated[f"{name}_knee"] == pytest.approx(-np.pi / 2)
    c, s = np.cos(0.4), np.sin(0.4)
    looks_up = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    assert SkeletonSolver()(0.0, STANDING, looks_up).angles["p_head"] == pytest.approx(0.4)
    looks_left = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    assert SkeletonSolver()(0.0, STANDING, looks_left).angles["y_head"] == pytest.approx(0.4)


def test_angles_within_the_limits_are_found_again_from_where_the_limbs_point():
    random = np.random.default_rng(2)
    for _ in range(200):
        given = {name: random.uniform(max(low, -1.2), min(high, 1.2))
                 for name, (low, high) in JOINTS.items()}
        there = limb_directions(Skeleton(given, np.eye(3)))
        head = there.pop("head")
        solved = SkeletonSolver()(0.0, there, None)
        for name, direction in limb_directions(solved).items():
            np.testing.assert_allclose(direction, there[name], atol=0.09, err_msg=name)
        assert np.isfinite(head).all()


def _swing(frames: int, aside: float, reach: float = 0.5) -> np.ndarray:
    swing = reach * np.sin(np.arange(frames) / 30 * 2 * np.pi)
    arm = np.column_stack([np.sin(swing), np.full(frames, aside), -np.cos(swing)])
    return arm / np.linalg.norm(arm, axis=1, keepdims=True)


@pytest.mark.parametrize("aside", [0.0, 0.02, 0.1])
def test_an_arm_that_swings_through_hanging_down_points_where_it_should_and_does_not_spin(aside):
    solver, last = SkeletonSolver(), None
    for number, arm in enumerate(_swing(300, aside)):
        solved = solver(number / 30, {**STANDING, "left_upper_arm": arm, "left_forearm": arm})
        assert limb_directions(solved)["left_upper_arm"] @ arm > np.cos(np.radians(15))
        angles = np.array([solved.angles[f"l_{joint}_shoulder"] for joint in "ypr"])
        assert last is None or np.abs(angles - last).max() < np.radians(19)
        last = angles


def test_a_straight_arm_that_waves_and_bends_both_ways_does_not_spin_its_roll():
    solver, last = SkeletonSolver(), None
    for number in range(200):
        bend = 0.5 * np.sin(number / 30 * 2 * np.pi)
        fore = np.array([0.02, np.cos(bend), np.sin(bend)])
        fore /= np.linalg.norm(fore)
        solved = solver(number / 30, {**STANDING, "left_upper_arm": LEFT, "left_forearm": fore})
        roll = solved.angles["l_r_shoulder"]
        assert last is None or abs((roll - last + np.pi) % (2 * np.pi) - np.pi) < np.radians(19)
        last = roll


def test_an_arm_far_off_after_a_jump_of_the_landmarks_finds_the_way():
    random = np.random.default_rng(6)
    for _ in range(30):
        solver, (first, second, upper, fore) = SkeletonSolver(), _unit(random.normal(size=(4, 3)))
        solver(0.0, {**STANDING, "left_upper_arm": first, "left_forearm": second})
        for number in range(1, 21):
            solved = solver(number / 30, {
                **STANDING, "left_upper_arm": upper, "left_forearm": fore})
        ways = limb_directions(solved)
        assert ways["left_upper_arm"] @ upper > np.cos(np.radians(2))
        assert ways["left_forearm"] @ fore > np.cos(np.radians(2))


def test_a_leg_that_swings_straight_does_not_spin_its_hip_and_points_where_it_should():
    solver, last = SkeletonSolver(), None
    for number, leg in enumerate(_swing(120, 0.1, 1.0)):
        shin = _unit(leg + np.array([0.0, 0.02 * np.sin(number), 0.0]))
        solved = solver(number / 30, {**STANDING, "left_thigh": leg, "left_shin": shin})
        assert limb_directions(solved)["left_thigh"] @ leg > np.cos(np.radians(2))
        angles = np.array([solved.angles[f"l_{joint}_hip"] for joint in "ypr"])
        assert last is None or np.abs(angles - last).max() < np.radians(19)
        last = angles


def test_noise_at_rest_does_not_spin_the_joints_that_rest_leaves_open():
    solver, random, yaws = SkeletonSolver(), np.random.default_rng(3), []
    for number in range(200):
        arm = DOWN + 0.01 * random.normal(size=3)
        arm /= np.linalg.norm(arm)
        angles = solver(number / 30, {**STANDING, "left_upper_arm": arm}).angles
        yaws.append(angles["l_y_shoulder"])
    assert np.abs(np.diff(yaws)).max() < np.radians(20)


def test_a_trunk_that_leans_sideways_rolls_the_root_and_is_pointed_exactly():
    up = np.array([0.3, 0.4, 0.8])
    up /= np.linalg.norm(up)
    solved = SkeletonSolver()(0.0, {**STANDING, "torso": up})
    np.testing.assert_allclose(limb_directions(solved)["torso"], up, atol=1e-9)
    assert solved.root[0, 0] == pytest.approx(1.0, abs=0.02)  # it rolls


@pytest.mark.parametrize("up", [LEFT, -LEFT, DOWN, FRONT, -FRONT])
def test_no_trunk_is_too_strange_for_a_finite_answer(up):
    solved = SkeletonSolver()(0.0, {**STANDING, "torso": up})
    np.testing.assert_allclose(limb_directions(solved)["torso"], up, atol=1e-6)
    np.testing.assert_allclose(solved.root @ solved.root.T, np.eye(3), atol=1e-9)


def test_what_is_not_known_is_left_out():
    unknown = np.full(3, np.nan)
    angles = _solve(left_forearm=unknown, right_upper_arm=unknown, left_thigh=unknown)
    assert "l_y_shoulder" in angles
    assert not {"l_elbow", "l_r_shoulder", "r_y_shoulder", "r_elbow", "l_y_hip", "l_knee",
                "p_head"} & set(angles)


def _points(scale: float = 1.0) -> np.ndarray:
    points = np.full((33, 3), np.nan)
    for name, place in {
            "left_shoulder": (0, 0.2, 0.5), "right_shoulder": (0, -0.2, 0.5),
            "left_elbow": (0, 0.2, 0.2), "left_wrist": (0, 0.2, -0.05),
            "left_hip": (0, 0.1, 0), "right_hip": (0, -0.1, 0)}.items():
        points[POSE_INDEX[name]] = scale * np.array(place)
    return points


def test_lengths_settle_on_the_person_and_then_stay():
    measure, random = LimbLengths(), np.random.default_rng(4)
    for _ in range(80):
        measure(_points() + 0.02 * random.normal(size=(33, 3)))
    assert measure.lengths()["upper_arm"] == pytest.approx(0.3, abs=0.01)
    assert measure.lengths()["torso"] == pytest.approx(0.5, abs=0.01)
    before = measure.lengths()
    measure(_points(1.5))
    assert measure.lengths() == before
    assert measure.lengths()["shin"] > 0.3  # never seen, fits the rest


def test_the_description_has_the_joints_limits_and_lengths_of_the_person():
    measure = LimbLengths(4)
    for _ in range(4):
        measure(_points())
    robot = ElementTree.fromstring(human_urdf("abc", measure.lengths()))
    joints = {joint.get("name"): joint for joint in robot.iter("joint")}
    for name, (low, high) in JOINTS.items():
        limit = joints[f"{name}_abc"].find("limit")
        assert (float(limit.get("lower")), float(limit.get("upper"))) == (low, high)
    assert joints["l_elbow_abc"].find("origin").get("xyz") == "0.0000 0.0000 -0.3000"
    links = {link.get("name") for link in robot.iter("link")}
    children = {joint.find("child").get("link") for joint in joints.values()}
    assert links - children == {"body_abc"}


def test_the_description_moved_by_the_angles_has_its_joints_where_the_landmarks_are():
    pinocchio = pytest.importorskip("pinocchio")
    lengths = dict(DEFAULT_LENGTHS, upper_arm=0.33, torso=0.55)
    model = pinocchio.buildModelFromXML(human_urdf("abc", lengths))
    data, random = model.createData(), np.random.default_rng(5)
    angles = {name: random.uniform(*limits) for name, limits in JOINTS.items()}
    position = np.zeros(model.nq)
    for name, angle in angles.items():
        position[model.joints[model.getJointId(f"{name}_abc")].idx_q] = angle
    pinocchio.framesForwardKinematics(model, data, position)

    def at(name: str) -> np.ndarray:
        return data.oMf[model.getFrameId(
            f"{name}_abc", pinocchio.FrameType.BODY)].translation

    skeleton = Skeleton(angles, np.eye(3))
    points = landmarks_from_skeleton(skeleton, lengths)
    for side in ("left", "right"):
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
            np.testing.assert_allclose(
                at(f"{side[0]}_{joint}"), points[POSE_INDEX[f"{side}_{joint}"]], atol=1e-4)
    np.testing.assert_allclose(at("head"), head_frame(skeleton, lengths)[0], atol=1e-4)


@pytest.mark.skipif(shutil.which("check_urdf") is None, reason="liburdfdom-tools not installed")
def test_the_description_is_accepted_by_check_urdf(tmp_path):
    path = tmp_path / "human.urdf"
    path.write_text(human_urdf("abc", DEFAULT_LENGTHS))
    told = subprocess.run(["check_urdf", str(path)], capture_output=True, text=True, check=False)
    assert told.returncode == 0 and "root Link: body_abc" in told.stdout
