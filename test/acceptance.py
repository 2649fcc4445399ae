# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Accept a robot: arm it, let it follow a filmed person, stop it, and see it recover.

    python test/acceptance.py                     in simulation, which it starts
    python test/acceptance.py --running           whatever runs: Gazebo, or a physical robot

For the latter start the loop first, with a clip so that every robot sees the same person:

    ros2 launch mirror_robot gazebo.launch.py source:=sample:dancer.avi headless:=true
    ros2 launch mirror_robot robot.launch.py source:=sample:dancer.avi robot:=my_robot.yaml

A clip ends after a minute: start this while it plays, or set `loop` of perception_node to true in
a params_file. It uses the topics and services that every robot has, so that the report means the
same everywhere. On a physical robot: read docs/safety.md first, and keep a hand on the emergency
stop. Exit code 0 when everything is as it should be.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

if "--running" not in sys.argv:
    # The robot that it starts is its own: it must not arm another one on the network.
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))

import rclpy  # isort: skip  # starts the interpreter anew, so it must come first

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger

from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.bringup.graph import PERCEPTION, nodes_to_start, read_options
from mirror_robot.bringup.processes import Processes
from mirror_robot.nodes.messages import to_seconds
from mirror_robot.nodes.polling import messages, poll_clock, subscribe_polled

PATIENCE = 60.0  # [s] for things that only a broken loop never does
STOP_TIME = 2.0  # [s] in which a robot must stand after a stop
_LOOK = 0.01  # [s] between looks at what the robot tells
_STATES = QoSProfile(depth=4, reliability=ReliabilityPolicy.BEST_EFFORT)
MEAN_ERROR, LATE = 0.15, 0.5  # largest rms error of a joint [rad], and p95 latency [s], accepted


