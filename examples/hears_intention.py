# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A ROS node that hears what people probably intend, and greets those who greet.

Beside `mirror_robot run`: ``python examples/hears_intention.py``, and for a loop in a namespace
``python examples/hears_intention.py --ros-args -r __ns:=/robot1``.
"""

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import String


class Greeter(Node):
    """Asks the robot for a wave whenever somebody begins to greet."""

    def __init__(self) -> None:
        super().__init__("greeter")
        self._last = ""
        self._ask = self.create_publisher(String, "perform", 10)
        self.create_subscription(String, "mirror/intention", self._on_intention, 10)

    def _on_intention(self, message: String) -> None:
        # "none": nobody, or nothing meant; "unknown": something that the robot cannot tell.
        if message.data == self._last:
            return
        self._last = message.data
        self.get_logger().info(f"means: {message.data}")
        if message.data == "greet":
            self._ask.publish(String(data="wave happily"))


if __name__ == "__main__":
    rclpy.init()
    try:
        rclpy.spin(Greeter())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
