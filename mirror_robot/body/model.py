# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A robot's body: joints, limits and forward kinematics from its URDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pinocchio as pin

from mirror_robot.body.description import (
    DescriptionError,
    links,
    movable_joints,
    parse_description,
    read_description,
)
from mirror_robot.body.profile import ProfileError, RobotProfile, choices, load_profile
from mirror_robot.human.posture import SIDES, HumanPosture

_ARM_POINTS = ("shoulder", "elbow", "wrist", "tip")


class Kinematics:
    """The placement of a robot's links at one posture; valid until the model is placed anew.

    Attributes
    ----------
    linear, angular : ndarray (3, n)
        Velocity at the root frame's origin and angular velocity that each joint gives to what it
        moves [1/s per rad/s], in the root frame: a point p moves with ``linear + angular x p``.
    """

    def __init__(self, data: pin.Data, frames: Mapping[str, int], order: np.ndarray) -> None:
        self._data, self._frames = data, frames
        jacobian = data.J
        self.linear, self.angular = jacobian[:3, order], jacobian[3:, order]

    def point(self, link: str) -> np.ndarray:
        """Return the origin (3,) of `link` [m] in the root frame."""
        return self._data.oMf[self._frames[link]].translation

    def rotation(self, link: str) -> np.ndarray:
        """Return the rotation (3, 3) of `link` in the root frame."""
        return self._data.oMf[self._frames[link]].rotation


