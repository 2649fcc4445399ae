# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What a robot feels of its own posture: the way its limbs point, its trunk, head and face.

Joint positions are a poor measure of likeness: near a straight elbow or a raised arm very
different angles are the same posture. The robot's own kinematics turns them into limb directions,
angles of trunk and head, and how far each face joint is driven; units are compared there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pinocchio as pin

from mirror_robot.body.model import RobotModel
from mirror_robot.human.posture import LIMBS, SIDES


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


def _angles(rotations: np.ndarray) -> np.ndarray:
    """Return (t, 3) bend, turn, lean [rad] of rotations (t, 3, 3) Rz(turn) Ry(bend) Rx(lean)."""
    first, last = rotations[:, :, 0], rotations[:, 2]
    return np.stack([np.arctan2(-last[:, 0], np.hypot(first[:, 0], first[:, 1])),
                     np.arctan2(first[:, 1], first[:, 0]),
                     np.arctan2(last[:, 1], last[:, 2])], axis=1)


class _Placer:
    """Where links are in many postures: Pinocchio places the tree, all else is done at once."""

    def __init__(self, model: RobotModel, links: Sequence[str]) -> None:
        self._model, self._tree = model, model.pin
        self._data = model.pin.createData()
        self._frames = [model.frame(link) for link in links]
        self._still = model.configuration(np.zeros(len(model.rest)))

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return rotations (t, k, 3, 3) and places (t, k, 3) at positions (t, n); NaN is rest."""
        known = np.where(np.isfinite(positions), positions, self._model.rest)
        tree, data, frames = self._tree, self._data, self._frames
        out = np.empty((len(known), len(frames), 4, 4))
        for row, configuration in zip(out, known @ self._model.drive.T + self._still):
            pin.forwardKinematics(tree, data, configuration)
            for place, frame in zip(row, frames):
                place[:] = pin.updateFramePlacement(tree, data, frame).homogeneous
        return out[:, :, :3, :3], out[:, :, :3, 3]


class RobotPoints:
    """Turns joint positions of one robot into the places of its arms' and trunk's points.

    Parameters
    ----------
    model : RobotModel

    Attributes
    ----------
    links : tuple of k str
        The points that some joint moves, as in `RobotModel.points`.
    """

    def __init__(self, model: RobotModel) -> None:
        head = set(model.profile.chains["head"].links.values()) \
            if "head" in model.profile.chains else set()
        links = [link for link in model.points(model.rest) if link not in head]
        share = np.random.default_rng(0).uniform(0.3, 0.7, len(model.lower))
        middle = model.lower + share * (model.upper - model.lower)
        places = _Placer(model, links)(np.vstack([middle, middle + 0.1 * np.eye(len(middle))]))[1]
        carries = np.abs(places[1:] - places[0]).max(axis=2) > 1e-7
        moving = carries.any(axis=0)
        self.links = tuple(link for link, moves in zip(links, moving) if moves)
        self._carries = carries[:, moving].astype(float)
        self._place = _Placer(model, self.links)

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Return the places (t, k, 3) [m] in the body frame at positions (t, n) [rad].

        NaN where a joint that carries the point is unknown.
        """
        positions = np.asarray(positions, float)
        places = self._place(positions)[1].copy()
        places[(~np.isfinite(positions)).astype(float) @ self._carries > 0] = np.nan
        return places


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
        face = self._face
        span = np.stack([model.lower, model.upper])[:, face] - model.rest[face]
        # A joint may rest at its limit; what noise adds beyond is no expression.
        self._span = np.where(np.abs(span) > 1e-6, np.abs(span), np.inf)
        ends = {}
        for side in SIDES:
            if (chain := model.profile.chains.get(f"{side}_arm")) is not None:
                ends[side] = [model.point(f"{side}_arm", key)
                              for key in ("shoulder", "elbow", "wrist", "tip")
                              if key in chain.links]
        self._trunk = [part for part in ("torso", "head") if part in model.profile.chains]
        links = [model.profile.chains[part].links["link"] for part in self._trunk]
        self._upright = [model.upright(link).T for link in links]
        # Limb by limb: the rows among all places where it ends and where it begins.
        self._limbs = []
        for side, points in ends.items():
            first = len(links)
            self._limbs += [(3 * SIDES.index(side) + row, first + row + 1, first + row)
                            for row in range(len(points) - 1)]
            links += points
        self._place = _Placer(model, links)

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
        """Return the features (..., size) of joint positions (..., n); NaN where unknown.

        Trunk joints that are unknown count as rest for the directions of the arms.
        """
        positions = np.asarray(positions, float)
        if positions.ndim == 1:
            return self(positions[None])[0]
        rotations, places = self._place(positions)
        parts = {}
        if self._limbs:
            rows, ends, begins = zip(*self._limbs)
            limbs = places[:, list(ends)] - places[:, list(begins)]
            limbs /= np.linalg.norm(limbs, axis=2, keepdims=True)
            parts = {LIMBS[row]: limbs[:, at] for at, row in enumerate(rows)}
        turned = {part: rotations[:, at] @ upright
                  for at, (part, upright) in enumerate(zip(self._trunk, self._upright))}
        if self.model.platform is not None:  # whose legs the tree does not close
            turned["head"] = np.array([self.model.human_posture(row).head for row in positions])
        if "head" in turned:
            chest = turned.get("torso")
            parts["head"] = _angles(turned["head"] if chest is None
                                    else chest.swapaxes(1, 2) @ turned["head"])
        if "torso" in turned:
            parts["torso"] = _angles(turned["torso"])
        out = np.full((len(positions), self.size), np.nan)
        known = np.isfinite(positions)
        for block in self.blocks:
            if block.kind != "face":
                seen = known[:, block.joints].all(axis=1)
                out[seen, block.columns] = parts[block.name][seen]
        if len(self._face):
            offset = positions[:, self._face] - self.model.rest[self._face]
            span = np.where(offset > 0, self._span[1], self._span[0])
            out[:, self.size - len(self._face):] = np.clip(offset / span, -1.0, 1.0)
        return out
