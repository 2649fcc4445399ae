# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A robot in the page's 3-D scene, from the visual shapes of its URDF.

The scene's tree is the robot's own tree of links, so that a joint that moves is one number sent
and the browser does the kinematics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from viser._messages import SetOrientationMessage, SetPositionMessage

from mirror_robot.body.description import mesh_file, mimics, parse_description, root_link

_DEFAULT_COLOUR = (0.75, 0.77, 0.80, 1.0)
_MOVED = 4e-3  # [rad or m] below which a joint has not moved: 3 mm at the end of an arm
_MOST_FACES = 8_000  # of one mesh; a phone draws it too
_APART = 0.12  # [rad or m] between two postures of a joint that are worth seeing side by side
_STICK = 0.02  # radius [m] of what stands for a link whose meshes are not there
# Next to a mesh in a format that cannot be read there often is the same in another.
_FORMATS = (".stl", ".obj", ".STL", ".OBJ", ".glb", ".ply")

def quaternion(rotation: np.ndarray) -> np.ndarray:
    """Return the quaternion (w, x, y, z) of a rotation matrix (3, 3)."""
    r = rotation
    matrix = np.array([
        [np.trace(r), r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]],
        [0, r[0, 0] - r[1, 1] - r[2, 2], 0, 0],
        [0, r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], 0],
        [0, r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1]]])
    matrix[1:, 0] = matrix[0, 1:]
    # Bar-Itzhack, J. Guidance 23(6), 2000: the eigenvector of the largest eigenvalue.
    found = np.linalg.eigh(np.tril(matrix))[1][:, -1]
    return found if found[0] >= 0 else -found


def _times(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float, float]:
    """Return the product of two quaternions (w, x, y, z)."""
    # Plain numbers: for four of them numpy takes twenty times as long, thirty joints at a time.
    w, x, y, z = a
    p, q, r, s = b
    return (w * p - x * q - y * r - z * s, w * q + x * p + y * s - z * r,
            w * r - x * s + y * p + z * q, w * s + x * r - y * q + z * p)


def _numbers(element: ElementTree.Element | None, key: str, default: str) -> np.ndarray:
    text = default if element is None else element.get(key, default)
    return np.array([float(number) for number in text.split()])


def _origin(element: ElementTree.Element) -> tuple[np.ndarray, tuple[float, ...]]:
    """Return (xyz, quaternion) of an element's <origin>."""
    origin = element.find("origin")
    roll, pitch, yaw = 0.5 * _numbers(origin, "rpy", "0 0 0")
    turn = (1.0, 0.0, 0.0, 0.0)
    for axis, half in ((3, yaw), (2, pitch), (1, roll)):  # fixed axes: R = Rz Ry Rx
        part = [math.cos(half), 0.0, 0.0, 0.0]
        part[axis] = math.sin(half)
        turn = _times(turn, part)
    return _numbers(origin, "xyz", "0 0 0"), turn


def _matrix(place: np.ndarray, turn: Sequence[float]) -> np.ndarray:
    w, x, y, z = turn
    out = np.eye(4)
    out[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]]
    out[:3, 3] = place
    return out


class Joint:
    """One moving joint: where it is, and how it turns or slides."""

    def __init__(self, element: ElementTree.Element) -> None:
        self.place, self.turn = _origin(element)
        axis = _numbers(element.find("axis"), "xyz", "1 0 0")
        self.axis = tuple((axis / max(np.linalg.norm(axis), 1e-9)).tolist())
        self.slides = element.get("type") == "prismatic"

    def at(self, position: float) -> tuple[np.ndarray, tuple[float, ...]]:
        """Return (xyz, quaternion) of the child link in its parent at a position [rad or m]."""
        x, y, z = self.axis
        if self.slides:
            slide = _matrix(self.place, self.turn) @ [
                position * x, position * y, position * z, 1.0]
            return slide[:3], self.turn
        c, s = math.cos(0.5 * position), math.sin(0.5 * position)
        return self.place, _times(self.turn, (c, s * x, s * y, s * z))


