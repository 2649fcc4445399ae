# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Retargeting, measured: how near the limbs come, how fast, how smoothly, beside position IK.

    python benchmarks/retargeting.py [--robots kagami nao] [--data FOLDER] [--landmarks FILE.npz]
                                     [--walk 2000] [--output FILE]

Motions are the BVH files of the data folder (see material.py) and, if given, landmarks of a clip
saved by MediaPipe (arrays ``world`` (t, 33, 3), ``visibility`` (t, 33), ``fps``). Robots come from
requirements-robots.txt; those not installed are left out and named. Position IK needs pin-pink and
mink. Times are CPU times of one thread.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import material
import numpy as np
import pinocchio as pin

from mirror_robot.body.chain import Chain
from mirror_robot.body.collision import SelfCollision
from mirror_robot.body.following import Follower
from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.body.profile import known_robots
from mirror_robot.body.retargeting import Retargeter
from mirror_robot.human.bvh import postures_from_bvh
from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.human.observation import BodyObservation
from mirror_robot.human.posture import SIDES, HumanPosture, posture_from_landmarks

PERIOD = 1 / 30
ARMS_ALONE = np.array([[1.0], [1.0], [np.nan]] * 2)
"""Leaves out the hands, of which position IK is told nothing."""


def clip_postures(path: Path) -> list[HumanPosture]:
    """Return the postures of landmarks saved with camera axes (x right, y down, z away)."""
    saved = np.load(path)
    postures = []
    for frame, (world, seen) in enumerate(zip(saved["world"], saved["visibility"])):
        body = np.column_stack([-world[:, 2], world[:, 0], -world[:, 1]])
        left = body[POSE_INDEX["left_hip"]] - body[POSE_INDEX["right_hip"]]
        turn = np.arctan2(-left[0], left[1])
        c, s = np.cos(turn), np.sin(turn)
        body = body @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]).T
        postures.append(posture_from_landmarks(
            BodyObservation(frame / float(saved["fps"]), "clip", body, seen)))
    return postures


def at_camera_rate(postures: list[HumanPosture], longest: int) -> list[HumanPosture]:
    """Return every so many postures that their rate is about 30 Hz; at most `longest`."""
    period = postures[1].stamp - postures[0].stamp
    return postures[::max(1, round(PERIOD / period))][:longest]


def angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angles [degrees] between unit vectors (..., 3)."""
    return np.degrees(2 * np.arcsin(np.minimum(0.5 * np.linalg.norm(a - b, axis=-1), 1.0)))


def best_errors(chain: Chain, targets: np.ndarray) -> np.ndarray:
    """Return the limb errors [degrees] of the best posture that a global search finds."""
    padded = np.zeros((chain.size, 3))
    padded[:len(targets)] = targets
    weights = chain.weights * (np.arange(chain.size) < len(targets))
    rng = np.random.default_rng(0)
    low = np.maximum(chain.lower, -np.pi)
    start = np.concatenate([chain.search(chain.rest, padded, weights)[0][None], rng.uniform(
        low, np.minimum(chain.upper, np.pi), (24, len(low)))])
    found, errors = chain.refine(start, padded, weights * weights, iterations=25)
    return angles(chain.directions(found[errors.argmin()])[0][:len(targets)], targets)


def arm_times(model: RobotModel, postures: Sequence[HumanPosture]) -> list[float]:
    """Return the time [ms] that one arm by itself takes for each posture."""
    times = []
    for row, side in enumerate(SIDES):
        if f"{side}_arm" in model.profile.chains:
            arm = Follower(model, [chain := Chain(model, f"{side}_arm")])
            targets, known = np.zeros((chain.size, 3)), np.zeros(chain.size, bool)
            for posture in postures:
                begin = time.thread_time()
                targets[:chain.limbs] = posture.limbs[3 * row:3 * row + chain.limbs]
                known[:chain.limbs] = np.isfinite(targets[:chain.limbs]).all()
                arm.follow(targets, known, PERIOD)
                times.append(1e3 * (time.thread_time() - begin))
    return times


def expressible(model: RobotModel) -> np.ndarray:
    """Return a bool array (6,): the limbs that the robot can point by themselves."""
    able = np.zeros(6, bool)
    for row, side in enumerate(SIDES):
        if f"{side}_arm" in model.profile.chains:
            chain = Chain(model, f"{side}_arm")
            able[3 * row:3 * row + chain.limbs] = chain.weights[:chain.limbs] > 0.5
    return able


def follow(step: Callable, postures: Sequence[HumanPosture]) -> tuple[np.ndarray, np.ndarray]:
    """Return positions (t, n) and the time [ms] (t,) that `step` takes for each posture."""
    positions, spent = [], []
    for posture in postures:
        begin = time.thread_time()
        positions.append(step(posture))
        spent.append(1e3 * (time.thread_time() - begin))
    return np.array(positions), np.array(spent)


def as_carried(model: RobotModel, chain: Chain, q: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) from the body frame to the chain's, whose carrier is at rest."""
    data = model.pin.createData()
    pin.forwardKinematics(model.pin, data, model.configuration(q))
    return chain.stand @ data.oMi[chain.carrier].rotation.T


