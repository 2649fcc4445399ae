# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Near people the hands are slow or do not move at all, whatever the targets do."""

from __future__ import annotations

import numpy as np
import pytest

from mirror_robot.actuation.actuator import Actuator, Settings
from mirror_robot.actuation.limits import JointLimits
from mirror_robot.actuation.nearness import HandSpeed, Nearness
from mirror_robot.actuation.safety import State
from mirror_robot.body.model import load_model

MODEL = load_model("kagami")
LIMITS = JointLimits.from_model(MODEL)
NAMES = list(MODEL.joint_names)
PERIOD = 0.01


class World:
    """An actuator of kagami whose robot is where it was told to be, and a person."""

    def __init__(self, **settings) -> None:
        settings = Settings(blend_time=0.0, target_jump=10.0, **settings)
        self.actuator = Actuator(
            LIMITS, MODEL.rest, settings, HandSpeed(MODEL, settings.hand_speed))
        self.steady = 10.0
        self.path: list[np.ndarray] = []
        self.actuator.receive_joint_states(NAMES, MODEL.rest.tolist())
        self.actuator.tick(self.steady, self.steady)
        assert self.actuator.enable(self.steady).accepted

    def run(self, seconds, target, distance=None):
        """Let time pass; `target` is a function of time, `distance` None for a silent sensor."""
        for step in range(round(seconds / PERIOD)):
            self.steady += PERIOD
            motion = self.actuator.shaper.motion
            self.actuator.receive_joint_states(NAMES, motion.position.tolist())
            if step % 4 == 0:
                self.actuator.receive_targets(
                    "posture", NAMES, target(self.steady).tolist(), self.steady - 0.01,
                    self.steady, self.steady)
            if distance is not None and step % 10 == 0:
                assert self.actuator.nearness.receive(distance, self.steady)
            self.actuator.tick(self.steady, self.steady)
            self.path.append(self.actuator.shaper.motion.position)
        return self

    def hand_speed(self) -> float:
        """Return the largest speed of a finger tip along the path [m/s]."""
        tips = np.array([[MODEL.points(q)[f"{side}_fingertip_link"] for side in ("left", "right")]
                         for q in self.path])
        return float(np.linalg.norm(np.diff(tips, axis=0), axis=-1).max() / PERIOD)


def waving(time: float) -> np.ndarray:
    """Both arms swing by a metre at 0.8 Hz."""
    position = MODEL.rest.copy()
    for side in ("left", "right"):
        position[MODEL.index[f"{side}_shoulder_pitch"]] = -0.9 + 0.8 * np.sin(5.0 * time)
        position[MODEL.index[f"{side}_elbow"]] = -0.8 + 0.5 * np.cos(5.0 * time)
    return position


def jumping(seed: int):
    """Return targets anywhere in the range, another one every 0.4 s."""
    def target(time: float) -> np.ndarray:
        rng = np.random.default_rng([seed, int(time / 0.4)])
        return rng.uniform(MODEL.lower, MODEL.upper)
    return target


@pytest.mark.parametrize("target", [waving, jumping(0), jumping(1)], ids=["waving", "0", "1"])
def test_hands_are_no_faster_than_allowed_near_a_person(target):
    world = World(near_distance=1.5).run(3.0, target, distance=1.0)
    assert 0.05 < world.hand_speed() <= 0.25


def test_far_from_people_the_hands_are_as_fast_as_ever():
    assert World(near_distance=1.5).run(2.0, waving, distance=3.0).hand_speed() > 1.0
    assert World().run(2.0, waving).hand_speed() > 1.0, "nothing asked for, nothing capped"


def test_a_distance_that_is_unknown_counts_as_near():
    assert World(near_distance=1.5).run(2.0, waving).hand_speed() <= 0.25


def test_the_robot_holds_still_while_somebody_is_too_near_and_goes_on_afterwards():
    world = World(hold_distance=0.6).run(1.0, waving, distance=2.0)
    assert world.actuator.state is State.FOLLOWING
    world.run(1.0, waving, distance=0.5)
    assert world.actuator.state is State.HOLDING and world.actuator.shaper.standing
    assert "0.50 m" in world.actuator.supervisor.reason
    stood = world.path[-1]
    world.run(4.0, waving, distance=0.62)
    np.testing.assert_array_equal(world.path[-1], stood, "it neither follows nor goes to rest")
    world.run(1.0, waving, distance=0.7)
    assert world.actuator.state is State.FOLLOWING
    assert np.abs(world.path[-1] - stood).max() > 0.05


def test_relaxing_waits_too_while_somebody_is_too_near():
    world = World(hold_distance=0.6).run(1.0, waving, distance=2.0)
    assert world.actuator.relax().accepted
    world.run(1.0, waving, distance=0.3)
    assert world.actuator.state is State.RELAXING and world.actuator.shaper.standing


def test_a_distance_is_a_number_that_is_not_negative_and_gets_old():
    nearness = Nearness(near=1.0, hold=0.5, timeout=1.0)
    assert nearness.near(0.0) and "unknown" in nearness.hold(0.0)
    assert not nearness.receive(float("nan"), 0.0) and not nearness.receive(-1.0, 0.0)
    assert nearness.receive(float("inf"), 0.0)
    assert not nearness.near(0.5) and not nearness.hold(0.5)
    assert nearness.near(1.5) and "unknown" in nearness.hold(1.5)


def test_slow_hands_without_a_model_of_the_robot_are_refused():
    with pytest.raises(ValueError, match="hands"):
        Actuator(LIMITS, MODEL.rest, Settings(near_distance=1.0))
