# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Looks at the ROS graph for a few seconds: which nodes and topics of the loop live, how fast.

A process of its own for `mirror_robot doctor`, whose other checks must not depend on ROS:

    python -m mirror_robot.console.survey NAMESPACE SECONDS [TOPIC_OF_A_COMMAND...]

prints a JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.utilities import get_rmw_implementation_identifier

from mirror_robot.bringup.graph import NODES
from mirror_robot.demo.recorder import TOPICS

_LOOP = {entry.name for entry in NODES}
_SETTLED = 1.5  # [s] without a new node in the graph, after which all are taken to be known
_DISCOVERY = 5.0  # [s] at most. DDS announces every 3 s: one of the first may have been lost


def survey(node: Node, seconds: float, commands: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what is there, after listening for some time.

    Parameters
    ----------
    node : Node
        In the namespace of the loop.
    seconds : float
        How long rates are counted.
    commands : tuple of str
        Topics that controllers should listen to.

    Returns
    -------
    dict
        ``domain``, ``rmw``; ``nodes``: how many there are of each name of the loop; ``elsewhere``:
        namespaces in which there are such nodes, too; ``topics``: publishers and rate [Hz] of
        each; ``commands``: subscribers of each; ``status``: level and message by node.
    """
    heard: Counter[str] = Counter()
    status: dict[str, dict[str, Any]] = {}

    def diagnose(array: DiagnosticArray) -> None:
        for one in array.status:
            status[one.name] = {
                "level": int.from_bytes(one.level, "little"), "message": one.message}

    def count(topic: str) -> Any:
        return lambda message: heard.update([topic])

    for _, topic, kind, qos, _ in TOPICS:
        # As bytes: they need not be understood to be counted.
        node.create_subscription(kind, topic, count(topic), qos, raw=True)
    node.create_subscription(DiagnosticArray, "/diagnostics", diagnose, 50)
    _discover(node)
    heard.clear()
    begin = time.monotonic()
    _spin(node, seconds)
    passed = time.monotonic() - begin
    there = _nodes_of_a_loop(node)
    return {
        "domain": os.environ.get("ROS_DOMAIN_ID", "0"),
        "rmw": get_rmw_implementation_identifier(),
        "nodes": Counter(name for name, space in there if space == node.get_namespace()),
        "elsewhere": sorted({space for _, space in there if space != node.get_namespace()}),
        "topics": {topic: {"publishers": node.count_publishers(topic),
                           "rate": round(heard[topic] / passed, 1)}
                   for _, topic, _, _, _ in TOPICS},
        "commands": {topic: node.count_subscribers(topic) for topic in commands},
        "status": {name: one for name, one in status.items() if name in _LOOP},
    }


def _nodes_of_a_loop(node: Node) -> list[tuple[str, str]]:
    return [(name, space) for name, space in node.get_node_names_and_namespaces()
            if name in _LOOP]


def _discover(node: Node) -> None:
    """Wait until the nodes of other processes are known."""
    known: list[tuple[str, str]] = []
    begin = changed = time.monotonic()
    while (now := time.monotonic()) - begin < _DISCOVERY:
        there = sorted(_nodes_of_a_loop(node))
        if there != known:
            known, changed = there, now
        if now - changed >= _SETTLED and any(
                space == node.get_namespace() for _, space in there):
            return
        _spin(node, 0.1)


def _spin(node: Node, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        rclpy.spin_once(node, timeout_sec=left)


def main() -> int:
    """Print what is found; return the exit code."""
    namespace, seconds, *commands = sys.argv[1:]
    rclpy.init(args=[])
    node = rclpy.create_node(f"doctor_{os.getpid()}", namespace=namespace)
    try:
        print(json.dumps(survey(node, float(seconds), tuple(commands))))
    finally:
        node.destroy_node()
        rclpy.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
