# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Robot descriptions: reading URDF and xacro, and saying what is wrong with one."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from mirror_robot.resources import share_folders

_JOINT_TYPES = ("revolute", "continuous", "prismatic", "fixed", "floating", "planar")
_MOVING = ("revolute", "continuous", "prismatic")
_NUMBERS = {
    "origin": ("xyz", "rpy"), "axis": ("xyz",), "mass": ("value",),
    "inertia": ("ixx", "ixy", "ixz", "iyy", "iyz", "izz"),
    "limit": ("lower", "upper", "effort", "velocity"), "mimic": ("multiplier", "offset"),
}


class DescriptionError(ValueError):
    """A robot description that cannot be used; names the file and the element."""


def package_folders(package: str) -> Iterator[Path]:
    """Yield the folders in which the files of `package` may be, best first.

    Share folders of ROS packages and of what pip installs (``<prefix>/share`` and the
    ``cmeel.prefix`` of robotics wheels), then the folder of a Python module of that name.
    """
    yield from share_folders(package)
    for entry in sys.path:
        folder = Path(entry or ".") / "cmeel.prefix/share" / package
        if folder.is_dir():
            yield folder
    try:
        module = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return
    for entry in (module.submodule_search_locations or ()) if module else ():
        yield Path(entry)


def package_file(package: str, relative: str) -> Path:
    """Return the path of a file of a ROS or Python package.

    Raises
    ------
    DescriptionError
        If no folder of the package holds it; the message names the folders searched.
    """
    searched = list(package_folders(package))
    for folder in searched:
        if (folder / relative).is_file():
            return folder / relative
    where = ", ".join(map(str, searched)) or "no folder of that package (is it installed?)"
    raise DescriptionError(f"{relative} of package {package} not found; searched {where}")


def mesh_file(reference: str, description: Path) -> Path | None:
    """Return the file that a URDF's mesh reference means, or None if it is not there.

    ``package://`` is looked up as a package, then in the folders above the description, as wheels
    carry URDF files away from where their packages would be.
    """
    name = reference.split("://", 1)[-1].lstrip("/")
    if "://" not in reference and Path(reference).is_absolute():
        return Path(reference) if Path(reference).is_file() else None
    if reference.startswith("package://"):
        package, _, relative = name.partition("/")
        for folder in package_folders(package):
            if (folder / relative).is_file():
                return folder / relative
    for folder in description.absolute().parents:
        if (folder / name).is_file():
            return folder / name
    return None


def read_description(path: Path, arguments: Mapping[str, str] | None = None) -> str:
    """Return the URDF text of a URDF, xacro or MJCF file.

    Parameters
    ----------
    path : Path
        A name that ends in ``.xacro`` is processed with `arguments`; a file whose root element is
        ``<mujoco>`` is converted.
    arguments : mapping str -> str, optional
        xacro arguments.

    Raises
    ------
    DescriptionError
        If the file cannot be read or is not valid.
    """
    try:
        if path.suffix != ".xacro":
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".xml" and "<mujoco" in text:
                return _from_mjcf(path)
            return text
        import xacro
        return xacro.process_file(str(path), mappings=dict(arguments or {})).toxml()
    except ImportError:
        raise DescriptionError(
            f"{path} is xacro, and the Python module xacro is missing "
            "(apt: ros-<distro>-xacro, pip: xacro)") from None
    except OSError as error:
        raise DescriptionError(f"cannot read {path}: {error.strerror}") from error
    except DescriptionError:
        raise
    except UnicodeDecodeError as error:
        raise DescriptionError(f"{path} is not a text file: {error}") from None
    except Exception as error:  # xacro's own errors share no narrower base
        raise DescriptionError(f"{path}: {error}") from error


