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
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import material
import numpy as np
import pinocchio as pin

from mirror_robot.body.chain import Chain
from mirror_robot.body.collision import Capsule, SelfCollision
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
DAMPING = 1e-4
"""Of both libraries. With next to none, pink's default, joints that elbows and wrists hardly need
jump: pink's jerk is up to twice as much, and solves kept clear of collisions do not converge."""
SOLVES = 6
"""Most solves of position IK to convergence in a frame: as many as our iterations."""
SMALL = 0.03
"""Step [rad] that ends them: what the next would be is below the 0.01 that ours leaves out."""
ROUNDS = 3
"""Runs of which the least time of each frame counts: machines are busy now and then."""
NEAR = 0.10
"""Distance beyond the margin [m] within which pairs are looked at: ours, too."""
NEAREST = 1 / 3
"""Nearest pairs that pink's barrier looks at, per capsule: with twice as many much the same
postures in up to twice the time, with half as many arms get stuck where a pair came in unseen."""


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


def run(
    step: Callable[[HumanPosture], object], postures: Sequence[HumanPosture],
) -> tuple[list, np.ndarray]:
    """Return what `step` gives for each posture, and the time [ms] (t,) that it takes.

    The first posture is given before, until it is reached.
    """
    for _ in range(30):
        step(postures[0])
    results, spent = [], []
    for posture in postures:
        begin = time.thread_time()
        results.append(step(posture))
        spent.append(1e3 * (time.thread_time() - begin))
    return results, np.array(spent)


def least_times(
    make: Callable[[], Callable[[HumanPosture], object]], postures: Sequence[HumanPosture],
) -> list[float]:
    """Return the least time [ms] of some runs for each posture."""
    return list(np.min([run(make(), postures)[1] for _ in range(ROUNDS)], axis=0))


def one_arm(model: RobotModel, side: str) -> Callable[[HumanPosture], np.ndarray]:
    """Return a function that follows a person's arm with that arm of the robot, by itself."""
    arm = Follower(model, [chain := Chain(model, f"{side}_arm")])
    targets, known = np.zeros((chain.size, 3)), np.zeros(chain.size, bool)
    first = 3 * SIDES.index(side)

    def step(posture: HumanPosture) -> np.ndarray:
        targets[:chain.limbs] = posture.limbs[first:first + chain.limbs]
        known[:chain.limbs] = np.isfinite(targets[:chain.limbs]).all()
        return arm.follow(targets, known, PERIOD)

    return step


def expressible(model: RobotModel) -> np.ndarray:
    """Return a bool array (6,): the limbs that the robot can point by themselves."""
    able = np.zeros(6, bool)
    for row, side in enumerate(SIDES):
        if f"{side}_arm" in model.profile.chains:
            chain = Chain(model, f"{side}_arm")
            able[3 * row:3 * row + chain.limbs] = chain.weights[:chain.limbs] > 0.5
    return able


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
        rows["spent"] += least_times(lambda: Retargeter(model).retarget, postures)
        for side in free:
            rows["arm"] += least_times(partial(one_arm, model, side), postures)
        for _ in range(30):
            retargeter.retarget(postures[0])
        last, before = None, 0.0
        sent = []
        for frame, posture in enumerate(postures):
            result = retargeter.retarget(posture)
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


def wanted_points(
    points: dict[str, list[str]], posture: HumanPosture, place: Callable[[str], np.ndarray],
) -> list[tuple[str, np.ndarray]]:
    """Return where elbow and wrist of each arm would be with the person's directions."""
    found = []
    for row, (shoulder, elbow, wrist) in enumerate(points.values()):
        start, bend, end = place(shoulder), place(elbow), place(wrist)
        at = start + math.dist(start, bend) * posture.limbs[3 * row]
        found += [(elbow, at), (wrist, at + math.dist(bend, end) * posture.limbs[3 * row + 1])]
    return found


