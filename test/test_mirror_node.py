# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The mirror node over real topics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import rclpy
from made_people import body, movement
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import ColorRGBA, String
from trajectory_msgs.msg import JointTrajectory

from mirror_robot.human.posture import HumanPosture
from mirror_robot.mirror.memory import Memory
from mirror_robot.nodes.messages import body_to_cloud, joint_state, named_values, to_seconds
from mirror_robot.nodes.mirror_node import MirrorNode
from mirror_robot.nodes.parameters import ParameterError


class Graph:
    """The node and somebody who talks to it and listens, in one executor."""

    def __init__(self, *parameters: rclpy.Parameter) -> None:
        self.mirror = MirrorNode(parameter_overrides=[
            rclpy.Parameter("mirror_image", value=False), *parameters,
            rclpy.Parameter("lost_after", value=0.4)])
        self.other = Node("other")
        self.heard: dict[str, list] = {}
        kinds = {"posture": JointState, "face": JointState, "activation": JointState,
                 "intention": String, "narration": String, "prediction": JointTrajectory,
                 "performing": String, "response": String, "colour": ColorRGBA}
        for name, kind in kinds.items():
            self.heard[name] = []
            self.other.create_subscription(
                kind, f"mirror/{name}", self.heard[name].append, 100)
        self.body = self.other.create_publisher(
            PointCloud2, "human/body", qos_profile_sensor_data)
        self.face = self.other.create_publisher(JointState, "human/face", qos_profile_sensor_data)
        self.name = self.other.create_publisher(String, "human/name", 10)
        self.perform = self.other.create_publisher(String, "perform", 10)
        self.joints = self.other.create_publisher(
            JointState, "joint_states", qos_profile_sensor_data)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.mirror)
        self.executor.add_node(self.other)
        self.spin(lambda: self.body.get_subscription_count() and
                  self.face.get_subscription_count() and
                  self.name.get_subscription_count() and
                  self.perform.get_subscription_count() and self.joints.get_subscription_count())

    def spin(self, done, timeout: float = 10.0) -> bool:
        """Spin until `done` or the timeout; return whether it was done."""
        end = time.monotonic() + timeout
        while not done():
            if time.monotonic() > end:
                return False
            self.executor.spin_once(timeout_sec=0.05)
        return True

    def show(self, posture: HumanPosture, stamp: float) -> None:
        """Publish somebody in a posture and wait until the node has dealt with it."""
        before = len(self.heard["activation"])
        self.body.publish(body_to_cloud(body(stamp, posture)))
        assert self.spin(lambda: len(self.heard["activation"]) > before)


@pytest.fixture
def graph() -> Iterator[Graph]:
    rclpy.init()
    graph = Graph()
    yield graph
    graph.executor.shutdown()
    graph.mirror.destroy_node()
    graph.other.destroy_node()
    rclpy.shutdown()


def test_a_posture_comes_out_in_the_robots_joint_names_with_the_stamp_of_the_image(graph):
    stamp = 1000.125
    graph.show(HumanPosture.standing(), stamp)
    message = graph.heard["posture"][-1]
    assert to_seconds(message.header.stamp) == stamp
    named = named_values(message)
    assert set(named) <= set(graph.mirror._names)
    assert {"left_shoulder_roll", "right_elbow", "torso_yaw"} <= set(named)


def test_a_raised_hand_is_told_as_activation_intention_and_prediction(graph):
    for frame, posture in enumerate(movement("raise_hand_right", rate=15.0)):
        graph.show(posture, 1000.0 + frame / 15.0)
    fired = [dict(zip(m.name, m.position)) for m in graph.heard["activation"]]
    assert max(units["raise_hand_right"] for units in fired) > 0.9
    assert all(0.0 <= probability <= 1.0 + 1e-9 for units in fired
               for probability in units.values())
    assert "unknown_body" in fired[-1]
    assert graph.heard["activation"][-1].header.frame_id == "body_anna"
    assert "ask_for_attention" in {m.data for m in graph.heard["intention"]}
    assert any(m.header.frame_id == "raise_hand_right" for m in graph.heard["prediction"])


def test_a_reflection_becomes_a_twin_and_back_while_it_runs(graph):
    posture, raised = movement("raise_hand_right")[30], []
    for step, mirror_image in enumerate((False, True, False)):
        graph.mirror.set_parameters([rclpy.Parameter("mirror_image", value=mirror_image)])
        for frame in range(20):
            graph.show(posture, 1000.0 + step + 0.04 * frame)
        named = named_values(graph.heard["posture"][-1])
        raised.append(max(("left", "right"), key=lambda side: abs(
            named[f"{side}_shoulder_pitch"]) + abs(named[f"{side}_shoulder_roll"])))
    assert raised == ["right", "left", "right"]