def jerk(positions: np.ndarray, period: float) -> float:
    """Return the root mean square jerk [rad/s^3]."""
    return float(np.sqrt(np.mean(np.diff(positions, 3, axis=0) ** 2)) / period ** 3)


def measure(model: RobotModel, motions: dict[str, list[HumanPosture]]) -> dict:
    """Return the figures of one robot over all motions."""
    able = expressible(model)
    collision = SelfCollision(model)
    rows = {"all": [], "within": [], "excess": [], "spent": [], "arm": [], "jerk": []}
    beyond = touching = frames = 0
    for postures in motions.values():
        retargeter = Retargeter(model)
        free = {side: Chain(model, f"{side}_arm") for side in SIDES
                if f"{side}_arm" in model.profile.chains}
        for _ in range(30):
            retargeter.retarget(replace(postures[0], stamp=postures[0].stamp))
        rows["arm"] += arm_times(model, postures)
        last, before = None, 0.0
        sent = []
        for frame, posture in enumerate(postures):
            begin = time.thread_time()
            result = retargeter.retarget(posture)
            rows["spent"].append(1e3 * (time.thread_time() - begin))
            q = np.where(np.isfinite(result.positions), result.positions, model.rest)
            sent.append(q[model.body])
            frames += 1
            beyond += bool(((q < model.lower - 1e-9) | (q > model.upper + 1e-9)).any())
            if len(collision.pairs):
                touching += collision.clearance(retargeter._sent) < -1e-3
            shown = model.limb_directions(q)
            error = np.where(able, angles(shown, posture.limbs), np.nan)
            rows["all"].append(error)
            fast = last is not None and (
                np.abs(q - last) > 0.97 * model.velocity * (posture.stamp - before))
            held = np.abs(retargeter._sent - retargeter._q) > 1e-4
            if frame % 5 == 0 and last is not None:
                for row, (side, chain) in enumerate(free.items()):
                    row = SIDES.index(side)
                    count = int(able[3 * row:3 * row + 3].sum())
                    targets = posture.limbs[3 * row:3 * row + count]
                    if not count or not np.isfinite(targets).all():
                        continue
                    best = best_errors(chain, targets @ as_carried(model, chain, q).T)
                    mine = error[3 * row:3 * row + count]
                    columns = model.columns(f"{side}_arm")
                    if not (fast[columns].any() or held[columns].any()):
                        rows["excess"].append(mine.mean() - best.mean())
                        if best.max() < 1.0:
                            rows["within"] += list(mine)
            last, before = q, posture.stamp
        rows["jerk"].append(jerk(np.array(sent), postures[1].stamp - postures[0].stamp))
    return {
        "frames": frames, "beyond": beyond, "touching": touching,
        "all": np.nanpercentile(rows["all"], [50, 95]) if able.any() else np.full(2, np.nan),
        "within": np.percentile(rows["within"], [50, 95]) if rows["within"]
        else np.full(2, np.nan),
        "excess": np.percentile(rows["excess"], [50, 95]) if rows["excess"]
        else np.full(2, np.nan),
        "spent": np.percentile(rows["spent"], [50, 99, 100]), "mean": np.mean(rows["spent"]),
        "arm": np.array([np.median(rows["arm"]), np.mean(rows["arm"])]) if rows["arm"]
        else np.full(2, np.nan),
        "jerk": np.mean(rows["jerk"]),
    }


