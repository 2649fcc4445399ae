# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Where the limbs of a tree point, and how its joints turn them: kinematics in few numpy calls.

A direction is the unit vector from one point of the tree to another: from shoulder to elbow, or
from a link's origin to a point on one of its axes. Pinocchio places the tree in microseconds; what
would cost is to gather and combine the results piece by piece in Python. So all that does not
depend on the posture (which joint moves which end of which direction) is one matrix made
beforehand, and a posture costs a handful of matrix products, the same for one posture and many.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pinocchio as pin

from mirror_robot.body.views import as_one

# From the spatial velocity (v, w) of a joint to the (4, 3) matrix that takes (u, s) to
# w x u + s v: how the difference of two points changes, u being the part of it that moves and
# s 1 if only its far end does, 0 if both do.
_SPREAD = np.zeros((6, 12))
for _i, _j, _k, _sign in ((0, 1, 2, 1), (1, 2, 0, 1), (2, 0, 1, 1), (0, 2, 1, -1), (2, 1, 0, -1),
                          (1, 0, 2, -1)):
    _SPREAD[3 + _j, 3 * _k + _i] = _sign
_SPREAD[:3, 9:] = np.eye(3)

Point = tuple[int, np.ndarray]
"""A joint of a tree, and a place (3,) [m] in its frame."""


class Directions:
    """The directions of a kinematic tree as functions of k joint positions.

    Parameters
    ----------
    tree : pinocchio.Model
        All joints have one degree of freedom.
    drive : ndarray (tree.nv, k)
        Velocity of the tree's joints per velocity of the k joints.
    offset : ndarray (tree.nq,)
        Position of the tree's joints where all k are at 0.
    pairs : sequence of (Point, Point)
        The m directions: from the first point to the second.
    """

    def __init__(self, tree: pin.Model, drive: np.ndarray, offset: np.ndarray,
                 pairs: Sequence[tuple[Point, Point]]) -> None:
        self.size = len(pairs)
        self._drive, self._across, self._offset = drive, drive.T.copy(), offset
        # A copy of the joints alone: the many frames of a description would be placed each time.
        self._tree = lean = pin.Model()
        for joint in range(1, tree.njoints):
            lean.addJoint(tree.parents[joint], tree.joints[joint], tree.jointPlacements[joint],
                          tree.names[joint])
        points: list[Point] = []
        ends = np.array([[_index(points, point) for point in pair] for pair in pairs], int)
        frames = [lean.addFrame(pin.Frame(f"point {i}", joint, 0, pin.SE3(np.eye(3), place),
                                          pin.FrameType.OP_FRAME), False)
                  for i, (joint, place) in enumerate(points)]
        moves = np.zeros((tree.nv, len(points)))
        for column, (joint, _) in enumerate(points):
            for above in tree.supports[joint]:
                if above:
                    moves[tree.joints[above].idx_v, column] = 1.0
        self._between = np.zeros((len(pairs), len(points)))
        self._between[np.arange(len(pairs)), ends[:, 1]] = 1.0
        self._between[np.arange(len(pairs)), ends[:, 0]] -= 1.0
        self._moved = (self._between * moves[:, None]).reshape(-1, len(points))
        self._data = lean.createData()
        # Views into `_data`, which must live as long as they do.
        self._places = as_one([self._data.oMf[frame].translation for frame in frames])
        self._jacobian = np.reshape(self._data.J, (6, -1)).T
        self._points = np.ones((len(points), 4))

    def _place(self, q: np.ndarray) -> None:
        """Place the tree (all its joints: (nq,)); what `_places` and `_jacobian` show."""
        pin.computeJointJacobians(self._tree, self._data, q)
        pin.updateFramePlacements(self._tree, self._data)

    def rotation(self, joint: int) -> np.ndarray:
        """Return the rotation (3, 3) of a joint of the tree in the posture last asked for."""
        return self._data.oMi[joint].rotation

    def __call__(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return unit directions (m, 3) and the inverse distances (m,) [1/m] at `q` (k,)."""
        self._place(self._drive @ q + self._offset)
        self._points[:, :3] = self._places
        return self._directions(self._points)

    def changes(self, directions: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Return the change of all directions per joint (k, 3 m), at what `__call__` returned."""
        return self._changes(self._points, self._jacobian, directions, scale)

    def of_many(
        self, q: np.ndarray, changes: bool = True,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return directions (b, m, 3) and their changes (b, k, 3 m) at `q` (b, k)."""
        points = np.ones((len(q), *self._points.shape))
        jacobians = np.empty((len(q), *self._jacobian.shape))
        for row, one in enumerate(q @ self._across + self._offset):
            self._place(one)
            points[row, :, :3] = self._places
            jacobians[row] = self._jacobian
        directions, scale = self._directions(points)
        if not changes:
            return directions, None
        return directions, self._changes(points, jacobians, directions, scale)

    def _directions(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        apart = self._between @ points[..., :3]
        scale = 1.0 / np.sqrt(np.einsum("...i,...i->...", apart, apart))
        return apart * scale[..., None], scale

    def _changes(self, points: np.ndarray, jacobians: np.ndarray, directions: np.ndarray,
                 scale: np.ndarray) -> np.ndarray:
        ahead = points.shape[:-2]
        moved = (self._moved @ points).reshape(*ahead, -1, self.size, 4)
        change = moved @ (jacobians @ _SPREAD).reshape(*ahead, -1, 4, 3)
        change *= scale[..., None, :, None]
        # Only what is across a direction turns it.
        along = np.einsum("...jmi,...mi->...jm", change, directions)
        change -= along[..., None] * directions[..., None, :, :]
        return self._across @ change.reshape(*change.shape[:-2], -1)


def _index(points: list[Point], point: Point) -> int:
    """Return the place of `point` in `points`, where it is put if it is not there."""
    for i, (joint, place) in enumerate(points):
        if joint == point[0] and np.allclose(place, point[1], atol=1e-9):
            return i
    points.append(point)
    return len(points) - 1
