# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The simulated robot follows the filmed dancer, many times over: tracking error, self-contacts.

    python benchmarks/following.py [--seconds 60] [--passes 10] [--targets FILE.npz] [--lagging 40]

Perception and mirror node look at the film once, in real time, and what the mirror wants is kept
with its time of arrival. Then actuation and physics follow it as often as asked, without processes
and faster than real time: every pass with other phases and delays of the messages (the seeds are
fixed), as no two runs of a graph are alike. A contact is counted when collision shapes of two
links begin to touch. Exit code 1 when any did.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))

import rclpy  # isort: skip  # starts the interpreter anew, so it must come first

import mujoco
import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState

from mirror_robot.actuation.actuator import Actuator, Command, Settings
from mirror_robot.actuation.clearance import Clearance
from mirror_robot.actuation.limits import JointLimits
from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.bringup.graph import MIRROR, PERCEPTION, nodes_to_start, read_options
from mirror_robot.bringup.processes import Processes
from mirror_robot.nodes.messages import to_seconds
from mirror_robot.simulation.model import DRIVE_FREQUENCY, build_model
from mirror_robot.simulation.robot import SimulatedRobot
from mirror_robot.simulation.trajectory import Trajectory

PATIENCE = 60.0  # [s] for the first posture
STEP = 0.002  # [s] of the clock of a pass
DELAYS = {"target": (0.0, 0.02), "command": (0.001, 0.01), "state": (0.001, 0.01)}
"""Shortest and longest time [s] that a message takes on its way."""


def watch(robot: str, source: str, seconds: float) -> dict[str, np.ndarray]:
    """Return what the mirror wants: arrival, stamp (t,) [s]; positions (t, n), NaN: nothing."""
    model, heard = load_model(robot), []
    values = read_options({"robot": robot, "source": source})
    rclpy.init()
    node, executor = Node("following"), SingleThreadedExecutor()

    def hear(message: JointState) -> None:
        heard.append((node.get_clock().now().nanoseconds * 1e-9, to_seconds(message.header.stamp),
                      model.positions(dict(zip(message.name, message.position)))))

    node.create_subscription(JointState, "mirror/posture", hear, 10)
    executor.add_node(node)
    with TemporaryDirectory() as logs, Processes(Path(logs)) as processes:
        for start in nodes_to_start(values, (PERCEPTION, MIRROR)):
            processes.start(start.name, start.command(
                ["-p", "loop:=true"] if start.name == PERCEPTION.name else []))
        end = time.monotonic() + PATIENCE
        while not heard and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.1)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    if not heard:
        raise SystemExit("the mirror told no posture")
    arrival, stamp, positions = (np.array(column) for column in zip(*heard))
    return {"arrival": arrival - stamp[0], "stamp": stamp - stamp[0], "positions": positions}


