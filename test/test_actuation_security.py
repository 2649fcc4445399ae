# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The SROS2 policies let only the mirror publish targets, and only the operator arm the robot."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

import pytest
import rclpy
from rclpy.parameter import Parameter

from mirror_robot.bringup.graph import NODES
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
                for kind in (*profile.findall("topics"), *profile.findall("services"),
                             *profile.findall("actions")):
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
    for topic in ("/mirror/posture", "/mirror/face", "/mirror/performance"):
        assert policies.who("publish", topic) == {"mirror_node"}
    for controller in ("upper_body_controller", "face_controller"):
        for topic in ("joint_trajectory", "commands"):
            assert policies.who("publish", f"/{controller}/{topic}") == {"actuation_node"}
        action = f"/{controller}/follow_joint_trajectory"
        assert policies.who("call", action) == {"actuation_node"}
        assert policies.who("execute", action) == {"robot"}


def test_only_the_operator_may_arm_stop_and_reconfigure_the_actuation(policies):
    for service in ("enable", "stop", "relax", "reset", "change_state", "set_parameters"):
        assert policies.who("request", f"/actuation_node/{service}") == {"operator"}
        assert policies.who("reply", f"/actuation_node/{service}") == {"actuation_node"}
    for topic in ("/emergency_stop", "/deadman", "/perform", "/teach"):
        assert policies.who("publish", topic) == {"operator"}


def test_the_policies_have_the_structure_that_sros2_takes():
    # policy.xsd of sros2; its tools also take a comment between two enclaves for an enclave.
    builder = ElementTree.TreeBuilder(insert_comments=True)
    root = ElementTree.parse(share_file("config/sros2/policies.xml"),
                             ElementTree.XMLParser(target=builder)).getroot()
    children = {"policy": {"enclaves"}, "enclaves": {"enclave"}, "enclave": {"profiles"},
                "profiles": {"profile"}, "profile": {"topics", "services", "actions"},
                "topics": {"topic"}, "services": {"service"}, "actions": {"action"},
                "topic": set(), "service": set(), "action": set()}
    for element in root.iter():
        if element.tag is ElementTree.Comment:
            continue
        tags = [child.tag for child in element]
        allowed = children[element.tag] | ({ElementTree.Comment} if element.tag in (
            "policy", "enclave") else set())
        assert set(tags) <= allowed, (element.tag, tags)
        if element.tag == "profile":
            assert set(element.attrib) == {"ns", "node"}
        if element.tag in ("topics", "services", "actions"):
            assert len(element) > 0
            assert len(element.attrib) == 1


def test_nobody_has_rights_to_everything(policies):
    assert not any(name in ("*", "/*") for names in policies.allowed.values() for name in names)


GIVEN = {
    "perception_node": {"autostart": False, "source": "topic:image"},
    "simulation_node": {"camera_rate": 2.0}, "viewer_node": {"port": 8977},
    "sharing_node": {"offer": "wave"}}
"""Parameters with which nodes open whatever they may open."""

OF = {"viewer_node": "operator"}
"""Nodes that run with the keys of another one."""


@pytest.mark.parametrize("name", [*(node.name for node in NODES), "rviz_node"])
def test_a_node_may_do_whatever_it_does(policies, name):
    kind = getattr(import_module(f"mirror_robot.nodes.{name}"),
                   "".join(part.capitalize() for part in name.split("_")))
    rclpy.init()
    try:
        node = kind(parameter_overrides=[
            Parameter(key, value=value) for key, value in GIVEN.get(name, {}).items()])
        if hasattr(node, "trigger_configure"):
            node.trigger_configure()
        enclave, lacking = OF.get(name, name), {}
        for right, ask in (
            ("publish", node.get_publisher_names_and_types_by_node),
            ("subscribe", node.get_subscriber_names_and_types_by_node),
            ("reply", node.get_service_names_and_types_by_node),
            ("request", node.get_client_names_and_types_by_node),
        ):
            found = {topic for topic, _ in ask(name, "/")}
            assert found or right in ("subscribe", "request")
            allowed = policies.allowed.get((enclave, right), set())
            lacking[right] = sorted(topic for topic in found if not any(
                fnmatch(topic, pattern) for pattern in allowed))
        if hasattr(node, "close"):
            node.close()
        node.destroy_node()
        assert not any(lacking.values()), f"the policy does not let {enclave} {lacking}"
    finally:
        rclpy.shutdown()


