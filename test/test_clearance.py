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
    arms = np.concatenate([MODEL.columns("left_arm"), MODEL.columns("right_arm")])
    while len(found) < 2 * count:
        q = MODEL.rest.copy()
        q[arms] = rng.uniform(MODEL.lower[arms], MODEL.upper[arms])
        if deepest(physics, [q]) > 0.05:
            found += [q, MODEL.rest]
    return np.array(found)


def follow(postures, clearance) -> np.ndarray:
    """Return the path (t, n) of an actuator whose target jumps every 1.2 s."""
    actuator = Actuator(LIMITS, MODEL.rest, Settings(blend_time=0.0, target_jump=10.0),
                        clearance=clearance)
    actuator.receive_joint_states(NAMES, MODEL.rest.tolist())
    actuator.tick(10.0, 10.0)
    assert actuator.enable(10.0).accepted
    path = [actuator.shaper.motion.position] * 4
    for step in range(1, round(len(postures) * 1.2 / PERIOD)):
        now = 10.0 + PERIOD * step
        actuator.receive_joint_states(NAMES, path[-1].tolist())
        if step % 4 == 0:
            actuator.receive_targets(
                "posture", NAMES, postures[int(step * PERIOD / 1.2)].tolist(), now - 0.01, now,
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
    for order, limit in ((1, LIMITS.velocity), (2, LIMITS.acceleration), (3, LIMITS.jerk)):
        steps = np.abs(np.diff(path, n=order, axis=0)) / PERIOD**order
        assert (steps <= limit * (1.0 + 1e-6) + 1e-7).all(), f"order {order}"


def test_where_nothing_is_in_the_way_the_motion_is_the_same():
    postures = np.tile(MODEL.rest, (2, 1))
    postures[:, MODEL.index["left_elbow"]] = -1.2
    np.testing.assert_array_equal(
        follow(postures, None), follow(postures, Clearance(MODEL)))
