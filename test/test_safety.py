# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The actuation as a whole, without ROS, against a robot and clocks made of numbers."""

from __future__ import annotations

import numpy as np
import pytest

from mirror_robot.actuation.actuator import Actuator, Command, Settings
from mirror_robot.actuation.limits import JointLimits
from mirror_robot.actuation.safety import FollowingMonitor, State

NAMES = ("shoulder", "elbow", "jaw")
LIMITS = JointLimits(
    NAMES, np.array([-2.0, -2.5, 0.0]), np.array([2.0, 0.0, 0.5]), np.array([6.0, 8.0, 12.0]),
    np.array([25.0, 25.0, 150.0]), np.array([300.0, 300.0, 4000.0]))
REST = np.array([0.1, -0.2, 0.0])


class World:
    """An actuator, the robot that obeys it, and both clocks."""

    def __init__(self, start=(0.5, -1.0, 0.1), **settings) -> None:
        self.actuator = Actuator(LIMITS, REST, Settings(**settings))
        self.steady, self.offset = 10.0, 1000.0
        self.robot = np.array(start, float)
        self.stuck = np.zeros(3, bool)
        self.states = True
        self.commands: list[Command] = []
        self.sent: list[float] = []
        self.path: list[np.ndarray] = []

    @property
    def now(self) -> float:
        """The node's clock."""
        return self.steady + self.offset

    def target(self, positions=(0.5, -1.0, 0.1), names=NAMES, source="posture", age=0.05):
        """Send one target message."""
        return self.actuator.receive_targets(
            source, list(names), list(positions), self.now - age, self.now, self.steady)

    def run(self, seconds, target=None, every=4, period=0.01):
        """Let time pass; `target` is sent each `every` periods, a value or a function of time."""
        for step in range(round(seconds / 0.01)):
            self.steady += period
            if self.states:
                self.actuator.receive_joint_states(list(NAMES), self.robot.tolist())
            if target is not None and step % every == 0:
                self.target(target(self.steady) if callable(target) else target)
            command = self.actuator.tick(self.now, self.steady)
            if command is not None:
                self.commands.append(command)
                self.sent.append(self.steady)
                self.robot = np.where(self.stuck, self.robot, command.positions[0])
            self.path.append(self.actuator.shaper.motion.position)
        return self

    def enabled(self):
        """Arm, which must succeed."""
        self.run(0.05)
        answer = self.actuator.enable(self.steady)
        assert answer.accepted, answer.text
        return self

    def quiet(self, seconds=1.0):
        """Return whether nothing is sent for a while."""
        before = len(self.commands)
        self.run(seconds)
        return len(self.commands) == before


def assert_smooth(path) -> None:
    path = np.array(path)
    for order, limit in ((1, LIMITS.velocity), (2, LIMITS.acceleration), (3, LIMITS.jerk)):
        steps = np.abs(np.diff(path, n=order, axis=0)) / 0.01**order
        assert (steps <= limit * (1.0 + 1e-6) + 1e-8).all(), f"order {order}"
    assert (path <= LIMITS.upper + 1e-9).all() and (path >= LIMITS.lower - 1e-9).all()


# ---------------------------------------------------------------------- arming


def test_while_disarmed_nothing_is_sent_whatever_comes_in():
    world = World()
    world.run(1.0, (1.0, -2.0, 0.3))
    assert world.actuator.state is State.DISARMED
    assert not world.commands


def test_enabling_without_joint_states_is_refused_with_the_reason():
    world = World()
    world.states = False
    world.run(0.2)
    answer = world.actuator.enable(world.steady)
    assert not answer.accepted and "joint_states" in answer.text
    assert world.actuator.state is State.DISARMED


def test_enabling_with_a_joint_missing_names_it():
    world = World()
    world.actuator.receive_joint_states(["shoulder", "elbow", "wheel"], [0.0, -1.0, 7.0])
    answer = world.actuator.enable(world.steady)
    assert not answer.accepted and "jaw" in answer.text


def test_enabling_on_old_joint_states_is_refused():
    world = World()
    world.run(0.1)
    world.states = False
    world.run(2.0)
    answer = world.actuator.enable(world.steady)
    assert not answer.accepted and "ago" in answer.text


def test_enabling_far_outside_of_the_range_is_refused_with_the_joint():
    world = World(start=(2.5, -1.0, 0.1))
    world.run(0.1)
    answer = world.actuator.enable(world.steady)
    assert not answer.accepted and "shoulder" in answer.text


