# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Whole movements: shaped within limits, sent as goals, stopped within limits when need be."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import rclpy
from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from mirror_robot.actuation.actuator import Actuator, Settings
from mirror_robot.actuation.limits import JointLimits
from mirror_robot.actuation.nearness import HandSpeed
from mirror_robot.actuation.performing import (
    PerformanceError,
    read_movement,
    shape_movement,
)
from mirror_robot.actuation.safety import State
from mirror_robot.body.model import load_model
from mirror_robot.nodes.mirror_node import MirrorNode
from mirror_robot.nodes.performing import Performances
from mirror_robot.simulation import Trajectory, TrajectoryController

MODEL = load_model("kagami")
LIMITS = JointLimits.from_model(MODEL)
NAMES = list(MODEL.joint_names)
PERIOD = 0.01
SHOULDER, ELBOW = MODEL.index["left_shoulder_pitch"], MODEL.index["left_elbow"]
GROUPS = [np.array([MODEL.index[name] for name in joints])
          for joints in MODEL.profile.controllers.values()]
UPPER, FACE = MODEL.profile.controllers


def wave(seconds: float = 2.0, fast: float = 1.0):
    """Return names, times, positions of a wave of the left arm, at 50 Hz."""
    times = np.arange(0.0, seconds, 0.02)
    positions = np.stack([
        MODEL.rest[SHOULDER] - 0.8 * np.sin(np.pi * np.minimum(times / seconds, 1.0)),
        MODEL.rest[ELBOW] - 0.6 + 0.5 * np.cos(fast * 2.0 * np.pi * times)], axis=1)
    return ["left_shoulder_pitch", "left_elbow"], times, positions


def assert_within(performance) -> None:
    joints = performance.joints
    path = np.vstack([np.tile(performance.start, (4, 1)), performance.states[:, 0]])
    assert (path >= LIMITS.lower[joints] - 1e-9).all()
    assert (path <= LIMITS.upper[joints] + 1e-9).all()
    for order, limit in ((1, LIMITS.velocity), (2, LIMITS.acceleration), (3, LIMITS.jerk)):
        steps = np.abs(np.diff(path, n=order, axis=0)) / PERIOD**order
        assert (steps <= limit[joints] * (1.0 + 1e-6) + 1e-8).all(), f"order {order}"


def shaped(*arguments, scale=1.0):
    return shape_movement(read_movement(LIMITS, *arguments), LIMITS, MODEL.rest, PERIOD, 25.0,
                          lambda time: scale)


# ---------------------------------------------------------------------- shaping


def test_a_performance_follows_the_movement_and_ends_standing():
    names, times, positions = wave()
    performance = shaped(names, times, positions)
    assert_within(performance)
    assert not performance.states[-1, 1:].any()
    np.testing.assert_allclose(performance.states[-1, 0], positions[-1], atol=2e-3)
    # After it has caught up with the beginning, which is not where the robot stands.
    rows = np.rint(times / PERIOD).astype(int)[40:] - 1
    np.testing.assert_allclose(performance.states[rows, 0], positions[40:], atol=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_a_movement_that_no_robot_can_make_is_made_within_its_limits(seed):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.01, 0.2, 30))
    positions = rng.uniform(MODEL.lower - 0.5, MODEL.upper + 0.5, (30, len(NAMES)))
    performance = shaped(NAMES, times, positions, rng.normal(0.0, 20.0, positions.shape))
    assert_within(performance)
    assert not performance.states[-1, 1:].any()


def test_a_lower_speed_scale_makes_it_slower_all_along():
    performance = shaped(*wave(), scale=0.1)
    assert_within(performance)
    assert (np.abs(performance.states[:, 1]) <= 0.1 * LIMITS.velocity[
        performance.joints] + 1e-9).all()


@pytest.mark.parametrize(("change", "said"), [
    ({"names": ["tail"]}, "no joint tail"),
    ({"names": ["left_elbow", "left_elbow"]}, "twice"),
    ({"times": [0.0, 0.0]}, "increase"),
    ({"times": [0.0, 500.0]}, "longer"),
    ({"positions": [[0.0, float("nan")], [0.0, 0.0]]}, "no number"),
    ({"positions": [[0.0], [0.0, 1.0]]}, "size"),
    ({"positions": [[0.0, 90.0], [0.0, 0.0]]}, "left_elbow"),
    ({"times": [0.0], "positions": [[0.0, 0.0]]}, "two points"),
])
def test_what_is_no_movement_is_refused_with_the_reason(change, said):
    whole = {"names": ["left_shoulder_pitch", "left_elbow"], "times": [0.0, 1.0],
             "positions": [[0.0, 0.0], [0.0, -0.5]]} | change
    with pytest.raises(PerformanceError, match=said):
        read_movement(LIMITS, whole["names"], whole["times"], whole["positions"])