class RobotTree:
    """The links, joints and visual shapes of a URDF.

    Parameters
    ----------
    urdf : str
    source : Path
        The file it came from; meshes are looked for beside it.

    Attributes
    ----------
    name, root : str
        Of the robot, and of its root link.
    order : list of (joint element, parent link, child link)
        From the root outwards.
    moving : mapping joint -> Joint
    missing : set of str
        Meshes that are not there or cannot be read, as far as was looked.
    """

    def __init__(self, urdf: str, source: Path) -> None:
        robot = parse_description(urdf, str(source))
        self.name = robot.get("name", "robot")
        self.root, self.source = root_link(robot), source
        self.links = {link.get("name"): link for link in robot.findall("link")}
        self.colours = {
            material.get("name"): _numbers(material.find("color"), "rgba", "0.7 0.7 0.7 1")
            for material in robot.findall("material") if material.find("color") is not None}
        children: dict[str, list[ElementTree.Element]] = {}
        for joint in robot.findall("joint"):
            children.setdefault(joint.find("parent").get("link"), []).append(joint)
        self.order: list[tuple[ElementTree.Element, str, str]] = []
        waiting = [self.root]
        while waiting:
            parent = waiting.pop()
            for joint in children.get(parent, []):
                child = joint.find("child").get("link")
                self.order.append((joint, parent, child))
                waiting.append(child)
        self.moving = {joint.get("name"): Joint(joint) for joint, *_ in self.order
                       if joint.get("type") in ("revolute", "continuous", "prismatic")}
        self.missing: set[str] = set()
        self._mimics = mimics(robot)
        self._children = children
        self._drawn: dict[str, list[dict[str, Any]]] = {}

    def complete(self, positions: Mapping[str, float]) -> dict[str, float]:
        """Return positions of all moving joints that are known, and of those that mimic them."""
        known = {name: float(value) for name, value in positions.items()
                 if name in self.moving and math.isfinite(value)}
        for name in self._mimics:
            # A chain of mimics ends at its driven joint.
            master, times, plus = name, 1.0, 0.0
            for _ in range(len(self._mimics)):
                if master not in self._mimics:
                    break
                above, multiplier, offset = self._mimics[master]
                master, times, plus = above, times * multiplier, plus + times * offset
            if master in known and name in self.moving:
                known[name] = times * known[master] + plus
        return known

    def placements(self, positions: Mapping[str, float]) -> dict[str, np.ndarray]:
        """Return where each link is (4, 4) in the root link's frame."""
        known, found = self.complete(positions), {self.root: np.eye(4)}
        for element, parent, child in self.order:
            name = element.get("name")
            place, turn = self.moving[name].at(known.get(name, 0.0)) if (
                name in self.moving) else _origin(element)
            found[child] = found[parent] @ _matrix(place, turn)
        return found

    def shapes(self, link: str) -> list[dict[str, Any]]:
        """Return the visual shapes of a link, in its frame; sticks where its meshes are lost."""
        if link not in self._drawn:
            visuals = self.links[link].findall("visual")
            self._drawn[link] = self._read_shapes(visuals) or (self._sticks(link) * bool(visuals))
        return self._drawn[link]

    def _sticks(self, link: str) -> list[dict[str, Any]]:
        """Return a stick from the link's origin to that of each link that hangs on it."""
        found = []
        for joint in self._children.get(link, []):
            place, _ = _origin(joint)
            long = float(np.linalg.norm(place))
            if long > _STICK:
                # The half-way quaternion from z to the stick's direction.
                x, y, z = place / long
                turn = np.array([1.0 + z, -y, x, 0.0]) if z > -0.999 else np.array([0, 1.0, 0, 0])
                found.append({
                    "kind": "cylinder", "radius": _STICK, "length": long,
                    "position": 0.5 * place, "wxyz": turn / np.linalg.norm(turn),
                    "rgba": np.array(_DEFAULT_COLOUR)})
        return found

    def _read_shapes(self, visuals: list[ElementTree.Element]) -> list[dict[str, Any]]:
        found = []
        for visual in visuals:
            shape = next(iter(visual.find("geometry") if (
                visual.find("geometry") is not None) else ()), None)
            if shape is None:
                continue
            place, turn = _origin(visual)
            base = {"position": place, "wxyz": turn, "rgba": self._colour(visual)}
            if shape.tag == "box":
                found.append({**base, "kind": "box", "size": _numbers(shape, "size", "0 0 0")})
            elif shape.tag == "sphere":
                found.append({**base, "kind": "sphere", "radius": float(shape.get("radius"))})
            elif shape.tag in ("cylinder", "capsule"):
                found.append({**base, "kind": "cylinder", "radius": float(shape.get("radius")),
                              "length": float(shape.get("length"))})
            elif shape.tag == "mesh":
                mesh = self._mesh(shape)
                if mesh is not None:
                    found.append({**base, "kind": "mesh", "vertices": mesh[0], "faces": mesh[1]})
        return found

    def _colour(self, visual: ElementTree.Element) -> np.ndarray:
        material = visual.find("material")
        if material is not None and material.find("color") is not None:
            return _numbers(material.find("color"), "rgba", "0.7 0.7 0.7 1")
        name = "" if material is None else material.get("name", "")
        return self.colours.get(name, np.array(_DEFAULT_COLOUR))

    def _mesh(self, shape: ElementTree.Element) -> tuple[np.ndarray, np.ndarray] | None:
        name = shape.get("filename", "")
        path = mesh_file(name, self.source)
        if path is None:
            self.missing.add(name)
            return None
        scale = _numbers(shape, "scale", "1 1 1")
        for candidate in (path, *(path.with_suffix(suffix) for suffix in _FORMATS)):
            if not candidate.is_file():
                continue
            try:
                vertices, faces = _read_mesh(candidate)
            except Exception:  # what the readers of some twenty formats raise
                continue
            return coarse(vertices * scale, faces, _MOST_FACES)
        self.missing.add(name)
        return None

    def bounds(self, positions: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and upper corner (3,) [m] of the box around all shapes."""
        corners = [np.array([[-0.1, -0.1, 0.0], [0.1, 0.1, 0.2]])]
        shapes = []
        for link, placed in self.placements(positions).items():
            for shape in self.shapes(link):
                at = placed @ _matrix(shape["position"], shape["wxyz"])
                points = _extent(shape)
                shapes.append(points @ at[:3, :3].T + at[:3, 3])
        every = np.concatenate(shapes or corners)
        return every.min(axis=0), every.max(axis=0)


def _extent(shape: Mapping[str, Any]) -> np.ndarray:
    if shape["kind"] == "mesh":
        return shape["vertices"]
    half = {"box": lambda: 0.5 * shape["size"],
            "sphere": lambda: np.full(3, shape["radius"]),
            "cylinder": lambda: np.array([shape["radius"], shape["radius"],
                                          0.5 * shape["length"]])}[shape["kind"]]()
    return half * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])


def _read_mesh(path: Path) -> tuple[np.ndarray, np.ndarray]:
    if path.suffix.lower() == ".dae":  # trimesh reads it only with a further package
        import coal
        mesh = coal.MeshLoader().load(str(path), np.ones(3))
        faces = np.array([[mesh.tri_indices(i)[k] for k in range(3)]
                          for i in range(mesh.num_tris)], int)
        return np.array(mesh.vertices()), faces
    import trimesh
    mesh: Any = trimesh.load(path, force="mesh")
    return np.asarray(mesh.vertices, float), np.asarray(mesh.faces, int)


def coarse(vertices: np.ndarray, faces: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a mesh with at most `most` faces, by merging vertices that lie close together.

    Vertices within a cell of a grid become their mean (Rossignac and Borrel, "Multi-resolution 3D
    approximations", 1993): coarse, fast, and good enough to look at.
    """
    cells = 256
    while len(faces) > most and cells > 8:
        low = vertices.min(axis=0)
        size = max(float(np.ptp(vertices, axis=0).max()), 1e-9) / cells
        _, label = np.unique(((vertices - low) / size).astype(int), axis=0, return_inverse=True)
        label = label.reshape(-1)
        count = np.bincount(label)
        merged = np.column_stack(
            [np.bincount(label, vertices[:, axis]) / count for axis in range(3)])
        corners = label[faces]
        a, b, c = corners.T
        kept = np.unique(np.sort(corners, axis=1), axis=0, return_index=True)[1]
        kept = np.sort(kept[((a != b) & (b != c) & (a != c))[kept]])
        if len(kept) <= most:
            return merged, corners[kept]
        cells = int(0.7 * cells)
    return vertices, faces


class RobotScene:
    """A robot in the scene, moved by its joints.

    Parameters
    ----------
    scene : viser.SceneApi
    name : str
        Of the scene's node, such as ``/robot``.
    tree : RobotTree
    rest : mapping joint -> position [rad or m]
        Until something is known.
    ghost : tuple (r, g, b), optional
        Draw it translucent, in this one colour (0..255), and nothing of it at first.
    base : ndarray (3, 3), optional
        Rotation from the root link's axes to x forward, z up.
    """

    def __init__(
        self, scene: Any, name: str, tree: RobotTree, rest: Mapping[str, float],
        ghost: tuple[int, int, int] | None = None, base: np.ndarray | None = None,
    ) -> None:
        self._tree, self._ghost = tree, ghost
        turn = np.array([1.0, 0, 0, 0]) if base is None else quaternion(base)
        scene.add_frame(name, show_axes=False, wxyz=turn)
        self._queue = scene._queue_scene_message
        self._names: dict[str, str] = {}
        self._apart: set[str] = set()
        self._shapes: dict[str, list[Any]] = {}
        self._shown: dict[str, float] = {}
        names = {tree.root: name}
        self._add_shapes(scene, tree.root, name)
        for element, parent, child in tree.order:
            joint = element.get("name")
            place, turn = tree.moving[joint].at(0.0) if joint in tree.moving else _origin(element)
            # A link's name may hold what separates the names of nodes.
            names[child] = f"{names[parent]}/{child.replace('/', '_')}"
            scene.add_frame(names[child], show_axes=False, position=place, wxyz=turn)
            if joint in tree.moving:
                self._names[joint] = names[child]
            self._add_shapes(scene, child, names[child])
        self.move(rest)

    def _add_shapes(self, scene: Any, link: str, name: str) -> None:
        self._shapes[link] = []
        for index, shape in enumerate(self._tree.shapes(link)):
            rgba = shape["rgba"]
            opacity = 0.28 if self._ghost else float(rgba[3]) if rgba[3] < 1.0 else None
            look = {
                "color": self._ghost or tuple(round(255 * float(part)) for part in rgba[:3]),
                "opacity": opacity, "position": shape["position"], "wxyz": shape["wxyz"],
                "cast_shadow": False, "receive_shadow": False, "visible": self._ghost is None}
            node = f"{name}/shape {index}"
            if shape["kind"] == "box":
                added = scene.add_box(node, dimensions=shape["size"], **look)
            elif shape["kind"] == "sphere":
                # Eyes are spheres that reach through one another; coarse ones would look jagged.
                added = scene.add_icosphere(node, radius=shape["radius"],
                                            subdivisions=2 if self._ghost else 4, **look)
            elif shape["kind"] == "cylinder":
                added = scene.add_cylinder(
                    node, radius=shape["radius"], height=shape["length"], **look)
            else:
                added = scene.add_mesh_simple(
                    node, shape["vertices"].astype(np.float32),
                    shape["faces"].astype(np.uint32), side="double", **look)
            self._shapes[link].append(added)

    def move(self, positions: Mapping[str, float]) -> int:
        """Show the robot at positions [rad or m]; return how many joints moved."""
        moved = 0
        for name, value in self._tree.complete(positions).items():
            if abs(value - self._shown.get(name, 0.0)) < _MOVED:
                continue
            self._shown[name] = value
            joint = self._tree.moving[name]
            place, turn = joint.at(value)
            # As the frame's own `wxyz` does, which takes ten times as long for its checks.
            self._queue(SetPositionMessage(self._names[name], tuple(place.tolist()))
                        if joint.slides else
                        SetOrientationMessage(self._names[name], turn))  # type: ignore[arg-type]
            moved += 1
        return moved

    def show_apart(self, other: RobotScene | None, without: str = "") -> set[str]:
        """Show only the links that are elsewhere than those of another; None hides all.

        Parameters
        ----------
        other : RobotScene or None
        without : str
            A link that is never shown, nor what hangs on it. A head turns about itself: its ghost
            would only veil the face.

        Returns
        -------
        set of str
            The links that are shown.
        """
        apart: set[str] = set()
        if other is not None:
            hidden = {without}
            for element, parent, child in self._tree.order:
                if parent in hidden or child in hidden:
                    hidden.add(child)
                    continue
                joint = element.get("name")
                off = abs(self._shown.get(joint, 0.0) - other._shown.get(joint, 0.0))
                if parent in apart or off > _APART:
                    apart.add(child)
        for link in apart ^ self._apart:
            for shape in self._shapes[link]:
                shape.visible = link in apart
        self._apart = apart
        return apart