def walk(model: RobotModel, count: int) -> tuple[int, int]:
    """Return how many of `count` postures of a random walk leave limits or touch."""
    rng = np.random.default_rng(0)
    retargeter, collision = Retargeter(model), SelfCollision(model)
    limbs, posture = np.tile([0.0, 0, -1], (6, 1)), HumanPosture.standing()
    beyond = touching = 0
    for frame in range(count):
        limbs = limbs + 0.15 * rng.normal(size=(6, 3))
        limbs /= np.linalg.norm(limbs, axis=1, keepdims=True)
        retargeter.retarget(replace(posture, stamp=frame * PERIOD, limbs=limbs))
        q = retargeter._sent
        beyond += bool(((q < model.lower - 1e-9) | (q > model.upper + 1e-9)).any())
        touching += len(collision.pairs) > 0 and collision.clearance(q) < -1e-3
    return beyond, touching


def points_of(model: RobotModel) -> dict[str, list[str]]:
    """Return the names of shoulder, elbow and wrist of each arm."""
    return {side: [model.point(f"{side}_arm", key) for key in ("shoulder", "elbow", "wrist")]
            for side in SIDES}


def wanted_points(model: RobotModel, posture: HumanPosture, q: np.ndarray) -> dict[str, list]:
    """Return where elbow and wrist of each arm would be with the person's directions."""
    places = model.points(q)
    found = {}
    for row, (side, (shoulder, elbow, wrist)) in enumerate(points_of(model).items()):
        upper = np.linalg.norm(places[elbow] - places[shoulder])
        lower = np.linalg.norm(places[wrist] - places[elbow])
        at = places[shoulder] + upper * posture.limbs[3 * row]
        found[side] = [(elbow, at), (wrist, at + lower * posture.limbs[3 * row + 1])]
    return found


def pink_ik(model: RobotModel) -> Callable[[HumanPosture], np.ndarray]:
    """Return a function that follows elbows and wrists with pink, one solve per frame."""
    import pink
    import pinocchio as pin
    from pink.tasks import FrameTask, PostureTask
    tree = model.pin
    order = np.array([int(np.argmax(model.drive[:, i])) for i in range(len(model.joint_names))])
    tree.velocityLimit[order] = model.velocity
    configuration = pink.Configuration(tree, tree.createData(), model.configuration(model.rest))
    tasks = {name: FrameTask(tree.frames[model.frame(name)].name, position_cost=1.0,
                             orientation_cost=0.0, lm_damping=0.1)
             for names in points_of(model).values() for name in names[1:]}
    rest = PostureTask(cost=1e-3)
    rest.set_target(configuration.q)

    def step(posture: HumanPosture) -> np.ndarray:
        for pairs in wanted_points(model, posture, configuration.q[order]).values():
            for name, point in pairs:
                tasks[name].set_target(pin.SE3(np.eye(3), point))
        velocity = pink.solve_ik(configuration, [*tasks.values(), rest], PERIOD, solver="daqp",
                                 safety_break=False)
        configuration.integrate_inplace(velocity, PERIOD)
        return configuration.q[order].copy()

    return step