def test_the_first_command_is_where_the_robot_stands():
    world = World(start=(-1.3, -2.0, 0.4)).enabled()
    world.run(0.03, (1.5, -0.1, 0.0))
    np.testing.assert_allclose(world.commands[0].positions[0], [-1.3, -2.0, 0.4], atol=2e-3)


def test_an_armed_robot_begins_gently_and_arrives():
    world = World(start=(-1.0, -1.0, 0.0)).enabled()
    world.run(0.2, (1.0, -1.0, 0.0))
    # A fifth of its speed at first, all of it after a second.
    assert np.abs(world.commands[-1].velocities[0, 0]) < 0.5 * LIMITS.velocity[0]
    world.run(2.0, (1.0, -1.0, 0.0))
    np.testing.assert_allclose(world.robot, [1.0, -1.0, 0.0], atol=2e-3)
    assert_smooth(world.path[5:])


# ---------------------------------------------------------------------- commands


def test_every_command_ends_in_a_stop_within_the_limits():
    world = World().enabled()
    world.run(3.0, lambda t: (np.sin(6.0 * t), -1.2 + np.sin(9.0 * t), 0.25))
    assert len(world.commands) > 100
    for command in world.commands:
        assert (command.velocities[-1] == 0.0).all()
        assert (np.diff(command.times) > 0.0).all() and command.times[0] > 0.0
        assert (command.positions <= LIMITS.upper + 1e-9).all()
        assert (command.positions >= LIMITS.lower - 1e-9).all()
    np.testing.assert_allclose(
        world.commands[-1].positions[-1], world.actuator.shaper.stop.at(np.inf)[0], atol=0.05)


def test_commands_come_at_their_rate_and_carry_the_stamp_of_the_image():
    world = World().enabled()
    world.run(2.0, lambda t: (np.sin(3.0 * t), -1.0, 0.1))
    assert 95 <= len(world.commands) <= 101
    assert 0.05 <= world.now - world.commands[-1].stamp <= 0.1


@pytest.mark.parametrize("ratio", [1, 2, 4])
def test_several_periods_at_a_time_lead_to_the_same_motion_as_one_by_one(ratio):
    paths = []
    for steps in (1, ratio):
        world = World(command_rate=100.0 / ratio).enabled()
        path = []
        for period in range(1, 201):
            world.steady += 0.01
            world.actuator.receive_joint_states(list(NAMES), world.robot.tolist())
            if period % 4 == 1:
                world.target((np.sin(0.05 * period), -1.0, 0.1))
            if period % steps == 0:
                command = world.actuator.tick(world.now, world.steady, steps)
                if period % ratio == 0:
                    world.robot = command.positions[0]
                    path.append(world.actuator.shaper.motion.position)
        paths.append(path)
    # A period of the loop at the speed of this target.
    np.testing.assert_allclose(paths[0], paths[1], atol=0.01 * 5.0)
    assert abs(paths[0][-1][0]) > 0.3
    assert not world.actuator.faults


def test_a_robot_that_stands_gets_no_endless_commands():
    world = World(start=REST).enabled()
    world.run(6.0)
    assert world.actuator.state is State.RESTING
    assert world.quiet(5.0)


# ---------------------------------------------------------------------- silence


def test_silence_stops_the_robot_then_brings_it_gently_to_rest_and_it_recovers():
    world = World(start=(1.5, -2.0, 0.3)).enabled()
    world.run(2.0, lambda t: (1.5 + 0.3 * np.sin(4.0 * t), -2.0, 0.3))
    begin = len(world.path)
    world.run(1.2)
    assert world.actuator.state is State.HOLDING and world.actuator.shaper.standing
    np.testing.assert_allclose(world.robot[0], 1.5, atol=0.6)
    world.run(8.0)
    assert world.actuator.state is State.RESTING
    np.testing.assert_allclose(world.robot, REST, atol=2e-3)
    resting = np.diff(world.path[begin + 220:], axis=0) / 0.01
    assert (np.abs(resting) <= 0.15 * LIMITS.velocity + 1e-9).all()
    world.run(3.0, (0.8, -0.5, 0.2))
    assert world.actuator.state is State.FOLLOWING
    np.testing.assert_allclose(world.robot, [0.8, -0.5, 0.2], atol=2e-3)
    assert_smooth(world.path[5:])


def test_joints_that_are_no_longer_seen_stay_and_then_relax_while_others_follow():
    world = World().enabled()
    world.run(1.0, (1.0, -1.5, 0.3))
    for _ in range(25):
        world.target((1.0,), ("shoulder",))
        world.run(0.04)
    np.testing.assert_allclose(world.robot[1:], [-1.5, 0.3], atol=5e-3)
    for _ in range(150):
        world.target((1.0,), ("shoulder",))
        world.run(0.04)
    assert world.actuator.state is State.FOLLOWING
    np.testing.assert_allclose(world.robot, [1.0, *REST[1:]], atol=5e-3)


