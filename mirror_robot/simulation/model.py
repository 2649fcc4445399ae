# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A MuJoCo model out of a robot's URDF: drives, scene, cameras."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

import mujoco
import numpy as np

from mirror_robot.resources import share_folders

TIMESTEP = 0.002
"""Physics step [s]."""

DRIVE_FREQUENCY = 40.0
"""Natural frequency of a drive's position loop [rad/s]: its time constant of 25 ms is that of a
servo drive. With the velocity fed forward the error left is acceleration / frequency^2."""

NO_LOAD_ACCELERATION = 2000.0
"""What a drive's full torque gives its own rotor [rad/s^2]; sizes the rotor's inertia."""

ROTOR_INERTIA = (2e-4, 0.05)
"""Bounds of the reflected rotor inertia [kg m^2]. MuJoCo gets unstable without any: the links of a
wrist or a lid weigh grams."""

MESH_FORMATS = (".stl", ".obj", ".msh")
"""What MuJoCo reads."""

_POSTURES = 64
"""Postures in which the inertia that a joint carries is looked at."""

_MOST_FACES = 200_000  # MuJoCo refuses STL files with more faces


class SimulationError(ValueError):
    """A description that cannot be simulated; says what is wrong with it."""


def build_model(
    urdf: str,
    *,
    rest: Mapping[str, float] | None = None,
    head_link: str = "head_link",
    source: Path | None = None,
) -> mujoco.MjModel:
    """Return a MuJoCo model of the robot alone on a floor, every joint driven by a position servo.

    Each joint gets a reflected rotor inertia sized from its effort limit, and a position servo
    ``torque = kp (target - q) - kv q'`` that is critically damped at `DRIVE_FREQUENCY` for the
    largest inertia which the joint carries in any posture, cut off at the effort limit. A
    shoulder that turns a bent arm carries several times what it does while the arm hangs; gains
    that suit the hanging arm let the bent one trail behind. The URDF's own
    damping stays and counts as part of kv. Gravity is compensated, as the controllers of real
    arms do. The actuators have the names of the joints and the order of the model's joints.

    Parameters
    ----------
    urdf : str
        URDF text.
    rest : mapping joint -> position [rad or m], optional
        The pose at start; key frame ``rest``. Joints not named start at 0 or the nearest limit.
    head_link : str
        The camera ``face`` looks at it; there is none when the robot has no such link.
    source : Path, optional
        The description's file: ``package://name`` is also looked for among the folders above it,
        relative mesh paths in its own folder.

    Returns
    -------
    mujoco.MjModel
        Cameras ``body`` and, with a head, ``face``. Visual shapes are in geom group 1, collision
        shapes in group 0. Pairs of links that touch in the rest pose are excluded from contact.

    Raises
    ------
    SimulationError
        If the text is not URDF or MuJoCo cannot build a model of it.
    """
    spec = _parse(urdf, source)
    spec.option.timestep = TIMESTEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    try:
        bare = spec.compile()
        _add_drives(spec, bare)
        model = _add_scene(spec, head_link, rest or {})
    except ValueError as error:
        raise SimulationError(f"MuJoCo cannot simulate this robot: {error}") from error
    if model.nu == 0:
        raise SimulationError("this robot has no movable joint")
    return model


def _parse(urdf: str, source: Path | None) -> mujoco.MjSpec:
    try:
        root = ElementTree.fromstring(urdf)
    except ElementTree.ParseError as error:
        raise SimulationError(f"not XML: {error}") from error
    if root.tag != "robot":
        raise SimulationError(f"the root element is <{root.tag}>, not <robot>")
    _resolve_meshes(root, source)
    for foreign in [*root.findall("mujoco"), *root.findall("gazebo"),
                    *root.findall("ros2_control"), *root.findall("transmission")]:
        root.remove(foreign)
    own = ElementTree.SubElement(root, "mujoco")
    ElementTree.SubElement(own, "compiler", {
        "discardvisual": "false",  # MuJoCo drops what does not collide unless told otherwise
        "fusestatic": "false",     # the points that people are mapped to are fixed links
        "strippath": "false", "balanceinertia": "true", "autolimits": "true"})
    try:
        return mujoco.MjSpec.from_string(ElementTree.tostring(root, encoding="unicode"))
    except ValueError as error:
        raise SimulationError(f"MuJoCo cannot read this URDF: {error}") from error


