# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Hands and grippers get their commands in the way that their controllers take."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
import yaml
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from mirror_robot.actuation.actuator import Actuator, Command, Settings
from mirror_robot.actuation.limits import JointLimits
from mirror_robot.actuation.safety import State
from mirror_robot.body.profile import ProfileError, load_profile
from mirror_robot.bringup.controllers import controller_parameters
from mirror_robot.nodes import actuation_node, outputs
from mirror_robot.nodes.actuation_node import ActuationNode
from mirror_robot.nodes.outputs import GripperOutput
from mirror_robot.nodes.parameters import ParameterError
from mirror_robot.nodes.simulation_node import SimulationNode

JOINT = """
  <link name="{0}_link"><inertial><mass value="0.1"/>
    <inertia ixx="1e-4" iyy="1e-4" izz="1e-4" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <joint name="{0}" type="{1}"><parent link="base"/><child link="{0}_link"/>
    <origin xyz="{2} 0 0.5"/><axis xyz="0 0 1"/>
    <limit lower="0" upper="{3}" velocity="{4}" effort="10"/></joint>"""
URDF = "<robot name='handy'><link name='base'/>" + "".join(JOINT.format(*joint) for joint in (
    ("head_yaw", "revolute", 0.0, 1.0, 3.0), ("jaws", "prismatic", 0.3, 0.04, 0.2),
    ("thumb", "revolute", -0.3, 1.5, 4.0), ("index", "revolute", -0.4, 1.5, 4.0))) + "</robot>"
JOINTS = ["head_yaw", "jaws", "thumb", "index"]


def profile(folder, **controllers):
    """Return the path of a profile of a robot with a gripper on one side, a hand on the other."""
    (folder / "handy.urdf").write_text(URDF)
    content = {
        "name": "handy", "description": {"file": "handy.urdf"},
        "chains": {"head": {"joints": ["head_yaw"], "link": "head_yaw_link"}},
        "fingers": {"left": {"jaws": {"open": 0.04, "closed": 0.0}},
                    "right": {"thumb": {"open": 0.0, "closed": 1.4},
                              "index": {"open": 0.0, "closed": 1.4}}},
        "controllers": {"head_controller": ["head_yaw"], "left_gripper": {
            "joints": ["jaws"], "interface": "gripper", "effort": 5.0}, "right_hand": {
            "joints": ["thumb", "index"], "interface": "position"}, **controllers}}
    path = folder / "handy.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


# ---------------------------------------------------------------------- what a profile may say


def test_a_profile_says_what_each_controller_takes(tmp_path):
    known = load_profile(profile(tmp_path))
    assert known.controllers["left_gripper"] == ("jaws",)
    assert known.interfaces == {"left_gripper": "gripper", "right_hand": "position"}
    assert known.effort == {"left_gripper": 5.0}


@pytest.mark.parametrize(("content", "said"), [
    ({"joints": ["thumb", "index"], "interface": "gripper"}, "one joint, not 2"),
    ({"joints": ["thumb"], "interface": "griper"}, "did you mean 'gripper'"),
    ({"joints": ["thumb"], "interface": "position", "effort": 3.0}, "effort is for a gripper"),
    ({"interface": "position"}, "joints is missing"),
    ({"joints": ["thumb"], "intreface": "position"}, "did you mean 'interface'"),
])
def test_a_profile_that_is_wrong_about_a_controller_is_refused(tmp_path, content, said):
    with pytest.raises(ProfileError, match=said):
        load_profile(profile(tmp_path, right_hand=content))


def test_the_launch_file_makes_a_controller_of_each_kind(tmp_path):
    made = controller_parameters(load_profile(profile(
        tmp_path, left_gripper={"joints": ["jaws"], "interface": "parallel_gripper"})))
    manager = made["/**/controller_manager"]["ros__parameters"]
    assert manager["left_gripper"]["type"] == (
        "parallel_gripper_action_controller/GripperActionController")
    assert manager["right_hand"]["type"] == "forward_command_controller/ForwardCommandController"
    hand = made["/**/right_hand"]["ros__parameters"]
    assert hand == {"joints": ["thumb", "index"], "interface_name": "position"}
    assert made["/**/left_gripper"]["ros__parameters"]["joint"] == "jaws"


def test_a_gripper_that_holds_something_is_no_fault_and_any_other_joint_is():
    limits = JointLimits(("jaws",), *(np.array([value]) for value in (0.0, 1.5, 4.0, 20.0, 200.0)))

    def state_when_blocked(unwatched) -> State:
        settings = Settings(blend_time=0.0, target_jump=10.0)
        actuator = Actuator(limits, np.zeros(1), settings, unwatched=unwatched)
        actuator.receive_joint_states(["jaws"], [0.0])
        actuator.tick(10.0, 10.0)
        assert actuator.enable(10.0).accepted
        for tick in range(1, 300):
            now = 10.0 + 0.01 * tick
            actuator.receive_joint_states(["jaws"], [0.1])  # no farther: something is between
            actuator.receive_targets("posture", ["jaws"], [1.4], now - 0.01, now, now)
            actuator.tick(now, now)
        return actuator.state

    assert state_when_blocked([0]) is State.FOLLOWING
    assert state_when_blocked([]) is State.STOPPING