def test_fresh_stamps_do_not_hide_silence_and_old_receipts_do_not_count():
    world = World(target_timeout=0.3, target_max_age=5.0).enabled()
    world.run(1.0, (1.0, -1.0, 0.1))
    # Stamped ahead as far as is taken, then silence: only the receipt counts.
    world.target((1.0, -1.0, 0.1), age=-0.09)
    world.run(0.35)
    assert world.actuator.state is State.HOLDING


def test_a_robot_moved_by_hand_while_resting_is_followed_from_where_it_is():
    world = World(start=REST).enabled()
    world.run(6.0)
    world.robot = REST + np.array([0.4, 0.0, 0.0])
    world.run(0.3)
    world.run(0.02, (0.1, -0.2, 0.0))
    np.testing.assert_allclose(world.actuator.shaper.motion.position[0], 0.5, atol=0.01)
    assert world.actuator.faults["moved_while_resting"] == 1


# ---------------------------------------------------------------------- stopping


def test_stop_decelerates_to_a_hold_and_disarms():
    world = World().enabled()
    world.run(2.0, lambda t: (np.sin(6.0 * t), -1.0, 0.1))
    assert world.actuator.stop().accepted
    assert world.actuator.state is State.STOPPING
    world.run(1.5, (1.5, -2.0, 0.4))
    assert world.actuator.state is State.DISARMED
    assert world.quiet()
    assert_smooth(world.path[5:])
    world.run(1.0, (1.5, -2.0, 0.4))
    assert world.actuator.state is State.DISARMED, "a stop does not recover by itself"


def test_the_emergency_stop_latches_until_released_and_reset():
    world = World().enabled()
    world.run(1.0, lambda t: (np.sin(6.0 * t), -1.0, 0.1))
    world.actuator.emergency(True)
    assert not world.actuator.reset().accepted
    world.run(1.5, (1.5, -2.0, 0.4))
    assert world.actuator.shaper.standing and world.quiet()
    assert not world.actuator.enable(world.steady).accepted
    assert "pressed" in world.actuator.reset().text
    world.actuator.emergency(False)
    assert world.actuator.state is State.EMERGENCY
    assert world.actuator.reset().accepted
    assert world.actuator.state is State.DISARMED
    assert world.actuator.enable(world.steady).accepted
    assert_smooth(world.path[5:])


def test_an_emergency_stop_while_disarmed_sends_nothing_and_forbids_enabling():
    world = World()
    world.run(0.1)
    world.actuator.emergency(True)
    world.run(1.0, (1.0, -1.0, 0.1))
    assert not world.commands
    assert not world.actuator.enable(world.steady).accepted


def test_relax_goes_to_rest_slowly_and_disarms():
    world = World(start=(1.5, -2.0, 0.3)).enabled()
    assert world.actuator.relax().accepted
    world.run(8.0, (1.5, -2.0, 0.3))
    assert world.actuator.state is State.DISARMED
    np.testing.assert_allclose(world.robot, REST, atol=2e-3)
    assert not world.actuator.relax().accepted


def test_leaving_sends_the_stop_and_nothing_after():
    world = World().enabled()
    world.run(1.1, lambda t: (np.sin(6.0 * t), -1.0, 0.1))
    command = world.actuator.leave("the node ends")
    assert command is not None and (command.velocities[-1] == 0.0).all()
    assert np.abs(command.velocities[0, 0]) > 0.5
    assert world.quiet() and world.actuator.leave("again") is None


# ---------------------------------------------------------------------- watchdogs


def test_without_joint_states_the_robot_stops_disarms_and_does_not_recover_by_itself():
    world = World().enabled()
    world.run(1.0, lambda t: (np.sin(6.0 * t), -1.0, 0.1))
    world.states = False
    world.run(0.55, lambda t: (np.sin(6.0 * t), -1.0, 0.1))
    assert world.actuator.state is State.STOPPING
    assert "joint_states" in world.actuator.supervisor.reason
    world.run(1.0, (0.0, -1.0, 0.1))
    assert world.actuator.state is State.DISARMED
    world.states = True
    world.run(1.0, (0.0, -1.0, 0.1))
    assert world.actuator.state is State.DISARMED
    assert_smooth(world.path[5:])


def test_joint_states_of_only_some_joints_do_not_count():
    world = World().enabled()
    world.states = False
    for _ in range(70):
        world.actuator.receive_joint_states(["shoulder", "elbow"], world.robot[:2].tolist())
        world.run(0.01)
    assert world.actuator.state in (State.STOPPING, State.DISARMED)
    assert "jaw" in world.actuator.supervisor.reason


