# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Curled fingers of a person close the hand of a robot, over real topics."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
import rclpy
import yaml
from made_people import body
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState, PointCloud2

from mirror_robot.body.model import load_model
from mirror_robot.body.profile import load_profile
from mirror_robot.human.hands import named_curls
from mirror_robot.human.posture import HumanPosture
from mirror_robot.nodes.messages import body_to_cloud, joint_state, named_values
from mirror_robot.nodes.mirror_node import MirrorNode


@pytest.fixture
def robot_with_a_hand(tmp_path):
    """Return a profile of the built-in robot with a claw on its left hand."""
    profile = load_profile("kagami")
    claw = ("<link name='claw'/><joint name='grip' type='revolute'><parent "
            "link='left_hand_link'/><child link='claw'/><axis xyz='0 1 0'/>"
            "<limit lower='0' upper='1' effort='1' velocity='5'/></joint></robot>")
    (tmp_path / "robot.urdf").write_text(
        re.sub(r"</robot>\s*$", claw, load_model("kagami").urdf))
    content = yaml.safe_load(profile.path.read_text(encoding="utf-8"))
    content |= {"name": "clawed", "description": {"file": "robot.urdf"},
                "fingers": {"left": {"grip": {"open": 0.1, "closed": 0.9}}}}
    path = tmp_path / "clawed.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_a_fist_closes_the_hand_with_the_posture_and_not_with_the_face(
        robot_with_a_hand):
    rclpy.init()
    node = MirrorNode(parameter_overrides=[
        rclpy.Parameter("robot", value=str(robot_with_a_hand)),
        rclpy.Parameter("mirror_image", value=True)])
    other, executor = Node("other"), SingleThreadedExecutor()
    try:
        heard = {"posture": [], "face": []}
        for name, messages in heard.items():
            other.create_subscription(JointState, f"mirror/{name}", messages.append, 100)
        bodies = other.create_publisher(PointCloud2, "human/body", qos_profile_sensor_data)
        fingers = other.create_publisher(JointState, "human/fingers", qos_profile_sensor_data)
        executor.add_node(node)
        executor.add_node(other)

        def grip(curl: float | None, begin: float) -> dict[str, float]:
            """Show a person for half a second; return what the robot is to do at the end."""
            heard["posture"].clear()
            for frame in range(15):
                stamp = begin + frame / 30
                if curl is not None:
                    curls = named_curls("right", np.full(5, curl))
                    fingers.publish(joint_state(stamp, "body_a", list(curls),
                                                list(curls.values())))
                    executor.spin_once(timeout_sec=0.02)
                bodies.publish(body_to_cloud(body(stamp, HumanPosture.standing())))
                end = time.monotonic() + 0.05
                while time.monotonic() < end:
                    executor.spin_once(timeout_sec=0.01)
            return named_values(heard["posture"][-1])

        end = time.monotonic() + 10
        while not (bodies.get_subscription_count() and fingers.get_subscription_count()):
            assert time.monotonic() < end
            executor.spin_once(timeout_sec=0.05)
        # In mirror image, the person's right hand is the robot's left.
        assert grip(1.0, 100.0)["grip"] == pytest.approx(0.9)
        assert grip(0.0, 101.0)["grip"] == pytest.approx(0.1)
        assert "grip" not in grip(None, 102.0), "a hand that is not seen any more is unknown"
        assert not any("grip" in message.name for message in heard["face"])
    finally:
        executor.shutdown()
        node.destroy_node()
        other.destroy_node()
        rclpy.shutdown()
