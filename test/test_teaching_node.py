# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Teaching the running node, and telling it of objects, over real topics and services."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import PointStamped
from made_people import body
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import String
from std_srvs.srv import Trigger
from test_lesson import RATE, swing

from mirror_robot.human.posture import HumanPosture
from mirror_robot.mirror.lesson import keep
from mirror_robot.motor.shown import Shown, change_shown, cut, load_shown
from mirror_robot.nodes.messages import body_to_cloud, named_values
from mirror_robot.nodes.mirror_node import MirrorNode
from mirror_robot.nodes.parameters import ParameterError


class Classroom:
    """The node, somebody who teaches it, and somebody who listens."""

    def __init__(self, folder: Path, *parameters: rclpy.Parameter) -> None:
        self.path = folder / "taught.npz"
        self.mirror = MirrorNode(parameter_overrides=[
            rclpy.Parameter("taught", value=str(self.path)),
            rclpy.Parameter("lesson_countdown", value=0),
            rclpy.Parameter("lesson_repetitions", value=1), *parameters])
        self.other = Node("teacher")
        self.said: list[str] = []
        self.narrated: list[str] = []
        self.activation: list[JointState] = []
        self.goals: list[JointState] = []
        self.goal: list[PointStamped] = []
        listen = self.other.create_subscription
        listen(String, "mirror/teaching", lambda m: self.said.append(m.data), 50)
        listen(String, "mirror/narration", lambda m: self.narrated.append(m.data), 50)
        listen(JointState, "mirror/activation", self.activation.append, 100)
        listen(JointState, "mirror/goals", self.goals.append, 100)
        listen(PointStamped, "mirror/goal", self.goal.append, 100)
        self._teach = self.other.create_publisher(String, "teach", 10)
        self._body = self.other.create_publisher(
            PointCloud2, "human/body", qos_profile_sensor_data)
        self._services = {name: self.other.create_client(Trigger, f"mirror_node/{name}_lesson")
                          for name in ("end", "cancel")}
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.mirror)
        self.executor.add_node(self.other)
        assert self.until(lambda: self._teach.get_subscription_count()
                          and self._body.get_subscription_count()
                          and all(one.service_is_ready() for one in self._services.values()))
        self.stamp = 1000.0

    def until(self, done, timeout: float = 30.0) -> bool:
        """Spin until `done` or the timeout; return whether it was done."""
        end = time.monotonic() + timeout
        while not done():
            if time.monotonic() > end:
                return False
            self.executor.spin_once(timeout_sec=0.05)
        return True

    def heard(self, text: str, timeout: float = 30.0) -> bool:
        """Spin until something was said that contains `text`."""
        return self.until(lambda: any(text in sentence for sentence in self.said), timeout)

    def teach(self, name: str) -> None:
        """Ask for a lesson."""
        self._teach.publish(String(data=name))

    def show(self, postures: list[HumanPosture], shift=None) -> None:
        """Show postures, each dealt with before the next."""
        for number, posture in enumerate(postures):
            before = len(self.activation)
            self.stamp += 1.0 / RATE
            seen = body(self.stamp, posture)
            if shift is not None:
                seen = replace(seen, landmarks=shift(number, seen.landmarks))
            self._body.publish(body_to_cloud(seen))
            assert self.until(lambda before=before: len(self.activation) > before, 5.0)

    def ask(self, what: str) -> Trigger.Response:
        """Call one of the two services."""
        future = self._services[what].call_async(Trigger.Request())
        assert self.until(future.done, 5.0)
        return future.result()

    def close(self) -> None:
        """End it."""
        self.executor.shutdown()
        self.mirror.destroy_node()
        self.other.destroy_node()


@pytest.fixture
def classroom(tmp_path) -> Iterator[Classroom]:
    rclpy.init()
    room = Classroom(tmp_path)
    yield room
    room.close()
    rclpy.shutdown()


def test_a_movement_taught_over_topics_is_kept_told_of_and_recognised_without_a_restart(
        classroom):
    classroom.teach("swing")
    assert classroom.heard("looking for somebody")
    classroom.show([HumanPosture.standing()] * 2)
    assert classroom.heard("now: show it")
    classroom.show(swing(1, rest=1.6))
    assert classroom.heard("thank you; I learn swing")
    assert classroom.heard("told as itself in")
    assert classroom.heard("I know now: swing")
    assert [one.name for one in load_shown(classroom.path)] == ["swing"]
    classroom.activation.clear()
    classroom.show(swing(1, seed=5))
    fired = [dict(zip(message.name, message.position)) for message in classroom.activation]
    # What was on its way when the unit was taken up does not name it yet.
    assert max(units.get("swing", 0.0) for units in fired) > 0.7


