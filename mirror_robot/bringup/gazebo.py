# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What ros_gz_bridge carries between ROS and Gazebo, from a robot profile."""

from __future__ import annotations

import yaml

from mirror_robot.body.profile import RobotProfile
from mirror_robot.resources import share_file


def bridge_topics(profile: RobotProfile, control: str) -> list[dict[str, str]]:
    """Return the entries of the bridge's configuration file.

    The ROS names are those of the simulation node, relative to the bridge's namespace; the Gazebo
    names those that the robot's description gives its systems.

    Parameters
    ----------
    profile : RobotProfile
    control : str
        ``gazebo``: clock, camera, joint states and trajectories. Else clock and camera only:
        ros2_control talks to ROS by itself.
    """
    topics = yaml.safe_load(share_file("config/gazebo_bridge.yaml").read_text(encoding="utf-8"))
    if control != "gazebo":
        return topics
    states = {
        "ros_topic_name": "joint_states", "gz_topic_name": f"/{profile.name}/joint_states",
        "ros_type_name": "sensor_msgs/msg/JointState", "gz_type_name": "gz.msgs.Model",
        "direction": "GZ_TO_ROS"}
    trajectories = [{
        "ros_topic_name": f"{controller}/joint_trajectory",
        "gz_topic_name": f"/{profile.name}/{controller}/joint_trajectory",
        "ros_type_name": "trajectory_msgs/msg/JointTrajectory",
        "gz_type_name": "gz.msgs.JointTrajectory",
        "direction": "ROS_TO_GZ"} for controller in profile.controllers]
    return [*topics, states, *trajectories]
