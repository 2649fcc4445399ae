# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The node behind the live page over real topics, services and parameters."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PointStamped, Vector3Stamped
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from watcher import Watcher

from mirror_robot.nodes.parameters import Parameter, declare
from mirror_robot.nodes.viewer_node import ViewerNode

_SET = {
    "mirror_node": (Parameter("mode", "mimic", "", choices=("mimic", "respond"), changeable=True),
                    Parameter("mirror_image", True, "", changeable=True)),
    "actuation_node": (Parameter("speed_scale", 1.0, "", "", 0.01, 0.5, changeable=True),),
    "perception_node": (Parameter("attend", "", "", changeable=True),)}


class Loop:
    """Plays all the other nodes, with the viewer beside them."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.heard: list[tuple[str, str]] = []
        self.nodes = {name: Node(name, namespace="robot1", parameter_overrides=[
            rclpy.Parameter("speed_scale", value=0.4)] if name == "actuation_node" else [])
            for name in _SET}
        self.values = {name: declare(node, _SET[name]) for name, node in self.nodes.items()}
        mirror = self.mirror = self.nodes["mirror_node"]
        for node, name, kind in (
                ("actuation_node", "enable", SetBool), ("actuation_node", "stop", Trigger),
                ("mirror_node", "end_lesson", Trigger), ("mirror_node", "cancel_lesson", Trigger)):
            self.nodes[node].create_service(kind, f"~/{name}", self._serve(name))
        for topic in ("perform", "teach"):
            mirror.create_subscription(
                String, topic,
                lambda message, topic=topic: self.heard.append((topic, message.data)), 10)
        publish = mirror.create_publisher
        self.activation = publish(JointState, "mirror/activation", 10)
        self.intention = publish(String, "mirror/intention", 10)
        self.narration = publish(String, "mirror/narration", 10)
        self.teaching = publish(String, "mirror/teaching", 10)
        self.affect = publish(Vector3Stamped, "mirror/affect", 10)
        self.prediction = publish(JointTrajectory, "mirror/prediction", 10)
        self.goal = publish(PointStamped, "mirror/goal", 10)
        self.joints = publish(JointState, "joint_states", 10)
        self.image = publish(CompressedImage, "human/annotated", qos_profile_sensor_data)
        self.status = publish(DiagnosticArray, "/diagnostics", 10)
        self.viewer = ViewerNode(namespace="robot1", parameter_overrides=[
            rclpy.Parameter("port", value=8620)])
        self.executor = SingleThreadedExecutor()
        for node in (*self.nodes.values(), self.viewer):
            self.executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        try:
            self.executor.spin()
        except ExternalShutdownException:
            pass

    def _serve(self, name: str):
        def answer(request, response):
            self.calls.append(name)
            response.success, response.message = name != "enable", f"{name}: answered"
            return response
        return answer

    def tell(self) -> None:
        """Publish one of everything."""
        self.activation.publish(self._joints({"wave_left": 0.9, "rest": 0.1}, "body_ab"))
        self.activation.publish(self._joints({"wave_left": 0.4, "rest": 0.6}, "self"))
        self.intention.publish(String(data="greet"))
        self.narration.publish(String(data="Person ab waves."))
        self.teaching.publish(String(data="Show it once more."))
        affect = Vector3Stamped()
        affect.vector.x, affect.vector.y = 0.5, 0.25
        self.affect.publish(affect)
        ahead = JointTrajectory(joint_names=["left_elbow"])
        ahead.header.frame_id = "wave_left"
        ahead.points = [JointTrajectoryPoint(positions=[value]) for value in (-0.5, -1.0)]
        self.prediction.publish(ahead)
        goal = PointStamped()
        goal.point.z = 1.5
        self.goal.publish(goal)
        self.joints.publish(self._joints({"left_elbow": -0.3}, ""))
        self.image.publish(CompressedImage(format="jpeg", data=b"\xff\xd8 picture"))
        self.status.publish(DiagnosticArray(status=[DiagnosticStatus(
            name="perception_node", message="running",
            values=[KeyValue(key="ids", value="ab")])]))

    @staticmethod
    def _joints(values: dict[str, float], frame: str) -> JointState:
        message = JointState(name=list(values), position=list(values.values()))
        message.header.frame_id = frame
        return message

    def close(self) -> None:
        """End them all."""
        self.executor.shutdown()
        self._thread.join(5.0)
        self.viewer.close()
        for node in (*self.nodes.values(), self.viewer):
            node.destroy_node()


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    rclpy.init()
    made = Loop()
    yield made
    made.close()
    rclpy.shutdown()


@pytest.fixture
def watcher(loop) -> Iterator[Watcher]:
    with Watcher(loop.viewer.page.address) as made:
        assert made.until(lambda: loop.viewer._watched)
        yield made


def until(condition, timeout: float = 10.0) -> bool:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_everything_that_is_told_is_shown(loop, watcher):
    state, page = loop.viewer.state, loop.viewer.page

    def all_known() -> bool:
        loop.tell()
        return all((state.seen, state.own, state.ghost, state.goal, state.affect, state.image,
                    state.sentence, tuple(state.answers), state.people, state.joints))

    assert watcher.until(all_known)
    assert state.person == "body_ab" and state.intention == "greet"
    assert state.ghost == {"left_elbow": -1.0}  # the end of what is predicted
    assert watcher.until(lambda: page._image._data == b"\xff\xd8 picture")
    for name, text in (("bars", "wave left"), ("sentence", "Person ab waves."),
                       ("answers", "Show it once more.")):
        assert watcher.until(lambda name=name, text=text: text in page._told[name]), name
    assert watcher.until(lambda: "ab" in page._person.options)


def test_pictures_are_asked_for_only_while_somebody_watches(loop):
    assert until(lambda: loop.image.get_subscription_count() == 0)
    with Watcher(loop.viewer.page.address) as watcher:
        assert watcher.until(lambda: loop.image.get_subscription_count() == 1)
    assert until(lambda: loop.image.get_subscription_count() == 0)


def test_buttons_call_the_services_and_tell_the_answer(loop, watcher):
    page, answers = loop.viewer.page, loop.viewer.state.answers
    for handle, value, call in ((page.stop, True, "stop"), (page.arm, True, "enable"),
                                (page.lesson, "Finish", "end_lesson"),
                                (page.lesson, "Cancel", "cancel_lesson")):
        watcher.choose(handle, value)
        assert watcher.until(lambda call=call: call in loop.calls), call
        assert watcher.until(lambda call=call: f"{call}: answered" in answers), call


def test_words_and_lessons_reach_the_mirror(loop, watcher):
    page = loop.viewer.page
    watcher.choose(page.perform, True)
    watcher.choose(page.lesson, "Start")
    assert watcher.until(lambda: {("perform", "wave"), ("teach", "my_wave")} <= set(loop.heard))


def test_what_is_chosen_is_set_and_what_is_set_elsewhere_is_shown(loop, watcher):
    page, values = loop.viewer.page, loop.values
    assert watcher.until(lambda: page._speed.value == 0.4)  # as the node was started
    watcher.choose(page._mode, "respond")
    assert watcher.until(lambda: values["mirror_node"].mode == "respond")
    watcher.choose(page._mirror_image, False)
    assert watcher.until(lambda: values["mirror_node"].mirror_image is False)
    loop.nodes["mirror_node"].set_parameters([rclpy.Parameter("mode", value="mimic")])
    assert watcher.until(lambda: page._mode.value == "mimic")


def test_a_refusal_is_told_and_what_is_really_set_is_shown_again(loop, watcher):
    page, answers = loop.viewer.page, loop.viewer.state.answers
    watcher.choose(page._speed, 0.9)
    assert watcher.until(lambda: any("speed_scale" in answer for answer in answers))
    assert watcher.until(lambda: page._speed.value == 0.4)
    assert loop.values["actuation_node"].speed_scale == 0.4


def test_the_address_is_told_on_a_topic_to_whoever_asks_later(loop):
    from rclpy.qos import DurabilityPolicy, QoSProfile

    heard = []
    loop.mirror.create_subscription(
        String, "viewer/address", lambda message: heard.append(message.data),
        QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
    assert until(lambda: heard == [loop.viewer.page.address])
