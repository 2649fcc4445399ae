# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The whole mirror loop: perception, mirror, actuation and, unless told otherwise, a robot.

ros2 launch mirror_robot mirror.launch.py source:=party.mp4 mimic:=true rviz:=true
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from mirror_robot.body.model import load_model
from mirror_robot.bringup.graph import (
    OPTIONS,
    RVIZ,
    NodeStart,
    Option,
    nodes_to_start,
    read_options,
)
from mirror_robot.resources import PACKAGE, share_file

ARGUMENTS = (*OPTIONS, RVIZ)


def declare(option: Option) -> DeclareLaunchArgument:
    choices = ["true", "false"] if option.switch else list(option.choices)
    return DeclareLaunchArgument(
        option.name, default_value=option.default, description=option.description,
        choices=choices or None)


def node_action(start: NodeStart) -> Node:
    return Node(
        package=PACKAGE, executable=start.name, name=start.name, namespace=start.namespace,
        parameters=[dict(start.parameters), *([start.params_file] * bool(start.params_file))],
        output="screen",
        ros_arguments=["--enclave", f"/{PACKAGE}/{start.name}"],  # of use with SROS2 only
        # Half a loop would look alive and do nothing, so one end is the end of all.
        on_exit=EmitEvent(event=Shutdown(reason=f"{start.name} has ended")))


def robot_state_publisher(values: dict) -> Node:
    description = load_model(values["robot"]).urdf
    return Node(
        package="robot_state_publisher", executable="robot_state_publisher",
        namespace=values["namespace"], output="screen",
        parameters=[{"robot_description": description, "use_sim_time": values["use_sim_time"]}])


def rviz(values: dict) -> Node:
    return Node(
        package="rviz2", executable="rviz2", namespace=values["namespace"], output="log",
        arguments=["-d", str(share_file("config/mirror.rviz"))],
        parameters=[{"use_sim_time": values["use_sim_time"]}])


def start(context: LaunchContext) -> list:
    texts = {option.name: LaunchConfiguration(option.name).perform(context)
             for option in ARGUMENTS}
    values = read_options(texts, ARGUMENTS)
    actions = [node_action(node) for node in nodes_to_start(values)]
    if values["rviz"]:
        actions.append(rviz(values))
        if values["sim"] != "none":  # a robot that is already there publishes its own frames
            actions.append(robot_state_publisher(values))
    return actions


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*map(declare, ARGUMENTS), OpaqueFunction(function=start)])