def moving_joints(model: RobotModel, trunk: bool) -> np.ndarray:
    """Return the indices (k,) of the joints of the arms or, with `trunk`, of all chains."""
    return np.concatenate([model.columns(name) for name in model.profile.chains
                           if trunk or name in {f"{side}_arm" for side in SIDES}])


def tree_and_capsules(
    model: RobotModel, columns: np.ndarray,
) -> tuple[pin.Model, pin.GeometryModel]:
    """Return the tree of some joints, the others at rest, and the capsules with their pairs.

    The libraries know one margin. Where a pair's is smaller than the profile's, the thicker of its
    capsules is replaced by one that is thinner by the difference.
    """
    import coal
    collision = SelfCollision(model)
    shapes = pin.GeometryModel()

    def add(capsule: Capsule, thinner: float = 0.0) -> int:
        axis, radius = capsule.end - capsule.start, capsule.radius - thinner
        length = float(np.linalg.norm(axis))
        shape = coal.Capsule(radius, length) if length > 0.0 else coal.Sphere(radius)
        turn = pin.Quaternion.FromTwoVectors(np.array([0.0, 0.0, 1.0]), axis).matrix()
        return shapes.addGeometryObject(pin.GeometryObject(
            str(len(shapes.geometryObjects)), capsule.joint, model.frame(capsule.link),
            pin.SE3(turn if length > 0.0 else np.eye(3), 0.5 * (capsule.start + capsule.end)),
            shape))

    numbers = [add(capsule) for capsule in collision.capsules]
    for pair, margin in zip(collision.pairs, collision.margin):
        thicker, other = sorted(pair, key=lambda i: -collision.capsules[i].radius)
        thinner = model.profile.margin - margin
        shapes.addCollisionPair(pin.CollisionPair(
            add(collision.capsules[thicker], thinner) if thinner > 0.0 else numbers[thicker],
            numbers[other]))
    moving = {model.joint_names[i] for i in columns}
    return pin.buildReducedModel(
        model.pin, shapes, [i for i in range(1, model.pin.njoints)
                            if model.pin.names[i] not in moving],
        model.configuration(model.rest))


def over_frame(velocity_limit: type) -> type:
    """Return a library's velocity limit, made to hold for all solves of a frame together.

    Each solve may go as far as the joint may move in a period, from where it was when the frame
    began (`begin`): -v dt <= q + step - begin <= v dt. For a single solve it is the library's own.
    """
    class OverFrame(velocity_limit):
        def compute_qp_inequalities(self, configuration: Any, dt: float) -> Any:
            inequalities = super().compute_qp_inequalities(configuration, dt)
            moved = (configuration.q - self.begin)[self.indices]
            inequalities[1][:] -= np.concatenate([moved, -moved])
            return inequalities

    return OverFrame


@dataclass
class PositionIK:
    """Follows elbows and wrists with the differential inverse kinematics of a library.

    Attributes
    ----------
    columns, order : ndarray (k,)
        The joints that move in the model's order, and in the library's.
    configuration : pink.Configuration or mink.Configuration
    limit : velocity limit `over_frame`
    place : function of a point's name
        Returns where it is (3,) [m].
    aim : function of a point's name and of where it shall be (3,) [m]
    solve : function
        Returns velocities [rad/s], or raises `unsolvable`.
    solves : int
        Most solves per frame; fewer once no joint moves by more than `SMALL`.
    unsolved : int
        Frames that ended with `unsolvable`; the joints then stay where they are.
    """

    model: RobotModel
    columns: np.ndarray
    order: np.ndarray
    configuration: Any
    limit: Any
    place: Callable[[str], np.ndarray]
    aim: Callable[[str, np.ndarray], None]
    solve: Callable[[], np.ndarray]
    unsolvable: type[Exception]
    solves: int
    unsolved: int = 0

    def __post_init__(self) -> None:
        self.points = points_of(self.model)

    def __call__(self, posture: HumanPosture) -> np.ndarray:
        """Return the positions (n,) one period later."""
        self.limit.begin = self.configuration.q
        for _ in range(self.solves):
            for name, point in wanted_points(self.points, posture, self.place):
                self.aim(name, point)
            try:
                velocity = self.solve()
            except self.unsolvable:
                self.unsolved += 1
                break
            self.configuration.integrate_inplace(velocity, PERIOD)
            if np.abs(velocity).max() * PERIOD < SMALL:
                break
        positions = self.model.rest.copy()
        positions[self.columns] = self.configuration.q[self.order]
        return positions