# ---------------------------------------------------------------------- with the real tools


@pytest.fixture(scope="module")
def keystore(tmp_path_factory) -> Path:
    """Make keys and permissions with SROS2's own tools, as docs/safety.md tells."""
    pytest.importorskip("sros2", reason="sros2 is not installed (ROS has it)")
    folder = tmp_path_factory.mktemp("keys") / "keystore"
    done = subprocess.run(
        [sys.executable, "-c",
         "import pathlib, sys, rclpy; from sros2.api._artifact_generation import "
         "generate_artifacts; generate_artifacts(pathlib.Path(sys.argv[1]), [], "
         "[pathlib.Path(sys.argv[2])])", str(folder),
         str(share_file("config/sros2/policies.xml"))],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder


def test_sros2_makes_signed_permissions_of_every_enclave(keystore, policies):
    made = {path.parent.name for path in keystore.glob("enclaves/mirror_robot/*/permissions.p7s")}
    assert made == {path for path, _ in policies.allowed}
    for enclave in made:
        text = (keystore / f"enclaves/mirror_robot/{enclave}/permissions.xml").read_text()
        grant = ElementTree.fromstring(text)
        publishes = {topic.text for topic in grant.iterfind(".//publish/topics/topic")}
        assert ("rt/mirror/posture" in publishes) == (enclave == "mirror_node")
        assert ("rq/actuation_node/enableRequest" in publishes) == (enclave == "operator")
        assert grant.findtext(".//default") == "DENY"


ASK = """
import sys, rclpy
from std_srvs.srv import SetBool
rclpy.init()
node = rclpy.create_node(sys.argv[1])
client = node.create_client(SetBool, "/actuation_node/enable")
if not client.wait_for_service(float(sys.argv[2])):
    sys.exit("no service")
future = client.call_async(SetBool.Request(data=True))
rclpy.spin_until_future_complete(node, future, timeout_sec=float(sys.argv[2]))
print("accepted" if future.done() and future.result().success else "refused")
"""


def _ask(patience: float, secure: dict[str, str], enclave: str = "") -> str:
    """Return what becomes of an attempt to enable the robot; `enclave` empty: an outsider."""
    arguments = ["--ros-args", "--enclave", f"/mirror_robot/{enclave}"] if enclave else []
    environment = {**os.environ, **(secure if enclave else {})}
    done = subprocess.run(
        [sys.executable, "-c", ASK, enclave or "outsider", str(patience), *arguments],
        capture_output=True, text=True, timeout=60, env=environment)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_the_command_of_an_outsider_is_refused_and_the_operators_is_not(keystore):
    secure = {"ROS_SECURITY_KEYSTORE": str(keystore), "ROS_SECURITY_ENABLE": "true",
              "ROS_SECURITY_STRATEGY": "Enforce"}
    probe = subprocess.run(
        [sys.executable, "-c", "import rclpy; rclpy.init(); rclpy.create_node('operator')",
         "--ros-args", "--enclave", "/mirror_robot/operator"],
        capture_output=True, text=True, timeout=60, env={**os.environ, **secure})
    if "security libraries" in probe.stderr:
        pytest.skip("this DDS is built without its security plugins (Fast DDS: -DSECURITY=ON)")
    assert probe.returncode == 0, probe.stderr
    node = subprocess.Popen(
        [sys.executable, "-m", "mirror_robot.nodes.actuation_node", "--ros-args",
         "-p", "preview:=true", "--enclave", "/mirror_robot/actuation_node"],
        env={**os.environ, **secure}, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(5.0)
        assert _ask(5.0, secure) == "no service", "no keys at all"
        assert _ask(5.0, secure, "mirror_node") != "accepted", "keys, but not the right"
        assert _ask(20.0, secure, "operator") == "accepted"
    finally:
        node.terminate()
        node.communicate(timeout=20.0)
