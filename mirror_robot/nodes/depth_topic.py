# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Depth images of a topic, aligned to the colour image, at hand by their stamps."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import numpy as np
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from mirror_robot.nodes.messages import to_seconds
from mirror_robot.perception.location import decode_depth

APART = 0.1
"""Farthest that the stamps of a colour image and its depth image may be apart [s]."""


class DepthTopic:
    """Keeps the newest depth images.

    Parameters
    ----------
    node : rclpy.node.Node
    name : str
        Topic of sensor_msgs/Image, 16UC1 in millimetres or 32FC1 in metres.
    """

    def __init__(self, node: Any, name: str) -> None:
        self._node, self._name = node, name
        self._lock = threading.Lock()
        self._images: deque[tuple[float, np.ndarray]] = deque(maxlen=8)
        self.bad = 0
        """Images that could not be read."""
        self._subscription = node.create_subscription(
            Image, name, self._take, QoSProfile(
                depth=4, reliability=ReliabilityPolicy.BEST_EFFORT))

    def close(self) -> None:
        """Unsubscribe."""
        self._node.destroy_subscription(self._subscription)

    def at(self, stamp: float) -> np.ndarray | None:
        """Return the depth image (h, w) [m] nearest to a stamp, or None."""
        with self._lock:
            near = min(self._images, key=lambda one: abs(one[0] - stamp), default=None)
        return None if near is None or abs(near[0] - stamp) > APART else near[1]

    def _take(self, message: Image) -> None:
        try:
            image = decode_depth(message.data, message.encoding, message.height, message.width,
                                 message.step, bool(message.is_bigendian))
        except ValueError as error:
            self.bad += 1
            self._node.get_logger().warning(
                f"dropped a depth image of {self._name}: {error}", throttle_duration_sec=5.0)
            return
        stamp = to_seconds(message.header.stamp)
        with self._lock:
            if self._images and stamp < self._images[-1][0]:  # a bag that loops
                self._images.clear()
            self._images.append((stamp, image))