def test_landmarks_that_are_no_numbers_are_dropped_counted_and_do_no_harm(graph):
    cloud = body_to_cloud(body(1000.0, HumanPosture.standing()))
    cloud.data = np.full(33 * 4, np.nan, "<f4").tobytes()
    graph.body.publish(cloud)
    broken = body_to_cloud(body(1000.0, HumanPosture.standing()))
    broken.width = 7
    counts = graph.mirror._diagnostics.counts
    assert graph.spin(lambda: counts["dropped human/body"] >= 1)
    graph.body.publish(broken)
    assert graph.spin(lambda: counts["dropped human/body"] >= 2)
    assert not graph.heard["posture"]
    graph.show(HumanPosture.standing(), 1000.2)
    assert graph.heard["posture"]


def test_a_face_of_nothing_but_nan_is_dropped_and_a_good_one_moves_the_mouth(graph):
    graph.face.publish(JointState(name=["mouthSmileLeft"], position=[float("nan")]))
    counts = graph.mirror._diagnostics.counts
    assert graph.spin(lambda: counts["dropped human/face"] == 1)
    smile = {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "mouthUpperUpLeft": 0.6,
             "mouthUpperUpRight": 0.6}
    graph.face.publish(joint_state(1000.0, "face_anna", list(smile), list(smile.values())))
    assert graph.spin(lambda: bool(graph.heard["face"]))
    named = named_values(graph.heard["face"][-1])
    assert named["left_mouth_corner"] > 0.05


def test_a_smile_makes_the_colour_for_lights_warmer(graph):
    smile = {f"{name}{side}": value for side in ("Left", "Right") for name, value in (
        ("mouthSmile", 0.9), ("mouthUpperUp", 0.6), ("cheekSquint", 0.5))}
    for names, first in ((dict.fromkeys(smile, 0.0), 0), (smile, 20)):
        for frame in range(first, first + 20):
            told = len(graph.heard["colour"])
            graph.face.publish(joint_state(
                1000.0 + 0.1 * frame, "face_anna", list(names), list(names.values())))
            assert graph.spin(lambda told=told: len(graph.heard["colour"]) > told)
    neutral, glad = graph.heard["colour"][19], graph.heard["colour"][39]
    assert glad.r - glad.b > neutral.r - neutral.b + 0.1


def test_the_robots_own_joints_fire_its_units_under_the_frame_self(graph):
    model = graph.mirror._mirror.model
    graph.joints.publish(joint_state(1000.0, "", model.joint_names, model.rest))
    assert graph.spin(lambda: any(
        m.header.frame_id == "self" for m in graph.heard["activation"]))


def test_somebody_who_is_no_longer_seen_is_forgotten(graph):
    graph.show(HumanPosture.standing(), 1000.0)
    assert graph.mirror._mirror.person == "anna"
    assert graph.spin(lambda: graph.mirror._mirror.person == "", timeout=5.0)
    assert graph.heard["intention"][-1].data == "none"


def test_what_is_asked_for_is_performed_between_the_copies_of_what_is_seen(graph):
    graph.show(HumanPosture.standing(), 1000.0)
    graph.heard["posture"].clear()
    graph.perform.publish(String(data="nod sadly"))
    assert graph.spin(lambda: bool(graph.heard["performing"]))
    assert graph.heard["performing"][0].data == "I nod as if I were sad."
    assert graph.spin(lambda: len(graph.heard["posture"]) > 20)
    stamps = [to_seconds(m.header.stamp) for m in graph.heard["posture"]]
    assert stamps == sorted(stamps) and stamps[0] > 1e9, "told for now, not for the image"
    pitch = [named_values(m)["neck_pitch"] for m in graph.heard["posture"]]
    assert np.ptp(pitch) > 0.05
    assert graph.spin(lambda: not graph.mirror._acting.performing, timeout=15.0)
    graph.heard["posture"].clear()
    graph.show(HumanPosture.standing(), 1001.0)
    assert to_seconds(graph.heard["posture"][-1].header.stamp) == 1001.0


def test_words_that_are_not_known_are_answered_and_nothing_moves(graph):
    graph.perform.publish(String(data="wvae"))
    assert graph.spin(lambda: bool(graph.heard["performing"]))
    assert "'wave'" in graph.heard["performing"][0].data
    assert not graph.mirror._acting.performing and not graph.heard["posture"]


