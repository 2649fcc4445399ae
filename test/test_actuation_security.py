# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The SROS2 policies let only the mirror publish targets, and only the operator arm the robot."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
import rclpy

from mirror_robot.nodes.actuation_node import ActuationNode
from mirror_robot.resources import share_file


class Policies:
    """What each enclave may do, with full names."""

    def __init__(self) -> None:
        root = ElementTree.parse(share_file("config/sros2/policies.xml")).getroot()
        assert root.tag == "policy" and root.get("version") == "0.2.0"
        self.allowed: dict[tuple[str, str], set[str]] = {}
        for enclave in root.iter("enclave"):
            path = enclave.get("path").removeprefix("/mirror_robot/")
            for profile in enclave.iter("profile"):
                for kind in [*profile.findall("topics"), *profile.findall("services")]:
                    for right, value in kind.attrib.items():
                        assert value == "ALLOW"
                        names = {_full(item.text, profile) for item in kind}
                        self.allowed.setdefault((path, right), set()).update(names)

    def who(self, right: str, name: str) -> set[str]:
        """Return the enclaves that may do something with a topic or service."""
        return {path for (path, way), names in self.allowed.items()
                if way == right and name in names}


def _full(name: str, profile: ElementTree.Element) -> str:
    if name.startswith("~"):
        return f"{profile.get('ns')}{profile.get('node')}{name[1:]}"
    return name if name.startswith("/") else profile.get("ns") + name


@pytest.fixture(scope="module")
def policies() -> Policies:
    return Policies()


def test_only_the_mirror_may_publish_targets_and_only_the_actuation_may_command(policies):
    for topic in ("/mirror/posture", "/mirror/face"):
        assert policies.who("publish", topic) == {"mirror_node"}
    for controller in ("upper_body_controller", "face_controller"):
        for topic in ("joint_trajectory", "commands"):
            assert policies.who("publish", f"/{controller}/{topic}") == {"actuation_node"}


def test_only_the_operator_may_arm_stop_and_reconfigure_the_actuation(policies):
    for service in ("enable", "stop", "relax", "reset", "change_state", "set_parameters"):
        assert policies.who("request", f"/actuation_node/{service}") == {"operator"}
        assert policies.who("reply", f"/actuation_node/{service}") == {"actuation_node"}
    for topic in ("/emergency_stop", "/deadman", "/perform"):
        assert policies.who("publish", topic) == {"operator"}


def test_nobody_has_rights_to_everything(policies):
    assert not any(name in ("*", "/*") for names in policies.allowed.values() for name in names)


def test_the_actuation_may_do_whatever_it_does(policies):
    rclpy.init()
    node = ActuationNode()
    try:
        node.trigger_configure()
        names = {
            "publish": node.get_publisher_names_and_types_by_node("actuation_node", "/"),
            "subscribe": node.get_subscriber_names_and_types_by_node("actuation_node", "/"),
            "reply": node.get_service_names_and_types_by_node("actuation_node", "/")}
        for right, found in names.items():
            assert len(found) > 3
            missing = {name for name, _ in found} - policies.allowed["actuation_node", right]
            assert not missing, f"the policy does not let it {right} {missing}"
    finally:
        node.close()
        node.destroy_node()
        rclpy.shutdown()