def mink_ik(model: RobotModel) -> Callable[[HumanPosture], np.ndarray]:
    """Return a function that follows elbows and wrists with mink, one solve per frame."""
    import mink
    import mujoco
    robot = ElementTree.fromstring(model.urdf)
    for link in robot.findall("link"):
        for shape in [*link.findall("visual"), *link.findall("collision")]:
            link.remove(shape)
    settings = ElementTree.SubElement(ElementTree.SubElement(robot, "mujoco"), "compiler")
    settings.attrib |= {"fusestatic": "false", "balanceinertia": "true", "boundmass": "1e-3",
                        "boundinertia": "1e-6", "discardvisual": "true"}
    scene = mujoco.MjModel.from_xml_string(ElementTree.tostring(robot, encoding="unicode"))
    order = np.array([scene.joint(name).qposadr[0] for name in model.joint_names])
    configuration = mink.Configuration(scene)
    stand = configuration.q.copy()
    stand[order] = model.rest
    configuration.update(stand)
    tasks = {name: mink.FrameTask(name, "body", position_cost=1.0, orientation_cost=0.0,
                                  lm_damping=0.1)
             for names in points_of(model).values() for name in names[1:]}
    rest = mink.PostureTask(scene, cost=1e-3)
    rest.set_target(configuration.q)
    held = [i for i in range(scene.nv) if scene.jnt_qposadr[scene.dof_jntid[i]] not in order]
    limits = [mink.ConfigurationLimit(scene), mink.VelocityLimit(scene, {
        name: value for name, value in zip(model.joint_names, model.velocity)})]
    freeze = [mink.DofFreezingTask(scene, dof_indices=held)] if held else []

    def step(posture: HumanPosture) -> np.ndarray:
        for pairs in wanted_points(model, posture, configuration.q[order]).values():
            for name, point in pairs:
                tasks[name].set_target(mink.SE3.from_translation(model.base.T @ point))
        velocity = mink.solve_ik(configuration, [*tasks.values(), rest], PERIOD, solver="daqp",
                                 limits=limits, constraints=freeze, damping=1e-4)
        configuration.integrate_inplace(velocity, PERIOD)
        return configuration.q[order].copy()

    return step


def compare(model: RobotModel, motions: dict[str, list[HumanPosture]]) -> list[str]:
    """Return the rows of the table of ours beside position IK, arms only."""
    def ours(
        model: RobotModel, avoid_collisions: bool = True,
    ) -> Callable[[HumanPosture], np.ndarray]:
        retargeter = Retargeter(model, avoid_collisions=avoid_collisions)

        def step(posture: HumanPosture) -> np.ndarray:
            q = retargeter.retarget(posture).positions
            return np.where(np.isfinite(q), q, model.rest)
        return step

    rows = []
    # Position IK leaves hands alone: what moves elbow and wrist is compared.
    chains = [Chain(model, f"{side}_arm") for side in SIDES]
    arms = np.concatenate([chain.columns[chain.used(2)] for chain in chains])
    for label, make in (("mirror_robot", ours),
                        ("mirror_robot, free to collide", lambda model: ours(model, False)),
                        ("pink", pink_ik), ("mink", mink_ik)):
        errors, times, jerks = [], [], []
        try:
            for postures in motions.values():
                unknown = HumanPosture.unknown()
                fitting = [replace(unknown, limbs=posture.limbs * ARMS_ALONE, stamp=i * PERIOD)
                           for i, posture in enumerate(postures)]
                step = make(model)
                for _ in range(30):
                    step(fitting[0])
                positions, spent = follow(step, fitting)
                shown = np.array([model.limb_directions(q) for q in positions])
                limbs = np.array([posture.limbs for posture in fitting])
                errors.append(angles(shown, limbs)[:, [0, 1, 3, 4]].ravel())
                times.append(spent)
                jerks.append(jerk(positions[:, arms], PERIOD))
        except Exception as error:  # a solver that gives up is a result, too
            told = " ".join(f"{type(error).__name__}: {error}".replace("|", " ").split())[:90]
            rows.append(f"| {model.profile.name} | {label} | failed: {told} | | | |")
            continue
        errors, times = np.concatenate(errors), np.concatenate(times)
        rows.append(
            f"| {model.profile.name} | {label} | {np.nanmedian(errors):.1f} / "
            f"{np.nanpercentile(errors, 95):.1f} | {np.median(times):.2f} / "
            f"{np.percentile(times, 99):.2f} | {1e3 / np.mean(times):.0f} | "
            f"{np.mean(jerks):.0f} |")
    return rows


