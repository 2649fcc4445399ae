# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Robot profiles: the short YAML that says which part of a robot is which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mirror_robot.body.description import DescriptionError, package_file
from mirror_robot.human.hands import FINGERS
from mirror_robot.resources import share_file, share_folders
from mirror_robot.tables import Checks, choices

ACTION_UNITS = ("AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU12", "AU14", "AU15",
                "AU17", "AU20", "AU23", "AU24", "AU25", "AU26", "AU43")
"""The facial action units that a face channel may name, each also with L or R behind it."""

_ARM_POINTS = ("shoulder", "elbow", "wrist", "tip")
_CHAINS = ("torso", "head", "left_arm", "right_arm")
_KEYS = ("name", "description", "forward", "up", "chains", "face", "fingers", "rest", "upright",
         "held", "collision", "limits", "controllers")
_COLLISION = ("margin", "ignore")
_LIMITS = ("velocity_scale", "velocity", "acceleration", "jerk", "joints")
_JOINT_LIMITS = ("velocity", "acceleration", "jerk")
INTERFACES = ("trajectory", "position", "velocity", "gripper", "parallel_gripper")
"""What a controller may take; see `RobotProfile.interfaces`."""

GRIPPER_INTERFACES = INTERFACES[3:]
"""Those of a controller that has one joint and takes goals."""


class ProfileError(ValueError):
    """A profile that cannot be used; names the key, the value and the valid choices."""


_check = Checks(ProfileError)
_mapping, _number, _names = _check.mapping, _check.number, _check.names


@dataclass(frozen=True)
class Chain:
    """One limb of a robot.

    Attributes
    ----------
    joints : tuple of str
        From the trunk outwards.
    links : mapping str -> str
        Torso and head: ``link``, whose rotation follows the person's. Arms: ``shoulder``,
        ``elbow``, ``wrist`` and optionally ``tip``, whose origins follow the person's points.
    palm_axis : tuple of 3 floats, optional
        Normal out of the palm in the wrist link's axes.
    offsets : mapping of a key of `links` -> (x, y, z)
        Where the point is in its link's axes [m], if not at the link's origin.
    legs : mapping joint -> (link, link)
        For a head on a parallel platform: the balls of each leg, on the motor's crank and on the
        platform.
    """

    joints: tuple[str, ...]
    links: Mapping[str, str]
    palm_axis: tuple[float, float, float] | None = None
    offsets: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    legs: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Finger:
    """How a joint of a hand follows a person's fingers.

    Attributes
    ----------
    open, closed : float
        Its position with stretched fingers and in the fist [rad or m].
    follows : tuple of str
        The person's fingers whose mean it follows, of `mirror_robot.human.hands.FINGERS`.
    """

    open: float
    closed: float
    follows: tuple[str, ...] = FINGERS


