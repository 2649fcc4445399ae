# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The whole mirror loop: perception, mirror, actuation and, unless told otherwise, a robot.

ros2 launch mirror_robot mirror.launch.py source:=party.mp4 mimic:=true rviz:=true
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from mirror_robot.body.description import parse_description, root_link
from mirror_robot.body.model import RobotModel, load_model
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
        on_exit=EmitEvent(event=Shutdown(reason=f"{start.name} has ended")) if (
            start.essential) else None)


def robot_state_publisher(values: dict, model: RobotModel) -> Node:
    return Node(
        package="robot_state_publisher", executable="robot_state_publisher",
        namespace=values["namespace"], output="screen",
        parameters=[{"robot_description": model.urdf, "use_sim_time": values["use_sim_time"]}])


def rviz(values: dict, model: RobotModel) -> list[Node]:
    """Return RViz, looking from the robot's root, and the node that publishes what it needs."""
    root = root_link(parse_description(model.urdf, str(model.profile.description)))
    time = {"use_sim_time": values["use_sim_time"]}
    return [
        Node(package="rviz2", executable="rviz2", namespace=values["namespace"], output="log",
             arguments=["-d", str(share_file("config/mirror.rviz")), "-f", root],
             parameters=[time]),
        Node(package=PACKAGE, executable="rviz_node", name="rviz_node",
             namespace=values["namespace"], parameters=[{"robot": values["robot"], **time}],
             output="screen", ros_arguments=["--enclave", f"/{PACKAGE}/rviz_node"])]


def start(context: LaunchContext) -> list:
    texts = {option.name: LaunchConfiguration(option.name).perform(context)
             for option in ARGUMENTS}
    values = read_options(texts, ARGUMENTS)
    actions = [node_action(node) for node in nodes_to_start(values)]
    if values["rviz"]:
        model = load_model(values["robot"])
        actions += rviz(values, model)
        if values["sim"] != "none":  # a robot that is already there publishes its own frames
            actions.append(robot_state_publisher(values, model))
    return actions


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*map(declare, ARGUMENTS), OpaqueFunction(function=start)])