# ---------------------------------------------------------------------- the actuator


class World:
    """An actuator whose robot is where it was told to be, and a mirror that streams."""

    def __init__(self, **settings) -> None:
        settings = Settings(blend_time=0.0, **settings)
        self.actuator = Actuator(LIMITS, MODEL.rest, settings, HandSpeed(MODEL, 0.25))
        self.steady = 10.0
        self.path: list[np.ndarray] = []
        self.actuator.receive_joint_states(NAMES, MODEL.rest.tolist())
        self.actuator.tick(self.steady, self.steady)
        assert self.actuator.enable(self.steady).accepted
        self.run(0.3)

    def run(self, seconds, stream=True, distance=9.0):
        """Let time pass."""
        for step in range(round(seconds / PERIOD)):
            self.steady += PERIOD
            actuator = self.actuator
            actuator.receive_joint_states(NAMES, actuator.shaper.motion.position.tolist())
            actuator.nearness.receive(distance, self.steady)
            if stream and step % 4 == 0:
                position = MODEL.rest.copy()
                position[MODEL.index["neck_yaw"]] = 0.3 * np.sin(3.0 * self.steady)
                actuator.receive_targets("posture", NAMES, position.tolist(),
                                         self.steady - 0.02, self.steady, self.steady)
            actuator.tick(self.steady, self.steady)
            self.path.append(actuator.shaper.motion.position)
        return self

    def begin(self):
        """Prepare and begin a wave; return the performance."""
        shape = self.actuator.prepare(read_movement(LIMITS, *wave()), GROUPS, self.steady)
        performance = shape()
        self.run(0.6)
        assert self.actuator.ready(performance) and self.actuator.perform(performance)
        return performance


def assert_smooth(path) -> None:
    path = np.array(path)
    for order, limit in ((1, LIMITS.velocity), (2, LIMITS.acceleration), (3, LIMITS.jerk)):
        steps = np.abs(np.diff(path, n=order, axis=0)) / PERIOD**order
        assert (steps <= limit * (1.0 + 1e-6) + 1e-7).all(), f"order {order}"


def test_the_actuator_plays_what_the_robot_makes_and_follows_again_afterwards():
    world = World()
    performance = world.begin()
    before = len(world.path)
    world.run(performance.duration)
    np.testing.assert_allclose(
        np.array(world.path[before:])[:, performance.joints], performance.states[:, 0])
    assert world.actuator.played
    world.run(0.5)
    np.testing.assert_allclose(world.path[-1][ELBOW], wave()[2][-1, 1], atol=2e-3)
    world.actuator.release()
    world.run(2.0)
    np.testing.assert_allclose(world.path[-1][ELBOW], MODEL.rest[ELBOW], atol=0.02)
    assert_smooth(world.path)


def test_the_face_goes_on_following_while_the_body_performs():
    world = World()
    performance = world.begin()
    assert set(performance.joints.tolist()) == set(GROUPS[0].tolist())
    jaw = MODEL.index["jaw"]
    for _ in range(20):
        world.actuator.receive_targets(
            "face", ["jaw"], [0.3], world.steady + 0.001, world.steady, world.steady)
        world.run(0.04, stream=False)
    assert world.actuator.performing
    assert world.path[-1][jaw] > 0.1


@pytest.mark.parametrize("what", ["stop", "emergency", "relax", "silence", "near", "hold"])
def test_whatever_ends_a_performance_stops_the_robot_smoothly(what):
    world = World(near_distance=1.5, hold_distance=0.5)
    world.begin()
    world.run(0.7)
    assert world.actuator.performing
    if what in ("stop", "relax"):
        getattr(world.actuator, what)()
    elif what == "emergency":
        world.actuator.emergency(True)
    world.run(1.5, stream=what != "silence",
              distance={"near": 1.0, "hold": 0.2}.get(what, 9.0))
    assert not world.actuator.performing
    assert not (world.actuator.shaper.motion.velocity[GROUPS[0]]).any()
    assert_smooth(world.path)


