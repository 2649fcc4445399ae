# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What a robot looks like: the simple shapes and meshes of its URDF, and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
import pinocchio as pin

from mirror_robot.body.description import mesh_file
from mirror_robot.body.model import RobotModel

BOX, CYLINDER, SPHERE, MESH = "box", "cylinder", "sphere", "mesh"


@dataclass(frozen=True)
class Shape:
    """One ``<visual>`` of a link.

    Attributes
    ----------
    link : str
    kind : str
        `BOX`, `CYLINDER` (along z), `SPHERE` or `MESH`.
    size : (x, y, z)
        Extent of the shape [m]; of a mesh the factors that it is scaled by.
    mesh : str
        ``package://`` or ``file://`` address of a mesh, else empty.
    origin : ndarray (4, 4)
        Where it is in the link's frame.
    """

    link: str
    kind: str
    size: tuple[float, float, float]
    mesh: str
    origin: np.ndarray


def _numbers(element: ElementTree.Element | None, key: str, default: str) -> list[float]:
    return [float(value) for value in (
        element.get(key, default) if element is not None else default).split()]


def _origin(visual: ElementTree.Element) -> np.ndarray:
    element = visual.find("origin")
    placement = np.eye(4)
    placement[:3, :3] = pin.rpy.rpyToMatrix(np.array(_numbers(element, "rpy", "0 0 0")))
    placement[:3, 3] = _numbers(element, "xyz", "0 0 0")
    return placement


class Appearance:
    """The visible shapes of a robot and their places at any posture.

    Parameters
    ----------
    model : RobotModel

    Attributes
    ----------
    shapes : tuple of m Shape
        Shapes whose mesh is nowhere to be found are left out.
    """

    def __init__(self, model: RobotModel) -> None:
        self._model, self._data = model, model.pin.createData()
        shapes = []
        for link in ElementTree.fromstring(model.urdf).iter("link"):
            for visual in link.findall("visual"):
                shape = self._shape(link.get("name", ""), visual)
                if shape is not None:
                    shapes.append(shape)
        self.shapes = tuple(shapes)
        self._frames = [model.frame(shape.link) for shape in shapes]

    def _shape(self, link: str, visual: ElementTree.Element) -> Shape | None:
        geometry = visual.find("geometry")
        form = geometry[0] if geometry is not None and len(geometry) else None
        if form is None:
            return None
        mesh = ""
        if form.tag == BOX:
            size = _numbers(form, "size", "0 0 0")
        elif form.tag == CYLINDER:
            across = 2.0 * float(form.get("radius", "0"))
            size = [across, across, float(form.get("length", "0"))]
        elif form.tag == SPHERE:
            size = [2.0 * float(form.get("radius", "0"))] * 3
        elif form.tag == MESH:
            size = _numbers(form, "scale", "1 1 1")
            mesh = form.get("filename", "")
            if not mesh.startswith("package://"):
                path = mesh_file(mesh, self._model.profile.description)
                if path is None:
                    return None
                mesh = f"file://{path}"
        else:
            return None
        x, y, z = size
        return Shape(link, form.tag, (x, y, z), mesh, _origin(visual))

    def placements(self, positions: np.ndarray) -> np.ndarray:
        """Return where the shapes are (m, 4, 4), in the frame of the root link.

        Parameters
        ----------
        positions : ndarray (n,)
            Of the joints [rad or m]; NaN counts as rest.
        """
        model = self._model
        pin.framesForwardKinematics(model.pin, self._data, model.configuration(positions))
        to_root = np.eye(4)
        to_root[:3, :3] = model.base.T
        return np.array([to_root @ self._data.oMf[frame].homogeneous @ shape.origin
                         for frame, shape in zip(self._frames, self.shapes)]).reshape(-1, 4, 4)
