# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Asks a running mirror_node for a movement in a mood, in the language of the node."""

from __future__ import annotations

import argparse
import sys
import time

EXAMPLES = """\
examples:
  mirror_robot perform wave sadly
  mirror_robot perform "bow a little shyly"
  mirror_robot perform nod twice
  mirror_robot perform stop
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mirror_robot perform`."""
    parser.add_argument("words", nargs="+", help="what to do, and how")
    parser.add_argument("--namespace", default="", help="namespace of the robot, such as robot1")
    parser.add_argument("--wait", type=float, default=10.0, metavar="S",
                        help="how long to wait for the robot (default: 10)")


def run(options: argparse.Namespace) -> int:
    """Publish the words and print the answer; return the exit code."""
    import rclpy
    from rclpy.qos import QoSProfile
    from std_msgs.msg import String

    rclpy.init()
    node = rclpy.create_node("perform_console", namespace=options.namespace)
    heard: list[str] = []

    def hear(message: String) -> None:
        heard.append(message.data)

    try:
        node.create_subscription(String, "mirror/performing", hear, QoSProfile(depth=10))
        publisher = node.create_publisher(String, "perform", QoSProfile(depth=10))
        end, asked = time.monotonic() + options.wait, False
        while not heard and time.monotonic() < end:
            # The answer must find its way too.
            if not asked and publisher.get_subscription_count() and node.count_publishers(
                    "mirror/performing"):
                publisher.publish(String(data=" ".join(options.words)))
                asked = True
            rclpy.spin_once(node, timeout_sec=0.1)
    finally:
        node.destroy_node()
        rclpy.shutdown()
    if heard:
        print(heard[0])
        return 0
    where = f" in namespace {options.namespace!r}" if options.namespace else ""
    print(f"error: no mirror_node answered{where}; is the loop running (`mirror_robot run`), in "
          "the same ROS_DOMAIN_ID?", file=sys.stderr)
    return 1
