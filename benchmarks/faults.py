# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Inject faults into the running graph, with real processes, and time the way to the safe state.

    python benchmarks/faults.py [--only NAME]

The built-in robot's simulation and the actuation node run as processes; this one is the mirror
and the operator, and lets an arm swing. A fault comes at full swing. Measured on the steady clock:
when no joint moves any more (by `joint_states`, or by the simulation's own stop where they are
what fails), and when the actuation tells its new state. Exit code 1 when a robot did not stop, or
a state is not the one wanted.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))

import rclpy  # isort: skip  # starts the interpreter anew, so it must come first

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from mirror_robot.body.model import load_model
from mirror_robot.nodes.messages import to_time

STANDING = 0.02  # [rad/s]; slower than this is standing
PATIENCE = 6.0  # [s] for a fault to have its effect
SWING = "left_shoulder_pitch"


class Loop(Node):
    """Mirror and operator of a robot in simulation, which it owns together with its actuation."""

    def __init__(self, parameters: tuple[str, ...] = ()) -> None:
        super().__init__("faults")
        self.processes: dict[str, subprocess.Popen] = {}
        self.start("simulation_node")
        self.start("actuation_node", *parameters)
        self.model = load_model("kagami")
        body = np.asarray(self.model.body)
        self._names = [name for name, of in zip(self.model.joint_names, body) if of]
        self._rest = self.model.rest[body]
        self.speaks, self.clock_offset, self.deadman = True, 0.0, True
        self.states: list[tuple[float, float]] = []
        """When joint states came, and the speed of the fastest joint in them."""
        self.said: list[tuple[float, str, str]] = []
        """When the actuation told which state, and why."""
        self._targets = self.create_publisher(JointState, "mirror/posture", 1)
        self.emergency = self.create_publisher(Bool, "emergency_stop", 1)
        self._deadman = self.create_publisher(Bool, "deadman", 1)
        self.create_subscription(JointState, "joint_states", self._see, qos_profile_sensor_data)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 10)
        self.create_timer(0.04, self._speak)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def start(self, name: str, *parameters: str) -> None:
        """Start a node of the package as a process."""
        arguments = [item for parameter in parameters for item in ("-p", parameter)]
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", f"mirror_robot.nodes.{name}", "--ros-args", "--log-level",
             "error", *arguments])

    def signal(self, name: str, number: int) -> None:
        """Send a signal to one of the processes."""
        self.processes[name].send_signal(number)

    def _speak(self) -> None:
        if self.deadman:
            self._deadman.publish(Bool(data=True))
        if not self.speaks:
            return
        position = self._rest.copy()
        position[self._names.index(SWING)] = -0.9 + 0.6 * math.sin(4.0 * time.monotonic())
        message = JointState(name=self._names, position=position.tolist())
        message.header.stamp = to_time(
            self.get_clock().now().nanoseconds * 1e-9 - 0.05 + self.clock_offset)
        self._targets.publish(message)

    def _see(self, message: JointState) -> None:
        speeds = np.abs(message.velocity)
        self.states.append((time.monotonic(), float(speeds.max()) if len(speeds) else 0.0))

    def _hear(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "actuation_node":
                values = {item.key: item.value for item in status.values}
                self.said.append((time.monotonic(), values["state"], values["reason"]))

    def spin(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass; return whether `until` came true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.01)
            if until():
                return True
        return False

    @property
    def state(self) -> str:
        """The state last told."""
        return self.said[-1][1] if self.said else ""

    def call(self, name: str) -> bool:
        """Ask the actuation node for something; return whether it does it."""
        kind = SetBool if name == "enable" else Trigger
        client = self.create_client(kind, f"actuation_node/{name}")
        request = SetBool.Request(data=True) if name == "enable" else Trigger.Request()
        if not client.wait_for_service(PATIENCE):
            return False
        future = client.call_async(request)
        self.spin(PATIENCE, future.done)
        return future.done() and future.result().success

    def swing(self) -> None:
        """Enable, and wait until the robot swings at full speed.

        Raises
        ------
        RuntimeError
            If it does not.
        """
        if not (self.spin(20.0, lambda: bool(self.states and self.said))
                and any(self.call("enable") or self.spin(0.3) for _ in range(20))):
            raise RuntimeError("the loop does not come up")
        self.spin(1.5)
        if not self.spin(PATIENCE, lambda: self.state == "following"
                         and self.states[-1][1] > 1.5):
            raise RuntimeError("the robot does not swing")

    def close(self) -> None:
        """End the processes."""
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=10.0)
            except subprocess.TimeoutExpired:
                process.kill()
        self._executor.shutdown()
        self.destroy_node()


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes
    ----------
    name : str
    inject : callable
        Does it to a `Loop`.
    states : tuple of str
        States that the actuation may tell in the end; empty where there is nobody left to tell.
    mend : callable, optional
        Undoes it.
    recovers : bool
        Whether the robot is to follow again by itself after `mend`.
    parameters : tuple of str
        Of the actuation node.
    """

    name: str
    inject: Callable[[Loop], object]
    states: tuple[str, ...]
    mend: Callable[[Loop], object] | None = None
    recovers: bool = False
    parameters: tuple[str, ...] = ()


def _set(**values: object) -> Callable[[Loop], None]:
    def change(loop: Loop) -> None:
        for name, value in values.items():
            setattr(loop, name, value)
    return change


def _signal(name: str, number: int) -> Callable[[Loop], None]:
    return lambda loop: loop.signal(name, number)


FAULTS = (
    Fault("targets fall silent (mirror killed)", _set(speaks=False), ("holding",),
          _set(speaks=True), recovers=True),
    Fault("targets with old stamps (1 h)", _set(clock_offset=-3600.0), ("holding",),
          _set(clock_offset=0.0), recovers=True),
    Fault("targets stamped ahead (1 h)", _set(clock_offset=3600.0), ("holding",),
          _set(clock_offset=0.0), recovers=True),
    Fault("actuation: SIGKILL", _signal("actuation_node", signal.SIGKILL), ()),
    Fault("actuation: SIGTERM", _signal("actuation_node", signal.SIGTERM), ("disarmed",)),
    Fault("actuation: SIGSTOP, then SIGCONT", _signal("actuation_node", signal.SIGSTOP), (),
          _signal("actuation_node", signal.SIGCONT), recovers=True),
    Fault("robot: SIGKILL (no joint_states)", _signal("simulation_node", signal.SIGKILL),
          ("stopping", "disarmed")),
    Fault("robot: SIGSTOP, then SIGCONT", _signal("simulation_node", signal.SIGSTOP),
          ("stopping", "disarmed"), _signal("simulation_node", signal.SIGCONT)),
    Fault("emergency stop", lambda loop: loop.emergency.publish(Bool(data=True)),
          ("emergency",)),
    Fault("stop by service", lambda loop: loop.call("stop"), ("stopping", "disarmed")),
    Fault("deadman falls silent", _set(deadman=False), ("stopping", "disarmed"),
          _set(deadman=True), parameters=("deadman_timeout:=0.3",)),
)


def suffer(fault: Fault) -> tuple[bool, str]:
    """Return whether a fault ended as it should, and a line of the table."""
    loop = Loop(fault.parameters)
    try:
        loop.swing()
        begin = time.monotonic()
        fault.inject(loop)
        loop.said.clear()
        robot_gone = fault.name.startswith("robot")
        told = loop.spin(3.0, lambda: bool(loop.said) and loop.said[-1][1] in fault.states)
        told_after = f"{loop.said[-1][0] - begin:.2f} s" if told else "-"
        state = loop.state if fault.states else "(nobody to tell)"
        loop.spin(1.5)
        moving = [when for when, speed in loop.states if speed > STANDING and when > begin]
        stopped = robot_gone or (
            max(moving, default=begin) < time.monotonic() - 0.5 and bool(loop.states))
        stands = "-" if robot_gone else f"{max(moving, default=begin) - begin:.2f} s"
        good = stopped and (told or not fault.states)
        after = "-"
        if fault.mend:
            fault.mend(loop)
            count = len(loop.states)
            again = loop.spin(3.0, lambda: loop.state == "following" and any(
                speed > 0.5 for _, speed in loop.states[count:]))
            after = "follows again" if again else "stays disarmed, waits for enable"
            good &= again == fault.recovers
        return good, (f"{fault.name:38} {stands:>8} {told_after:>8}  {state:17} {after}"
                      f"{'' if good else '   <- WRONG'}")
    finally:
        loop.close()


def main() -> int:
    """Run all faults and print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="only faults whose name contains this")
    only = parser.parse_args().only
    rclpy.init()
    print(f"{'fault':38} {'stands':>8} {'told':>8}  {'state':17} when it is over", flush=True)
    outcomes = []
    for fault in FAULTS:
        if only in fault.name:
            good, line = suffer(fault)
            outcomes.append(good)
            print(line, flush=True)
    rclpy.try_shutdown()
    return int(not all(outcomes))


if __name__ == "__main__":
    sys.exit(main())
