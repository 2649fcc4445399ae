# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Shows live in a browser what the loop sees, feels and does, and passes on what is pressed there.

Everything is looked at a few times a second and only while somebody watches: the loop must not
wait for, or pay for, those who look at it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PointStamped, Vector3Stamped
from rcl_interfaces.msg import ParameterEvent
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node
from rclpy.parameter import Parameter as ParameterValue
from rclpy.parameter_client import AsyncParameterClient
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from mirror_robot.body.model import load_model
from mirror_robot.mirror.acting import MODES
from mirror_robot.nodes.diagnostics import OK, Diagnostics, Percentiles
from mirror_robot.nodes.messages import named_values
from mirror_robot.nodes.parameters import Parameter, declare
from mirror_robot.nodes.polling import messages, subscribe_polled
from mirror_robot.nodes.running import run
from mirror_robot.viewer.robot import RobotTree
from mirror_robot.viewer.state import State

PARAMETERS: tuple[Parameter, ...] = (
    Parameter("robot", "kagami", "name of a known robot, or path of a robot profile (YAML)"),
    Parameter("host", "localhost", "address to listen on: localhost for this machine only; "
              "0.0.0.0 for the whole network, which then needs a token"),
    Parameter("port", 8080, "of the page; the next free one is taken", "", 1, 65535),
    Parameter("token", "", "what the address must hold; empty for none on this machine only, and "
              "for one made up at every start elsewhere"),
    Parameter("rate", 10.0, "rate at which the robot on the page moves", "Hz", 1.0, 60.0),
    Parameter("image_topic", "human/annotated", "compressed picture to show: human/annotated with "
              "skeleton and face, human/image without"),
)

_IDLE_RATE = 2.0  # [Hz] of looking around while nobody watches
_LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_TOLD = QoSProfile(depth=10)
_NICE = 10

# What the page sets: name on the page -> node, parameter.
_SETTINGS = {
    "mode": ("mirror_node", "mode"), "mirror_image": ("mirror_node", "mirror_image"),
    "person": ("perception_node", "attend"), "speed": ("actuation_node", "speed_scale")}


def _newest(depth: int) -> QoSProfile:
    # Best effort hears everybody, and a page that is slow holds up nobody.
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)