def _from_mjcf(path: Path) -> str:
    try:
        from mirror_robot.body.mjcf import urdf_from_mjcf
        return urdf_from_mjcf(path)
    except ImportError:
        raise DescriptionError(f"{path} is MJCF, and the Python module mujoco is missing "
                               "(pip install mujoco)") from None
    except ValueError as error:
        raise DescriptionError(f"{path}: {error}") from None


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
    for kind in ("link", "joint"):
        names = [element.get("name") for element in robot.findall(kind)]
        if None in names:
            raise DescriptionError(f"{source}: a <{kind}> has no name")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DescriptionError(f"{source}: {kind} {twice[0]} is there twice")
    for element in robot:
        if element.tag in ("link", "joint"):
            _check_numbers(element, source)
    _check_tree(robot, source)
    for joint in robot.findall("joint"):
        if joint.get("type") in _MOVING:
            axis = joint.find("axis")
            if axis is not None and axis.get("xyz") is None:
                axis.set("xyz", "1 0 0")  # URDF's default
            if axis is not None and not any(float(n) for n in axis.get("xyz", "1").split()):
                raise DescriptionError(f"{source}: joint {joint.get('name')} has the axis 0 0 0")
        limit = joint.find("limit")
        if joint.get("type") in ("revolute", "prismatic") and (
                limit is None or not {"lower", "upper"} <= set(limit.keys())):
            # URDF says 0 for what is missing: a joint that cannot move.
            limit = ElementTree.SubElement(joint, "limit") if limit is None else limit
            limit.attrib = {"lower": "0", "upper": "0", **limit.attrib}
        if limit is not None:
            limit.attrib = {"effort": "0", "velocity": "0", **limit.attrib}
        if joint.get("type") == "continuous":
            joint.set("type", "revolute")
            limit = joint.find("limit")
            if limit is None:
                limit = ElementTree.SubElement(joint, "limit", effort="100", velocity="3")
            limit.set("lower", str(-4 * np.pi))
            limit.set("upper", str(4 * np.pi))
    return robot


def kinematic_text(robot: ElementTree.Element) -> str:
    """Return the URDF text of the tree of joints alone.

    Shapes, materials and inertias play no part in kinematics, and parsers refuse whole files for
    one of them.
    """
    bare = ElementTree.Element("robot", name=robot.get("name") or "robot")
    for element in robot:
        if element.tag == "link":
            ElementTree.SubElement(bare, "link", name=element.get("name", ""))
        elif element.tag == "joint":
            joint = ElementTree.SubElement(bare, "joint", element.attrib)
            joint.extend(part for part in element
                         if part.tag in ("origin", "parent", "child", "axis", "limit"))
    return ElementTree.tostring(bare, encoding="unicode")


def movable_joints(robot: ElementTree.Element) -> set[str]:
    """Return the names of the joints that can be driven: not fixed, and mimicking no other."""
    return {joint.get("name", "") for joint in robot.findall("joint")
            if joint.get("type") in _MOVING and joint.find("mimic") is None}


def mimics(robot: ElementTree.Element) -> dict[str, tuple[str, float, float]]:
    """Return joint -> (the joint that it follows, multiplier, offset)."""
    found = {}
    for joint in robot.findall("joint"):
        mimic = joint.find("mimic")
        if mimic is not None and joint.get("type") in _MOVING:
            found[joint.get("name", "")] = (
                mimic.get("joint", ""), float(mimic.get("multiplier", 1.0)),
                float(mimic.get("offset", 0.0)))
    return found


def links(robot: ElementTree.Element) -> set[str]:
    """Return the names of all links."""
    return {link.get("name", "") for link in robot.findall("link")}


def root_link(robot: ElementTree.Element) -> str:
    """Return the name of the link that is no joint's child."""
    children = {child.get("link") for child in robot.findall("joint/child")}
    return min(links(robot) - children)


def _check_numbers(element: ElementTree.Element, source: str) -> None:
    for part in element.iter():
        for attribute in _NUMBERS.get(part.tag, ()):
            text = part.get(attribute)
            if text is None:
                continue
            try:
                numbers = [float(number) for number in text.split()]
                valid = bool(np.isfinite(numbers).all()) and len(numbers) == (
                    3 if attribute in ("xyz", "rpy") else 1)
            except ValueError:
                valid = False
            if not valid:
                raise DescriptionError(
                    f"{source}: {element.tag} {element.get('name')}: <{part.tag} "
                    f"{attribute}={text!r}> is not "
                    + ("three finite numbers" if attribute in ("xyz", "rpy")
                       else "a finite number"))


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