# ---------------------------------------------------------------------- goals, with a stub


class Client:
    """Stands in for an action client."""

    def __init__(self, node, action, name) -> None:
        self._action_name, self.ready, self.accepts, self.goals = name, True, True, []

    def server_is_ready(self) -> bool:
        """Return whether there is a server."""
        return self.ready

    def send_goal_async(self, goal):
        """Keep a goal and answer it at once."""
        self.goals.append(goal)
        answer = SimpleNamespace(result=lambda: SimpleNamespace(accepted=self.accepts))
        return SimpleNamespace(add_done_callback=lambda call: call(answer))

    def destroy(self) -> None:
        """Do nothing."""


class Action:
    """Stands in for control_msgs' GripperCommand."""

    class Goal:
        """A goal."""

        def __init__(self) -> None:
            self.command = SimpleNamespace(position=0.0, max_effort=0.0)


def command(end: float) -> Command:
    """Return a command whose stop ends at a position."""
    positions = np.array([[0.5, 0.9 * end], [0.5, end]])
    return Command(0.0, State.FOLLOWING, np.array([0.02, 0.2]), positions, 0.0 * positions)


@pytest.fixture(scope="module")
def ros():
    rclpy.init()
    yield
    rclpy.shutdown()


@pytest.fixture
def gripper(ros, monkeypatch):
    monkeypatch.setattr("rclpy.action.ActionClient", Client)
    node = Node("gripping")
    output = GripperOutput(node, Action, "left_gripper", "jaws", 1, 0.04, effort=5.0)
    yield output
    output.destroy(node)
    node.destroy_node()


def test_a_gripper_is_sent_where_the_command_ends_and_only_when_that_changes(gripper):
    assert gripper.client._action_name == "left_gripper/gripper_cmd"
    gripper._look()
    assert not gripper.client.goals, "nothing was commanded"
    for end in (0.03, 0.03, 0.0302, 0.01, 0.01):
        gripper.send(command(end))
        gripper._look()
    goals = [goal.command for goal in gripper.client.goals]
    assert [goal.position for goal in goals] == [0.03, 0.01]
    assert {goal.max_effort for goal in goals} == {5.0}


def test_slow_closing_is_passed_on_to_the_end(gripper):
    for end in np.linspace(0.04, 0.0, 400):
        gripper.send(command(end))
        gripper._look()
    assert 30 < len(gripper.client.goals) < 60, "in steps that are worth a goal"
    assert gripper.client.goals[-1].command.position < 0.02 * 0.04


def test_a_gripper_without_server_gets_its_goal_when_there_is_one(gripper):
    gripper.client.ready = False
    gripper.send(command(0.02))
    gripper._look()
    assert gripper.goals == 0
    gripper.client.ready = True
    gripper._look()
    assert gripper.client.goals[-1].command.position == 0.02


def test_refused_goals_are_counted(gripper):
    gripper.client.accepts = False
    gripper.send_last(command(0.02))
    assert (gripper.goals, gripper.refused) == (1, 1)


def test_without_control_msgs_a_gripper_is_refused_with_what_to_install(
        ros, tmp_path, monkeypatch):
    monkeypatch.setattr(actuation_node, "load_gripper_action", lambda interface: None)
    node = ActuationNode(parameter_overrides=[
        Parameter("robot", value=str(profile(tmp_path))), Parameter("autostart", value=False)])
    try:
        with pytest.raises(ParameterError, match=r"apt install ros-.*control-msgs"):
            node.on_configure(None)
    finally:
        node._dispose()
        node.destroy_node()