class RobotModel:
    """The joints that a profile uses, their limits, and where the limbs are.

    Attributes
    ----------
    profile : RobotProfile
    urdf : str
        The description as URDF text.
    joint_names : tuple of str
        The n joints, chains first (torso, head, arms), then the face. All arrays have this order.
    index : mapping name -> position in `joint_names`
    lower, upper, rest : ndarray (n,)
        Positions [rad or m].
    velocity, acceleration, jerk : ndarray (n,)
        Limits [rad/s, rad/s^2, rad/s^3], after the profile's scale and exceptions.
    effort : ndarray (n,)
        Limits [N m or N].
    body : ndarray (n,) of bool
        True for joints of the chains, False for the face.

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
        try:
            full = pin.buildModelFromXML(ElementTree.tostring(robot, encoding="unicode"))
        except Exception as error:  # Pinocchio raises what its parser raises
            raise DescriptionError(f"{source}: {error}") from None
        self.joint_names: tuple[str, ...] = profile.joints
        locked = [full.getJointId(name) for name in full.names[1:] if name not in self.joint_names]
        model = pin.buildReducedModel(full, locked, pin.neutral(full)) if locked else full
        self._pin, self._data = model, model.createData()
        order = np.array([model.joints[model.getJointId(name)].idx_q for name in self.joint_names])
        self._order = order
        self.index: Mapping[str, int] = {name: i for i, name in enumerate(self.joint_names)}
        self.body = np.array([name not in profile.face for name in self.joint_names])

        self.lower = model.lowerPositionLimit[order].copy()
        self.upper = model.upperPositionLimit[order].copy()
        self.effort = model.effortLimit[order].copy()

        def limit(key: str, default: np.ndarray) -> np.ndarray:
            return np.array([profile.joint_limits.get(name, {}).get(key, value)
                             for name, value in zip(self.joint_names, default)])

        count = len(self.joint_names)
        self.velocity = profile.velocity_scale * limit("velocity", model.velocityLimit[order])
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
        wanted = np.array([profile.rest.get(name, 0.0) for name in self.joint_names])
        self.rest = np.clip(wanted, self.lower, self.upper)

        self._frames = {link: model.getFrameId(link) for chain in profile.chains.values()
                        for link in chain.links.values()}
        self._columns = {
            name: np.array([self.index[joint] for joint in chain.joints], int)
            for name, chain in profile.chains.items()}
        # Rotations are told relative to standing upright, so that a link's own axes, which differ
        # from robot to robot, do not matter.
        self._place(np.clip(np.zeros(count), self.lower, self.upper))
        self._upright = {name: self._data.oMf[frame].rotation.copy()
                         for name, frame in self._frames.items()}

    @classmethod
    def from_profile(cls, profile: RobotProfile) -> RobotModel:
        """Return the model of the robot that `profile` describes."""
        return cls(profile, read_description(profile.description))

    def _check_names(self, robot: ElementTree.Element, source: str) -> None:
        where, joints = self.profile.path, movable_joints(robot)
        for name in self.profile.joints:
            if name not in joints:
                raise ProfileError(f"{where}: {source} has no joint {name!r} that can be driven; "
                                   f"{choices(name, joints)}")
        known = links(robot)
        for key, chain in self.profile.chains.items():
            for point, link in chain.links.items():
                if link not in known:
                    raise ProfileError(f"{where}: chains.{key}.{point}: {source} has no link "
                                       f"{link!r}; {choices(link, known)}")

    def columns(self, chain: str) -> np.ndarray:
        """Return the indices (k,) of a chain's joints; empty when the robot lacks the chain."""
        return self._columns.get(chain, np.zeros(0, int))

    def clip(self, positions: np.ndarray) -> np.ndarray:
        """Return positions (..., n) within the limits; NaN stays NaN."""
        return np.clip(positions, self.lower, self.upper)

    def positions(self, named: Mapping[str, float]) -> np.ndarray:
        """Return positions (n,) from values by name, NaN where a joint is not named."""
        return np.array([named.get(name, np.nan) for name in self.joint_names])

    def _place(self, positions: np.ndarray) -> None:
        """Put the kinematic tree at `positions` (n,); NaN counts as rest."""
        q = np.empty(self._pin.nq)
        q[self._order] = np.where(np.isfinite(positions), positions, getattr(self, "rest", 0.0))
        pin.computeJointJacobians(self._pin, self._data, q)
        for frame in self._frames.values():
            pin.updateFramePlacement(self._pin, self._data, frame)

    def kinematics(self, positions: np.ndarray) -> Kinematics:
        """Return where links are and how joints move them at `positions` (n,)."""
        self._place(positions)
        return Kinematics(self._data, self._frames, self._order)

    def moves(self, links: Sequence[str]) -> np.ndarray:
        """Return a bool array (len(links), n): whether the joint moves the link."""
        supports = [set(self._pin.supports[self._pin.frames[self._frames[link]].parentJoint])
                    for link in links]
        joints = [self._pin.getJointId(name) for name in self.joint_names]
        return np.array([[joint in support for joint in joints] for support in supports])

    def upright(self, link: str) -> np.ndarray:
        """Return the rotation (3, 3) that `link` has in the root frame when all joints are 0."""
        return self._upright[link]

    def points(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """Return the origin (3,) [m] of every link that the profile names, in the root frame."""
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
            In the root frame; NaN for parts that the robot does not have.
        """
        self._place(positions)
        posture = HumanPosture.unknown(stamp)
        for row, side in enumerate(SIDES):
            chain = self.profile.chains.get(f"{side}_arm")
            if chain is None:
                continue
            points = np.array([self._data.oMf[self._frames[chain.links[key]]].translation
                               for key in _ARM_POINTS if key in chain.links])
            limbs = np.diff(points, axis=0)
            posture.limbs[3 * row:3 * row + len(limbs)] = (
                limbs / np.linalg.norm(limbs, axis=1, keepdims=True))
            if chain.palm_axis is not None:
                rotation = self._data.oMf[self._frames[chain.links["wrist"]]].rotation
                posture.palms[row] = rotation @ np.array(chain.palm_axis)
        for part in ("torso", "head"):
            if part in self.profile.chains:
                link = self.profile.chains[part].links["link"]
                getattr(posture, part)[:] = self._rotation(link)
        return posture

    def limb_directions(self, positions: np.ndarray) -> np.ndarray:
        """Return the unit directions (6, 3) of the robot's limbs, rows as `LIMBS`."""
        return self.human_posture(positions).limbs


def load_model(robot: str | Path) -> RobotModel:
    """Return the model of a known robot or of a profile file."""
    return RobotModel.from_profile(load_profile(robot))
