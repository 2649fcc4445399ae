# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The mirror loop on a physical robot that is driven through ros2_control; disarmed at the start.

ros2 launch mirror_robot robot.launch.py robot:=my_robot.yaml source:=topic:/camera/image_raw
"""

import tempfile
from pathlib import Path

import yaml
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnShutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, ThisLaunchFileDir
from launch_ros.actions import Node

from mirror_robot.body.description import read_description
from mirror_robot.body.profile import load_profile
from mirror_robot.bringup.controllers import STATE_BROADCASTER, controller_parameters
from mirror_robot.bringup.graph import CONTROL, MOCK, OPTIONS, RVIZ, SIM, Option, read_options

ARGUMENTS = (*(option for option in OPTIONS if option is not SIM), RVIZ, MOCK, CONTROL)


def declare(option: Option) -> DeclareLaunchArgument:
    choices = ["true", "false"] if option.switch else list(option.choices)
    return DeclareLaunchArgument(
        option.name, default_value=option.default, description=option.description,
        choices=choices or None)


def ros2_control(values: dict) -> list:
    profile = load_profile(values["robot"])
    description = read_description(
        profile.description, {"control": "mock"} if values["mock"] else {})
    if "<ros2_control" not in description:
        raise RuntimeError(
            f"{profile.description} has no <ros2_control> element: add one for the robot's "
            "hardware, try mock:=true, or say ros2_control:=false where the robot's own bringup "
            "starts its controllers")
    with tempfile.NamedTemporaryFile(
            "w", prefix="mirror_robot_controllers_", suffix=".yaml", delete=False) as file:
        yaml.safe_dump(controller_parameters(profile), file)
    common = {"namespace": values["namespace"], "output": "screen"}
    time = {"use_sim_time": values["use_sim_time"]}
    manager = "/".join(filter(None, ["", values["namespace"].strip("/"), "controller_manager"]))
    return [
        Node(package="robot_state_publisher", executable="robot_state_publisher",
             parameters=[{"robot_description": description, **time}], **common),
        Node(package="controller_manager", executable="ros2_control_node",
             parameters=[file.name, time],
             remappings=[("~/robot_description", "robot_description")], **common),
        Node(package="controller_manager", executable="spawner",
             arguments=[STATE_BROADCASTER, *profile.controllers, "--controller-manager", manager,
                        "--param-file", file.name],
             **common),
        RegisterEventHandler(OnShutdown(
            on_shutdown=lambda event, context: Path(file.name).unlink(missing_ok=True))),
    ]


def start(context: LaunchContext) -> list:
    texts = {option.name: LaunchConfiguration(option.name).perform(context)
             for option in ARGUMENTS}
    values = read_options(texts, ARGUMENTS)
    return ros2_control(values) if values["ros2_control"] else []


def generate_launch_description() -> LaunchDescription:
    loop = IncludeLaunchDescription(
        PythonLaunchDescriptionSource([ThisLaunchFileDir(), "/mirror.launch.py"]),
        launch_arguments=[(SIM.name, "none"),
                          *((option.name, LaunchConfiguration(option.name))
                            for option in (*OPTIONS, RVIZ) if option is not SIM)])
    return LaunchDescription([*map(declare, ARGUMENTS), OpaqueFunction(function=start), loop])
