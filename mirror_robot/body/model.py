# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A robot's body: joints, limits and forward kinematics from its URDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pinocchio as pin

from mirror_robot.body.description import (
    DescriptionError,
    kinematic_text,
    links,
    mimics,
    movable_joints,
    parse_description,
    read_description,
)
from mirror_robot.body.platform import Platform
from mirror_robot.body.profile import ProfileError, RobotProfile, load_profile
from mirror_robot.human.posture import SIDES, HumanPosture
from mirror_robot.tables import choices

_ARM_POINTS = ("shoulder", "elbow", "wrist", "tip")


class Kinematics:
    """The placement of a robot's links at one posture; valid until the model is placed anew.

    Attributes
    ----------
    linear, angular : ndarray (3, n)
        Velocity at the body frame's origin and angular velocity that each joint gives to what it
        moves [1/s per rad/s], in the body frame: a point p moves with ``linear + angular x p``.
    """

    def __init__(self, data: pin.Data, frames: Mapping[str, int], drive: np.ndarray) -> None:
        self._data, self._frames = data, frames
        # Pinocchio gives the Jacobian of a single joint as a vector.
        jacobian = np.reshape(data.J, (6, -1)) @ drive
        self.linear, self.angular = jacobian[:3], jacobian[3:]

    def point(self, link: str) -> np.ndarray:
        """Return the origin (3,) of `link` [m] in the body frame."""
        return self._data.oMf[self._frames[link]].translation

    def rotation(self, link: str) -> np.ndarray:
        """Return the rotation (3, 3) of `link` in the body frame."""
        return self._data.oMf[self._frames[link]].rotation