def test_only_one_movement_is_performed_at_a_time_and_none_while_disarmed():
    world = World()
    world.begin()
    movement = read_movement(LIMITS, *wave())
    assert "another" in world.actuator.prepare(movement, GROUPS, world.steady)
    world.actuator.stop()
    world.run(2.0)
    assert "disarmed" in world.actuator.prepare(movement, GROUPS, world.steady)


def test_near_people_a_movement_is_streamed_with_slow_hands():
    world = World(near_distance=1.5).run(0.2, distance=1.0)
    assert "near" in world.actuator.prepare(read_movement(LIMITS, *wave()), GROUPS, world.steady)
    assert not world.actuator.reserved


def test_a_loop_that_was_held_up_finds_the_robot_farther_on_in_the_movement():
    world = World()
    performance = world.begin()
    world.run(0.5)
    world.steady += 0.4
    world.run(0.01)
    at = world.actuator.shaper.motion.position[performance.joints]
    np.testing.assert_allclose(at, performance.states[90, 0], atol=0.15)


# ---------------------------------------------------------------------- goals, with a stub


class Future:
    """What rclpy answers with, completed by hand."""

    def __init__(self) -> None:
        self._callbacks, self._result = [], None

    def add_done_callback(self, callback) -> None:
        """Call back when it is completed."""
        self._callbacks.append(callback)

    def complete(self, result) -> None:
        """Do what the middleware does."""
        self._result = result
        for callback in self._callbacks:
            callback(self)

    def result(self):
        """Return what it was completed with."""
        return self._result


class Client:
    """An ActionClient that does what the test says."""

    made: ClassVar[dict[str, Client]] = {}

    def __init__(self, node, action, name) -> None:
        self.goals: list[SimpleNamespace] = []
        self.there = True
        Client.made[name.split("/")[0]] = self

    def server_is_ready(self) -> bool:
        """Return whether there is a server."""
        return self.there

    def send_goal_async(self, goal) -> Future:
        """Keep the goal for the test to answer."""
        sent = SimpleNamespace(goal=goal, answer=Future(), outcome=Future(), cancelled=False)
        self.goals.append(sent)
        return sent.answer

    def accept(self, which: int = -1) -> None:
        """Answer that a goal is accepted."""
        sent = self.goals[which]

        def cancel():
            sent.cancelled = True
        sent.answer.complete(SimpleNamespace(
            accepted=True, cancel_goal_async=cancel, get_result_async=lambda: sent.outcome))

    def reject(self) -> None:
        """Answer that the last goal is not accepted."""
        self.goals[-1].answer.complete(SimpleNamespace(accepted=False))

    def end(self, status: int, which: int = -1, text: str = "") -> None:
        """Give the result of a goal."""
        self.goals[which].outcome.complete(SimpleNamespace(
            status=status, result=SimpleNamespace(error_string=text)))

    def destroy(self) -> None:
        """Do nothing."""


class Action:
    """Stands in for control_msgs' FollowJointTrajectory."""

    class Goal:
        """A goal."""

        trajectory: JointTrajectory


@pytest.fixture(scope="module")
def ros():
    rclpy.init()
    yield
    rclpy.shutdown()