def test_a_node_that_cannot_be_configured_says_why_and_ends(tmp_path):
    if outputs.load_gripper_action("gripper") is not None:
        pytest.skip("control_msgs is installed: the gripper can be driven")
    done = subprocess.run(
        [sys.executable, "-m", "mirror_robot.nodes.actuation_node", "--ros-args", "-p",
         f"robot:={profile(tmp_path)}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "left_gripper takes the action GripperCommand of control_msgs" in done.stderr
    assert "error: actuation_node cannot come up" in done.stderr
    assert "Traceback" not in done.stderr


# ---------------------------------------------------------------------- with control_msgs


@pytest.mark.parametrize("interface", ["gripper", "parallel_gripper"])
def test_a_hand_closes_by_goals_positions_and_trajectories(ros, tmp_path, interface):
    pytest.importorskip("control_msgs.action",
                        reason="control_msgs is not installed (ROS has it)")
    from rclpy.action import ActionServer, CancelResponse

    action = outputs.load_gripper_action(interface)
    controller = f"left_{interface}"  # a name of its own: its action is of another type
    path = profile(tmp_path, **{"left_gripper": ["jaws"], controller: {
        "joints": ["jaws"], "interface": interface, "effort": 5.0}})
    node = ActuationNode(parameter_overrides=[
        Parameter("robot", value=str(path)), Parameter("enabled_at_start", value=True)])
    robot, at, goals = Node("handy"), dict.fromkeys(JOINTS, 0.0), []
    at["jaws"] = 0.04

    def grip(handle):
        goal = handle.request.command
        if interface == "gripper":
            goals.append(goal.position)
            assert goal.max_effort == 5.0
        else:
            assert list(goal.name) == ["jaws"] and list(goal.effort) == [5.0]
            goals.append(goal.position[0])
        at["jaws"] = max(goals[-1], 0.01)  # something is between the jaws
        handle.succeed()
        return action.Result()

    server = ActionServer(robot, action, f"{controller}/gripper_cmd", grip,
                          cancel_callback=lambda handle: CancelResponse.ACCEPT)
    hand, head = [], []

    def bend(message: Float64MultiArray) -> None:
        hand.append(list(message.data))
        at["thumb"], at["index"] = message.data

    robot.create_subscription(Float64MultiArray, "right_hand/commands", bend, 10)

    def turn(message: JointTrajectory) -> None:
        head.append(list(message.joint_names))
        at["head_yaw"] = message.points[0].positions[0]

    robot.create_subscription(JointTrajectory, "head_controller/joint_trajectory", turn, 10)
    states = robot.create_publisher(JointState, "joint_states", 5)
    posture = robot.create_publisher(JointState, "mirror/posture", 1)

    def speak() -> None:
        stamp = robot.get_clock().now().to_msg()
        for publisher, values in ((states, at.values()), (posture, (0.3, 0.0, 1.0, 0.7))):
            message = JointState(name=JOINTS, position=[float(value) for value in values])
            message.header.stamp = stamp
            publisher.publish(message)

    robot.create_timer(0.04, speak)
    executor = MultiThreadedExecutor(3)
    executor.add_node(node)
    executor.add_node(robot)
    spinning = threading.Thread(target=executor.spin, daemon=True)
    spinning.start()
    try:
        end = time.monotonic() + 20.0
        while not (goals and goals[-1] < 1e-3 and hand and abs(hand[-1][0] - 1.0) < 0.01):
            assert time.monotonic() < end, (goals, hand[-1:], node.actuator.state)
            time.sleep(0.05)
        time.sleep(1.0)
        assert node.actuator.state is State.FOLLOWING, "it holds a thing, which is no fault"
        assert all(-1e-6 <= goal <= 0.04 + 1e-6 for goal in goals)
        np.testing.assert_allclose(hand[-1], [1.0, 0.7], atol=0.01)
        assert head and all(names == ["head_yaw"] for names in head)
        assert node._status()[2][f"goals of {controller}"].endswith(", 0 refused")
    finally:
        executor.shutdown()
        spinning.join(5.0)
        node.close()
        server.destroy()
        node.destroy_node()
        robot.destroy_node()


@pytest.mark.parametrize("interface", ["gripper", "parallel_gripper"])
def test_the_simulated_robot_takes_positions_and_the_goals_of_a_gripper(ros, tmp_path, interface):
    action = outputs.load_gripper_action(interface)
    controller = f"jaws_{interface}"
    path = profile(tmp_path, left_gripper=["jaws"]) if action is None else profile(
        tmp_path, **{"left_gripper": ["jaws"], controller: {
            "joints": ["jaws"], "interface": interface}})
    if action is not None:  # a joint has one controller
        content = yaml.safe_load(path.read_text())
        del content["controllers"]["left_gripper"]
        path.write_text(yaml.safe_dump(content))
    node = SimulationNode(parameter_overrides=[Parameter("robot", value=str(path))])
    user, at = Node("user"), {}
    user.create_subscription(JointState, "joint_states", lambda message: at.update(
        zip(message.name, message.position)), 10)
    hand = user.create_publisher(Float64MultiArray, "right_hand/commands", 1)
    user.create_timer(0.05, lambda: hand.publish(Float64MultiArray(data=[0.8, 0.4])))
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    executor.add_node(user)
    try:
        if action is not None:
            client = GripperOutput(user, action, controller, "jaws", 0, 0.04)
            client.send(Command(0.0, State.FOLLOWING, np.array([0.1]), np.array([[0.03]]),
                                np.zeros((1, 1))))
        end = time.monotonic() + 15.0
        while not (abs(at.get("thumb", 0.0) - 0.8) < 0.05 and abs(at["index"] - 0.4) < 0.05
                   and (action is None or abs(at["jaws"] - 0.03) < 0.005)):
            assert time.monotonic() < end, at
            executor.spin_once(timeout_sec=0.05)
    finally:
        executor.shutdown()
        node.close()
        node.destroy_node()
        user.destroy_node()
