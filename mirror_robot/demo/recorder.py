# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The demo's own ROS node: listens to the loop and works its services."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Vector3Stamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, JointState, PointCloud2
from std_msgs.msg import String
from std_srvs.srv import SetBool

from mirror_robot.demo.recording import Recording
from mirror_robot.nodes.messages import cloud_to_body, named_values, to_seconds

# Best effort hears reliable publishers too; deep, because a recording must not lose the tail.
_SENSOR = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)
_RELIABLE = QoSProfile(depth=200)


def stamp_of(message: Any) -> float:
    """Return the acquisition time [s] that a message carries, 0 where it carries none."""
    return to_seconds(message.header.stamp) if hasattr(message, "header") else 0.0


def _frame_and_values(message: JointState) -> tuple[str, Mapping[str, float]]:
    return message.header.frame_id, named_values(message)


def _points(message: PointCloud2) -> np.ndarray:
    return np.frombuffer(bytes(message.data), "<f4").reshape(-1, 3).astype(float)


TOPICS: tuple[tuple[str, str, type, QoSProfile, Callable[[Any], Any]], ...] = (
    ("body", "human/body", PointCloud2, _SENSOR, cloud_to_body),
    ("face", "human/face", JointState, _SENSOR, _frame_and_values),
    ("pixels", "human/pixels", PointCloud2, _SENSOR, _points),
    ("joints", "joint_states", JointState, _SENSOR, named_values),
    ("activation", "mirror/activation", JointState, _RELIABLE, _frame_and_values),
    ("intention", "mirror/intention", String, _RELIABLE, lambda message: message.data),
    ("intentions", "mirror/intentions", JointState, _RELIABLE, named_values),
    ("narration", "mirror/narration", String, _RELIABLE, lambda message: message.data),
    ("response", "mirror/response", String, _RELIABLE, lambda message: message.data),
    ("affect", "mirror/affect", Vector3Stamped, _RELIABLE,
     lambda message: (message.vector.x, message.vector.y, message.vector.z)),
    ("command", "actuation/command", JointState, _RELIABLE, _frame_and_values),
)
"""Track, topic, type, QoS, and what of the message is kept."""


_CONNECTION_TIME = 0.4
# [s] from being discovered to being connected, on a machine that is busy


class DemoError(RuntimeError):
    """The loop did not come up or did not do what it was asked; says which part."""


