# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Whether a unit that the robot performs fires itself, as `self`: congruence of doing and seeing.

    python benchmarks/congruence.py [--runs 6] [--robot kagami] [--units wave_left nod ...]

Every built-in unit that is an action is performed by the simulated robot: made in a manner,
shaped within the limits as by the actuation, and followed by MuJoCo's robot, whose joint states
go through the recogniser at 25 Hz. Each run differs in style, in tempo (0.75 to 1.3), in size
(0.8 to 1.2) and in the posture that it starts from (0.15 rad about rest, in every joint of the
body); what repeats is made three times, as when the robot is asked for it. A run counts when, of
its channel, the unit itself is the action that is named for the longest time.
"""

from __future__ import annotations

import argparse
from collections import Counter
from zlib import crc32

import numpy as np

from mirror_robot.actuation.limits import JointLimits
from mirror_robot.actuation.shaping import Shaper
from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.mirror.manner import Manner, Performer
from mirror_robot.mirror.recognition import Recognizer
from mirror_robot.mirror.system import MirrorUnits
from mirror_robot.motor.repertoire import load_repertoire
from mirror_robot.simulation.model import build_model
from mirror_robot.simulation.robot import SimulatedRobot
from mirror_robot.simulation.trajectory import Trajectory

_PERIOD = 0.01
_SEEN_EVERY = 4
_AFTER = 0.6  # [s]


def simulated(model: RobotModel) -> SimulatedRobot:
    """Return the robot in physics."""
    profile = model.profile
    rest = dict(zip(model.joint_names, model.rest))
    return SimulatedRobot(
        build_model(model.urdf, rest=rest, source=profile.description), profile.controllers,
        rest=rest, velocity_limits=dict(zip(model.joint_names, model.velocity)),
        allow_partial_joints_goal=True)


def drive(robot: SimulatedRobot, model: RobotModel, shaper: Shaper, target: np.ndarray) -> None:
    """Let one period of the actuation pass."""
    state = shaper.step(target)
    for controller, names in robot.controllers.items():
        columns = [model.index[name] for name in names]
        robot.command(controller, Trajectory(
            names, [_PERIOD], [state.position[columns]], [state.velocity[columns]]))
    robot.step(_PERIOD)


def settled(robot: SimulatedRobot, model: RobotModel, shaper: Shaper, where: np.ndarray) -> None:
    """Put the robot into a posture."""
    robot.reset()
    shaper.start(model.rest)
    for _ in range(150):
        drive(robot, model, shaper, where)


def named(robot: SimulatedRobot, model: RobotModel, shaper: Shaper, recognizer: Recognizer,
          course: Trajectory, channel: str) -> Counter[str]:
    """Return for how many frames each action is named while the robot follows a movement."""
    recognizer.reset()
    columns = [model.index[name] for name in course.joint_names]
    rows = [robot.joint_names.index(name) for name in model.joint_names]
    target = shaper.motion.position.copy()
    labels: Counter[str] = Counter()
    for step in range(round((course.times[-1] + _AFTER) / _PERIOD)):
        now = step * _PERIOD
        target[columns] = [np.interp(now, course.times, column) for column in course.positions.T]
        drive(robot, model, shaper, target)
        if step % _SEEN_EVERY == 0:
            seen = recognizer.update(now, robot.state.position[rows])
            labels[seen.best(channel)] += 1
    return labels


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=6, help="of every unit")
    parser.add_argument("--robot", default="kagami")
    parser.add_argument("--units", nargs="*", help="only these")
    options = parser.parse_args()
    model = load_model(options.robot)
    repertoire = load_repertoire(model, taught=())
    performer = Performer(repertoire)
    recognizer = MirrorUnits.of(repertoire).own
    robot = simulated(model)
    shaper = Shaper(JointLimits.from_model(model), _PERIOD)
    right = total = 0
    print("| unit | fires itself | otherwise |\n|---|---|---|")
    for unit in repertoire:
        if unit.background or (options.units and unit.name not in options.units):
            continue
        random = np.random.default_rng(crc32(unit.name.encode()))
        fired, others = 0, Counter()
        for run in range(options.runs):
            start = model.clip(model.rest + 0.15 * random.standard_normal(len(model.rest))
                               * model.body)
            settled(robot, model, shaper, start)
            course = performer.perform(
                unit.name, Manner(tempo=random.uniform(0.75, 1.3), size=random.uniform(0.8, 1.2)),
                start=shaper.motion.position, style=unit.styles[run % len(unit.styles)].name)
            labels = named(robot, model, shaper, recognizer, course, unit.channel)
            actions = {name: count for name, count in labels.items()
                       if name not in ("rest", "unknown")}
            best = max(actions, key=actions.get, default="nothing")
            fired += best == unit.name
            if best != unit.name:
                others[best] += 1
        right, total = right + fired, total + options.runs
        wrong = ", ".join(f"{name} {count}" for name, count in others.most_common())
        print(f"| {unit.name} | {fired}/{options.runs} | {wrong} |", flush=True)
    print(f"\nall: {right}/{total} runs, {right / max(total, 1):.1%} (wanted: 95 %)")


if __name__ == "__main__":
    main()
