# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Gives movements that this robot was taught to other robots, and takes theirs.

On the absolute topics ``/mirror_units/{offered,asked,given}``, so that robots in namespaces of
their own meet. A robot gives only what its `offer` names and takes only what its `adopt` names and
what it has asked for itself; both are empty unless somebody fills them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import String

from mirror_robot.mirror.sharing import SharingError, agreed, unit_from_text, unit_to_text
from mirror_robot.motor.shown import Shown, change_shown, load_shown_or_last, shown_path
from mirror_robot.nodes.parameters import Parameter, declare
from mirror_robot.nodes.running import run

PARAMETERS: tuple[Parameter, ...] = (
    Parameter("name", "", "of this robot among the others; empty takes the node's full name"),
    Parameter("offer", "", "names of taught movements that others may have, with commas between "
              "them; * for all", changeable=True),
    Parameter("adopt", "", "names of movements to take from others, with commas between them; "
              "* for all", changeable=True),
    Parameter("file", "", "where taught movements are kept; empty takes the user's own"),
    Parameter("period", 5.0, "time between two offers", "s", 0.1, 3600.0),
)

_QOS = QoSProfile(depth=20)


class SharingNode(Node):
    """Offers, asks, gives and takes."""

    def __init__(self, **options: Any) -> None:
        super().__init__("sharing_node", **options)
        self._values = declare(self, PARAMETERS)
        self._name = self._values.name or self.get_fully_qualified_name()
        self._path = Path(self._values.file).expanduser() if self._values.file else shown_path()
        self._asked: set[tuple[str, str]] = set()
        self._topics = {}
        for topic, hear in (("offered", self._on_offered), ("asked", self._on_asked),
                            ("given", self._on_given)):
            self._topics[topic] = self.create_publisher(String, f"/mirror_units/{topic}", _QOS)
            self.create_subscription(
                String, f"/mirror_units/{topic}",
                lambda message, hear=hear, topic=topic: self._hear(topic, hear, message), _QOS)
        self.create_timer(self._values.period, self._offer)

    def _taught(self) -> dict[str, Shown]:
        return {unit.name: unit for unit in load_shown_or_last(self._path)}

    def _tell(self, topic: str, **content: Any) -> None:
        self._topics[topic].publish(String(data=json.dumps({"robot": self._name, **content})))

    def _hear(self, topic: str, hear: Any, message: String) -> None:
        try:
            content = json.loads(message.data)
            if content["robot"] != self._name:
                hear(content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.get_logger().warning(f"dropped a message on /mirror_units/{topic}: {error}",
                                      throttle_duration_sec=5.0)

    def _offer(self) -> None:
        units = {name: unit.meaning for name, unit in self._taught().items()
                 if agreed(name, self._values.offer)}
        if units:
            self._tell("offered", units=units)

    def _on_offered(self, content: dict[str, Any]) -> None:
        known = self._taught()
        for name in content["units"]:
            if agreed(name, self._values.adopt) and name not in known:
                self._asked.add((content["robot"], name))
                self._tell("asked", to=content["robot"], unit=name)

    def _on_asked(self, content: dict[str, Any]) -> None:
        name = content["unit"]
        if content["to"] != self._name:
            return
        unit = self._taught().get(name)
        if unit is None or not agreed(name, self._values.offer):
            self.get_logger().info(f"{content['robot']} asked for {name!r}, which is not offered")
            return
        self._tell("given", to=content["robot"], name=name, unit=unit_to_text(unit))
        self.get_logger().info(f"gave {name!r} to {content['robot']}")

    def _on_given(self, content: dict[str, Any]) -> None:
        wanted = content["robot"], content["name"]
        if content["to"] != self._name or wanted not in self._asked:
            return
        self._asked.discard(wanted)
        unit, known = unit_from_text(content["unit"]), self._taught()
        if unit.name != content["name"]:
            raise SharingError(f"asked for {content['name']!r}, was given {unit.name!r}")
        if not agreed(unit.name, self._values.adopt) or unit.name in known:
            return
        change_shown(self._path, lambda kept: [
            *(one for one in kept if one.name != unit.name), unit])
        self.get_logger().info(f"adopted {unit.name!r} ({unit.meaning}) from {content['robot']}")


def main() -> int:
    """Run the node; the entry point of ``ros2 run mirror_robot sharing_node``."""
    return run(SharingNode)


if __name__ == "__main__":
    sys.exit(main())
