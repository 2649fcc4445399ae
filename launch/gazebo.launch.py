# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The mirror loop with the robot in Gazebo (Harmonic or newer) instead of the built-in simulation.

ros2 launch mirror_robot gazebo.launch.py source:=party.mp4 mimic:=true headless:=true

The topics are those of the simulation node: joint_states, <controller>/joint_trajectory and
camera/image, so that nothing else in the loop knows the difference.
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
from launch.event_handlers import OnProcessExit, OnShutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from mirror_robot.body.description import read_description
from mirror_robot.body.profile import load_profile
from mirror_robot.bringup.controllers import controller_parameters, spawner_arguments
from mirror_robot.bringup.gazebo import bridge_topics
from mirror_robot.bringup.graph import OPTIONS, RVIZ, SIM, USE_SIM_TIME, Option, read_options
from mirror_robot.resources import share_file

CONTROL = Option(
    "control", "gazebo",
    "what drives the joints: 'gazebo' takes Gazebo's own JointTrajectoryController systems, "
    "'ros2_control' the controllers of gz_ros2_control; the robot's xacro must have an argument "
    "of the same name", ("gazebo", "ros2_control"))
HEADLESS = Option("headless", "false", "run without Gazebo's window; camera images still come")
WORLD = Option(
    "world", "", "SDF file of the world; empty for the one that comes with the package: floor, "
    "light, table and a camera. A world of your own needs the Physics, UserCommands, "
    "SceneBroadcaster and Sensors systems")
GAZEBO_TIME = Option(
    USE_SIM_TIME.name, "true", "all nodes take the time from Gazebo's /clock; false: wall clock")

LOOP = tuple(option for option in (*OPTIONS, RVIZ) if option not in (SIM, USE_SIM_TIME))
ARGUMENTS = (*LOOP, CONTROL, HEADLESS, WORLD, GAZEBO_TIME)


def declare(option: Option) -> DeclareLaunchArgument:
    choices = ["true", "false"] if option.switch else list(option.choices)
    return DeclareLaunchArgument(
        option.name, default_value=option.default, description=option.description,
        choices=choices or None)


def written(content: object, purpose: str) -> str:
    """Return the path of a temporary YAML file with `content`."""
    with tempfile.NamedTemporaryFile(
            "w", prefix=f"mirror_robot_{purpose}_", suffix=".yaml", delete=False) as file:
        yaml.safe_dump(content, file)
    return file.name


def remove(*files: str) -> None:
    for file in files:
        Path(file).unlink(missing_ok=True)


def gazebo(values: dict) -> list:
    profile = load_profile(values["robot"])
    control, namespace = values["control"], values["namespace"]
    bridge_file = written(bridge_topics(profile, control), "bridge")
    # gz_ros2_control lets a joint make up 0.1 of its error in a period: 40 ms behind at 250 Hz.
    controllers_file = written(controller_parameters(profile, update_rate=250), "controllers")
    description = read_description(profile.description, {
        **profile.arguments, "control": control, "controllers_file": controllers_file,
        # A robot's own default holds where none is given.
        **({"namespace": namespace} if namespace else {})})
    if "<plugin filename" not in description:
        raise RuntimeError(
            f"{profile.description} brings no Gazebo systems with control:={control}; see "
            "description/kagami/control.xacro for how a robot offers them")
    time = {"use_sim_time": values["use_sim_time"]}
    common = {"namespace": namespace, "output": "screen"}
    # -r: run at once; -s: server only
    flags = "-r -s --headless-rendering" if values["headless"] else "-r"
    world = values["world"] or share_file("worlds/mirror.sdf")
    spawn = Node(
        package="ros_gz_sim", executable="create", parameters=[time],
        arguments=["-topic", "robot_description", "-name", profile.name], **common)
    actions = [
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(PathJoinSubstitution(
                [FindPackageShare("ros_gz_sim"), "launch", "gz_sim.launch.py"])),
            launch_arguments=[("gz_args", f"{flags} {world}"), ("on_exit_shutdown", "true")]),
        Node(package="robot_state_publisher", executable="robot_state_publisher",
             parameters=[{"robot_description": description, **time}], **common),
        Node(package="ros_gz_bridge", executable="parameter_bridge", name="gazebo_bridge",
             parameters=[{"config_file": bridge_file, **time}], **common),
        spawn,
        RegisterEventHandler(OnShutdown(
            on_shutdown=lambda event, context: remove(bridge_file, controllers_file))),
    ]
    if control == "ros2_control":
        # Gazebo makes the controller manager together with the robot, so its controllers wait.
        actions.append(RegisterEventHandler(OnProcessExit(target_action=spawn, on_exit=[
            Node(package="controller_manager", executable="spawner",
                 # Controllers start with the world's first step, which may take its time.
                 arguments=[*spawner_arguments(profile, namespace, controllers_file),
                            "--switch-timeout", "60", "--service-call-timeout", "70"],
                 **common)])))
    return actions


def start(context: LaunchContext) -> list:
    texts = {option.name: LaunchConfiguration(option.name).perform(context)
             for option in ARGUMENTS}
    return gazebo(read_options(texts, ARGUMENTS))


def generate_launch_description() -> LaunchDescription:
    # Not by ThisLaunchFileDir: that is the folder of what was included last, here ros_gz_sim's.
    loop = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(Path(__file__).with_name("mirror.launch.py"))),
        launch_arguments=[(SIM.name, "none"), *(
            (option.name, LaunchConfiguration(option.name)) for option in (*LOOP, GAZEBO_TIME))])
    return LaunchDescription([*map(declare, ARGUMENTS), OpaqueFunction(function=start), loop])
