# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""World, bridge and launch file for Gazebo, as far as they can be checked without Gazebo."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from mirror_robot.body.description import read_description
from mirror_robot.body.profile import load_profile
from mirror_robot.bringup.gazebo import bridge_topics
from mirror_robot.resources import share_file

PROFILE = load_profile("kagami")
WORLD_FILE = share_file("worlds/mirror.sdf")
WORLD = ElementTree.parse(WORLD_FILE).getroot().find("world")


def test_the_world_has_the_systems_that_a_robot_with_a_camera_needs():
    systems = {plugin.get("name").rsplit("::", 1)[-1] for plugin in WORLD.findall("plugin")}
    assert systems == {"Physics", "UserCommands", "SceneBroadcaster", "Sensors"}


def test_the_world_has_floor_light_table_and_camera_and_only_simple_collision_shapes():
    assert {model.get("name") for model in WORLD.findall("model")} == {"floor", "table", "camera"}
    assert WORLD.find("light") is not None
    for collision in WORLD.iter("collision"):
        assert {shape.tag for shape in collision.find("geometry")} <= {"plane", "box"}


def test_every_pose_in_the_world_is_six_finite_numbers():
    for pose in WORLD.iter("pose"):
        numbers = np.array([float(number) for number in pose.text.split()])
        assert numbers.shape == (6,) and np.isfinite(numbers).all()


# As in gz-sim 8 (Harmonic) and 9 (Ionic): `gz_add_system` names the file, GZ_ADD_PLUGIN_ALIAS the
# plugin, and Configure reads the elements; Gazebo passes over any other in silence.
SYSTEMS = {
    "gz-sim-physics-system": ("gz::sim::systems::Physics", set()),
    "gz-sim-user-commands-system": ("gz::sim::systems::UserCommands", set()),
    "gz-sim-scene-broadcaster-system": ("gz::sim::systems::SceneBroadcaster", set()),
    "gz-sim-sensors-system": ("gz::sim::systems::Sensors", {"render_engine"}),
    "gz-sim-joint-state-publisher-system": (
        "gz::sim::systems::JointStatePublisher", {"topic", "joint_name", "update_rate"}),
    "gz-sim-joint-trajectory-controller-system": (
        "gz::sim::systems::JointTrajectoryController",
        {"topic", "use_header_start_time", "joint_name", "initial_position",
         *(f"{kind}_{what}" for kind in ("position", "velocity") for what in (
             "p_gain", "i_gain", "d_gain", "i_min", "i_max", "cmd_min", "cmd_max",
             "cmd_offset"))}),
    "gz-sim-joint-position-controller-system": (
        "gz::sim::systems::JointPositionController",
        {"topic", "sub_topic", "joint_name", "joint_index", "initial_position", "use_actuator_msg",
         "use_velocity_commands", "p_gain", "i_gain", "d_gain", "i_min", "i_max", "cmd_min",
         "cmd_max", "cmd_offset"}),
    "gz_ros2_control-system": (
        "gz_ros2_control::GazeboSimROS2ControlPlugin", {"parameters", "ros", "hold_joints"}),
}


@pytest.fixture
def still(tmp_path):
    """Return a profile of kagami with one controller, of the arms, whose head does not roll."""
    content = yaml.safe_load(PROFILE.path.read_text())
    content["name"] = "still"
    content["chains"]["head"]["joints"].remove("neck_roll")
    content["held"] = {"neck_roll": 0.1}
    content["controllers"] = {"arms": {"interface": "trajectory", "joints": [
        joint for joint in content["controllers"]["upper_body_controller"]
        if joint.startswith(("left", "right"))]}}
    path = tmp_path / "still.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_profile(path)


def test_a_profile_of_ones_own_drives_its_joints_and_the_others_are_held(still):
    root = ElementTree.fromstring(read_description(
        still.description, {"control": "gazebo", **still.arguments}))
    systems = {}
    for plugin in root.iter("plugin"):
        systems.setdefault(plugin.get("name").split("::")[-1], []).append(plugin)
    [arms] = systems["JointTrajectoryController"]
    assert arms.findtext("topic") == "/still/arms/joint_trajectory"
    driven = {joint.text for joint in arms.findall("joint_name")}
    assert driven == set(still.controllers["arms"])
    held = {plugin.findtext("joint_name"): plugin.findtext("initial_position")
            for plugin in systems["JointPositionController"]}
    moving = {joint.get("name") for joint in root.iter("joint")
              if joint.get("type") in ("revolute", "prismatic", "continuous")}
    assert driven.isdisjoint(held) and driven | set(held) == moving
    assert float(held["neck_roll"]) == 0.1
    told = {topic["gz_topic_name"] for topic in bridge_topics(still, "gazebo")}
    [publisher] = systems["JointStatePublisher"]
    assert {arms.findtext("topic"), publisher.findtext("topic")} < told
    for plugin in systems["JointPositionController"]:
        assert {element.tag for element in plugin} <= SYSTEMS[plugin.get("filename")][1]