class Pass:
    """Actuation and physics on one clock, with messages that take their time between them.

    Parameters
    ----------
    model : RobotModel
    seed : int
        Of all delays.
    lagging : float, optional
        Natural frequency of the drives [rad/s]; the simulation's own when not given.
    """

    def __init__(self, model: RobotModel, seed: int, lagging: float | None = None) -> None:
        self._model, self._random = model, np.random.default_rng(seed)
        profile, rest = model.profile, dict(zip(model.joint_names, model.rest))
        physics = build_model(model.urdf, rest=rest, source=profile.description)
        if lagging is not None:
            slow(physics, lagging)
        self.robot = SimulatedRobot(
            physics, profile.controllers, rest=rest,
            velocity_limits=dict(zip(model.joint_names, model.velocity)))
        settings = Settings()
        self.clearance = Clearance(model, 1.0 / settings.rate)
        self.actuator = Actuator(JointLimits.from_model(model), model.rest, settings,
                                 clearance=self.clearance)
        self._rows = [self.robot.joint_names.index(name) for name in model.joint_names]
        self._columns = {controller: [model.index[name] for name in names]
                         for controller, names in self.robot.controllers.items()}
        self._commands: list[tuple[float, Command]] = []
        self._states: list[tuple[float, np.ndarray]] = []
        self.errors = np.zeros((0, len(model.joint_names)))
        self.told: list[str] = []
        self.deepest = 0.0
        self.least = np.inf

    def _late(self, message: str) -> float:
        return float(self._random.uniform(*DELAYS[message]))

    def run(self, targets: dict[str, np.ndarray]) -> None:
        """Follow all targets, from rest."""
        names, actuator, robot = self._model.joint_names, self.actuator, self.robot
        arrivals = targets["arrival"] + [self._late("target") for _ in targets["arrival"]]
        due, number, enabled = self._random.uniform(0.0, 0.02), 0, False
        period = actuator.settings.steps / actuator.settings.rate
        told: list[tuple[float, np.ndarray]] = []
        measured: list[tuple[float, np.ndarray]] = []
        state_due = self._random.uniform(0.0, 0.01)
        for now in np.arange(0.0, float(targets["arrival"][-1]), STEP):
            while self._states and self._states[0][0] <= now:
                _, seen = self._states.pop(0)
                actuator.receive_joint_states(robot.joint_names, seen)
                enabled = enabled or actuator.enable(now).accepted
            if now >= due:
                due += period
                while number < len(arrivals) and arrivals[number] <= now:
                    wanted = targets["positions"][number]
                    known = np.flatnonzero(np.isfinite(wanted))
                    actuator.receive_targets("posture", [names[i] for i in known],
                                             wanted[known], targets["stamp"][number], now, now)
                    number += 1
                command = actuator.tick(now, now, actuator.settings.steps)
                if command is not None:
                    self._commands.append((now + self._late("command"), command))
                    told.append((now + command.times[0], command.positions[0]))
                    self.least = min(self.least, self.clearance.of_posture(command.positions[0]))
            while self._commands and self._commands[0][0] <= now:
                self._send(self._commands.pop(0)[1])
            before = sum(robot.contacts.values())
            robot.step(STEP)
            position = robot.state.position
            if now >= state_due:
                state_due += 0.01
                self._states.append((now + self._late("state"), position))
                measured.append((now, position[self._rows]))
            if sum(robot.contacts.values()) > before:
                self._tell(now, position[self._rows], told)
            touching = robot.data.contact.dist if robot.data.ncon else np.zeros(0)
            self.deepest = min(self.deepest, float(touching.min(initial=0.0)))
        when, seen = (np.array(column) for column in zip(*measured))
        told_at, wanted = (np.array(column) for column in zip(*told))
        later = when > told_at[0] + 2.0
        self.errors = np.array([np.interp(when[later], told_at, goal) - position
                                for goal, position in zip(wanted.T, seen[later].T)]).T

    def _send(self, command: Command) -> None:
        for controller, columns in self._columns.items():
            self.robot.command(controller, Trajectory(
                self.robot.controllers[controller], command.times,
                command.positions[:, columns], command.velocities[:, columns]))

    def _tell(self, now: float, seen: np.ndarray, told: list) -> None:
        wanted = told[-1][1]
        off = np.abs(seen - wanted)
        worst = int(off.argmax())
        self.told.append(
            f"{now:.2f} s {'-'.join(self.robot.self_contacts()[0])}: margin kept by "
            f"{1e3 * self.clearance.of_posture(wanted):.1f} mm as commanded, "
            f"{1e3 * self.clearance.of_posture(seen):.1f} mm as it is; "
            f"{self._model.joint_names[worst]} is {off[worst]:.3f} rad off")


def slow(physics: mujoco.MjModel, frequency: float) -> None:
    """Make all drives follow with another natural frequency [rad/s]."""
    share = frequency / DRIVE_FREQUENCY
    physics.actuator_gainprm[:, 0] *= share**2
    physics.actuator_biasprm[:, 1] *= share**2
    physics.actuator_biasprm[:, 2] *= share


def main() -> int:
    """Follow and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--robot", default="kagami", help="name of a robot or path of a profile")
    parser.add_argument("--source", default="sample:dancer.avi", help="of images")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to look at it")
    parser.add_argument("--passes", type=int, default=10)
    parser.add_argument("--targets", type=Path,
                        help="what the mirror wants: written, or read where it exists")
    parser.add_argument("--lagging", type=float,
                        help="natural frequency of the drives [rad/s] instead of the usual one")
    given = parser.parse_args()
    if given.targets is not None and given.targets.is_file():
        targets = dict(np.load(given.targets))
    else:
        targets = watch(given.robot, given.source, given.seconds)
        if given.targets is not None:
            np.savez(given.targets, **targets)
    model = load_model(given.robot)
    contacts: Counter[tuple[str, str]] = Counter()
    squares = []
    print(f"{len(targets['stamp'])} postures in {targets['arrival'][-1]:.0f} s")
    for seed in range(given.passes):
        one = Pass(model, seed, given.lagging)
        one.run(targets)
        contacts.update(one.robot.contacts)
        squares.append(np.mean(np.square(one.errors), axis=0))
        print(f"pass {seed}: {sum(one.robot.contacts.values())} contacts, rms "
              f"{np.sqrt(squares[-1].max()):.3f} rad at most, braked {one.clearance.braked}, "
              f"detours {one.clearance.detours}, deepest {-1e3 * one.deepest:.1f} mm, margin kept "
              f"by {1e3 * one.least:.1f} mm", flush=True)
        for line in one.told:
            print(f"    {line}")
    rms = np.sqrt(np.mean(squares, axis=0))
    for joint, value in zip(model.joint_names, rms):
        if value > 1e-4:
            print(f"    {joint:24} rms {value:.3f} rad")
    print(f"{sum(contacts.values())} contacts in {given.passes} passes"
          + "".join(f"; {'-'.join(pair)} {count}" for pair, count in contacts.items()))
    return int(bool(contacts))


if __name__ == "__main__":
    sys.exit(main())
