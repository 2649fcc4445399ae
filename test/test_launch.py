# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Tests of the launch files.

They are run with stand-ins for the packages launch and launch_ros, which a machine without ROS
lacks: what is started with which parameters can be seen without starting it.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from mirror_robot.body.profile import load_profile
from mirror_robot.bringup.graph import nodes_to_start, read_options

LAUNCH = Path(__file__).resolve().parent.parent / "launch"
FILES = sorted(path.name for path in LAUNCH.glob("*.launch.py"))


class Noted:
    """Anything of launch: notes what it was made with."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.arguments, self.named = arguments, named


class Argument(Noted):
    """DeclareLaunchArgument."""


class Function(Noted):
    """OpaqueFunction."""


class Node(Noted):
    """A launch_ros Node."""


class Include(Noted):
    """IncludeLaunchDescription."""


class Configuration(Noted):
    """LaunchConfiguration: the context is a plain mapping here."""

    def perform(self, context: dict[str, str]) -> str:
        """Return the value that the argument has."""
        return context[self.arguments[0]]


STAND_INS = {
    "DeclareLaunchArgument": Argument, "OpaqueFunction": Function, "Node": Node,
    "IncludeLaunchDescription": Include, "LaunchConfiguration": Configuration,
}


class StandIn(ModuleType):
    """A module in which every name is a `Noted`."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return STAND_INS.get(name, Noted)


@pytest.fixture
def describe(monkeypatch):
    """Return a function that gives the entities of a launch file."""
    for name in ("launch", "launch.actions", "launch.conditions", "launch.events",
                 "launch.event_handlers", "launch.launch_description_sources",
                 "launch.substitutions", "launch_ros", "launch_ros.actions",
                 "launch_ros.descriptions", "launch_ros.parameter_descriptions",
                 "launch_ros.substitutions"):
        monkeypatch.setitem(sys.modules, name, StandIn(name))

    def load(name: str) -> list[Any]:
        specification = importlib.util.spec_from_file_location("described", LAUNCH / name)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return list(module.generate_launch_description().arguments[0])

    return load


def start(entities: list[Any], **given: str) -> list[Any]:
    """Return the actions that the functions of a launch file give for some arguments."""
    context = {entity.arguments[0]: entity.named["default_value"] for entity in entities
               if isinstance(entity, Argument)}
    assert set(given) <= set(context)
    context |= given
    return [action for entity in entities if isinstance(entity, Function)
            for action in entity.named["function"](context) or []]


@pytest.mark.parametrize("name", FILES)
def test_every_argument_of_a_launch_file_is_described(describe, name):
    arguments = [entity for entity in describe(name) if isinstance(entity, Argument)]
    assert len(arguments) >= 5
    for argument in arguments:
        assert len(argument.named["description"]) > 20, argument.arguments[0]
        choices = argument.named.get("choices")
        assert not choices or argument.named["default_value"] in choices


def test_launch_file_and_console_start_the_same(describe):
    given = {"source": "party.mp4", "mimic": "true", "namespace": "robot1"}
    actions = start(describe("mirror.launch.py"), **given)
    console = nodes_to_start(read_options(given))
    assert [action.named["executable"] for action in actions] == [node.name for node in console]
    for action, node in zip(actions, console):
        assert action.named["package"] == "mirror_robot"
        assert action.named["namespace"] == "robot1"
        assert action.named["parameters"] == [node.parameters]


def test_rviz_is_started_only_when_asked_for(describe):
    entities = describe("mirror.launch.py")
    actions = start(entities, rviz="true", namespace="robot1")
    packages = [action.named["package"] for action in actions]
    assert packages.count("rviz2") == packages.count("robot_state_publisher") == 1
    executables = [action.named["executable"] for action in actions]
    assert executables.count("rviz_node") == 1
    rviz = actions[executables.index("rviz2")]
    assert rviz.named["arguments"][-2:] == ["-f", "base_link"]  # the robot's own root link
    assert {action.named["namespace"] for action in actions} == {"robot1"}
    assert {action.named["package"] for action in start(entities)} == {"mirror_robot"}


def test_a_robot_with_mock_hardware_gets_its_controllers(describe):
    entities = describe("robot.launch.py")
    actions = start(entities, mock="true")
    nodes = {action.named["executable"]: action for action in actions if isinstance(action, Node)}
    assert set(nodes) == {"robot_state_publisher", "ros2_control_node", "spawner"}
    assert {"joint_state_broadcaster", "upper_body_controller", "face_controller"} <= set(
        nodes["spawner"].named["arguments"])
    assert "/controller_manager" in nodes["spawner"].named["arguments"]
    description = nodes["robot_state_publisher"].named["parameters"][0]["robot_description"]
    assert "<ros2_control" in description and "mock_components" in description
    Path(nodes["ros2_control_node"].named["parameters"][0]).unlink()


