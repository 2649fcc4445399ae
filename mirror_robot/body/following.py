# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""All limbs of a robot follow their directions together: fast, bounded and smooth.

Frame by frame a small nonlinear least-squares problem with bounds is solved by Gauss-Newton with
damping (Levenberg-Marquardt; Nocedal and Wright, Numerical Optimization, 2nd ed., ch. 10 and 16).
Matching directions instead of hand positions is what SEW-Mimic (Kong et al., arXiv 2602.01632)
does in closed form for arms of seven joints whose axes meet; here any axes, any number of joints
and the limits are part of the problem, at about the same cost, since successive frames differ
little.

Trunk, head and arms are one system of equations, solved at once: what a step of the trunk does to
the arms is part of the arms' equations, but the arms are not part of the trunk's, so that the
trunk never leans for an arm.

Two things keep the movement of the robot like that of the person:

- No joint turns more than `_GAIN` times the angle that its limbs still have to turn. Near a
  singularity (a straight elbow, a shoulder axis along the arm) the same small turn of a limb may
  ask for half a turn of a joint; it then comes over some frames, not at once.
- A weak pull toward the last posture, and by a twentieth of it toward rest, settles what the
  directions leave open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pinocchio as pin

from mirror_robot.body.bounded import bounded_solution
from mirror_robot.body.chain import STEP, STUCK, Chain, direction_points
from mirror_robot.body.directions import Directions
from mirror_robot.body.model import RobotModel

_GAIN = 6.0
"""Largest joint movement per angle that the limbs have to turn."""

_DRIFT = 0.02
"""Joint movement [rad] that is always allowed in a frame, so that free joints can come to rest."""

_PULL = 0.01
"""Weight of the pull toward the last posture, against 1 for a limb. Where a limb answers a joint
well it costs 1 % of one frame's movement; where the limb hardly answers, the joint waits."""

_TO_REST = 0.05
"""The pull's aim lies this part of the way from the last posture to rest."""

_TO_COMFORT = 0.15
"""Part of the way per frame by which a joint near its limit goes back where the limbs allow it: a
joint that has run into its limit is a dead end."""

_SETTLED = 0.03
"""Error [rad] at which these two pulls are halved, so that they settle what the limbs leave open
without keeping the limbs from where they point."""

_TRANSITION = 0.25
"""Joint movement [rad] per frame toward a better posture when the time between frames is
unknown."""

_DAMPING = 1e-4
_SMALL = 0.01
"""Step [rad] that can as well be taken in the next frame."""

_SHORT = 0.2
"""Step [rad] after which the next one takes the directions' changes for the same."""

_ITERATIONS = 6
_SWAY = 1.0
"""How far a joint may be from the straight way to a better posture, against what it may move in a
frame: with half of it a tenth less jerk, but limbs half a degree to two degrees farther off."""

_KEPT = 64
"""Sets of known directions of which what depends on them is kept."""


@dataclass(frozen=True)
class _Told:
    """What depends on nothing but which of the m directions of c chains are known.

    Attributes
    ----------
    weights, squares : ndarray (m,)
        Of the directions; 0 where not known.
    counts : ndarray (c, m)
        1 for the known directions of each chain.
    spread : ndarray (k, 3 m)
        `squares` of the directions that a joint's own chain has.
    active : ndarray (c,) of bool
        The chains of which something is known.
    still : ndarray (k,) of bool, or None
        The joints of the others, if there are any.
    """

    weights: np.ndarray
    squares: np.ndarray
    counts: np.ndarray
    spread: np.ndarray
    active: np.ndarray
    still: np.ndarray | None


