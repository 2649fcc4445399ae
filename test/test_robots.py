# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Retargeting onto real robots, whose descriptions come from requirements-robots.txt."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mirror_robot.body.collision import SelfCollision
from mirror_robot.body.discovery import discover_profile
from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.body.profile import ProfileError, load_profile
from mirror_robot.body.retargeting import Retargeter
from mirror_robot.human.posture import LIMBS, SIDES, HumanPosture

ROBOTS = ("icub", "talos", "g1", "tiago_pro", "booster_t1", "nao", "pepper", "reachy_mini",
          "baxter")
WITH_ARMS = tuple(name for name in ROBOTS if name != "reachy_mini")


@cache
def _model(name: str) -> RobotModel | str:
    try:
        return load_model(name)
    except ProfileError as error:
        return str(error)


def robot(name: str) -> RobotModel:
    """Return the model of a robot, or skip the test where its package is not installed."""
    model = _model(name)
    if isinstance(model, str):
        if "is it installed" in model:
            pytest.skip(f"pip install --no-deps -r requirements-robots.txt: {model}")
        pytest.fail(model)
    return model


def _posture(left, right=None, stamp=0.0, torso=None, head=None) -> HumanPosture:
    """Return a posture with straight arms along `left` and its mirror image, or `right`."""
    posture = HumanPosture.standing(stamp)
    left = np.asarray(left, float)
    right = left * [1, -1, 1] if right is None else np.asarray(right, float)
    posture.limbs[:3], posture.limbs[3:] = left, right
    posture.limbs[:] /= np.linalg.norm(posture.limbs, axis=1, keepdims=True)
    posture.palms[:] = np.nan
    if torso is not None:
        posture.torso[:] = torso
    if head is not None:
        posture.head[:] = head
    return posture