@pytest.mark.parametrize("control", ["world", "gazebo", "ros2_control"])
def test_gazebo_knows_every_system_and_every_element_of_it(control):
    root = WORLD if control == "world" else ElementTree.fromstring(read_description(
        PROFILE.description, {"control": control, "controllers_file": "/tmp/controllers.yaml"}))
    plugins = [plugin for plugin in root.iter("plugin") if plugin.get("filename")]
    assert plugins
    for plugin in plugins:
        name, elements = SYSTEMS[plugin.get("filename")]
        assert plugin.get("name") == name
        assert {element.tag for element in plugin} <= elements, name


@pytest.mark.parametrize("control", ["none", "gazebo", "ros2_control", "mock"])
def test_check_urdf_accepts_the_robot(control, tmp_path):
    tool = shutil.which("check_urdf") or shutil.which(
        "check_urdf", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("check_urdf (liburdfdom-tools, or PyPI's cmeel-urdfdom) is not installed")
    file = tmp_path / "robot.urdf"
    file.write_text(read_description(PROFILE.description, {
        "control": control, "controllers_file": "/tmp/controllers.yaml"}))
    done = subprocess.run([tool, str(file)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "robot name is: kagami" in done.stdout


def test_an_arm_raised_forward_passes_the_table():
    table = WORLD.find("model[@name='table']")
    front = float(table.findtext("pose").split()[0]) - 0.5 * max(
        float(size.text.split()[0]) for size in table.iter("size"))
    assert front > 0.70  # from shoulder to fingertip [m]


def test_the_bridge_carries_exactly_what_world_and_robot_talk_about():
    topics = bridge_topics(PROFILE, "gazebo")
    in_gazebo = {topic["gz_topic_name"] for topic in topics}
    robot = ElementTree.fromstring(read_description(PROFILE.description, {"control": "gazebo"}))
    systems = {topic.text for topic in robot.iter("topic")}
    sensors = {topic.text for topic in WORLD.iter("topic")}
    assert in_gazebo == {"/clock"} | systems | sensors


def test_in_ros_the_topics_are_those_of_the_simulation_node():
    topics = {topic["ros_topic_name"]: topic for topic in bridge_topics(PROFILE, "gazebo")}
    assert set(topics) == {"/clock", "camera/image", "joint_states", *(
        f"{controller}/joint_trajectory" for controller in PROFILE.controllers)}
    to_gazebo = {name for name, topic in topics.items() if topic["direction"] == "ROS_TO_GZ"}
    assert to_gazebo == {name for name in topics if name.endswith("joint_trajectory")}


def test_ros2_control_needs_only_clock_and_camera_from_the_bridge():
    topics = bridge_topics(PROFILE, "ros2_control")
    assert {topic["ros_topic_name"] for topic in topics} == {"/clock", "camera/image"}


def test_the_launch_file_describes_every_argument_and_starts_what_it_says():
    launch = pytest.importorskip("launch", reason="launch is not installed")
    pytest.importorskip("launch_ros", reason="launch_ros is not installed")
    content = runpy.run_path(str(share_file("launch/gazebo.launch.py")))
    context = launch.LaunchContext()
    names = set()
    for entity in content["generate_launch_description"]().entities:
        if isinstance(entity, launch.actions.DeclareLaunchArgument):
            assert entity.description.strip(), entity.name
            names.add(entity.name)
            entity.execute(context)
    assert {"source", "robot", "mimic", "control", "headless", "use_sim_time", "world"} <= names
    for control, spawners in (("gazebo", 0), ("ros2_control", 1)):
        context.launch_configurations["control"] = control
        actions = content["start"](context)
        packages = [action.node_package for action in actions if hasattr(action, "node_package")]
        assert packages == ["robot_state_publisher", "ros_gz_bridge", "ros_gz_sim"]
        handlers = [action for action in actions
                    if isinstance(action, launch.actions.RegisterEventHandler)]
        assert len(handlers) == 1 + spawners


def test_drake_finds_no_unknown_element_in_the_world():
    parsing = pytest.importorskip("pydrake.multibody.parsing", reason="drake is not installed")
    from pydrake.multibody.plant import MultibodyPlant

    plant = MultibodyPlant(0.0)  # the parser does not keep it alive
    assert len(parsing.Parser(plant).AddModels(str(WORLD_FILE))) == 3