@dataclass(frozen=True)
class RobotProfile:
    """What a profile file says; the fields follow its keys.

    Attributes
    ----------
    name : str
    description : Path
        URDF, xacro or MJCF file.
    arguments : mapping str -> str
        xacro arguments; ``profile``, the file's own path, is among them.
    topic : str
        Where the description comes from a topic instead; then `description` names the topic.
    forward, up : tuple of 3 floats
        Where an upright robot looks and where its head is, in the axes of the root link.
    chains : mapping of ``torso``, ``head``, ``left_arm``, ``right_arm`` to Chain
        Those that the robot has.
    face : mapping joint -> {action unit: gain}
        +1 drives the joint from neutral to its upper limit, -1 to its lower limit.
    fingers : mapping ``left``, ``right`` -> {joint: Finger}
        Joints of the hands.
    rest : mapping joint -> position [rad or m]
        Joints not named rest at 0, or at the nearest limit.
    upright : mapping joint -> position [rad or m]
        Where torso and head are upright and look ahead, if not with all joints at 0.
    held : mapping joint -> position [rad or m]
        Joints not to touch, and where they stand.
    margin : float
        Distance that links keep from each other [m].
    ignore : tuple of pairs of links
        Pairs that may come closer than the margin.
    velocity_scale : float
        0..1, multiplies the velocity limits of the description.
    velocity : float
        Cap on all velocity limits [rad/s], for descriptions that have none or absurd ones.
    acceleration, jerk : float
        Limits [rad/s^2, rad/s^3], which URDF has no place for.
    joint_limits : mapping joint -> {velocity, acceleration, jerk}
        Exceptions of single joints.
    controllers : mapping controller -> tuple of joints
    interfaces : mapping controller -> one of `INTERFACES`
        What those take that do not take what the actuation is told to send: a JointTrajectory,
        positions or velocities (Float64MultiArray), or goals of the action GripperCommand or
        ParallelGripperCommand for their one joint.
    effort : mapping controller -> float
        Of a gripper's goals at most [N or N m]; 0, or none: what the gripper has by itself.
    path : Path
        The profile's own file.
    """

    name: str
    description: Path
    chains: Mapping[str, Chain]
    face: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    rest: Mapping[str, float] = field(default_factory=dict)
    velocity_scale: float = 1.0
    velocity: float = float("inf")
    acceleration: float = 15.0
    jerk: float = 150.0
    joint_limits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    controllers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    interfaces: Mapping[str, str] = field(default_factory=dict)
    effort: Mapping[str, float] = field(default_factory=dict)
    path: Path = Path()
    arguments: Mapping[str, str] = field(default_factory=dict)
    topic: str = ""
    forward: tuple[float, float, float] = (1.0, 0.0, 0.0)
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    fingers: Mapping[str, Mapping[str, Finger]] = field(default_factory=dict)
    upright: Mapping[str, float] = field(default_factory=dict)
    held: Mapping[str, float] = field(default_factory=dict)
    margin: float = 0.01
    ignore: tuple[tuple[str, str], ...] = ()

    @property
    def joints(self) -> tuple[str, ...]:
        """All joints that the profile uses: the chains', then the face's, then the fingers'."""
        named = [joint for chain in self.chains.values() for joint in chain.joints]
        fingers = [joint for joints in self.fingers.values() for joint in joints]
        return tuple(dict.fromkeys([*named, *self.face, *fingers]))


def known_robots() -> tuple[str, ...]:
    """Return the names of the profiles that come with the package."""
    for folder in share_folders():
        if names := sorted(path.stem for path in (folder / "config/robots").glob("*.yaml")):
            return tuple(names)
    return ()


