# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Where frames are to one another, as /tf and /tf_static tell it.

tf2_ros would do, but cannot be installed beside rclpy from wheels; of what it does only the newest
transform between two frames is needed here.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from mirror_robot.nodes.messages import to_rotation

_STATIC = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Frames:
    """Hears transforms and chains them.

    Parameters
    ----------
    node : Node
    tf2 : module
        ``tf2_msgs.msg``.
    oldest : float
        What moves and was not heard of for so long is where nobody knows [s].
    """

    def __init__(self, node: Node, tf2: Any, oldest: float = 2.0) -> None:
        self._oldest = oldest
        self._above: dict[str, tuple[str, np.ndarray, np.ndarray, float]] = {}
        node.create_subscription(tf2.TFMessage, "/tf", self.hear, QoSProfile(depth=100))
        node.create_subscription(
            tf2.TFMessage, "/tf_static", lambda message: self.hear(message, static=True), _STATIC)

    def hear(self, message: Any, static: bool = False) -> None:
        """Take in transforms; what is no rotation or not finite is left out."""
        until = np.inf if static else time.monotonic() + self._oldest
        for one in message.transforms:
            moved = one.transform.translation
            place = np.array([moved.x, moved.y, moved.z])
            try:
                rotation = to_rotation(one.transform.rotation)
            except ValueError:
                continue
            if np.isfinite(place).all():
                self._above[_name(one.child_frame_id)] = (
                    _name(one.header.frame_id), rotation, place, until)

    def between(self, target: str, source: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Return rotation (3, 3) and shift (3,) [m] that take points of `source` to `target`.

        None where that is not known.
        """
        there, here = self._chain(_name(source)), self._chain(_name(target))
        for frame, (rotation, place) in there.items():
            if frame in here:
                other, origin = here[frame]
                return other.T @ rotation, other.T @ (place - origin)
        return None

    def _chain(self, frame: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return a frame's pose in each of the frames above it, from itself upwards."""
        rotation, place = np.eye(3), np.zeros(3)
        chain = {frame: (rotation, place)}
        now = time.monotonic()
        while frame in self._above:
            frame, turned, moved, until = self._above[frame]
            if frame in chain or now > until:
                break
            rotation, place = turned @ rotation, turned @ place + moved
            chain[frame] = rotation, place
        return chain


def _name(frame: str) -> str:
    return frame.lstrip("/")