def _yaw(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _settle(retargeter: Retargeter, posture: HumanPosture, frames: int = 60):
    for _ in range(frames):
        result = retargeter.retarget(posture)
    return result


@pytest.mark.parametrize("name", WITH_ARMS)
@pytest.mark.parametrize("direction", [(0.1, 0.7, -1.0), (0.1, 1.0, 0.0), (1.0, 0.3, 0.0)],
                         ids=["low", "sideways", "forward"])
def test_arms_point_where_the_person_points(name, direction):
    model = robot(name)
    posture = _posture(direction)
    result = _settle(Retargeter(model), posture)
    shown = model.limb_directions(result.positions)
    for row, side in enumerate(SIDES):
        # As a whole, from shoulder to wrist: an elbow that cannot be quite straight bends a bit.
        arm = shown[3 * row] + shown[3 * row + 1]
        angle = np.degrees(np.arccos(arm @ posture.limbs[3 * row] / np.linalg.norm(arm)))
        assert angle < 10, f"{side} arm of {name}"


@pytest.mark.parametrize("name", WITH_ARMS)
def test_what_the_robot_can_do_is_done_within_one_degree(name):
    model = robot(name)
    retargeter = Retargeter(model, avoid_collisions=False)
    rng = np.random.default_rng(5)
    body = model.body
    q, goal = model.rest.copy(), model.rest.copy()
    span = np.minimum(model.upper, model.rest + 2) - np.maximum(model.lower, model.rest - 2)
    errors = []
    for step in range(120):
        if step % 24 == 0:
            goal = np.maximum(model.lower, model.rest - 2) + span * rng.uniform(
                0.25, 0.75, len(q))
        q[body] += 0.05 * (goal - q)[body]
        wanted = model.human_posture(q)
        if "head" not in model.profile.chains:
            wanted.head[:] = wanted.torso
        result = retargeter.retarget(wanted)
        errors += [result.residual[limb] for limb in LIMBS if limb in result.residual
                   and not limb.endswith("hand")]
    assert np.degrees(np.median(errors)) < 1.0
    assert np.degrees(np.percentile(errors, 95)) < 5.0


@pytest.mark.parametrize("name", ROBOTS)
def test_no_joint_leaves_its_limits_or_outruns_its_velocity(name):
    model = robot(name)
    retargeter = Retargeter(model)
    rng = np.random.default_rng(3)
    body, last = model.body, model.rest.copy()
    retargeter.retarget(_posture([0, 0, -1]))
    for frame in range(1, 60):
        limbs = rng.normal(size=(6, 3))
        posture = _posture([0, 0, -1], stamp=frame / 30, torso=_yaw(rng.normal()),
                           head=_yaw(rng.normal()))
        posture.limbs[:] = limbs / np.linalg.norm(limbs, axis=1, keepdims=True)
        q = retargeter.retarget(posture).positions
        q = np.where(np.isfinite(q), q, model.rest)
        assert (q >= model.lower - 1e-9)[body].all() and (q <= model.upper + 1e-9)[body].all()
        if frame > 1:
            assert (np.abs(q - last) <= model.velocity / 30 + 1e-6)[body].all()
        last = q


@pytest.mark.parametrize("name", WITH_ARMS)
def test_hugging_oneself_ends_before_the_body(name):
    model = robot(name)
    retargeter, collision = Retargeter(model), SelfCollision(model)
    for share in np.linspace(0, 1, 40):
        inward = np.array([0.5, -0.9, -0.2]) * share + np.array([0.2, 0.4, -1.0]) * (1 - share)
        result = retargeter.retarget(_posture(inward))
        assert collision.clearance(result.positions) > -1e-3


def test_icub_whose_root_looks_backward_raises_its_arms_forward():
    model = robot("icub")
    result = _settle(Retargeter(model), _posture([1, 0.2, 0]))
    hands = model.points(result.positions)
    for side in SIDES:
        wrist = hands[model.point(f"{side}_arm", "wrist")]
        shoulder = hands[model.point(f"{side}_arm", "shoulder")]
        assert wrist[0] - shoulder[0] > 0.15
    assert hands[model.point("left_arm", "shoulder")][1] > 0


def test_g1_has_no_neck_and_turns_its_torso_where_the_person_looks():
    model = robot("g1")
    result = _settle(Retargeter(model), _posture([0, 0.2, -1], head=_yaw(0.6)))
    front = model.human_posture(result.positions).torso[:, 0]
    assert np.arctan2(front[1], front[0]) == pytest.approx(0.6, abs=0.05)
    assert "head" in result.missing


def test_tiago_leaves_its_lift_and_wheels_alone():
    model = robot("tiago_pro")
    assert not any("wheel" in name or "lift" in name for name in model.joint_names)


def test_a_head_without_arms_follows_the_head_and_says_that_arms_are_missing():
    model = robot("reachy_mini")
    result = _settle(Retargeter(model), _posture([0, 0.2, -1], torso=_yaw(0.5), head=_yaw(0.5)))
    assert set(LIMBS) <= set(result.missing)
    front = model.human_posture(result.positions).torso[:, 0]
    assert np.arctan2(front[1], front[0]) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", ROBOTS)
def test_the_profile_found_in_a_description_names_the_chains_of_the_written_one(name, tmp_path):
    model = robot(name)
    discovery = discover_profile(model.profile.description, name)
    path = tmp_path / f"{name}.yaml"
    path.write_text(discovery.profile_yaml)
    found = load_profile(path)
    assert {key: chain.joints for key, chain in found.chains.items()} == {
        key: chain.joints for key, chain in model.profile.chains.items() if not chain.legs}
    assert found.forward == model.profile.forward
    assert len(discovery.profile_yaml.splitlines()) < 60
    assert any(note.startswith("unsure:") for note in discovery.notes)


def test_a_head_on_six_legs_turns_as_the_person_does_and_says_so_itself():
    model = robot("reachy_mini")
    retargeter = Retargeter(model)
    for axis in np.array([[0.3, 0, 0], [0, 0.4, 0], [0, -0.2, 0.8], [-0.1, 0.3, -0.5]]):
        c, s = np.cos(np.linalg.norm(axis)), np.sin(np.linalg.norm(axis))
        x, y, z = axis / np.linalg.norm(axis)
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        head = np.eye(3) + s * cross + (1 - c) * cross @ cross
        result = retargeter.retarget(_posture([0, 0.2, -1], head=head))
        assert result.residual["head"] < np.radians(0.5)
        np.testing.assert_allclose(model.human_posture(result.positions).head, head, atol=1e-3)


def test_a_head_on_six_legs_goes_as_far_as_its_motors_do_and_tells_what_is_missing():
    model = robot("reachy_mini")
    result = _settle(Retargeter(model), _posture([0, 0.2, -1], head=_yaw(2.8)))
    q = result.positions[model.columns("head")]
    assert (q >= model.lower[model.columns("head")]).all()
    assert (q <= model.upper[model.columns("head")]).all()
    front = model.human_posture(result.positions).head[:, 0]
    shown = np.arctan2(front[1], front[0])
    assert 0.3 < shown < 2.7
    assert result.residual["head"] == pytest.approx(2.8 - shown, abs=0.05)