def test_in_a_namespace_the_controllers_go_to_the_manager_there(describe):
    actions = start(describe("robot.launch.py"), mock="true", namespace="robot1/")
    spawner = next(action for action in actions if isinstance(action, Node)
                   and action.named["executable"] == "spawner")
    arguments = spawner.named["arguments"]
    # Without the first slash the spawner looks for /robot1/robot1/controller_manager.
    assert arguments[arguments.index("--controller-manager") + 1] == "/robot1/controller_manager"


def test_in_gazebo_the_controllers_are_given_time_until_the_world_has_begun(describe):
    actions = start(describe("gazebo.launch.py"), control="ros2_control", namespace="robot1")
    [spawner] = next(action.arguments[0].named["on_exit"] for action in actions
                     if action.arguments and "on_exit" in action.arguments[0].named)
    arguments = spawner.named["arguments"]
    assert arguments[arguments.index("--controller-manager") + 1] == "/robot1/controller_manager"
    switch, call = (float(arguments[arguments.index(f"--{name}-timeout") + 1])
                    for name in ("switch", "service-call"))
    assert 30.0 <= switch < call  # the call waits for the switch
    publisher = next(action for action in actions if isinstance(action, Node)
                     and action.named["executable"] == "robot_state_publisher")
    assert "<namespace>/robot1</namespace>" in publisher.named["parameters"][0][
        "robot_description"]


def test_without_a_namespace_a_robots_own_default_of_it_holds(describe, tmp_path):
    kagami = load_profile("kagami")
    (tmp_path / "own.xacro").write_text(
        '<robot name="own" xmlns:xacro="http://www.ros.org/wiki/xacro">'
        '<xacro:arg name="namespace" default="at_home"/><link name="$(arg namespace)"/>'
        f'<xacro:include filename="{kagami.description}"/></robot>')
    content = yaml.safe_load(kagami.path.read_text())
    content["description"] = {"file": "own.xacro"}
    profile = tmp_path / "own.yaml"
    profile.write_text(yaml.safe_dump(content))
    for namespace, link in (("", "at_home"), ("robot1", "robot1")):
        publisher = next(action for action in start(
            describe("gazebo.launch.py"), robot=str(profile), namespace=namespace)
            if isinstance(action, Node) and action.named["executable"] == "robot_state_publisher")
        assert f'<link name="{link}"' in publisher.named["parameters"][0]["robot_description"]


def test_a_description_without_ros2_control_is_refused_for_hardware(describe):
    with pytest.raises(RuntimeError, match="mock:=true"):
        start(describe("robot.launch.py"))


def test_a_robot_whose_bringup_runs_gets_only_the_loop_and_no_simulation(describe):
    entities = describe("robot.launch.py")
    assert start(entities, ros2_control="false") == []
    loop = [entity for entity in entities if isinstance(entity, Include)]
    assert len(loop) == 1
    arguments = dict(loop[0].named["launch_arguments"])
    assert arguments.pop("sim") == "none"
    declared = {entity.arguments[0] for entity in entities if isinstance(entity, Argument)}
    assert {value.arguments[0] for value in arguments.values()} <= declared


def test_a_physical_robot_is_careful_near_people_unless_told_otherwise(describe):
    arguments = {entity.arguments[0]: entity for entity in describe("robot.launch.py")
                 if isinstance(entity, Argument)}
    careful = yaml.safe_load(Path(arguments["params_file"].named["default_value"]).read_text())
    assert careful["/**/actuation_node"]["ros__parameters"]["near_distance"] >= 1.0


def test_secure_without_keys_refuses_to_start(describe, monkeypatch, tmp_path):
    entities = describe("robot.launch.py")
    monkeypatch.setenv("ROS_SECURITY_KEYSTORE", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"docs/safety\.md"):
        start(entities, secure="true", ros2_control="false")
    (tmp_path / "enclaves" / "mirror_robot").mkdir(parents=True)
    assert [action.arguments[0] for action in start(
        entities, secure="true", ros2_control="false")] == [
        "ROS_SECURITY_ENABLE", "ROS_SECURITY_STRATEGY", "viewer"], "the page is the operator's"
