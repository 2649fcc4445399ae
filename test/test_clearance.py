# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Whatever the targets, the robot does not drive its arms into itself."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from mirror_robot.actuation.actuator import Actuator, Settings
from mirror_robot.actuation.clearance import Clearance
from mirror_robot.actuation.limits import JointLimits
from mirror_robot.body.model import load_model
from mirror_robot.simulation import build_model

MODEL = load_model("kagami")
LIMITS = JointLimits.from_model(MODEL)
NAMES = list(MODEL.joint_names)
PERIOD = 0.01
ARMS = np.concatenate([MODEL.columns("left_arm"), MODEL.columns("right_arm")])


@pytest.fixture(scope="module")
def physics():
    model = build_model(MODEL.urdf, rest=dict(zip(NAMES, MODEL.rest)),
                        source=MODEL.profile.description)
    return model, [model.jnt_qposadr[model.joint(name).id] for name in NAMES]


def deepest(physics, path) -> float:
    """Return how deep [m] links of the robot enter one another at most, by MuJoCo."""
    model, addresses = physics
    data, depth = mujoco.MjData(model), 0.0
    for row in path[::2]:
        data.qpos[addresses] = row
        mujoco.mj_forward(model, data)
        depth = max([depth, *(-contact.dist for contact in data.contact[:data.ncon])])
    return depth


def bad_postures(physics, count: int, seed: int) -> np.ndarray:
    """Return postures at which an arm is deep inside the robot, and rest between them."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < 2 * count:
        q = MODEL.rest.copy()
        q[ARMS] = rng.uniform(MODEL.lower[ARMS], MODEL.upper[ARMS])
        if deepest(physics, [q]) > 0.05:
            found += [q, MODEL.rest]
    return np.array(found)


def clear_postures(physics, clearance, count: int, seed: int) -> np.ndarray:
    """Return postures at which no arm touches, by capsules and by MuJoCo."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < count:
        q = MODEL.rest.copy()
        q[ARMS] = rng.uniform(MODEL.lower[ARMS], MODEL.upper[ARMS])
        if clearance.of_posture(q) > 0.005 and deepest(physics, [q]) == 0.0:
            found.append(q)
    return np.array(found)


def assert_within_limits(path) -> None:
    assert (path >= LIMITS.lower - 1e-9).all()
    assert (path <= LIMITS.upper + 1e-9).all()
    for order, limit in ((1, LIMITS.velocity), (2, LIMITS.acceleration), (3, LIMITS.jerk)):
        steps = np.abs(np.diff(path, n=order, axis=0)) / PERIOD**order
        assert (steps <= limit * (1.0 + 1e-6) + 1e-7).all(), f"order {order}"


def follow(postures, clearance, every: float = 1.2, start=MODEL.rest) -> np.ndarray:
    """Return the path (t, n) of an actuator whose target jumps `every` so often [s]."""
    actuator = Actuator(LIMITS, MODEL.rest, Settings(blend_time=0.0, target_jump=10.0),
                        clearance=clearance)
    actuator.receive_joint_states(NAMES, start.tolist())
    actuator.tick(10.0, 10.0)
    assert actuator.enable(10.0).accepted
    path = [actuator.shaper.motion.position] * 4
    for step in range(1, round(len(postures) * every / PERIOD)):
        now = 10.0 + PERIOD * step
        actuator.receive_joint_states(NAMES, path[-1].tolist())
        if step % 4 == 0:
            actuator.receive_targets(
                "posture", NAMES, postures[int(step * PERIOD / every)].tolist(), now - 0.01, now,
                now)
        actuator.tick(now, now)
        path.append(actuator.shaper.motion.position)
    return np.array(path)


@pytest.mark.parametrize("seed", [0, 1])
def test_no_target_leads_an_arm_into_the_robot(physics, seed):
    postures = bad_postures(physics, 2, seed)
    careless, clearance = follow(postures, None), Clearance(MODEL)
    path = follow(postures, clearance)
    assert deepest(physics, careless) > 0.02, "else this would show nothing"
    assert deepest(physics, path) < 0.25 * deepest(physics, careless)
    assert clearance.braked > 0
    assert_within_limits(path)


@pytest.mark.parametrize("seed", [0, 2, 5, 7])
def test_between_clear_targets_the_way_is_clear_and_leads_there(physics, seed):
    # What capsules do not look at, an arm's own links, may come two centimetres into one another:
    # the thickness of their shells, which the limits of their joints are to keep.
    clearance = Clearance(MODEL)
    targets = clear_postures(physics, clearance, 3, seed)
    path = follow(targets, clearance, 5.0)
    assert_within_limits(path)
    assert deepest(physics, path) < 0.02
    least = min(clearance.of_posture(q) for q in path)
    assert least > -1e-3, "by the capsules, whose margin is what is kept"
    ends = path[[round((number + 1) * 5.0 / PERIOD) - 5 for number in range(len(targets))]]
    np.testing.assert_allclose(ends, targets, atol=0.05)


def test_an_arm_that_stands_before_the_waist_goes_around_it(physics):
    clearance = Clearance(MODEL)
    targets = np.tile(MODEL.rest, (2, 1))
    # From the back of the waist to before the chest: straight on leads into the waist.
    targets[:, ARMS] = [
        [0.55, 2.46, -0.08, -1.92, 1.09, 0.68, -0.61, -0.89, -1.51, 1.72, -2.4, 0.84, 0.18, -1.23],
        [0.51, 1.34, -0.62, -0.01, -0.66, -0.51, 0.99, 0.23, -0.7, 1.83, -0.19, 0.89, 0.58, -0.66]]
    path = follow(targets, clearance, 4.0)
    assert clearance.detours > 0
    np.testing.assert_allclose(path[-1], targets[-1], atol=0.05)
    assert min(clearance.of_posture(q) for q in path) > -1e-3


