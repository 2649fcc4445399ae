# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Robot descriptions: reading URDF and xacro, and saying what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

_JOINT_TYPES = ("revolute", "continuous", "prismatic", "fixed", "floating", "planar")
_MOVING = ("revolute", "continuous", "prismatic")
_NUMBERS = {
    "origin": ("xyz", "rpy"), "axis": ("xyz",), "mass": ("value",),
    "inertia": ("ixx", "ixy", "ixz", "iyy", "iyz", "izz"),
    "limit": ("lower", "upper", "effort", "velocity"),
}


class DescriptionError(ValueError):
    """A robot description that cannot be used; names the file and the element."""


def read_description(path: Path, arguments: Mapping[str, str] | None = None) -> str:
    """Return the URDF text of a URDF or xacro file.

    Parameters
    ----------
    path : Path
        A name that ends in ``.xacro`` is processed with `arguments`.
    arguments : mapping str -> str, optional
        xacro arguments.

    Raises
    ------
    DescriptionError
        If the file cannot be read or is not valid.
    """
    try:
        if path.suffix != ".xacro":
            return path.read_text(encoding="utf-8")
        import xacro
        return xacro.process_file(str(path), mappings=dict(arguments or {})).toxml()
    except ImportError:
        raise DescriptionError(
            f"{path} is xacro, and the Python module xacro is missing "
            "(apt: ros-<distro>-xacro, pip: xacro)") from None
    except OSError as error:
        raise DescriptionError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # xacro's own errors share no narrower base
        raise DescriptionError(f"{path}: {error}") from error


def parse_description(urdf: str, source: str) -> ElementTree.Element:
    """Return the root element of a URDF that has passed the checks which parsers explain badly.

    Continuous joints become revolute ones of two turns each way, so that every joint has one
    number and limits.

    Parameters
    ----------
    urdf : str
        URDF text.
    source : str
        Where it comes from, for messages.

    Raises
    ------
    DescriptionError
        If it is not XML, not a URDF, holds a number that is none, a joint of an unknown type or
        between unknown links, or if the links are not one tree; the element is named.
    """
    try:
        robot = ElementTree.fromstring(urdf)
    except ElementTree.ParseError as error:
        raise DescriptionError(f"{source} is not valid XML: {error}") from None
    if robot.tag != "robot":
        raise DescriptionError(f"{source}: the root element is <{robot.tag}>, not <robot>")
    for element in robot:
        if element.tag in ("link", "joint"):
            _check_numbers(element, source)
    _check_tree(robot, source)
    for joint in robot.findall("joint"):
        if joint.get("type") == "continuous":
            joint.set("type", "revolute")
            limit = joint.find("limit")
            if limit is None:
                limit = ElementTree.SubElement(joint, "limit", effort="100", velocity="3")
            limit.set("lower", str(-4 * np.pi))
            limit.set("upper", str(4 * np.pi))
    return robot


def movable_joints(robot: ElementTree.Element) -> set[str]:
    """Return the names of the joints that can be driven: not fixed, and mimicking no other."""
    return {joint.get("name", "") for joint in robot.findall("joint")
            if joint.get("type") in _MOVING and joint.find("mimic") is None}


def links(robot: ElementTree.Element) -> set[str]:
    """Return the names of all links."""
    return {link.get("name", "") for link in robot.findall("link")}


def _check_numbers(element: ElementTree.Element, source: str) -> None:
    for part in element.iter():
        for attribute in _NUMBERS.get(part.tag, ()):
            text = part.get(attribute)
            if text is None:
                continue
            try:
                valid = bool(np.isfinite([float(number) for number in text.split()]).all())
            except ValueError:
                valid = False
            if not valid:
                raise DescriptionError(
                    f"{source}: {element.tag} {element.get('name')}: <{part.tag} "
                    f"{attribute}={text!r}> is not a finite number")


def _check_tree(robot: ElementTree.Element, source: str) -> None:
    known = links(robot)
    parent_of: dict[str, str] = {}
    for joint in robot.findall("joint"):
        name, kind = joint.get("name"), joint.get("type")
        if kind not in _JOINT_TYPES:
            raise DescriptionError(f"{source}: joint {name} has the unknown type {kind!r}; "
                                   f"valid: {', '.join(_JOINT_TYPES)}")
        ends = []
        for end in ("parent", "child"):
            element = joint.find(end)
            link = None if element is None else element.get("link")
            if link not in known:
                raise DescriptionError(f"{source}: joint {name}: its {end} link {link!r} "
                                       "does not exist")
            ends.append(link)
        if ends[1] in parent_of:
            raise DescriptionError(f"{source}: link {ends[1]} has two parents "
                                   f"(the second by joint {name}); a URDF is a tree")
        parent_of[ends[1]] = ends[0]
    for link in parent_of:
        above, passed = parent_of.get(link), {link}
        while above is not None:
            if above in passed:
                raise DescriptionError(f"{source}: the joints of link {link} form a cycle")
            passed.add(above)
            above = parent_of.get(above)
    roots = sorted(known - set(parent_of))
    if len(roots) != 1:
        raise DescriptionError(f"{source}: there must be one root link; found "
                               f"{', '.join(roots) or 'none'}")