class Follower:
    """Where the chains of a robot are, and how they follow directions.

    Parameters
    ----------
    model : RobotModel
    chains : sequence of Chain
        Those that move together; the m directions are theirs in this order.

    Attributes
    ----------
    columns : ndarray (k,)
        The joints of all chains in the model's order.
    q : ndarray (k,)
        Where they are.
    shown : ndarray (m, 3)
        The directions in the body frame at `q`.
    curvature : ndarray (k, k)
        Of half the squared error [rad^2] of what each chain shows, in its joints' positions: what
        a movement of a joint costs the limbs. Columns of one chain in rows of another: what the
        trunk's joints do to the arms.
    rows, joints : mapping of a chain's name to a slice of the m directions, of the k joints
    """

    def __init__(self, model: RobotModel, chains: list[Chain]) -> None:
        self.chains = chains
        self.columns = np.concatenate([np.zeros(0, int), *(chain.columns for chain in chains)])
        self.lower, self.upper = model.lower[self.columns], model.upper[self.columns]
        self._velocity, self._rest = model.velocity[self.columns], model.rest[self.columns]
        sizes = np.cumsum([0, *(chain.size for chain in chains)])
        counts = np.cumsum([0, *(len(chain.columns) for chain in chains)])
        self.rows = {chain.name: slice(*sizes[i:i + 2]) for i, chain in enumerate(chains)}
        self.joints = {chain.name: slice(*counts[i:i + 2]) for i, chain in enumerate(chains)}
        self._chain_of = np.repeat(np.arange(len(chains)), np.diff(counts))
        self._of_row = np.repeat(np.arange(len(chains)), np.diff(sizes))
        self._row_sums = (self._of_row == np.arange(len(chains))[:, None]).astype(float)
        self._joint_sums = (self._chain_of == np.arange(len(chains))[:, None]).astype(float)
        self._own = np.repeat(self._chain_of[:, None] == self._of_row, 3, axis=1).astype(float)
        self._weights = np.concatenate([np.zeros(0), *(chain.weights for chain in chains)])
        self._comfort = [np.concatenate([np.zeros(0), *(chain.comfort[end] for chain in chains)])
                         for end in (0, 1)]
        # What a turn of the trunk brings about, the chains on it have to make up for.
        carriers = [set(model.pin.supports[chain.carrier]) for chain in chains]
        self._carried = np.array([[any(model.pin.getJointId(joint) in carrier for joint in
                                       model.profile.chains[other.name].joints)
                                   for other in chains] for carrier in carriers], float)
        self._carried = self._carried.reshape(len(chains), len(chains)) + np.eye(len(chains))
        self._told_of: dict[bytes, _Told] = {}
        tree, drive, offset = _part(model, self.columns)
        self._directions = Directions(
            tree, drive, offset,
            [pair for chain in chains for pair in direction_points(model, chain.name, tree)])
        self.reset()
        # The joints that carry the chains, and how those stand at rest.
        self._carriers = [_joint_above(model, chain.carrier, tree) for chain in chains]
        self._stands = [self._directions.rotation(joint).copy() for joint in self._carriers]

    def reset(self) -> None:
        """Go back to rest."""
        self.q = self._rest.copy()
        self.shown, self._scale = self._directions(self.q)
        # Whether `_directions` last saw another posture than `q`.
        self._astray = False
        self._missed = np.zeros(len(self.chains))
        self.curvature = np.zeros((len(self.q), len(self.q)))
        for chain in self.chains:
            chain.reset()

    def directions(self, q: np.ndarray) -> np.ndarray:
        """Return the directions (m, 3) in the body frame at `q` (k,)."""
        self._astray = True
        return self._directions(q)[0]

    def follow(self, targets: np.ndarray, known: np.ndarray, period: float | None) -> np.ndarray:
        """Move toward `targets` by one frame; return the new positions (k,).

        Chains of which no direction is known stay where they are.

        Parameters
        ----------
        targets : ndarray (m, 3)
            Unit directions in the body frame; anything where not known.
        known : ndarray (m,) of bool
        period : float, optional
            Time since the last frame [s], for the velocity limits; None if unknown.
        """
        told = self._told(known)
        if not told.active.any():
            return self.q
        targets = np.where(known[:, None], targets, self.shown)
        # |t - d| is the chord of the angle between unit vectors: nearly the angle, and smooth.
        gap = targets - self.shown
        missed = np.einsum("ij,ij->i", gap, gap)
        ahead = self._carried @ np.sqrt((told.counts * missed).max(axis=1))
        pace = (np.full(len(self.q), _TRANSITION) if period is None
                else self._velocity * period)
        reach = (_GAIN * ahead + _DRIFT)[self._chain_of]
        if period is not None:
            reach = np.minimum(reach, pace)
        comfortable = np.minimum(np.maximum(self.q, self._comfort[0]), self._comfort[1])
        uneasy = self._joint_sums @ (comfortable != self.q)
        missed_before = self._missed * (1.0 / _SETTLED)
        ease = 1.0 / (1.0 + missed_before * missed_before)
        anchor = self.q + ease[self._chain_of] * (
            _TO_REST * (self._rest - self.q) + _TO_COMFORT * (comfortable - self.q))
        low, high = self.lower, self.upper
        going = {i: chain for i, chain in enumerate(self.chains)
                 if chain.goal is not None and told.active[i]}
        there = {}
        if going:
            room = np.full(len(self.q), math.inf)
            for i, chain in going.items():
                joints = self.joints[chain.name]
                chain.approach(self.q[joints], self._as_carried(i, targets),
                               told.weights[self.rows[chain.name]])
                away = chain.goal - self.q[joints]
                share = min(1.0, float((pace[joints] / np.maximum(np.abs(away), 1e-9)).min()))
                anchor[joints], reach[joints] = self.q[joints] + share * away, pace[joints]
                there[i] = share >= 1.0
                if share < 1.0:
                    # The joint that takes longest goes at its pace, the others about in step: so
                    # far the limbs still do what they can.
                    room[joints] = _SWAY * pace[joints]
                    slowest = int((np.abs(away) / pace[joints]).argmax())
                    room[joints.start + slowest] = 0.0
            low, high = np.maximum(low, anchor - room), np.minimum(high, anchor + room)
            before = np.sqrt(self._row_sums @ (told.squares * missed))
        low, high = np.maximum(low, self.q - reach), np.minimum(high, self.q + reach)
        if told.still is not None:
            low, high = np.where(told.still, self.q, low), np.where(told.still, self.q, high)
            anchor = np.where(told.still, self.q, anchor)
        error = self._descend(targets, told, anchor, low, high)
        self._missed = np.where(told.active, error, 0.0)
        for i, chain in enumerate(self.chains):
            # What no posture reaches is not missed for being drawn elsewhere.
            if chain.limbs and error[i] > STUCK:
                self._missed[i] = max(error[i] - chain.least, 0.0)
            if i in there:
                chain.arrive(min(before[i], error[i]), there[i])
            elif chain.limbs and told.active[i]:
                if error[i] <= STUCK and not uneasy[i]:
                    # As `consider` would find, without asking it.
                    chain.stay()
                    continue
                joints = self.joints[chain.name]
                chain.consider(self.q[joints], self._as_carried(i, targets),
                               told.weights[self.rows[chain.name]], float(error[i]),
                               pace[joints])
        return self.q

    def _told(self, known: np.ndarray) -> _Told:
        """Return what depends on nothing but which directions are known."""
        key = known.tobytes()
        if key not in self._told_of:
            if len(self._told_of) >= _KEPT:
                self._told_of.clear()
            weights = self._weights * known
            squares = weights * weights
            active = (self._row_sums @ squares) > 0.0
            still = ~active[self._chain_of]
            self._told_of[key] = _Told(
                weights, squares, self._row_sums * (squares > 0.0),
                self._own * np.repeat(squares, 3), active, still if still.any() else None)
        return self._told_of[key]

    def _as_carried(self, number: int, targets: np.ndarray) -> np.ndarray:
        """Return a chain's targets as seen from its carrier, which stands as at rest."""
        targets, joint = targets[self.rows[self.chains[number].name]], self._carriers[number]
        if not joint:
            return targets
        if self._astray:
            self._directions(self.q)
            self._astray = False
        return targets @ (self._directions.rotation(joint) @ self._stands[number].T)

    def _descend(
        self, targets: np.ndarray, told: _Told, anchor: np.ndarray, low: np.ndarray,
        high: np.ndarray,
    ) -> np.ndarray:
        """Go to the best positions between `low` and `high`; return the chains' errors."""
        q, count = np.minimum(np.maximum(self.q, low), high), len(self.q)
        aim, squares = targets.ravel(), told.squares
        damping, cost = np.full(count, _DAMPING), None
        shown, scale = self.shown, self._scale
        if self._astray or (q != self.q).any():
            shown, scale = self._directions(q)
        largest = math.inf
        for iteration in range(_ITERATIONS):
            # How the directions change is what costs; it is the same after a short step.
            if largest > _SHORT:
                changes = self._directions.changes(shown, scale)
                scaled = changes * told.spread
                self.curvature = scaled @ changes.T
                gram = self.curvature.copy()
                gram.reshape(-1)[::count + 1] += damping + _PULL
                inverse = np.linalg.inv(gram)
            slope = scaled @ (aim - shown.ravel()) + _PULL * (anchor - q)
            step = bounded_solution(inverse, slope, np.maximum(low - q, -STEP),
                                    np.minimum(high - q, STEP))
            before, largest = largest, float(np.abs(step).max())
            if largest < _SMALL and before < math.inf:
                break
            if iteration and cost is None:
                cost = self._cost(targets, squares, anchor, q, shown)
            trial = q + step
            shown, scale = self._directions(trial)
            if cost is not None:
                new = self._cost(targets, squares, anchor, trial, shown)
                worse = new > cost
                if worse.any():
                    back = worse[self._chain_of]
                    damping = np.where(back, 10 * np.maximum(damping, 1e-3), damping)
                    trial = np.where(back, q, trial)
                    new = np.where(worse, cost, new)
                    shown, scale = self._directions(trial)
                    largest = math.inf
                cost = new
            q = trial
        self.q, self.shown, self._scale, self._astray = q, shown, scale, False
        gap = targets - shown
        return np.sqrt(self._row_sums @ (squares * np.einsum("ij,ij->i", gap, gap)))

    def _cost(self, targets: np.ndarray, squares: np.ndarray, anchor: np.ndarray, q: np.ndarray,
              shown: np.ndarray) -> np.ndarray:
        """Return what each chain misses and is pulled at `q` (k,), where it has `shown`."""
        pulled = anchor - q
        return (self._row_sums @ (squares * (1.0 - np.einsum("ij,ij->i", targets, shown)))
                + 0.5 * _PULL * (self._joint_sums @ (pulled * pulled)))


def _part(model: RobotModel, columns: np.ndarray) -> tuple[pin.Model, np.ndarray, np.ndarray]:
    """Return the tree of the joints that `columns` move, how they do, and the offsets."""
    whole = model.pin
    rows = set(np.flatnonzero(model.drive[:, columns].any(axis=1)))
    locked = [i for i in range(1, whole.njoints) if whole.joints[i].idx_v not in rows]
    stand = model.configuration(model.rest)
    tree = pin.buildReducedModel(whole, locked, stand) if locked else whole
    drive, offset = np.zeros((tree.nv, len(columns))), np.zeros(tree.nq)
    for joint in range(1, tree.njoints):
        row = whole.joints[whole.getJointId(tree.names[joint])].idx_v
        at = tree.joints[joint].idx_v
        drive[at], offset[at] = model.drive[row, columns], model.offset[row]
    return tree, drive, offset


def _joint_above(model: RobotModel, joint: int, tree: pin.Model) -> int:
    """Return the joint of `tree` that is `joint` of the model's, or the nearest above it."""
    while joint and not tree.existJointName(model.pin.names[joint]):
        joint = int(model.pin.parents[joint])
    return tree.getJointId(model.pin.names[joint]) if joint else 0