@pytest.fixture
def stage(ros, monkeypatch):
    """Yield performances with stub clients; `step` does what time and executor do otherwise."""
    monkeypatch.setattr("rclpy.action.ActionClient", Client)
    node, world = Node("performances"), World()
    performances = Performances(
        node, Action, world.actuator, dict(zip(MODEL.profile.controllers, GROUPS)),
        threading.RLock(), Clock(clock_type=ClockType.STEADY_TIME))
    now = [1000.0]
    monkeypatch.setattr("mirror_robot.nodes.performing.time", SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda seconds: None))

    def step(seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            now[0] += 0.02
            world.run(0.02)
            performances._look()

    def begin() -> Client:
        performances.receive(message())
        performances._shaped.exception(30.0)  # wait for the thread
        client, before = Client.made[UPPER], len(Client.made[UPPER].goals)
        for _ in range(50):
            if len(client.goals) > before:
                return client
            step(0.02)
        raise AssertionError("no goal is sent")

    yield SimpleNamespace(performances=performances, world=world, step=step, begin=begin)
    performances.destroy()
    node.destroy_node()


def message(seconds: float = 2.0) -> JointTrajectory:
    names, times, positions = wave(seconds)
    whole = JointTrajectory(joint_names=names)
    whole.header.frame_id = "wave"
    for when, position in zip(times, positions):
        whole.points.append(JointTrajectoryPoint(
            positions=position.tolist(), time_from_start=Duration(
                sec=int(when), nanosec=int(when % 1.0 * 1e9))))
    return whole


def test_a_movement_is_one_goal_of_the_controller_concerned(stage):
    client = stage.begin()
    assert len(client.goals) == 1 and not Client.made[FACE].goals
    trajectory = client.goals[0].goal.trajectory
    assert set(trajectory.joint_names) == set(MODEL.profile.controllers[UPPER])
    assert not any(trajectory.points[-1].velocities)
    assert trajectory.header.stamp.sec == 0, "now"
    client.accept()
    stage.step(3.0)
    assert stage.performances.busy == {UPPER}
    client.end(GoalStatus.STATUS_SUCCEEDED)
    stage.step(0.04)
    assert not stage.performances.busy and not stage.world.actuator.reserved
    assert stage.performances.succeeded == 1
    stage.step(0.5)
    assert stage.world.actuator.state is State.FOLLOWING
    assert_smooth(stage.world.path)


def test_on_stop_a_goal_is_replaced_by_one_that_stops_within_the_limits(stage):
    client = stage.begin()
    client.accept()
    stage.step(0.5)
    moving = np.abs(stage.world.actuator.shaper.motion.velocity).max()
    assert moving > 0.2
    stage.world.actuator.stop()
    stage.step(0.04)
    assert len(client.goals) == 2 and not client.goals[0].cancelled
    stop = client.goals[1].goal.trajectory
    assert not any(stop.points[-1].velocities)
    client.end(GoalStatus.STATUS_CANCELED, 0)  # preempted
    client.accept(1)
    stage.step(1.0)
    assert not stage.performances.busy
    assert stage.world.actuator.state is State.DISARMED
    assert "performance_failed" not in stage.world.actuator.faults
    assert_smooth(stage.world.path)


def test_a_movement_that_the_mirror_breaks_off_stops_and_the_loop_follows_on(stage):
    client = stage.begin()
    client.accept()
    stage.step(0.5)
    stage.performances.receive(JointTrajectory())
    stage.step(0.04)
    client.accept()
    stage.step(1.0)
    assert len(client.goals) == 2 and not stage.performances.busy
    assert stage.world.actuator.state is State.FOLLOWING
    assert_smooth(stage.world.path)


def test_a_controller_that_takes_no_stop_has_its_goal_cancelled(stage):
    client = stage.begin()
    client.accept()
    stage.step(0.5)
    stage.world.actuator.stop()
    stage.step(0.04)
    client.reject()
    assert not stage.performances.busy, "from now on commands stop it"
    stage.step(1.0)
    assert client.goals[0].cancelled


def test_a_refused_goal_is_streamed_from_where_the_robot_stands(stage):
    client = stage.begin()
    stage.step(0.04)
    client.reject()
    stage.step(0.5)
    assert "refuses" in stage.performances.told
    assert not stage.world.actuator.reserved
    assert stage.world.actuator.state is State.FOLLOWING


@pytest.mark.parametrize("status", [GoalStatus.STATUS_ABORTED, GoalStatus.STATUS_CANCELED,
                                    GoalStatus.STATUS_SUCCEEDED])
def test_a_goal_that_ends_before_its_time_stops_and_disarms(stage, status):
    client = stage.begin()
    client.accept()
    stage.step(0.5)
    client.end(status, text="path tolerance violated")
    stage.step(1.0)
    assert stage.world.actuator.state is State.DISARMED
    assert "path tolerance violated" in stage.world.actuator.supervisor.reason
    assert stage.world.actuator.faults["performance_failed"] == 1


def test_a_controller_that_does_not_answer_stops_and_disarms_the_robot(stage):
    client = stage.begin()
    stage.step(1.5)
    assert stage.world.actuator.state is State.DISARMED
    assert "did not answer" in stage.world.actuator.supervisor.reason
    client.accept()
    assert client.goals[0].cancelled, "one that is accepted later is not made"


def test_without_an_action_server_or_a_result_the_loop_goes_on_by_streaming(stage):
    Client.made[UPPER].there = False
    stage.performances.receive(message())
    assert "no action server" in stage.performances.told
    assert not stage.world.actuator.reserved
    Client.made[UPPER].there = True
    client = stage.begin()
    client.accept()
    stage.step(6.0)
    assert client.goals[0].cancelled
    assert stage.world.actuator.faults["goal_without_result"] == 1
    assert stage.world.actuator.state is State.FOLLOWING and not stage.world.actuator.reserved


def test_the_mirror_tells_a_movement_as_a_whole_and_when_it_is_broken_off(ros):
    node, told = MirrorNode(), []
    node._performance = SimpleNamespace(publish=told.append)
    try:
        node._on_perform(String(data="wave"))
        assert len(told) == 1
        movement = read_movement(
            LIMITS, told[0].joint_names,
            [point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec
             for point in told[0].points],
            [point.positions for point in told[0].points],
            [point.velocities for point in told[0].points])
        assert movement.times[-1] > 0.5 and np.ptp(movement.positions, axis=0).max() > 0.3
        node._on_perform(String(data="stop"))
        assert len(told) == 2 and not told[1].points
    finally:
        node.close()
        node.destroy_node()


# ---------------------------------------------------------------------- goals, for real


class Controllers(Node):
    """The robot: its joint_trajectory_controllers with their topics and actions, and a mirror.

    What matters of joint_trajectory_controller is here: the newest trajectory wins, wherever it
    comes from; a new goal preempts the one under way; a cancelled one ends in a hold on the spot.
    """

    def __init__(self, action) -> None:
        from rclpy.action import ActionServer, CancelResponse

        super().__init__("controllers")
        self._action, self._lock = action, threading.RLock()
        self.controllers = {name: TrajectoryController(rows, MODEL.rest[group], True)
                            for (name, rows), group in zip(
                                MODEL.profile.controllers.items(), GROUPS)}
        self.current: dict[str, object] = {}
        self.goals: list[JointTrajectory] = []
        self.streamed: list[tuple[float, str]] = []
        self.ends: list[str] = []
        self.path: list[tuple[float, np.ndarray]] = []
        self.values: dict[str, str] = {}
        self.speaks = True
        for name in self.controllers:
            self.create_subscription(JointTrajectory, f"{name}/joint_trajectory",
                                     lambda message, name=name: self._stream(name, message), 1)
        self._servers = [ActionServer(
            self, action, f"{name}/follow_joint_trajectory",
            lambda handle, name=name: self._execute(name, handle),
            cancel_callback=lambda handle: CancelResponse.ACCEPT) for name in self.controllers]
        self._states = self.create_publisher(JointState, "joint_states", qos_profile_sensor_data)
        self._posture = self.create_publisher(JointState, "mirror/posture", 1)
        self.performance = self.create_publisher(JointTrajectory, "mirror/performance", 10)
        self.emergency = self.create_publisher(Bool, "emergency_stop", 1)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 10)
        self.create_timer(0.01, self._move)
        self.create_timer(0.04, self._speak)

    def _hear(self, message) -> None:
        for status in message.status:
            if status.name == "actuation_node":
                self.values = {item.key: item.value for item in status.values}

    def _replace(self, name: str, message: JointTrajectory) -> float:
        times = [point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec
                 for point in message.points]
        with self._lock:
            self.controllers[name].replace(Trajectory(
                list(message.joint_names), times, [point.positions for point in message.points],
                [point.velocities for point in message.points]), time.monotonic())
        return times[-1]

    def _stream(self, name: str, message: JointTrajectory) -> None:
        self.streamed.append((time.monotonic(), name))
        self._replace(name, message)

    def _execute(self, name: str, handle):
        self.current[name] = handle  # preempts
        self.goals.append(handle.request.trajectory)
        end = time.monotonic() + self._replace(name, handle.request.trajectory)
        result = self._action.Result()
        while time.monotonic() < end:
            time.sleep(0.005)
            if self.current[name] is not handle:
                result.error_string = "Current goal preempted by new incoming action."
                handle.abort()
                self.ends.append("preempted")
                return result
            if handle.is_cancel_requested:
                with self._lock:
                    self.controllers[name].hold(
                        self.controllers[name].sample(time.monotonic())[0])
                handle.canceled()
                self.ends.append("cancelled")
                return result
        handle.succeed()
        self.ends.append("succeeded")
        return result

    def _move(self) -> None:
        with self._lock:
            now, q = time.monotonic(), MODEL.rest.copy()
            for controller, group in zip(self.controllers.values(), GROUPS):
                q[group] = controller.sample(now)[0]
        self.path.append((now, q))
        message = JointState(name=NAMES, position=q.tolist())
        message.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(message)

    def _speak(self) -> None:
        if self.speaks:
            message = JointState(name=NAMES, position=MODEL.rest.tolist())
            message.position[SHOULDER] = -0.4 + 0.2 * np.sin(3.0 * time.monotonic())
            message.position[MODEL.index["jaw"]] = 0.15 + 0.1 * np.sin(3.0 * time.monotonic())
            message.header.stamp = self.get_clock().now().to_msg()
            self._posture.publish(message)