def pink_ik(
    model: RobotModel, solves: int = 1, clear: bool = False, trunk: bool = False,
) -> PositionIK:
    """Return position IK with pink, with its control barrier for self-collisions if `clear`."""
    import pink
    from pink.barriers import SelfCollisionBarrier
    from pink.limits import VelocityLimit
    from pink.tasks import FrameTask, PostureTask
    columns = moving_joints(model, trunk)
    tree, shapes = tree_and_capsules(model, columns)
    order = np.array([tree.joints[tree.getJointId(model.joint_names[i])].idx_q for i in columns])
    tree.velocityLimit[order] = model.velocity[columns]
    rest = np.empty(tree.nq)
    rest[order] = model.rest[columns]
    configuration = pink.Configuration(tree, tree.createData(), rest,
                                       collision_model=shapes if clear else None)
    frames = {name: model.frame(name, tree) for names in points_of(model).values()
              for name in names}
    tasks = {name: FrameTask(tree.frames[frames[name]].name, position_cost=1.0,
                             orientation_cost=0.0, lm_damping=0.1)
             for names in points_of(model).values() for name in names[1:]}
    stay = PostureTask(cost=1e-3)
    stay.set_target(rest)
    limit = over_frame(VelocityLimit)(tree)
    limits = [tree.configuration_limit, limit]
    # The gain is that of pink's own example of two arms (examples/barriers); 10 to 30 do alike.
    # The barrier's pull toward standing still (safe displacement), 1 there, keeps these tasks,
    # which cost 1 instead of 50, tens of degrees behind; even 1 / 50^2 doubles the error.
    nearest = math.ceil(NEAREST * len(shapes.geometryObjects))
    barriers = [SelfCollisionBarrier(
        min(nearest, len(shapes.collisionPairs)), gain=20.0, safe_displacement_gain=0.0,
        d_min=model.profile.margin)] if clear else []

    def aim(name: str, point: np.ndarray) -> None:
        tasks[name].set_target(pin.SE3(np.eye(3), point))

    def solve() -> np.ndarray:
        return pink.solve_ik(configuration, [*tasks.values(), stay], PERIOD, solver="daqp",
                             damping=DAMPING, limits=limits, barriers=barriers,
                             safety_break=False)

    return PositionIK(
        model, columns, order, configuration, limit,
        lambda name: configuration.data.oMf[frames[name]].translation, aim, solve,
        pink.exceptions.NoSolutionFound, solves)


def mujoco_model(model: RobotModel, tree: pin.Model, shapes: pin.GeometryModel) -> Any:
    """Return the tree as mujoco.MjModel: joints by name, points as sites, numbered capsules."""
    import mujoco

    def placed(place: pin.SE3) -> dict[str, np.ndarray]:
        return {"pos": place.translation,
                "quat": np.roll(pin.Quaternion(place.rotation).coeffs(), 1)}

    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.compiler.boundmass = spec.compiler.boundinertia = 1e-3
    bodies, data, stand = [spec.worldbody], tree.createData(), np.zeros(tree.nq)
    for i in range(1, tree.njoints):
        bodies.append(bodies[tree.parents[i]].add_body(**placed(tree.jointPlacements[i])))
        joint = tree.joints[i]
        motion = pin.computeJointJacobian(tree, data, stand, i)[:, joint.idx_v]
        turns = bool(motion[3:].any())
        bodies[i].add_joint(
            name=tree.names[i], axis=motion[3:] if turns else motion[:3],
            type=mujoco.mjtJoint.mjJNT_HINGE if turns else mujoco.mjtJoint.mjJNT_SLIDE,
            limited=True, range=[tree.lowerPositionLimit[joint.idx_q],
                                 tree.upperPositionLimit[joint.idx_q]])
    for names in points_of(model).values():
        for name in names:
            frame = tree.frames[model.frame(name, tree)]
            bodies[frame.parentJoint].add_site(name=name, **placed(frame.placement))
    for i, shape in enumerate(shapes.geometryObjects):
        half = getattr(shape.geometry, "halfLength", 0.0)
        bodies[shape.parentJoint].add_geom(
            name=str(i), **placed(shape.placement),
            type=mujoco.mjtGeom.mjGEOM_CAPSULE if half else mujoco.mjtGeom.mjGEOM_SPHERE,
            size=[shape.geometry.radius, half, 0.0])
    return spec.compile()


