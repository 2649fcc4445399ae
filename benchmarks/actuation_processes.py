# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Measure what actuation and simulation cost as processes, and how far the robot lags behind.

    python benchmarks/actuation_processes.py [--seconds 10]

The built-in robot's arms, head and face swing by targets at 25 Hz, stamped 70 ms in the past as
images are. CPU is user + system time of each process, in percent of one core; the lag is that of
`joint_states` behind the target's stamp, found by the best correlation over all moving joints.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))

import rclpy  # isort: skip  # starts the interpreter anew, so it must come first

import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState

from mirror_robot.body.model import load_model
from mirror_robot.nodes.messages import to_seconds, to_time

DELAY, RATE = 0.07, 25.0  # of the targets [s], [Hz]
SWING = {"left_shoulder_pitch": (-0.9, 0.5, 0.5), "right_shoulder_pitch": (-0.9, 0.5, 0.7),
         "left_elbow": (-1.2, 0.5, 0.8), "right_elbow": (-1.2, 0.5, 0.6),
         "neck_yaw": (0.0, 0.3, 0.6)}
"""Joint: centre [rad], amplitude [rad], frequency [Hz]."""


def cpu_seconds(pid: int) -> float:
    """Return user + system time of a process [s]."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wanted(time: float | np.ndarray, joint: str) -> float | np.ndarray:
    """Return where a person's joint is at a time."""
    centre, amplitude, frequency = SWING[joint]
    return centre + amplitude * np.sin(2.0 * np.pi * frequency * time)


class Person(Node):
    """Publishes targets as the mirror does, and listens to the robot."""

    def __init__(self) -> None:
        super().__init__("person")
        self._model = load_model("kagami")
        self._names = list(self._model.joint_names)
        body = np.asarray(self._model.body)
        self._parts = {"posture": np.flatnonzero(body), "face": np.flatnonzero(~body)}
        self._outlets = {
            source: self.create_publisher(JointState, f"mirror/{source}", 1)
            for source in self._parts}
        self.states: list[tuple[float, dict[str, float]]] = []
        self.create_subscription(JointState, "joint_states", self._seen, qos_profile_sensor_data)
        self.create_timer(1.0 / RATE, self._send)

    def _seen(self, message: JointState) -> None:
        self.states.append((to_seconds(message.header.stamp),
                            dict(zip(message.name, message.position))))

    def _send(self) -> None:
        stamp = self.get_clock().now().nanoseconds * 1e-9 - DELAY
        position = self._model.rest.copy()
        for joint in SWING:
            position[self._model.index[joint]] = wanted(stamp, joint)
        face = self._parts["face"]
        middle = (self._model.lower + self._model.upper) / 2.0
        position[face] = middle[face] + 0.3 * np.sin(4.0 * stamp) * (
            self._model.upper - self._model.lower)[face]
        for source, rows in self._parts.items():
            message = JointState(name=[self._names[i] for i in rows],
                                 position=position[rows].tolist())
            message.header.stamp = to_time(stamp)
            self._outlets[source].publish(message)


def lag(states: list[tuple[float, dict[str, float]]]) -> tuple[float, float]:
    """Return the lag [s] of the measured joints behind the person, and the error left [rad]."""
    times = np.array([when for when, _ in states])
    lags = np.arange(0.0, 0.4, 0.005)
    errors = np.mean([
        [np.sqrt(np.mean((np.array([state[joint] for _, state in states])
                          - wanted(times - late, joint)) ** 2)) for late in lags]
        for joint in SWING], axis=0)
    best = int(errors.argmin())
    return float(lags[best]), float(errors[best])


def main() -> int:
    """Run and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to measure")
    seconds = parser.parse_args().seconds
    starts = {"simulation_node": [], "actuation_node": ["-p", "enabled_at_start:=true"]}
    processes = {name: subprocess.Popen(
        [sys.executable, "-m", f"mirror_robot.nodes.{name}", "--ros-args", *parameters])
        for name, parameters in starts.items()}
    rclpy.init()
    person, executor = Person(), SingleThreadedExecutor()
    executor.add_node(person)

    def spin(duration: float) -> None:
        end = time.monotonic() + duration
        while time.monotonic() < end:
            executor.spin_once(timeout_sec=0.05)

    try:
        spin(8.0)  # to start, and to blend in
        person.states.clear()
        begin = {name: cpu_seconds(process.pid) for name, process in processes.items()}
        since = time.monotonic()
        spin(seconds)
        passed = time.monotonic() - since
        for name, process in processes.items():
            share = (cpu_seconds(process.pid) - begin[name]) / passed
            print(f"{name}: {share:.1%} of a core")
        if not person.states:
            print("no joint_states came")
            return 1
        late, left = lag(person.states)
        print(f"the robot is {late * 1e3:.0f} ms behind the person ({DELAY * 1e3:.0f} ms of it "
              f"delay of the images); rms error left {left:.3f} rad; joint_states "
              f"{len(person.states) / passed:.0f}/s")
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait(timeout=10.0)
        executor.shutdown()
        person.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
