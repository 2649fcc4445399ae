# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The actuation node as a process of its own, over real topics, with a robot that obeys it."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float32, Float64MultiArray
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from mirror_robot.body.model import load_model

MODEL = load_model("kagami")
NAMES = list(MODEL.joint_names)
BODY = [name for name, body in zip(NAMES, MODEL.body) if body]


class Robot(Node):
    """Publishes joint states, obeys trajectories, and is mirror and operator as well."""

    def __init__(self) -> None:
        super().__init__("robot")
        self.positions = MODEL.rest.copy()
        self.alive = True
        self.target = None
        self.trajectories: list[JointTrajectory] = []
        self.commands: list[JointState] = []
        self.status = None
        self._states = self.create_publisher(JointState, "joint_states", qos_profile_sensor_data)
        self.posture = self.create_publisher(JointState, "mirror/posture", 1)
        self.emergency = self.create_publisher(Bool, "emergency_stop", 1)
        self._subscriptions_kept = [
            self.create_subscription(
                JointTrajectory, f"{name}/joint_trajectory", self._obey, 10)
            for name in MODEL.profile.controllers]
        self._subscriptions_kept += [
            self.create_subscription(
                JointState, "actuation/command", self.commands.append, 10),
            self.create_subscription(DiagnosticArray, "/diagnostics", self._on_status, 10)]
        self.create_timer(0.02, self._publish)
        self.create_timer(0.04, self._wish)

    def _obey(self, message: JointTrajectory) -> None:
        self.trajectories.append(message)
        for name, position in zip(message.joint_names, message.points[0].positions):
            self.positions[MODEL.index[name]] = position

    def _on_status(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "actuation_node":
                self.status = status

    def _publish(self) -> None:
        if self.alive:
            message = JointState(name=NAMES, position=self.positions.tolist())
            message.header.stamp = self.get_clock().now().to_msg()
            self._states.publish(message)

    def _wish(self) -> None:
        if self.target is not None:
            self.send(**self.target())

    def send(self, name=None, position=None, stamp=None) -> None:
        """Publish one posture, stamped now unless told otherwise."""
        message = JointState(name=list(name or BODY), position=[float(p) for p in position])
        message.header.stamp = stamp or self.get_clock().now().to_msg()
        self.posture.publish(message)


class Graph:
    """The node under test and the robot, spun together."""

    def __init__(self, *parameters: str) -> None:
        self.robot = Robot()
        self.closed = False
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.robot)
        arguments = [item for parameter in parameters for item in ("-p", parameter)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mirror_robot.nodes.actuation_node", "--ros-args", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.until(lambda: self.robot.status is not None
                   and self.robot.count_subscribers("mirror/posture") > 0
                   and self.robot.count_publishers("actuation/command")
                   + self.robot.count_publishers("actuation/preview") > 0,
                   "the node comes up", 20.0)

    def run(self, seconds: float) -> None:
        """Let real time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.02)

    def until(self, condition, what: str, timeout: float = 10.0) -> None:
        """Let time pass until something is the case."""
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, f"waited {timeout} s in vain until {what}"
            self._executor.spin_once(timeout_sec=0.02)

    def call(self, name: str, **fields):
        """Call a service of the node and return its response."""
        kind = SetBool if name == "enable" else Trigger
        client = self.robot.create_client(kind, f"actuation_node/{name}")
        assert client.wait_for_service(10.0)
        future = client.call_async(kind.Request(**fields))
        self.until(future.done, f"{name} answers")
        return future.result()

    def enable(self) -> None:
        """Enable; joint states may need a moment to be discovered."""
        deadline = time.monotonic() + 10.0
        while not (answer := self.call("enable", data=True)).success:
            assert time.monotonic() < deadline, answer.message
            self.run(0.1)

    def value(self, key: str) -> str:
        """Return a value of the latest diagnostics."""
        return {item.key: item.value for item in self.robot.status.values}.get(key, "")

    def state(self) -> str:
        """Return the state that the latest diagnostics tell."""
        return self.value("state")

    def close(self) -> int:
        """End the node as a launch system does; return its exit code."""
        if self.closed:
            return self.process.returncode
        self.closed = True
        self.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 10.0
        while self.process.poll() is None and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.02)
        self.run(0.1)
        code = self.process.poll()
        if code is None:
            self.process.kill()
        self.process.communicate()
        self._executor.remove_node(self.robot)
        self.robot.destroy_node()
        return code


@pytest.fixture(scope="module", autouse=True)
def ros():
    rclpy.init()
    yield
    rclpy.shutdown()


@pytest.fixture
def graph(request):
    graph = Graph(*getattr(request, "param", ()))
    yield graph
    graph.close()


def wave() -> dict:
    """Return a posture that moves: the left arm goes up and down."""
    position = MODEL.rest[MODEL.body].copy()
    position[BODY.index("left_shoulder_pitch")] = -0.8 + 0.5 * math.sin(4.0 * time.monotonic())
    return {"position": position}


def test_disarmed_the_node_sends_nothing_and_enabled_the_robot_does_what_is_wanted(graph):
    robot = graph.robot
    robot.target = wave
    graph.run(1.5)
    assert graph.state() == "disarmed"
    assert not robot.trajectories and not robot.commands

    graph.enable()
    graph.run(3.0)
    shoulder = MODEL.index["left_shoulder_pitch"]
    assert graph.state() == "following"
    assert robot.positions[shoulder] == pytest.approx(-0.8, abs=0.6)
    by_controller = {name: [message for message in robot.trajectories
                            if message.joint_names[0] == joints[0]]
                     for name, joints in MODEL.profile.controllers.items()}
    for name, joints in MODEL.profile.controllers.items():
        messages = by_controller[name]
        assert len(messages) > 50
        for message in messages:
            assert list(message.joint_names) == list(joints)
            assert message.header.stamp.sec == 0 and message.header.stamp.nanosec == 0
            assert not any(message.points[-1].velocities)
            times = [p.time_from_start.sec + 1e-9 * p.time_from_start.nanosec
                     for p in message.points]
            assert times[0] > 0.0 and times == sorted(set(times))
    stamps = [m.header.stamp.sec + 1e-9 * m.header.stamp.nanosec for m in robot.commands]
    assert 0.0 <= time.time() - stamps[-1] < 1.0
    graph.run(1.1)
    assert 0.0 < float(graph.value("latency_p50 [s]")) < 1.0

    assert graph.call("stop").success
    graph.until(lambda: graph.state() == "disarmed", "it is disarmed")
    stood, count = robot.positions.copy(), len(robot.trajectories)
    graph.run(1.0)
    assert len(robot.trajectories) == count, "after a stop nothing is sent, though targets come"
    np.testing.assert_array_equal(robot.positions, stood)


def test_enable_without_joint_states_is_refused_with_a_reason(graph):
    graph.robot.alive = False
    graph.run(0.8)
    answer = graph.call("enable", data=True)
    assert not answer.success and "joint_states" in answer.message
    graph.robot.alive = True
    graph.enable()
    graph.robot.alive = False
    graph.until(lambda: "joint_states" in graph.value("reason"), "the loss is told", 5.0)
    graph.until(lambda: graph.state() == "disarmed", "it disarms", 5.0)


@pytest.mark.parametrize("graph", [("hold_time:=0.5", "rest_scale:=0.5")], indirect=True)
def test_bad_postures_never_reach_the_robot_and_silence_brings_it_to_rest(graph):
    robot = graph.robot
    robot.positions[MODEL.index["left_elbow"]] = -1.5
    graph.run(0.5)
    graph.enable()
    robot.target = lambda: {"position": [float("nan"), *MODEL.rest[MODEL.body][1:]]}
    graph.run(0.4)
    robot.target = lambda: {"name": ["left_tentacle"], "position": [0.5]}
    graph.run(0.4)
    robot.target = None
    graph.until(lambda: int(graph.value("dropped_posture_not_a_number") or 0) > 5
                and int(graph.value("dropped_posture_unknown_joint") or 0) > 5,
                "both are counted")
    graph.until(lambda: graph.state() == "resting", "it rests")
    graph.run(3.0)
    np.testing.assert_allclose(robot.positions, MODEL.rest, atol=5e-3)
    assert all(np.isfinite(point.positions).all() and np.isfinite(point.velocities).all()
               for message in robot.trajectories for point in message.points)
    count = len(robot.trajectories)
    graph.run(1.0)
    assert len(robot.trajectories) == count, "no endless commands at rest"


@pytest.mark.parametrize("graph", [("enabled_at_start:=true",)], indirect=True)
def test_enabled_at_start_arms_by_itself_and_the_emergency_stop_latches(graph):
    graph.robot.target = wave
    graph.until(lambda: graph.state() == "following", "it is enabled by itself")
    graph.robot.emergency.publish(Bool(data=True))
    graph.until(lambda: graph.state() == "emergency", "the emergency stop is told", 2.0)
    assert not graph.call("enable", data=True).success
    assert not graph.call("reset").success, "still pressed"
    graph.robot.emergency.publish(Bool(data=False))
    graph.until(lambda: graph.call("reset").success, "it can be reset")
    graph.until(lambda: graph.state() == "disarmed", "it stays disarmed")


@pytest.mark.parametrize("graph", [("enabled_at_start:=true",)], indirect=True)
def test_when_the_process_is_told_to_end_its_last_command_stops_the_robot(graph):
    graph.robot.target = wave
    graph.until(lambda: graph.state() == "following", "it is enabled by itself")
    graph.run(1.5)
    assert graph.close() == 0
    last = graph.robot.trajectories[-1]
    assert not any(last.points[-1].velocities)


@pytest.mark.parametrize("graph", [("enabled_at_start:=true",)], indirect=True)
def test_deactivating_holds_the_robot_and_activating_again_leaves_it_disarmed(graph):
    robot = graph.robot
    robot.target = wave
    graph.until(lambda: graph.state() == "following", "it is enabled by itself")
    client = robot.create_client(ChangeState, "actuation_node/change_state")
    assert client.wait_for_service(10.0)

    def change(transition: int) -> None:
        request = ChangeState.Request()
        request.transition.id = transition
        future = client.call_async(request)
        graph.until(future.done, "the transition is made")
        assert future.result().success

    change(Transition.TRANSITION_DEACTIVATE)
    graph.run(0.3)
    assert not any(robot.trajectories[-1].points[-1].velocities)
    count = len(robot.trajectories)
    assert not graph.call("enable", data=True).success
    change(Transition.TRANSITION_CLEANUP)
    change(Transition.TRANSITION_CONFIGURE)
    change(Transition.TRANSITION_ACTIVATE)
    graph.run(0.5)
    assert len(robot.trajectories) == count
    assert graph.state() == "disarmed"
    graph.enable()
    graph.until(lambda: len(robot.trajectories) > count + 10, "it is followed again")


class Commands:
    """What a forward_command_controller of the upper body hears."""

    def __init__(self, graph: Graph) -> None:
        self.controller = "upper_body_controller"
        self.columns = [MODEL.index[name] for name in MODEL.profile.controllers[self.controller]]
        self.heard: list[list[float]] = []
        self.follow = None
        self._subscription = graph.robot.create_subscription(
            Float64MultiArray, f"{self.controller}/commands", self._hear, 10)
        self._robot = graph.robot

    def _hear(self, message: Float64MultiArray) -> None:
        self.heard.append(list(message.data))
        self.follow(self._robot.positions, self.columns, np.array(message.data))


@pytest.mark.parametrize("graph", [("command_interface:=position",)], indirect=True)
def test_positions_are_sent_at_the_loops_rate_and_go_on_to_the_stop_when_the_node_ends(graph):
    commands = Commands(graph)
    commands.follow = lambda positions, columns, data: positions.put(columns, data)
    graph.robot.target = wave
    graph.run(0.5)
    graph.enable()
    graph.run(2.0)
    assert len(commands.heard) > 100
    assert not graph.robot.trajectories
    assert graph.close() == 0
    path = np.array(commands.heard)
    assert np.ptp(path[:, commands.columns.index(MODEL.index["left_shoulder_pitch"])]) > 0.3
    assert np.abs(np.diff(path, axis=0)).max() < 0.15, "no step"
    assert np.abs(path[-1] - path[-2]).max() < 0.01, "it ends standing"


@pytest.mark.parametrize("graph", [("command_interface:=velocity",)], indirect=True)
def test_velocities_keep_the_position_by_feedback_and_end_at_zero(graph):
    commands = Commands(graph)
    last = [time.monotonic()]

    def integrate(positions, columns, data) -> None:
        now = time.monotonic()
        # A robot that is 3 % too slow: without feedback it would drift off.
        positions[columns] += 0.97 * min(now - last[0], 0.05) * data
        last[0] = now

    commands.follow = integrate
    graph.robot.target = wave
    graph.run(0.5)
    graph.enable()
    graph.run(3.0)
    assert graph.state() == "following", graph.value("reason")
    assert graph.robot.positions[MODEL.index["left_shoulder_pitch"]] == pytest.approx(
        -0.8, abs=0.7)
    assert graph.call("stop").success
    graph.until(lambda: graph.state() == "disarmed", "it is disarmed")
    graph.run(0.2)
    assert not np.any(commands.heard[-1]), "such a controller goes on with the last velocity"


@pytest.mark.parametrize("graph", [("preview:=true",)], indirect=True)
def test_in_a_preview_the_ghost_moves_and_the_robot_gets_nothing(graph):
    robot, ghost = graph.robot, []
    robot.alive = False  # a preview needs no robot
    subscription = robot.create_subscription(JointState, "actuation/preview", ghost.append, 10)
    robot.target = wave
    graph.enable()
    graph.until(lambda: len(ghost) > 60, "the ghost moves")
    shoulder = list(ghost[-1].name).index("left_shoulder_pitch")
    assert np.ptp([message.position[shoulder] for message in ghost]) > 0.1
    assert not robot.trajectories and not robot.commands
    robot.destroy_subscription(subscription)


@pytest.mark.parametrize("graph", [("enabled_at_start:=true",)], indirect=True)
def test_a_face_on_a_display_gets_its_channels_as_shares_of_full_expression(graph):
    robot, shown = graph.robot, []
    subscription = robot.create_subscription(JointState, "actuation/face", shown.append, 10)
    face = robot.create_publisher(JointState, "mirror/face", 1)

    def smile() -> None:
        message = JointState(name=["left_mouth_corner", "jaw"], position=[
            float(MODEL.upper[MODEL.index["left_mouth_corner"]]), 0.19])
        message.header.stamp = robot.get_clock().now().to_msg()
        face.publish(message)

    robot.create_timer(0.04, smile)
    graph.until(lambda: bool(shown) and shown[-1].position[
        list(shown[-1].name).index("left_mouth_corner")] > 0.97, "it smiles")
    graph.run(0.3)
    channels = dict(zip(shown[-1].name, shown[-1].position))
    assert set(channels) == set(MODEL.profile.face)
    assert channels["jaw"] == pytest.approx(0.5, abs=0.03)
    assert all(-1.0 <= value <= 1.0 for message in shown for value in message.position)
    robot.destroy_subscription(subscription)


@pytest.mark.parametrize("graph", [("hold_distance:=0.5",)], indirect=True)
def test_the_robot_waits_until_it_is_told_that_nobody_is_too_near(graph):
    distance = graph.robot.create_publisher(
        Float32, "human/distance", qos_profile_sensor_data)  # as perception does
    away = [2.0]
    graph.robot.create_timer(0.1, lambda: distance.publish(Float32(data=away[0])))
    graph.robot.target = wave
    graph.enable()
    graph.until(lambda: graph.state() == "following", "it follows")
    away[0] = 0.3
    graph.until(lambda: graph.state() == "holding" and "0.30 m" in graph.value("reason"),
                "it holds still", 3.0)


@pytest.mark.parametrize(("parameter", "said"), [
    ("rat:=50.0", "Did you mean rate?"),
    ("speed_scale:=7.0", "speed_scale"),
    ("command_interface:=telepathy", "trajectory, position, velocity"),
    ("robot:=kagamy", "kagami"),
    ("command_rate:=400.0", "command_rate"),
])
def test_a_parameter_that_cannot_be_is_refused_in_one_line(parameter, said):
    done = subprocess.run(
        [sys.executable, "-m", "mirror_robot.nodes.actuation_node", "--ros-args", "-p", parameter],
        capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