def load_profile(robot: str | Path) -> RobotProfile:
    """Read a profile by the name of a known robot or by the path of a YAML file.

    Raises
    ------
    ProfileError
        If there is no such robot or file, or if anything in it is not as it should be.
    """
    path = Path(robot).expanduser()
    if path.suffix not in (".yaml", ".yml"):
        try:
            path = share_file(f"config/robots/{robot}.yaml")
        except FileNotFoundError:
            raise ProfileError(
                f"no robot {str(robot)!r}; {choices(str(robot), known_robots())}, "
                "or the path of a profile (.yaml)") from None
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileError(f"cannot read the profile {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ProfileError(f"{path} is not valid YAML: {error}") from error
    try:
        return _profile(content, path)
    except ProfileError as error:
        raise ProfileError(f"{path}: {error}") from None


def _profile(content: Any, path: Path) -> RobotProfile:
    content = _mapping(content, "a profile", _KEYS)
    for key in ("name", "description", "chains"):
        if key not in content:
            raise ProfileError(f"the key {key!r} is missing")
    limits = _mapping(content.get("limits") or {}, "limits", _LIMITS)
    collision = _mapping(content.get("collision") or {}, "collision", _COLLISION)
    positive = 1e-6
    description, arguments, topic = _description(content["description"], path)
    forward = _vector(content.get("forward", [1, 0, 0]), "forward")
    up = _vector(content.get("up", [0, 0, 1]), "up")
    if abs(float(np.dot(forward, up))) > 0.99 * float(np.linalg.norm(forward)
                                                     * np.linalg.norm(up)):
        raise ProfileError(f"forward {list(forward)} and up {list(up)} must not be parallel")

    def by_joint(key: str) -> dict[str, float]:
        return {joint: _number(value, f"{key}.{joint}")
                for joint, value in _mapping(content.get(key) or {}, key).items()}

    controllers, interfaces, effort = _controllers(content.get("controllers"))
    profile = RobotProfile(
        name=str(content["name"]),
        description=description, arguments=arguments, topic=topic, forward=forward, up=up,
        fingers={side: {joint: _finger(f"fingers.{side}.{joint}", value) for joint, value in
                        _mapping(joints, f"fingers.{side}").items()} for side, joints in
                 _mapping(content.get("fingers") or {}, "fingers", ("left", "right")).items()},
        upright=by_joint("upright"), held=by_joint("held"),
        margin=_number(collision.get("margin", 0.01), "collision.margin", 0.0, 0.5),
        ignore=_pairs(collision.get("ignore") or [], "collision.ignore"),
        chains={name: _chain(name, chain) for name, chain in
                _mapping(content["chains"], "chains", _CHAINS).items()},
        face={joint: _face(joint, units) for joint, units in
              _mapping(content.get("face") or {}, "face").items()},
        rest=by_joint("rest"),
        velocity_scale=_number(limits.get("velocity_scale", 1.0), "limits.velocity_scale",
                               positive, 1.0),
        velocity=_number(limits.get("velocity", float("inf")), "limits.velocity", positive),
        acceleration=_number(limits.get("acceleration", 15.0), "limits.acceleration", positive),
        jerk=_number(limits.get("jerk", 150.0), "limits.jerk", positive),
        joint_limits={
            joint: {key: _number(value, f"limits.joints.{joint}.{key}", positive) for key, value in
                    _mapping(values, f"limits.joints.{joint}", _JOINT_LIMITS).items()}
            for joint, values in _mapping(limits.get("joints") or {}, "limits.joints").items()},
        controllers=controllers, interfaces=interfaces, effort=effort, path=path)
    if not profile.joints:
        raise ProfileError("chains and face name no joint")
    for where, names in (
        ("rest", profile.rest), ("upright", profile.upright),
        ("limits.joints", profile.joint_limits),
        *((f"controllers.{name}", joints) for name, joints in profile.controllers.items()),
    ):
        for joint in names:
            if joint not in profile.joints:
                raise ProfileError(f"{where}: {joint!r} is in no chain and not in the face; "
                                   f"{choices(joint, profile.joints)}")
    chained = [joint for chain in profile.chains.values() for joint in chain.joints]
    for joint in chained:
        if chained.count(joint) > 1 or joint in profile.face:
            raise ProfileError(f"chains: {joint!r} is used twice; a joint belongs to one chain, "
                               "or to the face, or to the fingers")
    for side, joints in profile.fingers.items():
        for joint in joints:
            if joint in chained or joint in profile.face:
                raise ProfileError(f"fingers.{side}: {joint!r} is in a chain or in the face")
    for joint in profile.held:
        if joint in profile.joints:
            raise ProfileError(f"held: {joint!r} is not to be touched, and a chain, the face or "
                               "the fingers use it; take it out of one of them")
    return profile


def _controllers(value: Any) -> tuple[dict[str, tuple[str, ...]], dict[str, str],
                                     dict[str, float]]:
    """Return the joints of the controllers, the interfaces, and the efforts of grippers."""
    joints, interfaces, effort = {}, {}, {}
    for name, content in _mapping(value or {}, "controllers").items():
        where = f"controllers.{name}"
        if not isinstance(content, dict):
            joints[name] = _names(content, where)
            continue
        content = _mapping(content, where, ("joints", "interface", "effort"))
        if "joints" not in content:
            raise ProfileError(f"{where}.joints is missing")
        joints[name] = _names(content["joints"], f"{where}.joints")
        interface = content.get("interface", "trajectory")
        if interface not in INTERFACES:
            raise ProfileError(f"{where}.interface: {interface!r} is none; "
                               f"{choices(str(interface), INTERFACES)}")
        interfaces[name] = interface
        if interface in GRIPPER_INTERFACES and len(joints[name]) != 1:
            raise ProfileError(f"{where}: a {interface} has one joint, not {len(joints[name])}")
        if "effort" in content:
            if interface not in GRIPPER_INTERFACES:
                raise ProfileError(f"{where}.effort is for a gripper, not for {interface}")
            effort[name] = _number(content["effort"], f"{where}.effort", 0.0)
    return joints, interfaces, effort


def _vector(value: Any, where: str) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise ProfileError(f"{where} must be three numbers, not {value!r}")
    x, y, z = (_number(item, where, -1e6, 1e6) for item in value)
    if not (x or y or z):
        raise ProfileError(f"{where} must not be zero")
    return x, y, z


def _pairs(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or not all(
            isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise ProfileError(f"{where} must be a list of pairs of links, not {value!r}")
    return tuple((str(first), str(second)) for first, second in value)


def _description(value: Any, path: Path) -> tuple[Path, Mapping[str, str], str]:
    value = _mapping(value, "description", ("package", "file", "arguments", "topic"))
    arguments = {"profile": str(path.resolve())} | {
        key: str(item) for key, item in
        _mapping(value.get("arguments") or {}, "description.arguments").items()}
    if "topic" in value:
        return Path(str(value["topic"])), arguments, str(value["topic"])
    file = value.get("file")
    if not isinstance(file, str):
        raise ProfileError("description.file must name a URDF, xacro or MJCF file")
    if "package" in value:
        try:
            return package_file(str(value["package"]), file), arguments, ""
        except DescriptionError as error:
            raise ProfileError(f"description: {error}") from None
    found = (path.parent / Path(file).expanduser()).resolve()
    if not found.is_file():
        raise ProfileError(f"description.file: there is no file {found}")
    return found, arguments, ""


def _chain(name: str, value: Any) -> Chain:
    where = f"chains.{name}"
    arm = name.endswith("_arm")
    keys = (("joints", *_ARM_POINTS, "palm_axis", "offsets") if arm else ("joints", "link")
            + (("legs",) if name == "head" else ()))
    value = _mapping(value, where, keys)
    needed = ("joints", "shoulder", "elbow", "wrist") if arm else ("joints", "link")
    for key in needed:
        if key not in value:
            raise ProfileError(f"{where}.{key} is missing")
    axis = value.get("palm_axis")
    links = {key: str(value[key]) for key in (_ARM_POINTS if arm else ("link",)) if key in value}
    offsets = {key: _vector(offset, f"{where}.offsets.{key}") for key, offset in
               _mapping(value.get("offsets") or {}, f"{where}.offsets", links).items()}
    legs = {}
    for joint, pair in _mapping(value.get("legs") or {}, f"{where}.legs",
                                value["joints"]).items():
        if not (isinstance(pair, list) and len(pair) == 2):
            raise ProfileError(f"{where}.legs.{joint} must be two links, not {pair!r}")
        legs[joint] = (str(pair[0]), str(pair[1]))
    if legs and len(legs) != 6:
        raise ProfileError(f"{where}.legs must name six legs, not {len(legs)}")
    return Chain(
        joints=_names(value["joints"], f"{where}.joints"),
        links=links,
        palm_axis=None if axis is None else _vector(axis, f"{where}.palm_axis"),
        offsets=offsets, legs=legs)


def _face(joint: str, value: Any) -> Mapping[str, float]:
    where = f"face.{joint}"
    valid = {name + side for name in ACTION_UNITS for side in ("", "L", "R")}
    return {unit: _number(gain, f"{where}.{unit}", -2.0, 2.0)
            for unit, gain in _mapping(value, where, valid).items()}


def _finger(where: str, value: Any) -> Finger:
    value = _mapping(value, where, ("open", "closed", "follows"))
    for key in ("open", "closed"):
        if key not in value:
            raise ProfileError(f"{where}.{key} is missing: where the joint is when the hand is "
                               f"{key}")
    follows = _names(value["follows"], f"{where}.follows") if "follows" in value else FINGERS
    for finger in follows:
        if finger not in FINGERS:
            raise ProfileError(f"{where}.follows: no finger {finger!r}; "
                               f"{choices(finger, FINGERS)}")
    return Finger(_number(value["open"], f"{where}.open"),
                  _number(value["closed"], f"{where}.closed"), follows)
