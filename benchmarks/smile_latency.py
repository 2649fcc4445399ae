# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""From the onset of a smile in the image to the robot's face command, through the real nodes.

    python benchmarks/smile_latency.py [--smiles 20] [--output FOLDER]

Starts the whole loop as `mirror_robot run --mimic` does, plays single_face.mp4 again and again at
its own rate, and measures each smile: from the stamp of the last image that was still neutral (so
the figure is an upper bound, by up to one image that was looked at) to the first
`actuation/command` in which a corner of the mouth has gone a fifth of its way.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import rclpy
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState

from mirror_robot.bringup.graph import nodes_to_start, read_options
from mirror_robot.bringup.processes import Processes
from mirror_robot.nodes.messages import to_seconds

FRAMES, RATE = 72, 30.0
CORNER = "left_mouth_corner"


def onsets(series: np.ndarray, last_before: bool = False) -> list[float]:
    """Return when (t, value) rises from neutral, each time it does.

    A rise is from under a tenth to over half of the range. Told is when a fifth is passed, or,
    with `last_before`, the last sample that was still neutral.
    """
    low, high = np.percentile(series[:, 1], [5, 90])
    share = (series[:, 1] - low) / max(high - low, 1e-9)
    found, neutral, passed = [], None, None
    for stamp, value in zip(series[:, 0], share):
        if value < 0.1:
            neutral, passed = stamp, None
        elif neutral is not None:
            if passed is None and value >= 0.2:
                passed = stamp
            if value >= 0.5:
                found.append(float(neutral if last_before else passed))
                neutral = None
    return found


def main() -> None:
    """Print p50 and p95 over all smiles."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smiles", type=int, default=20)
    parser.add_argument("--output", type=Path, default=None, help="where the logs go")
    options = parser.parse_args()
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init()
    node = rclpy.create_node("smile_latency")
    commands: list[tuple[float, float]] = []
    faces: list[tuple[float, float, float]] = []
    wanted: list[tuple[float, float]] = []

    def on_command(message: JointState) -> None:
        if CORNER in message.name:
            commands.append((time.time(), message.position[message.name.index(CORNER)]))

    def on_face(message: JointState) -> None:
        if "mouthSmileLeft" in message.name:
            faces.append((to_seconds(message.header.stamp), time.time(),
                          message.position[message.name.index("mouthSmileLeft")]))

    def on_wanted(message: JointState) -> None:
        if CORNER in message.name:
            wanted.append((time.time(), message.position[message.name.index(CORNER)]))

    node.create_subscription(JointState, "actuation/command", on_command, QoSProfile(depth=50))
    node.create_subscription(JointState, "human/face", on_face, qos_profile_sensor_data)
    node.create_subscription(JointState, "mirror/face", on_wanted, QoSProfile(depth=10))
    values = read_options({"source": "sample:single_face.mp4", "mimic": "true"})
    with tempfile.TemporaryDirectory() as temporary:
        logs = options.output or Path(temporary)
        logs.mkdir(parents=True, exist_ok=True)
        with Processes(logs) as processes:
            for start in nodes_to_start(values):
                arguments = ["-p", "loop:=true"] if start.name == "perception_node" else []
                processes.start(start.name, start.command(arguments))
            end = time.monotonic() + 60.0 + options.smiles * FRAMES / RATE
            while time.monotonic() < end:
                rclpy.spin_once(node, timeout_sec=0.1)
                if commands and commands[-1][0] - commands[0][0] > (
                        (options.smiles + 1) * FRAMES / RATE + 2.0):
                    break
    begun = onsets(np.array([(stamp, value) for stamp, _, value in faces]), last_before=True)
    told, moved = onsets(np.array(wanted)), onsets(np.array(commands))
    print(f"{len(begun)} smiles seen, {len(faces)} faces, {len(commands)} commands")
    for name, list_ in (("mirror/face", told), ("actuation/command", moved)):
        delays = [min(when) for onset in begun
                  if (when := [stamp - onset for stamp in list_ if -0.1 <= stamp - onset < 1.5])]
        if delays:
            p50, p95 = np.percentile(delays, [50, 95])
            print(f"onset in the image -> {name}: p50 {1e3 * p50:.0f} ms, p95 {1e3 * p95:.0f} ms, "
                  f"{len(delays)} smiles")
    age = [received - stamp for stamp, received, _ in faces]
    if age:
        print(f"image -> human/face received: p50 {1e3 * np.percentile(age, 50):.0f} ms, "
              f"p95 {1e3 * np.percentile(age, 95):.0f} ms")
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