def test_a_joint_that_does_not_follow_stops_the_robot_and_is_not_pushed_on():
    world = World(start=(-1.0, -1.0, 0.1)).enabled()
    world.stuck[0] = True
    world.run(3.0, (1.0, -1.0, 0.1))
    assert world.actuator.faults["tracking_error"] == 1
    assert "shoulder" in world.actuator.supervisor.reason
    world.run(4.0)
    assert world.actuator.state is State.DISARMED
    np.testing.assert_allclose(world.commands[-1].positions[-1, 0], -1.0, atol=2e-3)
    assert_smooth(world.path[5:])


def test_a_joint_that_is_stalled_below_the_tracking_error_is_found():
    world = World(start=(0.0, -1.0, 0.1)).enabled()
    world.stuck[1] = True
    world.run(6.0, lambda t: (0.0, -1.0 + 0.3 * np.sin(5.0 * t), 0.1))
    assert world.actuator.faults["stalled"] == 1
    assert "elbow" in world.actuator.supervisor.reason


def monitored(told, seen, travel=0.085):
    """Return when a joint told and seen at 100 Hz is found stalled [s]; None: never."""
    monitor = FollowingMonitor(np.full(1, 0.5), 0.5, np.full(1, travel))
    for step, (told_now, seen_now) in enumerate(zip(told, seen)):
        if monitor.check(np.array([told_now]), np.array([seen_now]), 0.01 * step)[1].any():
            return 0.01 * step
    return None


@pytest.mark.parametrize("late", [0, 5, 20, 40])
def test_twitches_of_a_lip_seen_late_or_never_are_no_stall(late):
    # Up and down by 0.12 rad in a tenth of a second, at any phase relative to the slots.
    for phase in range(10):
        told = np.zeros(600)
        for begin in range(130 + phase, 560, 171):
            told[begin:begin + 11] = 0.12 * np.sin(np.linspace(0.0, np.pi, 11))
        assert monitored(told, np.roll(told, late)) is None
        assert monitored(told, np.zeros(600)) is None, "one that a loaded machine never delivered"


def test_a_lip_that_is_held_is_found_soon_and_a_delayed_one_is_not():
    time = np.arange(0.0, 8.0, 0.01)
    told = 0.06 * np.sin(2.0 * np.pi * 0.8 * time)
    assert monitored(told, np.zeros(len(told))) < 2.0
    assert monitored(told, np.roll(told, 40)) is None
    assert monitored(told, 0.3 * told) is None, "weak, but it moves"
    held = np.where(time < 4.0, told, told[400])
    assert 4.0 < monitored(told, held) < 6.5


def test_a_slow_robot_with_delay_is_not_taken_for_a_stalled_one():
    world = World(start=(0.0, -1.0, 0.1)).enabled()
    delayed = []
    for _ in range(500):
        world.target((0.8 * np.sin(4.0 * world.steady), -1.0, 0.1))
        world.run(0.01)
        delayed.append(world.robot.copy())
        world.robot = delayed[-6] if len(delayed) > 6 else delayed[0]
    assert world.actuator.state is State.FOLLOWING


def test_the_clock_set_back_as_by_a_looping_bag_is_followed_on_without_a_step():
    world = World().enabled()
    world.run(2.0, lambda t: (np.sin(3.0 * t), -1.0, 0.1))
    world.offset -= 500.0
    world.run(0.3)
    world.run(2.0, lambda t: (np.sin(3.0 * t), -1.0, 0.1))
    assert world.actuator.faults["clock_jumped"] == 1
    assert world.actuator.state is State.FOLLOWING
    assert not world.actuator.drops
    assert_smooth(world.path[5:])


def test_after_being_held_up_the_loop_goes_on_from_where_the_stop_left_the_robot():
    world = World().enabled()
    world.run(1.05, lambda t: (np.sin(6.0 * t), -1.0, 0.1))
    end = world.actuator.shaper.stop.at(np.inf)[0]
    assert np.abs(world.actuator.shaper.motion.velocity[0]) > 0.3
    world.steady += 3.0  # SIGSTOP
    world.run(0.01)
    np.testing.assert_allclose(world.actuator.shaper.motion.position, end, atol=2e-3)
    assert world.actuator.faults["loop_held_up"] == 1
    # The joint states that waited meanwhile are not taken for silence.
    assert world.actuator.state is not State.STOPPING


