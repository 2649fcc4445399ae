# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Perception on one host, mirror, actuation and robot on another, as docs/two-machines.md says.

The hosts are network namespaces of the kernel, joined by a virtual cable.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

_PROBE = """
import time
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState, PointCloud2
rclpy.init()
node = rclpy.create_node("probe")
seen = {"bodies": 0, "commands": 0}
def count(name, message):
    seen[name] += 1
node.create_subscription(PointCloud2, "human/body", lambda m: count("bodies", m),
                         qos_profile_sensor_data)
node.create_subscription(JointState, "actuation/command", lambda m: count("commands", m), 10)
end = time.monotonic() + 60
while time.monotonic() < end and (seen["bodies"] < 50 or seen["commands"] < 50):
    rclpy.spin_once(node, timeout_sec=0.1)
print(seen["bodies"] >= 50 and seen["commands"] >= 50, seen)
"""


def _ip(*arguments: str, check: bool = True) -> bool:
    try:
        return not subprocess.run(["ip", *arguments], capture_output=True, check=check).returncode
    except (FileNotFoundError, subprocess.CalledProcessError):
        return False


@pytest.fixture
def hosts():
    """Yield the names of two hosts, 10.77.0.1 and 10.77.0.2, that see only each other."""
    names = [f"mirror_{part}_{os.getpid()}" for part in ("pc", "robot")]
    made = [_ip("netns", "add", name) for name in names]
    try:
        if not all(made):
            pytest.skip("network namespaces cannot be made here (needs root and iproute2)")
        _ip("link", "add", "mirror0", "netns", names[0], "type", "veth", "peer", "name", "mirror1",
            "netns", names[1])
        for number, name in enumerate(names):
            device = f"mirror{number}"
            for arguments in (("addr", "add", f"10.77.0.{number + 1}/24", "dev", device),
                              ("link", "set", "lo", "up"), ("link", "set", device, "up"),
                              ("route", "add", "default", "dev", device)):
                assert _ip("-n", name, *arguments), arguments
        yield names
    finally:
        for name in names:
            _ip("netns", "del", name, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("discovery", ["multicast", "peers"])
def test_perception_on_another_machine_moves_the_robot(hosts, discovery):
    started = []

    def start(host: int, *command: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "ROS_DOMAIN_ID": "7",
                       "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}
        if discovery == "peers":
            environment |= {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
                            "ROS_STATIC_PEERS": f"10.77.0.{2 - host}"}
        process = subprocess.Popen(
            ["ip", "netns", "exec", hosts[host], sys.executable, *command], text=True,
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        started.append(process)
        return process

    try:
        start(1, "-m", "mirror_robot.console", "run", "--human-source", "elsewhere", "--mimic",
              "--no-viewer")
        start(0, "-m", "mirror_robot.nodes.perception_node", "--ros-args", "-p",
              "source:=sample:dancer.avi")
        told = start(1, "-c", _PROBE).communicate(timeout=90)[0]
        assert "True" in told.splitlines()[-1], told
    finally:
        for process in started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in started:
            process.communicate(timeout=30)