class Operator(Node):
    """Watches a robot and tells it what to do."""

    def __init__(self, model: RobotModel, namespace: str) -> None:
        super().__init__("acceptance", namespace=namespace)
        self._model = model
        self.postures = 0
        self.commands: list[tuple[float, float, np.ndarray, np.ndarray]] = []
        """Time of receipt, stamp, positions and velocities (n,)."""
        self.states: list[tuple[float, np.ndarray]] = []
        """Time of receipt and positions (n,), NaN where not told."""
        self.values: dict[str, str] = {}
        self.contacts: int | None = None
        """How often links of the robot touched one another; None: nobody tells."""
        self.touched = ""
        self.create_subscription(JointState, "actuation/command", self._command, 100)
        # Polled: Gazebo tells its joints at every step of the physics.
        self._polled = ((subscribe_polled(self, JointState, "joint_states", _STATES), self._see),
                        (subscribe_polled(self, JointState, "mirror/posture", 10), self._count))
        self._look = 0.0
        self._end_clock: Callable[[], None] = lambda: None
        self.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 10)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def go_by_the_clock_of_the_loop(self) -> None:
        """Take the time from /clock where something publishes it, as Gazebo does."""
        if self.count_publishers("/clock"):
            self.set_parameters([Parameter("use_sim_time", value=True)])
            self._end_clock = poll_clock(self)
            self.spin(PATIENCE, lambda: self.now() > 0.0)

    def _row(self, message: JointState, values: list[float]) -> np.ndarray:
        return self._model.positions(dict(zip(message.name, values)))

    def now(self) -> float:
        """Return the time [s] on the clock of the loop."""
        return self.get_clock().now().nanoseconds * 1e-9

    def _command(self, message: JointState) -> None:
        self.commands.append((self.now(), to_seconds(message.header.stamp),
                              self._row(message, message.position),
                              self._row(message, message.velocity)))

    def _see(self, message: JointState) -> None:
        self.states.append((self.now(), self._row(message, message.position)))

    def _count(self, message: JointState) -> None:
        self.postures += 1

    def _hear(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.split("/")[-1] == "actuation_node":
                self.values = {item.key: item.value for item in status.values}
            elif status.name.split("/")[-1] == "simulation_node":
                values = {item.key: item.value for item in status.values}
                self.contacts = int(values["self contacts"])
                self.touched = values["self contacts of"]

    @property
    def state(self) -> str:
        """State of the actuation."""
        return self.values.get("state", "")

    def spin(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass; return whether `until` came true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=_LOOK)
            if time.monotonic() >= self._look:
                self._look = time.monotonic() + _LOOK
                for subscription, callback in self._polled:
                    for message in messages(subscription):
                        callback(message)
            if until():
                return True
        return False

    def wait(self, seconds: float) -> None:
        """Let time pass on the clock of the loop: physics may run slower than we do."""
        end = self.now() + seconds
        self.spin(PATIENCE + 10.0 * seconds, lambda: self.now() >= end)

    def call(self, name: str) -> tuple[bool, str]:
        """Ask the actuation node for something; return whether it does it, and what it says."""
        kind = SetBool if name == "enable" else Trigger
        client = self.create_client(kind, f"actuation_node/{name}")
        if not client.wait_for_service(PATIENCE):
            return False, f"there is no service {client.srv_name}"
        future = client.call_async(
            SetBool.Request(data=True) if name == "enable" else Trigger.Request())
        if not self.spin(PATIENCE, future.done):
            return False, "no answer"
        return future.result().success, future.result().message

    def close(self) -> None:
        """End."""
        self._executor.shutdown()
        self._end_clock()
        self.destroy_node()


class Report:
    """Prints what was found, and keeps whether all of it was good."""

    def __init__(self) -> None:
        self.good = True

    def __call__(self, good: bool, text: str) -> bool:
        """Print one finding; return whether it is good."""
        self.good &= bool(good)
        print(f"{'ok  ' if good else 'FAIL'}  {text}", flush=True)
        return bool(good)


def within_limits(model: RobotModel, commands: list) -> tuple[bool, str]:
    """Return whether commands kept the limits, and the largest shares of them."""
    positions = np.array([row for _, _, row, _ in commands])
    velocities = np.array([row for _, _, _, row in commands])
    span = model.upper - model.lower
    beyond = np.nanmax(np.maximum(positions - model.upper, model.lower - positions) / span)
    speed = np.nanmax(np.abs(velocities) / model.velocity)
    return bool(beyond <= 1e-6 and speed <= 1.0 + 1e-6), (
        f"commands reach {1.0 + min(beyond, 0.0):.0%} of the range and {speed:.0%} of the "
        "velocity limit at most")


def tracking(model: RobotModel, commands: list, states: list) -> tuple[np.ndarray, float]:
    """Return the errors of each joint, rms and largest (2, n) [rad], and the robot's lag [s].

    The lag is that between command and joint state at which the error over all joints is least;
    the errors are those at this lag.
    """
    told_at = np.array([when for when, *_ in commands])
    told = np.array([row for _, _, row, _ in commands])
    seen_at = np.array([when for when, _ in states])
    seen = np.array([row for _, row in states])
    inside = (seen_at > told_at[0] + 0.5) & (seen_at < told_at[-1])
    seen_at, seen = seen_at[inside], seen[inside]

    def off(lag: float) -> np.ndarray:
        return np.array([np.interp(seen_at - lag, told_at, told[:, joint]) - seen[:, joint]
                         for joint in range(told.shape[1])]).T

    lags = np.arange(0.0, 0.3, 0.01)
    best = min(lags, key=lambda lag: np.nanmean(off(lag) ** 2))
    errors = off(best)
    return np.array([np.sqrt(np.nanmean(errors**2, axis=0)),
                     np.nanmax(np.abs(errors), axis=0)]), float(best)


def accept(operator: Operator, model: RobotModel, follow: float, report: Report) -> None:
    """Go through the whole of it, and report."""
    seen = operator.spin(PATIENCE, lambda: operator.postures > 10 and bool(operator.states)
                         and bool(operator.state))
    if not report(seen, f"the loop is up: postures {operator.postures}, joint states "
                        f"{len(operator.states)}, actuation {operator.state or 'silent'}"):
        return
    operator.go_by_the_clock_of_the_loop()
    if operator.state != "disarmed":
        operator.call("stop")
        operator.wait(STOP_TIME)
    operator.commands.clear()
    operator.wait(1.5)
    report(not operator.commands, "disarmed, it sends nothing, though it sees a person")

    armed, said = operator.call("enable")
    if not report(armed, f"enable: {said}"):
        return
    operator.states.clear()
    operator.wait(follow)
    report(operator.state == "following",
           f"after {follow:.0f} s it is {operator.state}: {operator.values.get('reason')}")
    commands, states = list(operator.commands), list(operator.states)
    if report(len(commands) > 5 * follow, f"{len(commands)} commands"):
        report(*within_limits(model, commands))
        (error, largest), lag = tracking(model, commands, states)
        worst = int(np.nanargmax(error))
        report(error[worst] < MEAN_ERROR,
               f"tracking error {error[worst]:.3f} rad rms at most ({model.joint_names[worst]}), "
               f"{lag * 1e3:.0f} ms after the command")
        rows = np.array([row for _, row in states])
        travel = np.nanmax(rows, axis=0) - np.nanmin(rows, axis=0)
        for joint, *values in zip(model.joint_names, error, largest, travel):
            print("        {:24} rms {:.3f}, largest {:.3f}, travel {:.2f} rad".format(
                joint, *values))
        if operator.contacts is not None:
            report(operator.contacts == 0, f"{operator.contacts} self-contacts "
                                           f"{operator.touched}")
        ages = [when - stamp for when, stamp, *_ in commands]
        p50, p95 = np.percentile(ages, (50, 95))
        report(p95 < LATE, f"image to command {p50 * 1e3:.0f} / {p95 * 1e3:.0f} ms (p50 / p95)")

    stopped, said = operator.call("stop")
    report(stopped, f"stop: {said}")
    operator.wait(STOP_TIME)
    operator.commands.clear()
    operator.states.clear()
    operator.wait(1.0)
    moved = np.nanmax(np.ptp([row for _, row in operator.states], axis=0))
    report(moved < 0.02 and not operator.commands,
           f"it stands: {moved:.3f} rad of motion and {len(operator.commands)} commands in 1 s")
    report(operator.state == "disarmed", f"it is {operator.state}")

    armed, said = operator.call("enable")
    operator.commands.clear()
    back = operator.spin(PATIENCE, lambda: operator.state == "following"
                         and len(operator.commands) > 20)
    report(armed and back, f"enabled again, it is {operator.state}")
    relaxed, said = operator.call("relax")
    report(relaxed, f"relax: {said}")
    rested = operator.spin(PATIENCE, lambda: operator.state == "disarmed")
    off = np.nanmax(np.abs(operator.states[-1][1] - model.rest))
    report(rested and off < 0.1, f"it rests, {off:.3f} rad off at most, and is {operator.state}")


def main() -> int:
    """Run and report; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--running", action="store_true",
                        help="take the loop that runs instead of starting one in simulation")
    parser.add_argument("--robot", default="kagami", help="name of a robot or path of a profile")
    parser.add_argument("--source", default="sample:dancer.avi", help="of images, in simulation")
    parser.add_argument("--namespace", default="", help="of the loop")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long it follows")
    given = parser.parse_args()
    model, report = load_model(given.robot), Report()
    values = read_options({"robot": given.robot, "source": given.source,
                           "namespace": given.namespace})
    rclpy.init()
    operator = Operator(model, given.namespace)
    with TemporaryDirectory() as logs, Processes(Path(logs)) as processes:
        try:
            for start in [] if given.running else nodes_to_start(values):
                # The film starts anew at its end: there must be a person to follow after the stop.
                processes.start(start.name, start.command(
                    ["-p", "loop:=true"] if start.name == PERCEPTION.name else []))
            accept(operator, model, given.seconds, report)
            if ended := processes.ended():
                report(False, f"{ended}: {ended.last_lines()}")
        finally:
            operator.close()
    rclpy.try_shutdown()
    print("accepted" if report.good else "NOT accepted")
    return int(not report.good)


if __name__ == "__main__":
    sys.exit(main())