def mink_ik(
    model: RobotModel, solves: int = 1, clear: bool = False, trunk: bool = False,
) -> PositionIK:
    """Return position IK with mink, with its limit for collision avoidance if `clear`."""
    import mink
    columns = moving_joints(model, trunk)
    tree, shapes = tree_and_capsules(model, columns)
    scene = mujoco_model(model, tree, shapes if clear else pin.GeometryModel())
    moving = [model.joint_names[i] for i in columns]
    order = np.array([scene.joint(name).qposadr[0] for name in moving])
    rest = np.empty(scene.nq)
    rest[order] = model.rest[columns]
    configuration = mink.Configuration(scene, rest)
    sites = {name: scene.site(name).id for names in points_of(model).values() for name in names}
    tasks = {name: mink.FrameTask(name, "site", position_cost=1.0, orientation_cost=0.0,
                                  lm_damping=0.1)
             for names in points_of(model).values() for name in names[1:]}
    stay = mink.PostureTask(scene, cost=1e-3)
    stay.set_target(rest)
    limit = over_frame(mink.VelocityLimit)(scene, dict(zip(moving, model.velocity[columns])))
    limits = [mink.ConfigurationLimit(scene), limit]
    if clear:
        # mink lets a pair approach by gain / dt times what is left of its distance, where its gain
        # (0.85 unless told otherwise) is meant as the part of a step: times dt, it is that. A
        # pair below its margin may stay so; the relaxation makes it part by a millimetre a step.
        # Pairs of a body and its parent, here of shoulder and head, mink leaves out; they keep
        # their margin anyway.
        limits.append(mink.CollisionAvoidanceLimit(
            scene, [([str(pair.first)], [str(pair.second)]) for pair in shapes.collisionPairs],
            gain=0.85 * PERIOD, bound_relaxation=-1e-3,
            minimum_distance_from_collisions=model.profile.margin,
            collision_detection_distance=model.profile.margin + NEAR))

    def aim(name: str, point: np.ndarray) -> None:
        tasks[name].set_target(mink.SE3.from_translation(point))

    def solve() -> np.ndarray:
        return mink.solve_ik(configuration, [*tasks.values(), stay], PERIOD, solver="daqp",
                             damping=DAMPING, limits=limits)

    return PositionIK(
        model, columns, order, configuration, limit,
        lambda name: configuration.data.site_xpos[sites[name]], aim, solve,
        mink.exceptions.NoSolutionFound, solves)


def ours(model: RobotModel, clear: bool = True) -> Callable[[HumanPosture], np.ndarray]:
    """Return the retargeter as a function that returns where all joints are."""
    retargeter = Retargeter(model, avoid_collisions=clear)

    def step(posture: HumanPosture) -> np.ndarray:
        retargeter.retarget(posture)
        return retargeter._sent

    return step