@pytest.mark.parametrize("act", ["release", "silence"])
def test_the_deadman_released_or_silent_stops_the_robot(act):
    world = World(deadman_timeout=0.3)
    world.run(0.1)
    assert "deadman" in world.actuator.enable(world.steady).text
    world.actuator.refresh_deadman(True)
    world.enabled()
    for _ in range(20):
        world.actuator.refresh_deadman(True)
        world.run(0.1)
    assert world.actuator.state in (State.FOLLOWING, State.HOLDING)
    if act == "release":
        world.actuator.refresh_deadman(False)
    else:
        world.run(0.4)
    assert world.actuator.state in (State.STOPPING, State.DISARMED)
    assert "deadman" in world.actuator.supervisor.reason


# ---------------------------------------------------------------------- input


@pytest.mark.parametrize(("reason", "message"), [
    ("not_a_number", {"positions": (np.nan, -1.0, 0.1)}),
    ("not_a_number", {"positions": (np.inf, -1.0, 0.1)}),
    ("unknown_joint", {"names": ("shoulder", "knee", "jaw")}),
    ("wrong_size", {"names": ("shoulder", "elbow")}),
    ("wrong_size", {"positions": ()}),
    ("joint_twice", {"names": ("shoulder", "elbow", "elbow")}),
    ("out_of_range", {"positions": (90.0, -1.0, 0.1)}),
    ("stale", {"age": 3.0}),
    ("stale", {"age": 1e9}),
    ("future", {"age": -5.0}),
    ("out_of_order", {"age": 0.2}),
])
def test_bad_input_is_dropped_counted_and_never_moves_the_robot(reason, message):
    world = World().enabled()
    world.run(1.0, (0.5, -1.0, 0.1))
    for _ in range(10):
        assert world.target(**message).reason == reason
        world.run(0.01)
    assert world.actuator.drops == {f"posture_{reason}": 10}
    assert world.actuator.refusal.startswith("posture: ")
    np.testing.assert_allclose(world.robot, [0.5, -1.0, 0.1], atol=1e-3)


def test_an_unknown_joint_is_answered_with_the_known_ones():
    refusal = World().target((1.0,), ("knee",))
    assert "knee" in refusal.text and "shoulder, elbow, jaw" in refusal.text


def test_a_single_jump_is_dropped_and_one_that_lasts_is_followed():
    world = World().enabled()
    world.run(1.5, (0.5, -1.0, 0.1))
    world.target((-1.5, -1.0, 0.1), age=0.03)
    world.run(0.2, (0.5, -1.0, 0.1))
    assert world.actuator.drops["posture_jump"] == 1
    assert abs(world.robot[0] - 0.5) < 0.01
    world.run(2.0, (-1.5, -1.0, 0.1))
    np.testing.assert_allclose(world.robot[0], -1.5, atol=2e-3)
    assert_smooth(world.path[5:])


def test_joint_states_that_are_no_numbers_are_dropped_and_do_not_count_as_heard():
    world = World().enabled()
    world.states = False
    for _ in range(70):
        world.actuator.receive_joint_states(list(NAMES), [np.nan, -1.0, 0.1])
        world.run(0.01)
    assert world.actuator.drops["joint_states_not_a_number"] == 70
    assert world.actuator.state in (State.STOPPING, State.DISARMED)


@pytest.mark.parametrize("seed", range(6))
def test_adversarial_streams_never_break_a_limit(seed):
    rng = np.random.default_rng(seed)
    world = World(blend_time=0.0, target_jump=10.0).enabled()
    for _ in range(12):
        kind = rng.integers(9)
        for _ in range(rng.integers(5, 60)):
            positions = rng.uniform(LIMITS.lower - 0.9, LIMITS.upper + 0.9)
            if kind == 0:
                positions[rng.integers(3)] = rng.choice([np.nan, np.inf, -np.inf, 1e300])
            elif kind == 1:
                positions = np.where(rng.random(3) < 0.5, LIMITS.lower, LIMITS.upper)
            elif kind == 2:
                world.offset += rng.choice([-3.0, 0.0, 0.0, 3.0])
            names = rng.choice(["shoulder", "elbow", "jaw", "knee"], 3) if kind == 3 else NAMES
            count = 20 if kind == 4 else 0 if kind == 5 else 1
            for _ in range(count):
                world.target(positions[:2] if kind == 6 else positions, list(names),
                             age=rng.uniform(-1.0, 1.0) if kind == 7 else 0.03)
            world.run(0.01)
    assert_smooth(world.path[5:])
    assert world.actuator.state in (State.FOLLOWING, State.HOLDING, State.RESTING)
    world.actuator.stop()
    world.run(1.5)
    assert world.actuator.state is State.DISARMED