class ViewerNode(Node):
    """Feeds the page and asks the other nodes for what is pressed on it."""

    def __init__(self, **options: Any) -> None:
        super().__init__("viewer_node", **options)
        values = self._values = declare(self, PARAMETERS)
        # Whoever looks must not slow down what is looked at.
        os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))
        model = load_model(values.robot)
        self.state = State()
        self._cost = Percentiles()
        self._publishers_to = {name: self.create_publisher(String, name, _TOLD)
                               for name in ("perform", "teach")}
        self._clients_of = {
            name: self.create_client(kind, name) for name, kind in (
                ("actuation_node/enable", SetBool), ("actuation_node/stop", Trigger),
                ("mirror_node/end_lesson", Trigger), ("mirror_node/cancel_lesson", Trigger))}
        self._parameters_of = {
            node: AsyncParameterClient(self, node)
            for node in dict.fromkeys(node for node, _ in _SETTINGS.values())}
        self._unread = set(self._parameters_of)
        space = self.get_namespace().rstrip("/")
        self._full_names = {node: f"{space}/{node}" for node in self._parameters_of}
        self.page = self._make_page(model)
        self._polled: list[tuple[Subscription, Callable[[Any], None]]] = []
        self._listen()
        self._image: Subscription | None = None
        self.create_subscription(
            ParameterEvent, "/parameter_events", self._on_parameters, _newest(50))
        self._address = self.create_publisher(String, "viewer/address", _LATCHED)
        self._address.publish(String(data=self.page.address))
        self._watched = False
        # A thread of its own: as a timer of the executor it would cost a quarter more.
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._pace, name="viewer", daemon=True)
        self._thread.start()
        self._diagnostics = Diagnostics(self, self._report)
        self.get_logger().info(f"live page: {self.page.address}")

    def _make_page(self, model: Any) -> Any:
        try:
            from mirror_robot.viewer.page import Controls, Page
        except ImportError as error:
            raise OSError(f"the live page needs viser ({error}): pip install viser==1.1.1, or "
                          "start without it: viewer:=false, --no-viewer") from None
        values = self._values
        tree = RobotTree(model.urdf, model.profile.description)
        rest = dict(zip(model.joint_names, model.rest.tolist()))
        for name, value in model.profile.held.items():
            rest.setdefault(name, value)

        def set_one(name: str) -> Callable[[Any], None]:
            return lambda value: self._set(name, value)

        page = Page(tree, rest, Controls(
            arm=lambda: self._ask("actuation_node/enable", SetBool.Request(data=True)),
            stop=lambda: self._ask("actuation_node/stop", Trigger.Request()),
            mode=set_one("mode"), person=set_one("person"),
            mirror_image=set_one("mirror_image"), speed=set_one("speed"),
            perform=lambda words: self._tell("perform", words),
            teach=lambda name: self._tell("teach", name),
            end_lesson=lambda: self._ask("mirror_node/end_lesson", Trigger.Request()),
            cancel_lesson=lambda: self._ask("mirror_node/cancel_lesson", Trigger.Request())),
            modes=tuple(MODES), host=values.host, port=values.port, token=values.token,
            base=model.base, head=_head_link(model, tree))
        if tree.missing:
            self.get_logger().warning(
                f"{len(tree.missing)} meshes of {model.profile.name} are not there or cannot be "
                f"read, such as {min(tree.missing)}; sticks stand for them")
        return page

    # What is heard

    def _listen(self) -> None:
        state = self.state

        def text(take: Callable[[str], None]) -> Callable[[String], None]:
            return lambda message: take(message.data)

        for kind, topic, depth, take in (
                (JointState, "mirror/activation", 3, lambda message: state.hear_activation(
                    message.header.frame_id, named_values(message))),
                (JointState, "mirror/intentions", 1,
                 lambda message: state.hear_intentions(named_values(message))),
                (String, "mirror/intention", 1, text(state.hear_intention)),
                (String, "mirror/narration", 3, text(state.hear_sentence)),
                (String, "mirror/performing", 5, text(state.hear_answer)),
                (String, "mirror/response", 5, text(state.hear_answer)),
                (String, "mirror/teaching", 10, text(state.hear_answer)),
                (Vector3Stamped, "mirror/affect", 2, lambda message: state.hear_affect(
                    message.vector.x, message.vector.y, message.vector.z)),
                (JointTrajectory, "mirror/prediction", 1, self._on_prediction),
                (PointStamped, "mirror/goal", 1, lambda message: state.hear_goal(
                    (message.point.x, message.point.y, message.point.z))),
                # A robot may tell its joints in several messages.
                (JointState, "joint_states", 2,
                 lambda message: state.hear_joints(named_values(message))),
                (JointState, "actuation/preview", 1, lambda message: state.hear_ghost(
                    "preview", "preview", named_values(message))),
                (DiagnosticArray, "/diagnostics", 20, self._on_status)):
            self._polled.append((subscribe_polled(self, kind, topic, _newest(depth)), take))

    def _on_prediction(self, message: JointTrajectory) -> None:
        if message.points:
            ahead = message.points[-1]
            self.state.hear_ghost(
                "prediction", message.header.frame_id,
                dict(zip(message.joint_names, ahead.positions)))

    def _on_status(self, message: DiagnosticArray) -> None:
        for status in message.status:
            # Those of all robots are on one topic; a node's own name is all that there is.
            self.state.hear_health(
                status.name, int.from_bytes(status.level, "little"), status.message,
                {pair.key: pair.value for pair in status.values})

    # What is shown

    def _pace(self) -> None:
        while not self._ended.wait(1.0 / (self._values.rate if self._watched else _IDLE_RATE)):
            try:
                self._look()
            except InvalidHandle:  # the node is being destroyed
                return

    def _look(self) -> None:
        state, begin = self.state, self._now()
        watched = self.page.watchers > 0
        if watched != self._watched:
            self._attend(watched)
        state.at(begin)
        for subscription, take in self._polled:
            for message in messages(subscription):
                try:
                    take(message)
                except ValueError as error:
                    self.get_logger().warning(
                        f"dropped a message on {subscription.topic_name}: {error}",
                        throttle_duration_sec=5.0)
        self._read_settings()
        if watched:
            for message in messages(self._image):
                state.hear_image(bytes(message.data))
            self.page.show(state)
            self._cost.add(self._now() - begin)

    def _attend(self, watched: bool) -> None:
        """Begin or end to look often, and to have pictures made, which cost perception most."""
        self._watched = watched
        if watched and self._image is None:
            self._image = subscribe_polled(
                self, CompressedImage, self._values.image_topic, _newest(1))
        elif not watched and self._image is not None:
            self.destroy_subscription(self._image)
            self._image = None

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    # What is pressed

    def _tell(self, topic: str, words: str) -> None:
        publisher = self._publishers_to[topic]
        if not publisher.get_subscription_count():
            self.state.hear_answer("Nobody is there to do that: is mirror_node running?")
        publisher.publish(String(data=words))

    def _ask(self, name: str, request: Any) -> None:
        client = self._clients_of[name]
        if not client.service_is_ready():
            self.state.hear_answer(f"{name} is not there; is the node running?")
            return

        def answered(future: Any) -> None:
            answer = future.result()
            self.state.hear_answer(answer.message or ("done" if answer.success else "refused"))

        client.call_async(request).add_done_callback(answered)

    def _set(self, name: str, value: Any) -> None:
        node, parameter = _SETTINGS[name]
        client = self._parameters_of[node]
        if not client.services_are_ready():
            self.state.hear_answer(f"{node} is not there")
            return

        def answered(future: Any) -> None:
            result = future.result().results[0]
            if result.successful:
                self.state.hear_answer(f"{parameter} is now {value}")
            else:
                self.state.hear_answer(result.reason or f"{node} refused {parameter}")
                self._unread.add(node)  # show again what it really is

        client.set_parameters([ParameterValue(parameter, value=value)],
                              callback=answered)

    def _read_settings(self) -> None:
        """Ask the nodes what is set, once each; later changes come as events."""
        for node in list(self._unread):
            client = self._parameters_of[node]
            if not client.services_are_ready():
                continue
            self._unread.discard(node)
            names = [parameter for of, parameter in _SETTINGS.values() if of == node]
            client.get_parameters(names, callback=lambda future, node=node, names=names: (
                self._settings_are(node, dict(zip(names, future.result().values)))))

    def _on_parameters(self, event: ParameterEvent) -> None:
        for node, full in self._full_names.items():
            if event.node == full:
                self._settings_are(node, {
                    changed.name: changed.value
                    for changed in (*event.new_parameters, *event.changed_parameters)})

    def _settings_are(self, node: str, told: Mapping[str, Any]) -> None:
        found = {}
        for name, (of, parameter) in _SETTINGS.items():
            if of == node and parameter in told:
                value = ParameterValue.from_parameter_msg(
                    _message(parameter, told[parameter])).value
                if value is not None:
                    found[name] = value
        self.state.mirror_image = found.get("mirror_image", self.state.mirror_image)
        if found:
            self.page.settings(**found)

    def _report(self) -> tuple[bytes, str, Mapping[str, Any]]:
        p50, p95 = self._cost()
        return OK, f"{self.page.watchers} watching", {
            "cost p50 [s]": p50, "cost p95 [s]": p95, "watching": self.page.watchers}

    def close(self) -> None:
        """End the page."""
        self._ended.set()
        self._thread.join(2.0)
        self.page.close()


def _head_link(model: Any, tree: RobotTree) -> str:
    """Return the first link that a joint of the head moves, empty where there is none."""
    chain = model.profile.chains.get("head")
    joints = chain.joints if chain else ()
    return next((child for element, _, child in tree.order if element.get("name") in joints), "")


def _message(name: str, value: Any) -> Any:
    from rcl_interfaces.msg import Parameter as Message

    return Message(name=name, value=value)


def main() -> int:
    """Run the node; the entry point of ``ros2 run mirror_robot viewer_node``."""
    return run(ViewerNode)


if __name__ == "__main__":
    sys.exit(main())
