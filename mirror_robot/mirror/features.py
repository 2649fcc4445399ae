# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What a robot feels of its own posture: the way its limbs point, its trunk, head and face.

Joint positions are a poor measure of likeness: near a straight elbow or a raised arm very
different angles are the same posture. The robot's own kinematics turns them into limb directions,
angles of trunk and head, and how far each face joint is driven; units are compared there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirror_robot.body.model import RobotModel
from mirror_robot.human.posture import LIMBS


@dataclass(frozen=True)
class Block:
    """Features that are known or unknown together.

    Attributes
    ----------
    name : str
        A limb, ``torso``, ``head``, or a face joint.
    channel : str
        ``body``, ``head`` or ``face``.
    kind : str
        ``limb`` (a unit vector), ``trunk`` (angles [rad]) or ``face`` (-1..1).
    columns : slice
        Of the feature vector.
    joints : ndarray of int
        All must be known for the block to be known.
    """

    name: str
    channel: str
    kind: str
    columns: slice
    joints: np.ndarray


def _angles(rotation: np.ndarray) -> np.ndarray:
    """Return bend, turn and lean (3,) [rad] of a rotation Rz(turn) Ry(bend) Rx(lean)."""
    return np.array([np.arctan2(-rotation[2, 0], np.hypot(rotation[0, 0], rotation[1, 0])),
                     np.arctan2(rotation[1, 0], rotation[0, 0]),
                     np.arctan2(rotation[2, 1], rotation[2, 2])])


class MotorFeatures:
    """Turns joint positions of one robot into what its units are compared by.

    Parameters
    ----------
    model : RobotModel

    Attributes
    ----------
    blocks : tuple of Block
        Those that the robot has.
    size : int
        Number of features.
    """

    def __init__(self, model: RobotModel) -> None:
        self.model = model
        blocks: list[Block] = []
        column = 0

        def add(name: str, channel: str, kind: str, width: int, joints: np.ndarray) -> None:
            nonlocal column
            if len(joints):
                blocks.append(Block(name, channel, kind, slice(column, column + width), joints))
                column += width

        for name, joints in zip(LIMBS, self._limb_joints()):
            add(name, "body", "limb", 3, joints)
        add("torso", "body", "trunk", 3, model.columns("torso"))
        add("head", "head", "trunk", 3, model.columns("head"))
        for joint in np.flatnonzero(~model.body):
            add(model.joint_names[joint], "face", "face", 1, np.array([joint]))
        self.blocks, self.size = tuple(blocks), column
        self._face = np.array([b.joints[0] for b in blocks if b.kind == "face"], int)

    def _limb_joints(self) -> list[np.ndarray]:
        """Return for each limb the joints of its own arm that turn it, found by turning them."""
        model = self.model
        random = np.random.default_rng(0)
        posture = model.lower + random.uniform(0.3, 0.7, len(model.lower)) * (
            model.upper - model.lower)
        there = model.limb_directions(posture)
        joints: list[list[int]] = [[] for _ in LIMBS]
        for row, side in ((0, "left"), (3, "right")):
            for joint in model.columns(f"{side}_arm"):
                moved = posture.copy()
                moved[joint] += 0.1 * (model.upper[joint] - model.lower[joint])
                change = np.abs(model.limb_directions(moved) - there).max(axis=1)
                for limb in range(row, row + 3):
                    if change[limb] > 1e-6:
                        joints[limb].append(int(joint))
        return [np.array(rows, int) for rows in joints]

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Return the features (size,) of joint positions (n,); NaN where joints are unknown.

        Trunk joints that are unknown count as rest for the directions of the arms.
        """
        model = self.model
        posture = model.human_posture(positions)
        out = np.full(self.size, np.nan)
        known = np.isfinite(positions)
        for block in self.blocks:
            if block.kind == "face" or not known[block.joints].all():
                continue
            if block.kind == "limb":
                out[block.columns] = posture.limbs[LIMBS.index(block.name)]
            elif block.name == "torso":
                out[block.columns] = _angles(posture.torso)
            else:
                chest = posture.torso if np.isfinite(posture.torso).all() else np.eye(3)
                out[block.columns] = _angles(chest.T @ posture.head)
        if len(self._face):
            offset = positions[self._face] - model.rest[self._face]
            end = np.where(offset > 0, model.upper[self._face], model.lower[self._face])
            span = np.maximum(np.abs(end - model.rest[self._face]), 1e-9)
            # A joint may rest at its limit; what noise adds beyond is no expression.
            out[self.size - len(self._face):] = np.clip(offset / span, -1.0, 1.0) * (span > 1e-6)
        return out