class RobotModel:
    """The joints that a profile uses, their limits, and where the limbs are.

    All places and directions are in the robot's *body frame*: its origin is that of the root link,
    x is the profile's ``forward``, z its ``up`` (made perpendicular to x), y to the left. For a
    root link as in REP-103 it is the root link's frame.

    Attributes
    ----------
    profile : RobotProfile
    urdf : str
        The description as URDF text.
    joint_names : tuple of str
        The n joints: chains, face, fingers, in the profile's order. All arrays have this order.
    index : mapping name -> position in `joint_names`
    lower, upper, rest : ndarray (n,)
        Positions [rad or m].
    velocity, acceleration, jerk : ndarray (n,)
        Limits [rad/s, rad/s^2, rad/s^3], after the profile's scale and exceptions.
    effort : ndarray (n,)
        Limits [N m or N].
    body : ndarray (n,) of bool
        True for joints of the chains, False for the face and the fingers.
    hands : ndarray (n,) of bool
        True for the fingers.
    pin : pinocchio.Model
        The tree in the body frame with all other joints held; its joints are ordered otherwise.
    drive : ndarray (pin.nv, n)
        Velocity of each of `pin`'s joints per velocity of the model's: a permutation, and the
        multipliers of joints that mimic others.
    offset : ndarray (pin.nq,)
        Positions of `pin`'s joints where all of the model's are at 0.
    platform : Platform or None
        The parallel platform that carries the head; `points` of links on it are not followed.
    base : ndarray (3, 3)
        Rotation from the root link's axes to the body frame's.

    Raises
    ------
    DescriptionError, ProfileError
        If the description is unusable, or the profile names joints or links that it does not have.
    """

    def __init__(self, profile: RobotProfile, urdf: str) -> None:
        self.profile, self.urdf = profile, urdf
        source = str(profile.description)
        robot = parse_description(urdf, source)
        self._check_names(robot, source)
        # Links may be called like joints, which Pinocchio cannot tell apart.
        shared = links(robot) & {joint.get("name", "") for joint in robot.findall("joint")}
        self._called = {name: f"{name} (link)" for name in shared}
        for element in robot.iter():
            key = "name" if element.tag == "link" else "link"
            if element.tag in ("link", "parent", "child") and element.get(key) in shared:
                element.set(key, self._called[element.get(key)])
        try:
            full = pin.buildModelFromXML(kinematic_text(robot))
        except Exception as error:  # Pinocchio raises what its parser raises
            raise DescriptionError(f"{source}: {error}") from None
        self.joint_names: tuple[str, ...] = profile.joints
        count = len(self.joint_names)
        self.index: Mapping[str, int] = {name: i for i, name in enumerate(self.joint_names)}
        in_chains = {joint for chain in profile.chains.values() for joint in chain.joints}
        self.body = np.array([name in in_chains for name in self.joint_names])
        in_hands = {joint for joints in profile.fingers.values() for joint in joints}
        self.hands = np.array([name in in_hands for name in self.joint_names])
        self._reduce(full, mimics(robot))
        self._face_forward()

        order = np.array([self.pin.joints[self.pin.getJointId(name)].idx_q
                          for name in self.joint_names], int)
        self.lower = self.pin.lowerPositionLimit[order].copy()
        self.upper = self.pin.upperPositionLimit[order].copy()
        self.effort = self.pin.effortLimit[order].copy()

        def limit(key: str, default: np.ndarray) -> np.ndarray:
            return np.array([profile.joint_limits.get(name, {}).get(key, value)
                             for name, value in zip(self.joint_names, default)])

        described = self.pin.velocityLimit[order]
        described = np.where(described > 0, np.minimum(described, profile.velocity),
                             profile.velocity)
        self.velocity = profile.velocity_scale * limit("velocity", described)
        self.acceleration = limit("acceleration", np.full(count, profile.acceleration))
        self.jerk = limit("jerk", np.full(count, profile.jerk))
        for name, value in zip(self.joint_names, self.velocity):
            if not (np.isfinite(value) and value > 0):
                raise DescriptionError(
                    f"{source}: joint {name} has no positive velocity limit; give it in <limit> "
                    f"or under limits.joints.{name}.velocity of the profile")
        for name, low, high in zip(self.joint_names, self.lower, self.upper):
            if not (np.isfinite([low, high]).all() and low < high):
                raise DescriptionError(
                    f"{source}: joint {name} has the limits {low} .. {high}; "
                    "<limit> must have finite lower < upper")
        for side, joints in profile.fingers.items():
            for name, finger in joints.items():
                low, high = self.lower[self.index[name]], self.upper[self.index[name]]
                for key, value in (("open", finger.open), ("closed", finger.closed)):
                    if not low - 1e-3 <= value <= high + 1e-3:
                        raise ProfileError(f"{profile.path}: fingers.{side}.{name}.{key}: {value} "
                                           f"is not within the joint's limits {low} .. {high}")
        wanted = np.array([profile.rest.get(name, 0.0) for name in self.joint_names])
        self.rest = np.clip(wanted, self.lower, self.upper)

        named = [link for chain in profile.chains.values() for link in chain.links.values()]
        named += [link for chain in profile.chains.values()
                  for pair in chain.legs.values() for link in pair]
        self._frames = {link: self.frame(link) for link in named}
        for name, chain in profile.chains.items():
            for key, offset in chain.offsets.items():
                at = self.frame(chain.links[key])
                frame = self.pin.frames[at]
                self._frames[f"{name}.{key}"] = self.pin.addFrame(pin.Frame(
                    f"{name}.{key}", frame.parentJoint, at,
                    frame.placement * pin.SE3(np.eye(3), np.array(offset)),
                    pin.FrameType.BODY), False)
        self._data = self.pin.createData()
        self._columns = {
            name: np.array([self.index[joint] for joint in chain.joints], int)
            for name, chain in profile.chains.items()}
        # Rotations are told relative to standing upright, so that a link's own axes, which differ
        # from robot to robot, do not matter.
        upright = np.array([profile.upright.get(name, 0.0) for name in self.joint_names])
        self._place(np.clip(upright, self.lower, self.upper))
        self._upright = {name: self._data.oMf[frame].rotation.copy()
                         for name, frame in self._frames.items()}
        self.platform = self._platform()
        if self.platform is not None:
            self._carrier_upright = self._data.oMi[self.platform.carrier].rotation.copy()
        self._limbs = [self._limb_frames(side) for side in SIDES]
        for name, chain in profile.chains.items():
            ends = [key for key in _ARM_POINTS if key in chain.links]
            for first, second in pairwise(ends):
                limb = (self._data.oMf[self._frames[self.point(name, first)]].translation
                        - self._data.oMf[self._frames[self.point(name, second)]].translation)
                if np.linalg.norm(limb) < 1e-3:
                    raise ProfileError(
                        f"{profile.path}: chains.{name}: {first} ({chain.links[first]}) and "
                        f"{second} ({chain.links[second]}) are at the same place; a limb "
                        "between them has no direction")

    def _reduce(self, full: pin.Model, follows: Mapping[str, tuple[str, float, float]]) -> None:
        """Hold all joints but the profile's and those that mimic one of them."""
        profile, count = self.profile, len(self.joint_names)
        stand = pin.neutral(full)
        for name, value in profile.held.items():
            if name in full.names and name not in follows:
                joint = full.joints[full.getJointId(name)]
                if joint.nq == 1:
                    stand[joint.idx_q] = value
        kept = []
        for name in full.names[1:]:
            # A chain of mimics ends at its driven joint.
            master, multiplier, offset = name, 1.0, 0.0
            for _ in range(len(follows) + 1):
                if master not in follows:
                    break
                master, times, plus = follows[master]
                multiplier, offset = multiplier * times, offset + multiplier * plus
            if master in self.index:
                kept.append((name, self.index[master], multiplier, offset))
            elif name in follows and master in full.names:
                at = stand[full.joints[full.getJointId(master)].idx_q]
                stand[full.joints[full.getJointId(name)].idx_q] = multiplier * at + offset
        names = {name for name, *_ in kept}
        locked = [full.getJointId(name) for name in full.names[1:] if name not in names]
        self.pin = pin.buildReducedModel(full, locked, stand) if locked else full
        self._data = self.pin.createData()
        self.drive = np.zeros((self.pin.nv, count))
        self.offset = np.zeros(self.pin.nq)
        for name, master, multiplier, offset in kept:
            row = self.pin.joints[self.pin.getJointId(name)].idx_v
            self.drive[row, master] = multiplier
            self.offset[row] = offset

    def _face_forward(self) -> None:
        """Turn the tree so that the root's axes are the body frame's."""
        forward, up = np.array(self.profile.forward), np.array(self.profile.up)
        forward = forward / np.linalg.norm(forward)
        up = up - (up @ forward) * forward
        up = up / np.linalg.norm(up)
        self.base = np.array([forward, np.cross(up, forward), up])
        if np.array_equal(self.base, np.eye(3)):
            return
        turn = pin.SE3(self.base, np.zeros(3))
        for joint in range(1, self.pin.njoints):
            if self.pin.parents[joint] == 0:
                self.pin.jointPlacements[joint] = turn * self.pin.jointPlacements[joint]
        for frame in self.pin.frames:
            if frame.parentJoint == 0:
                frame.placement = turn * frame.placement
        self._data = self.pin.createData()

    def _platform(self) -> Platform | None:
        """Return the platform that carries the head, if one does."""
        chain = self.profile.chains.get("head")
        if chain is None or not chain.legs:
            return None
        return Platform(
            self.pin, [self.pin.getJointId(joint) for joint in chain.joints],
            [self._frames[chain.legs[joint][0]] for joint in chain.joints],
            [self._frames[chain.legs[joint][1]] for joint in chain.joints],
            self._frames[chain.links["link"]], self.offset.copy())

    def _limb_frames(self, side: str) -> list[int]:
        chain = self.profile.chains.get(f"{side}_arm")
        return [] if chain is None else [
            self._frames[self.point(f"{side}_arm", key)] for key in _ARM_POINTS
            if key in chain.links]

    @classmethod
    def from_profile(cls, profile: RobotProfile) -> RobotModel:
        """Return the model of the robot that `profile` describes."""
        if profile.topic:
            raise ProfileError(f"{profile.path}: the description comes from the topic "
                               f"{profile.topic}; it must be given as text")
        return cls(profile, read_description(profile.description, profile.arguments))

    def _check_names(self, robot: ElementTree.Element, source: str) -> None:
        where, joints = self.profile.path, movable_joints(robot)
        for name in self.profile.joints:
            if name not in joints:
                raise ProfileError(f"{where}: {source} has no joint {name!r} that can be driven; "
                                   f"{choices(name, joints)}")
        known = links(robot)
        every = joints | set(mimics(robot))
        for name in self.profile.held:
            if name not in every:
                raise ProfileError(f"{where}: held: {source} has no joint {name!r}; "
                                   f"{choices(name, every)}")
        for key, chain in self.profile.chains.items():
            balls = {f"legs.{joint}": link for joint, pair in chain.legs.items() for link in pair}
            for point, link in [*chain.links.items(), *balls.items()]:
                if link not in known:
                    raise ProfileError(f"{where}: chains.{key}.{point}: {source} has no link "
                                       f"{link!r}; {choices(link, known)}")

    def point(self, chain: str, key: str) -> str:
        """Return the name by which `points` has a chain's point, such as ``wrist``."""
        limb = self.profile.chains[chain]
        return f"{chain}.{key}" if key in limb.offsets else limb.links[key]

    def frame(self, link: str, tree: pin.Model | None = None) -> int:
        """Return the index of a link's frame in `pin`, or in a tree reduced from it."""
        return (tree or self.pin).getFrameId(self._called.get(link, link), pin.FrameType.BODY)

    def columns(self, chain: str) -> np.ndarray:
        """Return the indices (k,) of a chain's joints; empty when the robot lacks the chain."""
        return self._columns.get(chain, np.zeros(0, int))

    def clip(self, positions: np.ndarray) -> np.ndarray:
        """Return positions (..., n) within the limits; NaN stays NaN."""
        return np.clip(positions, self.lower, self.upper)

    def positions(self, named: Mapping[str, float]) -> np.ndarray:
        """Return positions (n,) from values by name, NaN where a joint is not named."""
        return np.array([named.get(name, np.nan) for name in self.joint_names])

    def configuration(self, positions: np.ndarray) -> np.ndarray:
        """Return the configuration (pin.nq,) for `positions` (n,); NaN counts as rest."""
        known = np.where(np.isfinite(positions), positions, getattr(self, "rest", 0.0))
        return self.drive @ known + self.offset

    def _place(self, positions: np.ndarray) -> None:
        """Put the kinematic tree at `positions` (n,); NaN counts as rest."""
        pin.computeJointJacobians(self.pin, self._data, self.configuration(positions))
        for frame in self._frames.values():
            pin.updateFramePlacement(self.pin, self._data, frame)

    def kinematics(self, positions: np.ndarray) -> Kinematics:
        """Return where links are and how joints move them at `positions` (n,)."""
        self._place(positions)
        return Kinematics(self._data, self._frames, self.drive)

    def moves(self, links: Sequence[str]) -> np.ndarray:
        """Return a bool array (len(links), n): whether the joint moves the link."""
        supports = [set(self.pin.supports[self.pin.frames[self._frames[link]].parentJoint])
                    for link in links]
        joints = [{self.pin.getJointId(name) for name in self._driven(column)}
                  for column in range(len(self.joint_names))]
        return np.array([[bool(joint & support) for joint in joints] for support in supports])

    def _driven(self, column: int) -> list[str]:
        """Return the tree's joints that the model's joint `column` moves."""
        rows = set(np.flatnonzero(self.drive[:, column]))
        return [name for name, joint in zip(self.pin.names, self.pin.joints)
                if joint.nv == 1 and joint.idx_v in rows]

    def upright(self, link: str) -> np.ndarray:
        """Return the rotation (3, 3) that `link` has in the body frame when upright."""
        return self._upright[link]

    def points(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """Return the places (3,) [m] of all links and points of the profile, in the body frame.

        A point with an offset is called ``<chain>.<key>``, others like their links (`point`).
        """
        self._place(positions)
        return {link: self._data.oMf[frame].translation.copy()
                for link, frame in self._frames.items()}

    def _rotation(self, link: str) -> np.ndarray:
        return self._data.oMf[self._frames[link]].rotation @ self._upright[link].T

    def human_posture(self, positions: np.ndarray, stamp: float = 0.0) -> HumanPosture:
        """Return the posture that the robot shows, in human terms: the inverse of retargeting.

        Parameters
        ----------
        positions : ndarray (n,)
            NaN counts as rest.
        stamp : float
            Handed on [s].

        Returns
        -------
        HumanPosture
            In the body frame; NaN for parts that the robot does not have.
        """
        self._place(positions)
        posture = HumanPosture.unknown(stamp)
        for row, (side, frames) in enumerate(zip(SIDES, self._limbs)):
            if not frames:
                continue
            points = np.array([self._data.oMf[frame].translation for frame in frames])
            limbs = points[1:] - points[:-1]
            posture.limbs[3 * row:3 * row + len(limbs)] = (
                limbs / np.sqrt((limbs * limbs).sum(axis=1, keepdims=True)))
            axis = self.profile.chains[f"{side}_arm"].palm_axis  # a frame's offset turns nothing
            if axis is not None:
                normal = self._data.oMf[frames[2]].rotation @ axis
                posture.palms[row] = normal / np.linalg.norm(normal)
        for part in ("torso", "head"):
            if part in self.profile.chains:
                link = self.profile.chains[part].links["link"]
                getattr(posture, part)[:] = self._rotation(link)
        if self.platform is not None:
            motors = np.where(np.isfinite(positions), positions, self.rest)[self.columns("head")]
            carrier = self._data.oMi[self.platform.carrier].rotation
            posture.head[:] = (carrier @ self._carrier_upright.T
                               @ self.platform.rotation(motors))
        return posture

    def limb_directions(self, positions: np.ndarray) -> np.ndarray:
        """Return the unit directions (6, 3) of the robot's limbs, rows as `LIMBS`."""
        return self.human_posture(positions).limbs


def load_model(robot: str | Path) -> RobotModel:
    """Return the model of a known robot or of a profile file."""
    return RobotModel.from_profile(load_profile(robot))
