# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""MJCF (MuJoCo) models as URDF text: the tree of joints, the inertias and the simple shapes.

Only what retargeting and collision avoidance need is carried over; meshes become their boxes.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

_VELOCITY = 6.3  # rad/s; MJCF has no velocity limits, a profile may lower this


def urdf_from_mjcf(path: Path) -> str:
    """Return the URDF text of an MJCF file.

    A body with several joints becomes as many links; a free joint is taken as the root.

    Raises
    ------
    ValueError
        If MuJoCo refuses the file, or a joint is a ball joint; the element is named.
    ImportError
        If MuJoCo is not installed.
    """
    import mujoco
    model = mujoco.MjModel.from_xml_path(str(path))
    robot = ElementTree.Element("robot", name=path.stem)

    def name_of(kind: int, index: int, prefix: str) -> str:
        return mujoco.mj_id2name(model, kind, index) or f"{prefix}_{index}"

    bodies = [name_of(mujoco.mjtObj.mjOBJ_BODY, body, "body") for body in range(model.nbody)]
    tops = [body for body in range(1, model.nbody) if model.body_parentid[body] == 0]
    hinged = any(kind != mujoco.mjtJoint.mjJNT_FREE for top in tops for kind in
                 model.jnt_type[model.body_jntadr[top]:][:model.body_jntnum[top]])
    has_world = len(tops) > 1 or hinged
    if has_world:
        ElementTree.SubElement(robot, "link", name=bodies[0])
    for body in range(1, model.nbody):
        hinges = []
        for joint in range(model.body_jntadr[body],
                           model.body_jntadr[body] + model.body_jntnum[body]):
            kind = model.jnt_type[joint]
            if kind == mujoco.mjtJoint.mjJNT_BALL:
                raise ValueError(f"{path}: the ball joint of body {bodies[body]} has no "
                                 "counterpart in URDF")
            if kind != mujoco.mjtJoint.mjJNT_FREE:
                hinges.append(joint)
        above = model.body_parentid[body]
        # MJCF puts joints anywhere in the body's frame, URDF at the child link's origin: a link
        # stands at each joint's anchor, and the body's own link is fixed to the last one.
        parent, shift = bodies[above], model.body_pos[body]
        turn = model.body_quat[body]
        for joint in hinges:
            name = name_of(mujoco.mjtObj.mjOBJ_JOINT, joint, f"{bodies[body]}_joint")
            anchor = model.jnt_pos[joint]
            last = joint == hinges[-1] and not anchor.any()
            child = bodies[body] if last else f"{name}_link"
            element = _joint(robot, name, parent, child,
                             shift + _rotate(turn, anchor), turn)
            _limits(element, model, joint)
            parent, shift, turn = child, -anchor, np.array([1.0, 0, 0, 0])
            if not last:
                ElementTree.SubElement(robot, "link", name=child)
        if parent != bodies[body] and (above > 0 or has_world):
            _joint(robot, f"{bodies[body]}_fixed", parent, bodies[body], shift, turn, "fixed")
        _link(robot, model, body, bodies[body])
    return ElementTree.tostring(robot, encoding="unicode")


def _text(values) -> str:
    return " ".join(f"{value:.9g}" for value in values)


def _rotate(quaternion: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Return `vector` turned by a quaternion (w, x, y, z)."""
    w, u = quaternion[0], quaternion[1:]
    return vector + 2 * np.cross(u, np.cross(u, vector) + w * vector)


def _rpy(quaternion: np.ndarray) -> tuple[float, float, float]:
    """Return roll, pitch, yaw [rad] of a quaternion (w, x, y, z), as URDF has it."""
    w, x, y, z = quaternion
    pitch = np.arcsin(np.clip(2 * (w * y - z * x), -1.0, 1.0))
    return (float(np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))), float(pitch),
            float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))))


def _origin(parent: ElementTree.Element, position, quaternion) -> None:
    ElementTree.SubElement(parent, "origin", xyz=_text(position), rpy=_text(_rpy(quaternion)))


def _joint(robot, name, parent, child, position, quaternion, kind="revolute"):
    element = ElementTree.SubElement(robot, "joint", name=name, type=kind)
    _origin(element, position, quaternion)
    ElementTree.SubElement(element, "parent", link=parent)
    ElementTree.SubElement(element, "child", link=child)
    return element


def _limits(element, model, joint) -> None:
    import mujoco
    if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_SLIDE:
        element.set("type", "prismatic")
    ElementTree.SubElement(element, "axis", xyz=_text(model.jnt_axis[joint]))
    effort = model.jnt_actfrcrange[joint, 1] if model.jnt_actfrclimited[joint] else 100.0
    limit = {"effort": f"{effort:.6g}", "velocity": str(_VELOCITY)}
    if model.jnt_limited[joint]:
        low, high = model.jnt_range[joint]
        limit |= {"lower": f"{low:.9g}", "upper": f"{high:.9g}"}
    else:
        element.set("type", "continuous")
    ElementTree.SubElement(element, "limit", limit)


def _link(robot, model, body, name) -> None:
    import mujoco
    link = ElementTree.SubElement(robot, "link", name=name)
    inertial = ElementTree.SubElement(link, "inertial")
    _origin(inertial, model.body_ipos[body], model.body_iquat[body])
    ElementTree.SubElement(inertial, "mass", value=f"{model.body_mass[body]:.6g}")
    ixx, iyy, izz = (f"{value:.6g}" for value in model.body_inertia[body])
    ElementTree.SubElement(inertial, "inertia", ixx=ixx, iyy=iyy, izz=izz,
                           ixy="0", ixz="0", iyz="0")
    for geom in range(model.body_geomadr[body],
                      model.body_geomadr[body] + model.body_geomnum[body]):
        solid = model.geom_contype[geom] or model.geom_conaffinity[geom]
        # As the enumeration: a numpy integer is in no tuple of its members.
        kind, size = mujoco.mjtGeom(int(model.geom_type[geom])), model.geom_size[geom]
        if kind == mujoco.mjtGeom.mjGEOM_PLANE:
            continue
        element = ElementTree.SubElement(link, "collision" if solid else "visual")
        position = model.geom_pos[geom]
        if kind == mujoco.mjtGeom.mjGEOM_MESH:
            box = model.geom_aabb[geom]
            position = position + _rotate(model.geom_quat[geom], box[:3])
            size, kind = box[3:], mujoco.mjtGeom.mjGEOM_BOX
        _origin(element, position, model.geom_quat[geom])
        shape = ElementTree.SubElement(element, "geometry")
        if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
            ElementTree.SubElement(shape, "sphere", radius=f"{size[0]:.6g}")
        elif kind in (mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_CAPSULE):
            caps = size[0] if kind == mujoco.mjtGeom.mjGEOM_CAPSULE else 0.0
            ElementTree.SubElement(shape, "cylinder", radius=f"{size[0]:.6g}",
                                   length=f"{2 * (size[1] + caps):.6g}")
        else:
            ElementTree.SubElement(shape, "box", size=_text(2 * size))