def main() -> int:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--robots", nargs="*", default=None)
    parser.add_argument("--data", type=Path, default=material.folder(),
                        help="folder of motion capture (*.bvh)")
    parser.add_argument("--landmarks", type=Path, help="landmarks of a clip (.npz)")
    parser.add_argument("--frames", type=int, default=400, help="most frames per motion")
    parser.add_argument("--walk", type=int, default=1000, help="postures of the random walk")
    parser.add_argument("--compare", nargs="*", default=["kagami", "talos", "nao"])
    parser.add_argument("--output", type=Path, help="write the tables to this file, too; what "
                        "the columns mean is in docs/benchmarks-retargeting.md")
    options = parser.parse_args()
    motions = {path.stem: at_camera_rate(postures_from_bvh(path), options.frames)
               for path in (sorted(options.data.glob("*.bvh")) if options.data else ())}
    if options.landmarks is not None:
        motions[options.landmarks.stem] = clip_postures(options.landmarks)[:options.frames]
    if not motions:
        material.skip("motion capture (*.bvh), or --landmarks,")
    lines = [
        "Motions at 30 Hz: " + ", ".join(f"{name} ({len(postures)} frames)"
                                         for name, postures in motions.items()) + ".", "",
        "| robot | arm joints | error, within limits, median / p95 [deg] | error, all frames "
        "[deg] | over global best [deg] | ms per frame, median / mean / p99 | ms per arm, "
        "median / mean | beyond limits | below margin | walk: limits, margin | jerk [rad/s^3] |",
        "|---|---|---|---|---|---|---|---|---|---|---|"]
    models = {}
    for name in options.robots or known_robots():
        try:
            models[name] = model = load_model(name)
        except ValueError as error:
            print(f"{name} left out: {error}", file=sys.stderr)
            continue
        figures = measure(model, motions)
        strayed = walk(model, options.walk)
        pair = "{:.1f} / {:.1f}".format
        joints = max((len(model.columns(f"{side}_arm")) for side in SIDES), default=0)
        lines.append(
            f"| {name} | {joints} | {pair(*figures['within'])} | {pair(*figures['all'])} | "
            f"{pair(*figures['excess'])} | {figures['spent'][0]:.2f} / {figures['mean']:.2f} / "
            f"{figures['spent'][1]:.2f} | {figures['arm'][0]:.2f} / {figures['arm'][1]:.2f} | "
            f"{figures['beyond']} of {figures['frames']} | {figures['touching']} | "
            f"{strayed[0]}, {strayed[1]} of {options.walk} | {figures['jerk']:.0f} |")
        print(lines[-1], flush=True)
    lines += ["", "Beside position IK (elbows and wrists as position targets, one solve per "
              "frame, the same limits, no collision avoidance, hands left alone), arms only:",
              "",
              "| robot | method | upper arm and forearm error, median / p95 [deg] | ms per frame, "
              "median / p99 | frames per second | jerk [rad/s^3] |", "|---|---|---|---|---|---|"]
    for name in options.compare:
        if name in models:
            lines += compare(models[name], motions)
            print("\n".join(lines[-4:]), flush=True)
    if options.output is not None:
        options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