def test_an_arm_whose_target_is_in_the_robot_waits_before_it_without_searching(physics):
    clearance = Clearance(MODEL)
    follow(bad_postures(physics, 1, 1)[:1], clearance, 3.0)
    assert clearance.braked > 0 and clearance.detours == 0


@pytest.mark.parametrize("seed", range(2))
def test_hostile_targets_break_no_limit_and_no_margin_with_clearance_in_the_chain(seed):
    rng, clearance = np.random.default_rng(seed), Clearance(MODEL)
    actuator = Actuator(LIMITS, MODEL.rest, Settings(blend_time=0.0, target_jump=10.0),
                        clearance=clearance)
    actuator.receive_joint_states(NAMES, MODEL.rest.tolist())
    actuator.tick(10.0, 10.0)
    assert actuator.enable(10.0).accepted
    path, low, span = [MODEL.rest] * 4, LIMITS.lower - 0.5, LIMITS.upper - LIMITS.lower + 1.0
    for step in range(1, 601):
        now, kind = 10.0 + PERIOD * step, (step // 60) % 6
        if step % 60 == 1:
            actuator.speed_scale = rng.uniform(0.1, 1.0)
            frozen = low + span * rng.random(len(low))
        wanted = low + span * rng.random(len(low))
        if kind == 1:
            wanted[rng.random(len(low)) < 0.3] = rng.choice([np.nan, np.inf, -1e300])
        elif kind in (2, 3):
            wanted = frozen if kind == 2 else (
                LIMITS.lower if (step // 10) % 2 else LIMITS.upper)
        age = rng.normal(0.0, 1.0) if kind == 4 else 0.01
        actuator.receive_joint_states(NAMES, path[-1].tolist())
        if kind != 5:
            actuator.receive_targets("posture", NAMES, wanted.tolist(), now - age, now, now)
        actuator.tick(now, now)
        path.append(actuator.shaper.motion.position)
    assert_within_limits(np.array(path))
    assert clearance.braked > 0, "else this would show nothing"
    # One millimetre counts as none, and between two looks at a stop there may be another.
    assert min(clearance.of_posture(q) for q in path) > -2e-3


def at_clearance(wanted: float, turned: float = 0.0) -> np.ndarray:
    """Return a posture with the left hand so near [m] to the waist, beyond the margin.

    The trunk is `turned` [rad].
    """
    clearance, inside = Clearance(MODEL), MODEL.rest.copy()
    inside[MODEL.index["torso_yaw"]] = turned
    for joint, position in (("shoulder_pitch", 0.1), ("shoulder_roll", 0.1), ("elbow", -0.9),
                            ("shoulder_yaw", -1.4)):
        inside[MODEL.index[f"left_{joint}"]] = position
    assert clearance.of_posture(inside) < -0.02, "else there is no such posture on the way"
    low, high = 0.0, 1.0
    for _ in range(40):
        share = 0.5 * (low + high)
        q = MODEL.rest + share * (inside - MODEL.rest)
        low, high = (low, share) if clearance.of_posture(q) < wanted else (share, high)
    return q


def test_targets_at_the_margin_that_are_rounded_into_it_do_not_brake_the_robot():
    # As a retargeter sends them: half a millimetre is its tolerance.
    clearance, turns = Clearance(MODEL), 0.2 * np.sin(0.25 * np.arange(60))
    postures = np.array([at_clearance(-5e-4, turn) for turn in turns])
    path = follow(postures, clearance, 0.08)
    assert clearance.braked < 0.1 * len(path)
    np.testing.assert_allclose(path, follow(postures, None, 0.08), atol=0.2)


def test_a_robot_that_was_armed_too_near_to_itself_moves_away_and_never_nearer():
    start, clearance = at_clearance(-8e-3), Clearance(MODEL)
    deeper = at_clearance(-18e-3)
    path = follow(np.array([deeper, MODEL.rest]), clearance, 2.0, start)
    near = np.array([clearance.of_posture(q) for q in path])
    assert clearance.braked > 0
    assert near.min() > near[0] - 1e-4
    np.testing.assert_allclose(path[-1], MODEL.rest, atol=0.01)


def test_a_jaw_does_not_open_onto_a_hand_before_it():
    start, jaw = MODEL.rest.copy(), MODEL.index["jaw"]
    start[MODEL.columns("right_arm")] = [-1.92, -0.68, 0.69, -2.11, -0.34, -0.28, 0.96]
    opened, clearance = start.copy(), Clearance(MODEL)
    opened[jaw] = MODEL.upper[jaw]
    assert clearance.of_posture(start) > 0.0 and clearance.of_posture(opened) < -0.01
    path = follow(np.tile(opened, (2, 1)), clearance, 1.0, start)
    assert path[-1][jaw] > start[jaw] + 0.02, "as far as it may"
    assert min(clearance.of_posture(q) for q in path) > -2e-3


def test_where_nothing_is_in_the_way_the_motion_is_the_same():
    postures = np.tile(MODEL.rest, (2, 1))
    postures[:, MODEL.index["left_elbow"]] = -1.2
    np.testing.assert_array_equal(
        follow(postures, None), follow(postures, Clearance(MODEL)))