METHODS: dict[str, Callable[[RobotModel], Callable[[HumanPosture], np.ndarray]]] = {
    "pink, with the trunk": partial(pink_ik, trunk=True),
    "mink, with the trunk": partial(mink_ik, trunk=True),
    "pink": pink_ik,
    "mink": mink_ik,
    "mirror_robot, free to collide": partial(ours, clear=False),
    "pink, to convergence": partial(pink_ik, solves=SOLVES),
    "mink, to convergence": partial(mink_ik, solves=SOLVES),
    "pink, clear of itself": partial(pink_ik, clear=True),
    "mink, clear of itself": partial(mink_ik, clear=True),
    "mirror_robot": ours,
    "pink, to convergence, clear of itself": partial(pink_ik, solves=SOLVES, clear=True),
    "mink, to convergence, clear of itself": partial(mink_ik, solves=SOLVES, clear=True),
}
"""Like beside like: position IK's usual use, one solve per frame, in which trunk and head help the
arms; ours, told of the arms alone, moves those alone, as in all other rows. Ours iterates, and so
stands by position IK to convergence: free to collide, then kept clear of itself."""


def compare(model: RobotModel, motions: dict[str, list[HumanPosture]]) -> list[str]:
    """Return the rows of the table of ours beside position IK, arms only."""
    rows = []
    collision = SelfCollision(model)
    # Position IK leaves hands alone: what moves elbow and wrist is compared.
    chains = [Chain(model, f"{side}_arm") for side in SIDES]
    arms = np.concatenate([chain.columns[chain.used(2)] for chain in chains])
    unknown = HumanPosture.unknown()
    fitting = [[replace(unknown, limbs=posture.limbs * ARMS_ALONE, stamp=i * PERIOD)
                for i, posture in enumerate(postures)] for postures in motions.values()]
    limbs = np.array([posture.limbs for postures in fitting for posture in postures])
    runs: dict[str, list] = {label: [] for label in METHODS}
    unsolved, failed = dict.fromkeys(METHODS, 0), {}
    for _ in range(ROUNDS):
        for label in [label for label in METHODS if label not in failed]:
            try:
                steps = [METHODS[label](model) for _ in fitting]
                runs[label].append([run(*pair) for pair in zip(steps, fitting)])
                unsolved[label] = sum(getattr(step, "unsolved", 0) for step in steps)
            except Exception as error:  # a solver that gives up is a result, too
                failed[label] = " ".join(f"{type(error).__name__}: {error}".replace(
                    "|", " ").split())[:90]
    for label in METHODS:
        if label in failed:
            rows.append(f"| {model.profile.name} | {label} | failed: {failed[label]} | | | | | |")
            continue
        times = np.min([np.concatenate([spent for _, spent in each]) for each in runs[label]],
                       axis=0)
        places = [np.array(found) for found, _ in runs[label][0]]
        positions = np.concatenate(places)
        shown = np.array([model.limb_directions(q) for q in positions])
        errors = angles(shown, limbs)[:, [0, 1, 3, 4]]
        below = sum(collision.clearance(q) < -1e-3 for q in positions)
        rows.append(
            f"| {model.profile.name} | {label} | {np.nanmedian(errors):.1f} / "
            f"{np.nanpercentile(errors, 95):.1f} | {np.median(times):.2f} / "
            f"{np.percentile(times, 99):.2f} | {1e3 / np.mean(times):.0f} | "
            f"{below} of {len(positions)} | {unsolved[label]} | "
            f"{np.mean([jerk(q[:, arms], PERIOD) for q in places]):.0f} |")
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
    lines += ["", "Beside position IK (elbows and wrists as position targets, one solve per frame "
              f"or to convergence in at most {SOLVES}, the same limits, free to collide or clear "
              "of itself by the same margin, hands left alone), arms only:", "",
              "| robot | method | upper arm and forearm error, median / p95 [deg] | ms per frame, "
              "median / p99 | frames per second | frames below margin | frames without a solution "
              "| jerk [rad/s^3] |", "|---|---|---|---|---|---|---|---|"]
    for name in options.compare:
        if name in models:
            rows = compare(models[name], motions)
            lines += rows
            print("\n".join(rows), flush=True)
    if options.output is not None:
        options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