@pytest.fixture
def graph(ros):
    action = pytest.importorskip(
        "control_msgs.action", reason="control_msgs is not installed (ROS has it)")
    robot = Controllers(action.FollowJointTrajectory)
    executor = MultiThreadedExecutor(4)
    executor.add_node(robot)
    spinning = threading.Thread(target=executor.spin, daemon=True)
    spinning.start()
    process = subprocess.Popen(
        [sys.executable, "-m", "mirror_robot.nodes.actuation_node", "--ros-args",
         "-p", "performances:=action", "-p", "enabled_at_start:=true"])

    def until(met, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not met():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.02)

    until(lambda: robot.values.get("state") == "following"
          and robot.count_subscribers("mirror/performance"))
    time.sleep(1.5)
    yield SimpleNamespace(robot=robot, until=until, process=process)
    process.terminate()
    process.wait(20.0)
    executor.shutdown()
    spinning.join(5.0)
    robot.destroy_node()


def largest_step(path) -> float:
    """Return the largest speed of a joint of the body on a path, relative to its limit."""
    times, q = np.array([when for when, _ in path]), np.array([at for _, at in path])
    # Over 30 ms: the test's own timer is not that regular.
    return float((np.abs(q[3:] - q[:-3])[:, GROUPS[0]] / (times[3:] - times[:-3])[:, None]
                  / LIMITS.velocity[GROUPS[0]]).max())


