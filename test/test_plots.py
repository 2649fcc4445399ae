# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What is told can be plotted by topic and name, as PlotJuggler, Foxglove and rqt_plot do."""

from __future__ import annotations

import time
from xml.etree import ElementTree

import rclpy
from made_people import body, movement
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState, PointCloud2

from mirror_robot.body.model import load_model
from mirror_robot.motor.repertoire import load_repertoire
from mirror_robot.nodes.messages import body_to_cloud, joint_state
from mirror_robot.nodes.mirror_node import MirrorNode
from mirror_robot.resources import share_file

CURVES = [curve.get("name") for curve in ElementTree.parse(
    share_file("config/plotjuggler.xml")).getroot().iter("curve")]


def test_every_curve_of_the_layout_is_a_joint_a_unit_or_a_feeling_that_there_is():
    model = load_model("kagami")
    units = {unit.name for unit in load_repertoire(model)} | {"unknown_body"}
    assert len(CURVES) >= 12 and len(set(CURVES)) == len(CURVES)
    for curve in CURVES:
        topic, name, field = curve.rsplit("/", 2)
        if topic == "/mirror/affect":
            assert name == "vector" and field in "xyz"
            continue
        # PlotJuggler names what it reads of a JointState topic/name/position.
        assert field == "position"
        if topic.startswith("/mirror/activation/"):
            assert name in units, curve
        else:
            assert topic in ("/mirror/posture", "/actuation/command", "/joint_states"), curve
            assert name in model.joint_names, curve


def test_activation_is_told_apart_by_topic_too_with_every_unit_always_at_its_place():
    rclpy.init()
    mirror, other = MirrorNode(), rclpy.create_node("plotter")
    executor = SingleThreadedExecutor()
    executor.add_node(mirror)
    executor.add_node(other)
    heard: dict[str, list[JointState]] = {"person": [], "self": []}
    for whose, kept in heard.items():
        other.create_subscription(JointState, f"mirror/activation/{whose}", kept.append, 10)
    seen = other.create_publisher(PointCloud2, "human/body", qos_profile_sensor_data)
    own = other.create_publisher(JointState, "joint_states", 10)
    model = load_model("kagami")
    try:
        end = time.monotonic() + 20.0
        for posture in movement("raise_hand_right", rate=10.0) * 5:
            stamp = other.get_clock().now().nanoseconds * 1e-9
            seen.publish(body_to_cloud(body(stamp, posture)))
            own.publish(joint_state(stamp, "", model.joint_names, model.rest))
            for _ in range(6):
                executor.spin_once(timeout_sec=0.01)
            if min(map(len, heard.values())) >= 5 or time.monotonic() > end:
                break
    finally:
        executor.shutdown()
        mirror.destroy_node()
        other.destroy_node()
        rclpy.shutdown()
    assert len(heard["person"]) >= 5 and len(heard["self"]) >= 5
    assert {message.header.frame_id for message in heard["person"]} == {"body_anna"}
    assert {message.header.frame_id for message in heard["self"]} == {"self"}
    units = {curve.split("/")[4] for curve in CURVES if "/activation/" in curve}
    for messages in heard.values():
        names = messages[0].name
        assert all(message.name == names for message in messages)
        assert units <= set(names)