def _resolve_meshes(root: ElementTree.Element, source: Path | None) -> None:
    """Make mesh paths absolute; take away shapes whose mesh is missing or of an unknown format."""
    for link in root.iter("link"):
        for shape in [*link.findall("visual"), *link.findall("collision")]:
            mesh = shape.find("geometry/mesh")
            if mesh is None:
                continue
            path = _mesh_path(mesh.get("filename", ""), source)
            if path is None:
                link.remove(shape)
            else:
                mesh.set("filename", str(path))


def _mesh_path(uri: str, source: Path | None) -> Path | None:
    if match := re.match(r"(?:package|model):/{2,3}([^/]+)/(.+)", uri):
        package, relative = match.groups()
        folders = list(share_folders(package))
        if source is not None:
            above = source.resolve().parents
            folders += [folder for folder in above if folder.name == package]
            folders += [folder / package for folder in above if (folder / package).is_dir()]
        candidates = [folder / relative for folder in folders]
    else:
        path = Path(uri.removeprefix("file://"))
        candidates = [path if path.is_absolute() or source is None else source.parent / path]
    for candidate in candidates:
        # A format that MuJoCo does not read is often there a second time in one that it does.
        for path in (candidate, *(candidate.with_suffix(suffix) for suffix in MESH_FORMATS)):
            if path.suffix.lower() in MESH_FORMATS and path.is_file() and not _too_large(path):
                return path
    return None


def _too_large(path: Path) -> bool:
    return path.suffix.lower() == ".stl" and path.stat().st_size > 84 + 50 * _MOST_FACES


def _largest_inertia(model: mujoco.MjModel) -> np.ndarray:
    """Return the most that each degree of freedom (nv,) carries, among postures in the limits.

    The diagonal of the joint-space inertia [kg m^2 or kg]. The postures are drawn evenly, always
    the same ones; an unlimited joint turns all the way round.
    """
    random, data = np.random.default_rng(0), mujoco.MjData(model)
    bounds = np.where(model.jnt_limited[:, None] == 1, model.jnt_range, (-math.pi, math.pi))
    hinges = np.isin(model.jnt_type, (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE))
    full, most = np.zeros((model.nv, model.nv)), np.array(model.dof_M0, float)
    for _ in range(_POSTURES):
        posture = random.uniform(*bounds.T)
        data.qpos[model.jnt_qposadr[hinges]] = posture[hinges]
        mujoco.mj_forward(model, data)
        mujoco.mj_fullM(model, data, full)
        most = np.maximum(most, np.diag(full))
    return most