@pytest.mark.slow
def test_a_real_action_server_gets_the_movement_and_the_stream_goes_on_elsewhere(graph):
    robot = graph.robot
    begin = time.monotonic()
    robot.performance.publish(message(3.0))
    graph.until(lambda: "succeeded" in robot.ends, 15.0)
    graph.until(lambda: robot.values.get("last_performance") == "performed as a whole", 5.0)
    assert len(robot.goals) == 1 and robot.ends == ["succeeded"]
    end = max(when for when, _ in robot.path)
    streamed = [name for when, name in robot.streamed if begin + 1.5 < when < end - 1.5]
    assert streamed.count(FACE) > 20 and UPPER not in streamed
    elbow = np.array([q[ELBOW] for when, q in robot.path if when > begin])
    assert np.ptp(elbow) > 0.8, "it waved"
    count = len(robot.streamed)
    graph.until(lambda: any(name == UPPER for _, name in robot.streamed[count:]), 5.0)
    time.sleep(0.5)
    assert robot.values["state"] == "following"
    assert largest_step(robot.path) < 1.1


@pytest.mark.slow
@pytest.mark.parametrize("what", ["emergency", "silence", "terminate"])
def test_a_real_action_server_is_stopped_smoothly_in_the_midst(graph, what):
    robot = graph.robot
    robot.performance.publish(message(4.0))
    graph.until(lambda: bool(robot.goals), 15.0)
    time.sleep(1.2)
    if what == "emergency":
        robot.emergency.publish(Bool(data=True))
    elif what == "silence":
        robot.speaks = False
    else:
        graph.process.terminate()
    graph.until(lambda: "preempted" in robot.ends, 5.0)
    time.sleep(1.0)
    assert len(robot.goals) == 2 and "cancelled" not in robot.ends
    assert largest_step(robot.path) < 1.1
    late = [q for when, q in robot.path if when > time.monotonic() - 0.3]
    if what != "silence":
        assert np.ptp(late, axis=0).max() < 1e-3, "it stands"