def test_a_lesson_that_is_cancelled_leaves_nothing_and_one_that_is_not_there_is_told(classroom):
    assert classroom.ask("end").message == "there is no lesson"
    classroom.teach("swing")
    classroom.show([HumanPosture.standing()] * 2)
    assert classroom.heard("now: show it")
    classroom.teach("other")
    assert classroom.heard("other must wait")
    answer = classroom.ask("cancel")
    assert answer.success and "nothing is kept" in answer.message
    assert not classroom.ask("cancel").success
    assert not classroom.path.exists()
    classroom.teach("No Name")
    assert classroom.heard("is no name for a unit")


def test_a_lesson_that_is_ended_early_is_learnt_from(classroom):
    classroom.mirror.set_parameters([rclpy.Parameter("lesson_repetitions", value=5)])
    classroom.teach("swing")
    classroom.show([HumanPosture.standing()] * 2)
    assert classroom.heard("show it 5 times")
    classroom.show(swing(1))
    assert classroom.ask("end").success
    assert classroom.heard("learnt swing from 1 repetition")


def test_what_another_process_teaches_renames_or_damages_is_taken_up_or_told(classroom):
    keep(Shown("swing", tuple(cut(swing()))), classroom.path)
    assert classroom.heard("I know now: swing")
    change_shown(classroom.path, lambda kept: [replace(kept[0], name="sway")])
    assert classroom.heard("I know now: sway") and classroom.heard("I have forgotten: swing")
    classroom.path.write_bytes(classroom.path.read_bytes()[:100])
    assert classroom.until(lambda: "no usable file" in classroom.mirror._report()[1])
    assert "sway" in classroom.mirror._report()[2]["taught"]


def reaching(target: np.ndarray, frames: int = 18):
    """Return a shift of landmarks that brings the right hand to `target` in the body frame."""
    def shift(number: int, landmarks: np.ndarray) -> np.ndarray:
        u = min(max(number - 8, 0) / frames, 1.0)
        s = 10 * u**3 - 15 * u**4 + 6 * u**5
        out = landmarks.copy()
        for row in (16, 18, 20):  # wrist, little finger, index finger
            out[row] += s * (target - 0.5 * (landmarks[16] + 0.5 * (landmarks[18]
                                                                    + landmarks[20])))
        return out
    return shift


def test_the_object_that_is_reached_for_is_told_early_and_in_the_robots_frame(tmp_path):
    rclpy.init()
    room = Classroom(tmp_path, rclpy.Parameter(
        "objects", value=["cup 0.8 0.25 1.05", "red_book 0.8 -0.35 1.2"]))
    try:
        # The person stands 1.2 m in front of the robot and faces it: its left is their right.
        cup = np.array([1.2 - 0.8, -0.25, 1.05 - 0.95])
        room.show([HumanPosture.standing()] * 40, shift=reaching(cup))
        told = [named_values(message) for message in room.goals]
        assert all(abs(sum(chances.values()) - 1.0) < 1e-6 for chances in told)
        assert told[4]["none"] == 1.0, "nobody reaches before the hand moves"
        first = next(number for number, chances in enumerate(told) if chances["cup"] > 0.5)
        assert first < 8 + 14, "before the hand is there"
        assert max(chances["red_book"] for chances in told) < 0.3
        point = room.goal[-1]
        assert [point.point.x, point.point.y, point.point.z] == pytest.approx([0.8, 0.25, 1.05])
        assert any("reaches for the cup" in sentence for sentence in room.narrated)
        done = room.mirror.set_parameters([rclpy.Parameter("objects", value=["cup 1 2"])])
        assert not done[0].successful and "name and x y z" in done[0].reason
    finally:
        room.close()
        rclpy.shutdown()


def test_objects_that_are_none_are_refused_at_the_start(tmp_path):
    rclpy.init()
    try:
        with pytest.raises(ParameterError, match="'cup here' is no object"):
            MirrorNode(parameter_overrides=[rclpy.Parameter("objects", value=["cup here"])])
    finally:
        rclpy.shutdown()
