# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The mirror loop on a physical robot that is driven through ros2_control; disarmed at the start.

ros2 launch mirror_robot robot.launch.py robot:=my_robot.yaml source:=topic:/camera/image_raw
"""

import os
import tempfile
from pathlib import Path

import yaml
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
)
from launch.event_handlers import OnShutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from mirror_robot.body.description import read_description
from mirror_robot.body.profile import load_profile
from mirror_robot.bringup.controllers import controller_parameters, spawner_arguments
from mirror_robot.bringup.graph import (
    CONTROL,
    MOCK,
    OPTIONS,
    PARAMS_FILE,
    RVIZ,
    SIM,
    VIEWER,
    Option,
    read_options,
)
from mirror_robot.resources import share_file

# A robot that can hurt somebody is careful unless told otherwise.
CAREFUL = Option(
    PARAMS_FILE.name, str(share_file("config/physical.yaml")),
    "YAML file of further node parameters; they win over the options here. By default slow hands "
    "near people (config/physical.yaml)")
LOOP = tuple(CAREFUL if option is PARAMS_FILE else option
             for option in OPTIONS if option is not SIM)
SECURE = Option(
    "secure", "false",
    "refuse whatever SROS2's policies do not allow; needs a keystore, see docs/safety.md")
ARGUMENTS = (*LOOP, RVIZ, MOCK, CONTROL, SECURE)


def declare(option: Option) -> DeclareLaunchArgument:
    choices = ["true", "false"] if option.switch else list(option.choices)
    return DeclareLaunchArgument(
        option.name, default_value=option.default, description=option.description,
        choices=choices or None)


def ros2_control(values: dict) -> list:
    profile = load_profile(values["robot"])
    description = read_description(profile.description, {
        **profile.arguments, **({"control": "mock"} if values["mock"] else {})})
    if "<ros2_control" not in description:
        raise RuntimeError(
            f"{profile.description} has no <ros2_control> element: add one for the robot's "
            "hardware, try mock:=true, or say ros2_control:=false where the robot's own bringup "
            "starts its controllers")
    with tempfile.NamedTemporaryFile(
            "w", prefix="mirror_robot_controllers_", suffix=".yaml", delete=False) as file:
        yaml.safe_dump(controller_parameters(profile), file)
    common = {"namespace": values["namespace"], "output": "screen",
              "ros_arguments": ["--enclave", "/mirror_robot/robot"]}  # of use with security only
    time = {"use_sim_time": values["use_sim_time"]}
    return [
        Node(package="robot_state_publisher", executable="robot_state_publisher",
             parameters=[{"robot_description": description, **time}], **common),
        Node(package="controller_manager", executable="ros2_control_node",
             parameters=[file.name, time],
             remappings=[("~/robot_description", "robot_description")], **common),
        Node(package="controller_manager", executable="spawner",
             arguments=spawner_arguments(profile, values["namespace"], file.name), **common),
        RegisterEventHandler(OnShutdown(
            on_shutdown=lambda event, context: Path(file.name).unlink(missing_ok=True))),
    ]


def secure(context: LaunchContext) -> list:
    """Demand security of everything that is started, and refuse to start without its keys."""
    if not SECURE.read(LaunchConfiguration(SECURE.name).perform(context)):
        return []
    keystore = os.environ.get("ROS_SECURITY_KEYSTORE", "")
    enclaves = Path(keystore) / "enclaves" / "mirror_robot"
    if not keystore or not enclaves.is_dir():
        raise RuntimeError(
            f"secure:=true needs a keystore with the enclave /mirror_robot; ROS_SECURITY_KEYSTORE "
            f"is {keystore!r}. Make one as docs/safety.md tells")
    # The live page can arm the robot, so it is for the operator to start with the operator's keys.
    return [SetEnvironmentVariable("ROS_SECURITY_ENABLE", "true"),
            SetEnvironmentVariable("ROS_SECURITY_STRATEGY", "Enforce"),
            SetLaunchConfiguration(VIEWER.name, "false")]


def start(context: LaunchContext) -> list:
    texts = {option.name: LaunchConfiguration(option.name).perform(context)
             for option in ARGUMENTS}
    values = read_options(texts, ARGUMENTS)
    return ros2_control(values) if values["ros2_control"] else []


def generate_launch_description() -> LaunchDescription:
    loop = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(Path(__file__).with_name("mirror.launch.py"))),
        launch_arguments=[(SIM.name, "none"),
                          *((option.name, LaunchConfiguration(option.name))
                            for option in (*LOOP, RVIZ))])
    return LaunchDescription([*map(declare, ARGUMENTS), OpaqueFunction(function=secure),
                              OpaqueFunction(function=start), loop])