class Recorder:
    """Listens to all topics of the loop from its own thread until it is closed.

    Parameters
    ----------
    namespace : str
        Of the loop.

    Attributes
    ----------
    recording : Recording
        What is being recorded; replace it to begin anew.
    """

    def __init__(self, namespace: str = "") -> None:
        self.recording = Recording()
        self._namespace = "/" + namespace
        self._owns_context = not rclpy.ok()
        if self._owns_context:
            # Signals stay with the console, which has processes to end.
            rclpy.init(args=[], signal_handler_options=rclpy.SignalHandlerOptions.NO)
        self._node = rclpy.create_node("demo_recorder", namespace=namespace)
        for track, topic, kind, qos, keep in TOPICS:
            self._node.create_subscription(kind, topic, self._taker(track, keep), qos)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._take_status, 50)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="recorder", daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass

    def now(self) -> float:
        """Return the time [s] on the clock that stamps are taken from."""
        return self._node.get_clock().now().nanoseconds * 1e-9

    def _taker(self, track: str, keep: Callable[[Any], Any]) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            try:
                value = keep(message)
            except ValueError:  # a malformed message is the loop's matter, not the recorder's
                return
            self.recording.hear(track, self.now(), stamp_of(message), value)

        return take

    def _take_status(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.recording.hear_status(
                self.now(), status.name, int.from_bytes(status.level, "little"), status.message,
                {pair.key: pair.value for pair in status.values})

    def wait_for_nodes(
        self, names: Sequence[str], timeout: float, watch: Callable[[], None],
    ) -> None:
        """Wait until the nodes are at work; `watch` is called meanwhile and may raise.

        A node that is in the graph may still be loading; one that tells its state is at work.

        Raises
        ------
        DemoError
            If a node is not there within `timeout` [s].
        """
        def missing() -> list[str]:
            there = self._node.get_node_names_and_namespaces()
            return [name for name in names
                    if (name, self._namespace) not in there or name not in self.recording.status]

        self._wait(missing, timeout, watch)

    def wait_for_joints(self, timeout: float, watch: Callable[[], None]) -> None:
        """Wait until the robot tells its joints."""
        self._wait(lambda: [] if self.recording.tracks["joints"] else ["joint_states"],
                   timeout, watch)

    @staticmethod
    def _wait(
        missing: Callable[[], list[str]], timeout: float, watch: Callable[[], None],
    ) -> None:
        deadline = time.monotonic() + timeout
        while still := missing():
            watch()
            if time.monotonic() > deadline:
                raise DemoError(f"not there after {timeout:.0f} s: {', '.join(still)}")
            time.sleep(0.05)

    def arm(self, timeout: float, watch: Callable[[], None]) -> None:
        """Let the robot move, through the service that everybody uses.

        Raises
        ------
        DemoError
            If that is refused for `timeout` [s]; a node that has just started refuses at first,
            as it knows nothing of the robot yet.
        """
        deadline = time.monotonic() + timeout
        while not (answer := self._enable(True)).success:
            watch()
            if time.monotonic() > deadline:
                raise DemoError(f"actuation_node refuses to be armed: {answer.message}")
            time.sleep(0.1)

    def disarm(self) -> None:
        """Stop the robot."""
        self._enable(False)

    def _enable(self, enabled: bool) -> SetBool.Response:
        return self._call(SetBool, "actuation_node/enable", SetBool.Request(data=enabled))

    def start_perception(self, timeout: float, watch: Callable[[], None]) -> float:
        """Configure and activate the perception node, which was started without autostart.

        Returns
        -------
        float
            When the first image was taken [s].

        Raises
        ------
        DemoError
            If the node cannot take up its work, or no image comes within `timeout` [s].
        """
        images: list[float] = []
        # Only of the first image is the time wanted; the others are not even encoded then.
        subscription = self._node.create_subscription(
            CompressedImage, "human/image", lambda image: images.append(stamp_of(image)), _SENSOR)
        try:
            self._change_perception("configure", Transition.TRANSITION_CONFIGURE)
            self._wait(lambda: [] if self._node.count_publishers("human/image") else
                       ["human/image"], timeout, watch)
            # Being found is not yet being connected, on either side.
            time.sleep(_CONNECTION_TIME)
            self._change_perception("activate", Transition.TRANSITION_ACTIVATE)
            self._wait(lambda: [] if images else ["an image of the clip"], timeout, watch)
        finally:
            self._node.destroy_subscription(subscription)
        return images[0]

    def _change_perception(self, name: str, transition: int) -> None:
        request = ChangeState.Request(transition=Transition(id=transition))
        if not self._call(ChangeState, "perception_node/change_state", request).success:
            time.sleep(0.2)  # for the status, which says why
            why = self.recording.status.get("perception_node", {}).get("message", "")
            raise DemoError(f"perception_node cannot {name}: {why}")

    def _call(self, kind: type, name: str, request: Any, timeout: float = 60.0) -> Any:
        client = self._node.create_client(kind, name)
        try:
            if not client.wait_for_service(timeout):
                raise DemoError(f"the service {name} is not there")
            answered = threading.Event()
            future = client.call_async(request)
            future.add_done_callback(lambda _: answered.set())
            if not answered.wait(timeout):
                raise DemoError(f"the service {name} gives no answer")
            return future.result()
        finally:
            self._node.destroy_client(client)

    def close(self) -> None:
        """End listening."""
        self._executor.shutdown()
        self._thread.join(5.0)
        self._node.destroy_node()
        if self._owns_context and rclpy.ok():
            rclpy.shutdown()