def _add_drives(spec: mujoco.MjSpec, bare: mujoco.MjModel) -> None:
    carried = _largest_inertia(bare)
    for body in spec.bodies:
        body.gravcomp = 1.0
    for joint in spec.joints:
        if joint.type not in (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE):
            continue
        row = bare.joint(joint.name).id
        dof = bare.jnt_dofadr[row]
        effort = float(bare.jnt_actfrcrange[row][1]) if bare.jnt_actfrclimited[row] else math.inf
        rotor = float(np.clip(effort / NO_LOAD_ACCELERATION, *ROTOR_INERTIA))
        inertia = float(carried[dof]) - float(bare.dof_armature[dof]) + rotor
        damping = float(bare.dof_damping[dof])
        joint.armature = rotor
        drive = spec.add_actuator(
            name=joint.name, target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        # kp / inertia = frequency^2; (kv + damping) / inertia = 2 frequency: critically damped
        drive.set_to_position(
            kp=DRIVE_FREQUENCY**2 * inertia,
            kv=max(2 * DRIVE_FREQUENCY * inertia - damping, 0.0))
        if math.isfinite(effort):
            drive.forcelimited = 1
            drive.forcerange = (-effort, effort)


def rest_positions(model: mujoco.MjModel, rest: Mapping[str, float]) -> np.ndarray:
    """Return qpos (nq,): `rest` by joint name, else 0, all within the limits."""
    qpos = model.qpos0.copy()
    for row in range(model.njnt):
        address = model.jnt_qposadr[row]
        qpos[address] = rest.get(model.joint(row).name, qpos[address])
        if model.jnt_limited[row]:
            qpos[address] = np.clip(qpos[address], *model.jnt_range[row])
    return qpos


def touching_links(model: mujoco.MjModel, data: mujoco.MjData) -> list[tuple[str, str]]:
    """Return the pairs of links in contact, each once, sorted by name; ``world`` is the floor."""
    pairs = {tuple(sorted(model.body(model.geom_bodyid[geom]).name for geom in contact.geom))
             for contact in data.contact[:data.ncon]}
    return sorted(pairs)


def _add_scene(
    spec: mujoco.MjSpec, head_link: str, rest: Mapping[str, float],
) -> mujoco.MjModel:
    model = spec.compile()
    data = mujoco.MjData(model)
    data.qpos[:] = rest_positions(model, rest)
    mujoco.mj_forward(model, data)
    for first, second in touching_links(model, data):
        if "world" not in (first, second):
            spec.add_exclude(bodyname1=first, bodyname2=second)
    low, high = _bounds(model, data)
    height = max(high[2] - low[2], 0.05)
    world = spec.worldbody

    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1920, 1080
    spec.visual.headlight.ambient = (0.40, 0.40, 0.42)
    spec.visual.headlight.diffuse = (0.24, 0.24, 0.24)
    spec.visual.headlight.specular = (0.05, 0.05, 0.05)
    spec.visual.quality.numslices, spec.visual.quality.numstacks = 32, 16
    # Near enough that the thin shells of a face do not flicker: depth is relative to the extent.
    spec.stat.extent, spec.stat.center = height, (low + high) / 2
    spec.visual.map.znear, spec.visual.map.zfar = 0.05, 30.0

    spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, width=256, height=1536,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT, rgb1=(0.80, 0.86, 0.92),
        rgb2=(0.45, 0.54, 0.64))
    floor = spec.add_texture(
        name="floor", type=mujoco.mjtTexture.mjTEXTURE_2D, width=256, height=256,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER, rgb1=(0.62, 0.64, 0.66),
        rgb2=(0.56, 0.58, 0.61))
    material = spec.add_material(name="floor", texrepeat=(8, 8), texuniform=False)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = floor.name
    world.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=(4, 4, 0.1),
                   pos=(0, 0, low[2]), material="floor", group=1)
    world.add_light(name="key", pos=(2.5, 1.6, high[2] + 2.0), dir=(-0.66, -0.42, -0.62),
                    diffuse=(0.42, 0.41, 0.39), specular=(0.08, 0.08, 0.08))

    # The upper body fills the view, with room for raised and spread arms.
    look_at = np.array([0.0, 0.0, low[2] + 0.72 * height])
    _add_camera(world, "body", look_at, distance=1.5 * height, above=0.12 * height, fovy=42)
    names = {body.name for body in spec.bodies}
    if head_link in names:
        body = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, head_link)
        low, high = _bounds(model, data, body)
        size = float(max(high - low))
        camera = _add_camera(
            spec.body(head_link), "face", (low + high) / 2 - data.xpos[body],
            distance=2.6 * size, above=0.12 * size, fovy=32)
        # Goes along with the head but does not turn with it: a nod can be seen.
        camera.mode = mujoco.mjtCamLight.mjCAMLIGHT_TRACK
    spec.add_key(name="rest", qpos=data.qpos.copy())
    return spec.compile()


def _add_camera(
    parent: mujoco.MjsBody, name: str, look_at: np.ndarray, distance: float, above: float,
    fovy: float,
) -> mujoco.MjsCamera:
    """Put a camera `distance` [m] in front of a point and `above` it, looking at it."""
    offset = np.array([distance, 0.0, above])
    back = offset / np.linalg.norm(offset)  # a camera looks along its -z, with y up
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    rotation = np.column_stack([right, np.cross(back, right), back])
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, rotation.flatten())
    return parent.add_camera(name=name, pos=look_at + offset, quat=quaternion, fovy=fovy)


def _bounds(
    model: mujoco.MjModel, data: mujoco.MjData, body: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper corner (3,) [m] of the box around the shapes (of one body)."""
    chosen = np.ones(model.ngeom, bool) if body is None else model.geom_bodyid == body
    if not chosen.any():
        return np.full(3, -0.1), np.full(3, 0.1)
    rotation = data.geom_xmat[chosen].reshape(-1, 3, 3)
    centre = data.geom_xpos[chosen] + np.einsum(
        "nij,nj->ni", rotation, model.geom_aabb[chosen, :3])
    half = np.einsum("nij,nj->ni", np.abs(rotation), model.geom_aabb[chosen, 3:])
    return (centre - half).min(axis=0), (centre + half).max(axis=0)