def test_in_respond_mode_the_robot_answers_with_a_reason_instead_of_copying(graph):
    graph.mirror.set_parameters([rclpy.Parameter("mode", value="respond")])
    for frame, posture in enumerate(movement("raise_hand_right", rate=15.0)):
        graph.show(posture, 1000.0 + frame / 15.0)
    assert any("nod_along: listening" in m.data for m in graph.heard["response"])
    assert not any(to_seconds(m.header.stamp) < 2000.0 for m in graph.heard["posture"])
    graph.mirror.set_parameters([rclpy.Parameter("mode", value="mimic")])
    graph.show(HumanPosture.standing(), 1010.0)
    assert graph.spin(lambda: not graph.mirror._acting.performing, timeout=15.0)


def test_a_person_is_called_by_name_until_they_have_gone(graph):
    def called():
        return graph.mirror.get_parameter("person_name").value

    graph.mirror.set_parameters([rclpy.Parameter("person_name", value="Anna Maria")])
    for frame, posture in enumerate(movement("raise_hand_right", rate=15.0)):
        graph.show(posture, 1000.0 + frame / 15.0)
    told = [m.data for m in graph.heard["narration"]]
    assert told and all(sentence.startswith("Anna Maria ") for sentence in told)
    assert graph.heard["activation"][-1].header.frame_id == "body_anna", "ids stay"
    assert graph.spin(lambda: called() == "", timeout=5.0)
    assert graph.spin(lambda: any("Anna Maria is no longer there." in m.data
                                  for m in graph.heard["narration"]))


def test_another_body_has_another_name_and_a_topic_may_tell_it(graph):
    graph.show(HumanPosture.standing(), 1000.0)
    graph.name.publish(String(data="Anna"))
    assert graph.spin(lambda: graph.mirror._mirror.person_name == "Anna")
    graph.show(HumanPosture.standing(), 1000.1)
    assert graph.mirror.get_parameter("person_name").value == "Anna"
    other = replace(body(1000.2, HumanPosture.standing()), id="other")
    graph.body.publish(body_to_cloud(other))
    assert graph.spin(lambda: graph.mirror.get_parameter("person_name").value == "")
    graph.name.publish(String(data="x" * 200))
    assert graph.spin(lambda: graph.mirror._diagnostics.counts["dropped human/name"] == 1)


def test_what_is_felt_is_told_as_hri_expression_where_hri_msgs_is_installed():
    hri = pytest.importorskip("hri_msgs.msg")
    rclpy.init()
    graph, heard = Graph(), []
    try:
        graph.other.create_subscription(hri.Expression, "mirror/expression", heard.append, 100)
        assert graph.spin(lambda: graph.mirror._expression.get_subscription_count() == 1)
        graph.show(HumanPosture.standing(), 1000.0)
        assert graph.spin(lambda: bool(heard))
    finally:
        graph.executor.shutdown()
        graph.mirror.destroy_node()
        graph.other.destroy_node()
        rclpy.shutdown()
    assert to_seconds(heard[0].header.stamp) == 1000.0
    assert heard[0].header.frame_id == "body_anna"
    assert heard[0].expression in ("neutral", "") and -0.3 < heard[0].valence < 0.3


def test_remembering_is_off_unless_switched_on(graph):
    assert graph.mirror._diary is None


def test_what_somebody_did_is_remembered_when_that_is_switched_on(tmp_path):
    rclpy.init()
    graph = Graph(rclpy.Parameter("remember", value=True),
                  rclpy.Parameter("memory_file", value=str(tmp_path / "memory.sqlite")))
    try:
        for frame, posture in enumerate(movement("raise_hand_right", rate=15.0)):
            graph.show(posture, 1000.0 + frame / 15.0)
        assert graph.spin(lambda: graph.mirror._mirror.person == "", timeout=5.0)
        graph.mirror.close()
        with Memory(tmp_path / "memory.sqlite") as memory:
            episodes = memory.search(person="anna")
        assert any(episode.action == "raise_hand_right" for episode in episodes)
    finally:
        graph.executor.shutdown()
        graph.mirror.destroy_node()
        graph.other.destroy_node()
        rclpy.shutdown()


def test_a_wrong_parameter_is_refused_with_the_valid_ones():
    rclpy.init()
    try:
        with pytest.raises(ParameterError, match="language: 'fr' is not one of de, en"):
            MirrorNode(parameter_overrides=[rclpy.Parameter("language", value="fr")])
    finally:
        rclpy.shutdown()
