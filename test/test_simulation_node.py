# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The simulation node offers over real ROS what a ros2_control robot offers."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import rclpy
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from mirror_robot.body.profile import ProfileError, load_profile
from mirror_robot.nodes.parameters import ParameterError
from mirror_robot.nodes.simulation_node import SimulationNode

PROFILE = load_profile("kagami")
PATIENCE = 20.0  # s; only a broken node ever waits so long


class Graph:
    """A simulation node and a user of it, in one executor."""

    def __init__(self) -> None:
        self.node = SimulationNode(parameter_overrides=[
            Parameter("camera_rate", value=5.0), Parameter("camera_width", value=64),
            Parameter("camera_height", value=48)])
        self.user = Node("user")
        self.heard: dict[type, list] = {}
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for kind, topic, qos in (
                (JointState, "joint_states", 10), (String, "robot_description", latched),
                (DiagnosticArray, "/diagnostics", 10),
                (Image, "camera/image", qos_profile_sensor_data)):
            self.heard[kind] = []
            self.user.create_subscription(kind, topic, self.heard[kind].append, qos)
        self.commands = {name: self.user.create_publisher(
            JointTrajectory, f"{name}/joint_trajectory", 1) for name in PROFILE.controllers}
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.executor.add_node(self.user)

    def until(self, met: Callable[[], object]) -> None:
        """Spin until `met()` is true; fail if that never happens."""
        end = time.monotonic() + PATIENCE
        while not met():
            assert time.monotonic() < end, "waited in vain"
            self.executor.spin_once(timeout_sec=0.05)

    def send(self, controller: str, positions: dict[str, float], seconds: float = 0.2) -> None:
        """Send a trajectory of one point as soon as the controller listens."""
        self.until(lambda: self.commands[controller].get_subscription_count())
        whole, part = divmod(seconds, 1.0)
        self.commands[controller].publish(JointTrajectory(
            joint_names=list(positions), points=[JointTrajectoryPoint(
                positions=list(positions.values()),
                time_from_start=Duration(sec=int(whole), nanosec=int(part * 1e9)))]))

    def position(self, joint: str) -> float:
        """Return where the next joint state says that `joint` is."""
        self.heard[JointState].clear()
        self.until(lambda: self.heard[JointState])
        state = self.heard[JointState][-1]
        return state.position[state.name.index(joint)]

    def close(self) -> None:
        """End both nodes."""
        self.node.close()
        self.node.destroy_node()
        self.user.destroy_node()


@pytest.fixture(scope="module")
def graph() -> Iterator[Graph]:
    rclpy.init()
    graph = Graph()
    yield graph
    graph.close()
    rclpy.shutdown()


def test_joint_states_carry_every_joint_with_position_velocity_and_effort(graph):
    graph.until(lambda: graph.heard[JointState])
    state = graph.heard[JointState][-1]
    assert set(state.name) == set(PROFILE.joints)
    assert len(state.position) == len(state.velocity) == len(state.effort) == len(state.name)
    assert state.header.stamp.sec > 0


def test_the_description_is_there_for_whoever_comes_late(graph):
    graph.until(lambda: graph.heard[String])
    assert graph.heard[String][-1].data.lstrip().startswith("<?xml")
    assert 'name="left_elbow"' in graph.heard[String][-1].data


def test_a_trajectory_on_a_controllers_topic_moves_the_robot(graph):
    graph.send("upper_body_controller", {"left_elbow": -1.0})
    graph.until(lambda: abs(graph.position("left_elbow") + 1.0) < 0.03)
    graph.send("face_controller", {"jaw": 0.3})
    graph.until(lambda: abs(graph.position("jaw") - 0.3) < 0.02)


def test_a_bad_trajectory_is_counted_and_told_and_does_not_move_the_robot(graph):
    graph.send("upper_body_controller", {"right_elbow": -0.8})
    graph.until(lambda: abs(graph.position("right_elbow") + 0.8) < 0.03)
    counts = graph.node.diagnostics.counts
    for bad in ({"right_elbow": float("nan")}, {"tail": 0.0}, {"jaw": 0.1}, {}):
        refused = counts["refused trajectories"]
        graph.send("upper_body_controller", bad)
        graph.until(lambda before=refused: counts["refused trajectories"] == before + 1)
    graph.heard[DiagnosticArray].clear()

    def told() -> bool:
        statuses = [array.status[0] for array in graph.heard[DiagnosticArray]]
        return any("refused" in status.message and status.name == "simulation_node"
                   for status in statuses)

    graph.until(told)
    assert graph.position("right_elbow") == pytest.approx(-0.8, abs=0.03)


def test_the_camera_shows_a_picture_when_asked_for(graph):
    graph.until(lambda: graph.heard[Image])
    image = graph.heard[Image][-1]
    assert (image.width, image.height, image.encoding) == (64, 48, "rgb8")
    assert len(image.data) == 64 * 48 * 3 and len(set(image.data)) > 20


@pytest.mark.parametrize(("name", "value", "error", "reason"), [
    ("robot", "kagmi", ProfileError, "did you mean 'kagami'"),
    ("rate", 0.0, ParameterError, "rate"),
    ("camera", "back", ParameterError, "body, face"),
    ("raet", 100.0, ParameterError, "Did you mean rate"),
])
def test_a_wrong_parameter_is_refused_with_what_would_be_right(graph, name, value, error, reason):
    with pytest.raises(error, match=reason):
        SimulationNode(parameter_overrides=[Parameter(name, value=value)])


def test_the_process_ends_cleanly_when_told_to_and_with_one_line_when_it_cannot_start():
    command = [sys.executable, "-m", "mirror_robot.nodes.simulation_node"]
    wrong = subprocess.run(
        [*command, "--ros-args", "-p", "robot:=nobody"], capture_output=True, text=True,
        timeout=60)
    assert wrong.returncode == 2
    assert "no robot 'nobody'" in wrong.stderr and "Traceback" not in wrong.stderr

    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert "kagami with" in running.stderr.readline()
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == 0
    finally:
        running.kill()
        running.stderr.close()
