# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""One limb of the robot as a problem of directions, and the choice among its solutions.

A chain carries a few *directions* (an arm: upper arm, forearm, hand, palm; a head or a torso: its
front and its up), each of which shall point the way the person's does.
`mirror_robot.body.following` turns all chains of a robot toward them frame by frame. That finds
the nearest solution, which limits can make a dead end. So here better postures of an arm are
looked up in a table of samples of its whole range and refined. Going there may look odd on the way
(a shoulder that turns over), so it waits until what has been missed by staying amounts to what
the way costs, as in the ski rental problem (Karlin et al., Competitive snoopy caching, 1988): at
most twice the error of the best choice in hindsight, at once where the way is free, and no flips
for a passing glitch.
"""

from __future__ import annotations

import math
from functools import cached_property
from itertools import pairwise

import numpy as np
import pinocchio as pin

from mirror_robot.body.directions import Directions, Point
from mirror_robot.body.model import RobotModel

STUCK = 0.05
"""Error [rad], root of the weighted sum of squares, from which better postures are looked for."""

STEP = 0.6
"""Largest change of a joint in one iteration [rad]; the linearisation is poor beyond."""

_MOVED = 0.15
"""Change of the aim [rad] after which it is worth while to look again; half of what is missed
where that is less, since a posture that misses little is soon not the best, but no less than
`STUCK`: an arm held straight must not turn over for the noise of its landmarks."""

_COMFORT = 0.25
"""Part of a joint's range at each end that is left again where the limbs allow it."""

_DISCOMFORT = 0.2
"""Error [rad] that a joint at its limit counts for: it is better to turn over while a singular
arm makes that free than to be caught at the limit later."""

_DETOUR, _DETOUR_BOUND = 0.25, 0.05
"""Part of the error on the straight way to a better posture that has to be missed by staying: on
the real way the other joints make up for much of it. The latter for arms without a joint more than
their limbs ask for: what such an arm misses does not end by itself while the person goes on."""

_RESERVE = 0.04
"""Error [rad] per joint position [rad] near a limit, for the choice among postures."""

_PALM = 0.03
"""Weight of the palm's direction, against 1 for a limb's."""

_PATIENCE = 8
"""Frames from one look for better postures to the next: what it costs is spread."""

_GLANCE = 3
"""Frames from one refinement of the better posture known to the next."""

_SAMPLES = 4096
_PARTS = 8
"""Parts of the range that each give the search a start: a power of two."""

_FIRST = np.arange(_PARTS) * (_SAMPLES // _PARTS)


class Chain:
    """The joints of one limb, placed relative to what carries it.

    Parameters
    ----------
    model : RobotModel
    name : str
        ``torso``, ``head``, ``left_arm`` or ``right_arm``; must be in the profile.

    Attributes
    ----------
    columns : ndarray (k,)
        The chain's joints in the model's order.
    size, limbs : int
        Number m of the directions, and how many of them, the first, are limbs.
    weights : ndarray (m,)
        Of the directions, in the root of the squared error; 0 for those that no joint moves.
    spare : int
        How many joints turn the limbs beyond the two that the direction of each asks for.
    goal : ndarray (k,) or None
        A better posture that the chain is on its way to.
    """

    def __init__(self, model: RobotModel, name: str) -> None:
        self.model, self.name = model, name
        self.columns = model.columns(name)
        self.lower, self.upper = model.lower[self.columns], model.upper[self.columns]
        self.rest = model.rest[self.columns]
        rows = np.flatnonzero(model.drive[:, self.columns].any(axis=1))
        moving = [i for i in range(1, model.pin.njoints) if model.pin.joints[i].idx_v in rows]
        # What carries the chain: the joint above its first one.
        self.carrier = int(model.pin.parents[min(moving)])
        stand = model.configuration(model.rest)
        data = model.pin.createData()
        pin.forwardKinematics(model.pin, data, stand)
        self.stand = data.oMi[self.carrier].rotation.copy()
        pairs = direction_points(model, name, model.pin)
        self.size = len(pairs)
        self.limbs = sum(key in model.profile.chains[name].links
                         for key in ("elbow", "wrist", "tip"))
        self._ends = [far for _, (far, _) in pairs]
        self._rows = rows
        locked = [i for i in range(1, model.pin.njoints) if i not in moving]
        tree = pin.buildReducedModel(model.pin, locked, stand) if locked else model.pin
        drive, offset = np.zeros((tree.nv, len(self.columns))), np.zeros(tree.nq)
        for joint in moving:
            row = model.pin.joints[joint].idx_v
            at = tree.joints[tree.getJointId(model.pin.names[joint])].idx_v
            drive[at], offset[at] = model.drive[row, self.columns], model.offset[row]
        self.directions = Directions(tree, drive, offset, direction_points(model, name, tree))
        self.weights = self._default_weights()
        self._span = span = np.maximum(_COMFORT * (self.upper - self.lower), 1e-6)
        self.comfort = (np.minimum(self.lower + span, self.rest),
                        np.maximum(self.upper - span, self.rest))
        self._table = self._sample() if self.limbs else None
        shown = np.flatnonzero(self.weights[:self.limbs])
        turning = sum((np.linalg.norm(changes[:, shown], axis=2) > 0.02).any(axis=1)
                      for changes in self._changes_here_and_there) > 0
        self.spare = int(turning.sum()) - 2 * len(shown)
        self.reset()

    def reset(self) -> None:
        """Forget what has been looked for."""
        self._searched: np.ndarray | None = None
        self._best = math.inf
        self._since, self._way = 0, math.inf
        self.stay()
        self.goal: np.ndarray | None = None

    def used(self, limbs: int) -> np.ndarray:
        """Return a bool array (k,): the joints that the first `limbs` limbs depend on."""
        if not self.limbs:
            return np.ones(len(self.columns), bool)
        tree, drive = self.model.pin, self.model.drive
        moved = {tree.joints[above].idx_v for joint in self._ends[:limbs]
                 for above in tree.supports[joint] if above}
        rows = [row for row in self._rows if row in moved]
        return (drive[np.ix_(rows, self.columns)] != 0).any(axis=0)

    def _default_weights(self) -> np.ndarray:
        """Return the weights (m,); a direction that no joint moves by itself has none."""
        if not self.limbs:
            return np.array([1.0, 0.5])
        weights = [1.0, 1.0, 0.7][:self.limbs] + [_PALM] * (self.size - self.limbs)
        # A hand that the wrist cannot bend follows the forearm; asking for more would only spoil
        # the forearm. With one bending joint it follows where that does not cost much.
        if self.limbs == 3:
            weights[2] = (0.0, 0.3, 0.7)[min(self._hand_freedom(), 2)]
        return np.array(weights)

    def _hand_freedom(self) -> int:
        """Return in how many directions the hand can be bent while forearm and wrist stay."""
        most = 0
        for changes in self._changes_here_and_there:
            still = np.linalg.norm(changes[:, :2], axis=2).max(axis=1) < 0.02
            bends = changes[still, 2]
            if len(bends):
                most = max(most, int((np.linalg.svd(bends, compute_uv=False) > 0.2).sum()))
        return most

    @cached_property
    def _changes_here_and_there(self) -> list[np.ndarray]:
        """Return how each joint turns each direction (k, m, 3), at some postures."""
        rng = np.random.default_rng(0)
        low, high = np.maximum(self.lower, -np.pi), np.minimum(self.upper, np.pi)
        return [self.directions.changes(*self.directions(
            low + rng.uniform(0.2, 0.8, len(low)) * (high - low))).reshape(len(low), -1, 3)
            for _ in range(5)]

    def consider(
        self, q: np.ndarray, targets: np.ndarray, weights: np.ndarray, error: float,
        pace: np.ndarray,
    ) -> None:
        """Set the goal to a better posture if staying has cost as much as going there would.

        Parameters
        ----------
        q : ndarray (k,)
            Where the chain is.
        targets : ndarray (m, 3)
            Unit directions as seen from the carrier at rest.
        weights : ndarray (m,)
            0 for directions that are not known.
        error : float
            Root of the weighted sum of squares of what is missed now [rad].
        pace : ndarray (k,)
            Largest movement of each joint per frame [rad].
        """
        discomfort = self._discomfort(q)
        if error <= STUCK and discomfort <= 0.5 * _DISCOMFORT:
            self.stay()
            return
        self._look(q, self._other, targets, weights, min(_MOVED, max(0.5 * error, STUCK)))
        gain = error - self._best
        # A joint that will be near its limit is a reason to wait, but none to stay for good.
        comfort = max(discomfort - self._discomfort(self._other), -0.5 * gain)
        if gain + comfort < 0.4 * STUCK:
            self._regret *= 0.5
            return
        if math.isinf(self._way):
            away = self._other - q
            shares = np.array([0.25, 0.5, 0.75])[:, None]
            gap = self.directions.of_many(q + shares * away, changes=False)[0] - targets
            on_the_way = np.sqrt((gap * gap).sum(axis=2) @ (weights * weights))
            self._way = (float((np.abs(away) / pace).max()) * float(on_the_way.mean())
                         * (_DETOUR if self.spare > 0 else _DETOUR_BOUND))
        if self._regret + 2.0 * comfort >= self._way:
            self.goal, self._regret = self._other, 0.0
        else:
            # What is missed in a single frame is no reason to go.
            self._regret += max(gain, 0.0)

    def stay(self) -> None:
        """Take note that there is no reason to go anywhere else."""
        self._other: np.ndarray | None = None
        self._regret = 0.0

    def approach(self, q: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> None:
        """Let the goal follow the targets; parameters as in `consider`."""
        self._look(q, self.goal, targets, weights)
        self.goal = self._other

    def arrive(self, present: float, there: bool) -> None:
        """Give the goal up if it is reached, or if what is missed is not more than there.

        Parameters
        ----------
        present : float
            Root of the weighted sum of squares of what is missed [rad].
        there : bool
        """
        if there or present < self._best + 0.2 * STUCK:
            self.goal = self._other = None

    @property
    def least(self) -> float:
        """The error [rad] of the best posture known, 0 where none has been looked for."""
        return self._best if self._other is not None else 0.0

    def _discomfort(self, q: np.ndarray) -> float:
        """Return how near the limits the joints are, as an error [rad]."""
        low, high = self.comfort
        # A limit near rest (that of a straight elbow) is no dead end, and counts the less for it.
        beyond = np.maximum(low - q, q - high) / self._span
        worst = min(max(float(beyond.max()), 0.0), 1.0)
        return _DISCOMFORT * worst * worst

    def _look(self, q: np.ndarray, known: np.ndarray | None, targets: np.ndarray,
              weights: np.ndarray, moved: float = _MOVED) -> None:
        """Find the best posture and its error, from `known` till the targets have `moved`."""
        wanted = weights[:, None] * targets
        self._since += 1
        if known is None or (self._since >= _PATIENCE
                             and np.abs(wanted - self._searched).max() >= moved):
            self._searched, self._since, self._way = wanted, 0, math.inf
            self._other, self._best = self.search(q, targets, weights)
        elif self._since % _GLANCE == 0:
            found, errors = self.refine(known[None], targets, weights * weights, iterations=1)
            self._other, self._best = found[0], float(errors[0])

    def search(
        self, q: np.ndarray, targets: np.ndarray, weights: np.ndarray,
    ) -> tuple[np.ndarray, float]:
        """Return the best posture (k,) of the whole range and its error [rad]; arms only.

        Parameters as in `consider`.
        """
        samples, directions = self._table
        squares = weights * weights
        # The likest of each part of the range, since the best of all are often one posture.
        score = directions @ (squares[:, None] * targets).ravel()
        picked = score.reshape(_PARTS, -1).argmax(axis=1) + _FIRST
        start = np.concatenate([samples[picked], q[None]])
        found, errors = self.refine(start, targets, squares, iterations=3)
        away = ((found - q) ** 2).sum(axis=1) + ((found - self.rest) ** 2).sum(axis=1)
        low, high = self.comfort
        beyond = (np.maximum(low - found, 0.0) + np.maximum(found - high, 0.0)).max(axis=1)
        best = (errors + _RESERVE * beyond + 0.003 * np.sqrt(away)).argmin()
        return found[best], float(errors[best])

    def _sample(self) -> tuple[np.ndarray, np.ndarray]:
        """Return postures (N, k) all over the range and their directions (N, 3 m).

        Those of a right arm mirror those of the left, so that both arms choose alike.
        """
        rng = np.random.default_rng(0)
        model, sign, columns = self.model, np.ones(len(self.columns)), self.columns
        left = model.columns("left_arm")
        if self.name == "right_arm" and len(left) == len(columns):
            data = model.pin.createData()
            pin.computeJointJacobians(model.pin, data, model.configuration(np.zeros(
                len(model.joint_names))))
            axes = (np.reshape(data.J, (6, -1)) @ model.drive)[3:]
            # A rotation about an axis is, seen in the mirror y -> -y, one about (-x, y, -z).
            alike = (axes[:, columns] * np.array([[-1.0], [1.0], [-1.0]]) * axes[:, left]).sum(
                axis=0)
            if (np.abs(alike) > 0.9).all():
                sign, columns = np.sign(alike), left
        rest = model.rest[columns]
        low = np.maximum(model.lower[columns], rest - np.pi)
        high = np.minimum(model.upper[columns], rest + np.pi)
        samples = sign * rng.uniform(low, high, (_SAMPLES, len(low)))
        samples = np.clip(samples, self.lower, self.upper)
        samples = _in_parts(samples, np.flatnonzero(self.used(2)), _PARTS)
        directions = self.directions.of_many(samples, changes=False)[0].reshape(_SAMPLES, -1)
        return samples, np.ascontiguousarray(directions)

    def refine(
        self, start: np.ndarray, targets: np.ndarray, squares: np.ndarray, iterations: int = 4,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the local minima (b, k) from `start` (b, k), and their errors (b,) [rad].

        By the method of Levenberg and Marquardt, joints at their limits held.

        Parameters
        ----------
        start : ndarray (b, k)
        targets : ndarray (m, 3)
        squares : ndarray (m,)
            Squares of the weights.
        iterations : int
        """
        q, aim, spread = start, targets.ravel(), np.repeat(squares, 3)
        low, high = self.lower, self.upper
        lowest, highest = low + 1e-6, high - 1e-6
        total, reward, count = squares.sum(), spread * aim, q.shape[1]
        damping = np.full(len(q), 1e-3)
        best, cost, kept = q, np.full(len(q), np.inf), None
        for iteration in range(iterations + 1):
            directions, changes = self.directions.of_many(q, iteration < iterations)
            new = total - directions.reshape(len(q), -1) @ reward
            worse = new > cost
            if worse.any():
                best = np.where(worse[:, None], best, q)
                cost = np.where(worse, cost, new)
                if changes is not None:
                    kept = np.where(worse[:, None, None], kept, changes)
            else:
                best, cost, kept = q, new, changes
            damping *= np.where(worse, 8.0, 0.3)
            if changes is None:
                break
            scaled = kept * spread
            gram = scaled @ kept.transpose(0, 2, 1)
            slope = scaled @ aim
            # A joint at its limit that is pushed further out stays there.
            held = np.where(slope < 0.0, best <= lowest, best >= highest)
            gram.reshape(len(q), -1)[:, ::count + 1] += damping[:, None] + 1e-3 + 1e6 * held
            slope[held] = 0.0
            step = np.linalg.solve(gram, slope[:, :, None])[:, :, 0]
            q = np.minimum(np.maximum(best + np.minimum(np.maximum(step, -STEP), STEP), low), high)
        return best, np.sqrt(np.maximum(2 * cost, 0.0))


def _in_parts(samples: np.ndarray, joints: np.ndarray, count: int) -> np.ndarray:
    """Return samples (N, k), those of each of `count` parts of the range one after the other.

    The parts, of equal size, are those of a k-d tree: each halved where the joint of `joints`
    that spreads most is below or above its median.
    """
    if count == 1:
        return samples
    widest = joints[np.ptp(samples[:, joints], axis=0).argmax()]
    order = np.argsort(samples[:, widest], kind="stable")
    return np.concatenate([_in_parts(samples[half], joints, count // 2)
                           for half in np.split(order, 2)])


def direction_points(
    model: RobotModel, name: str, tree: pin.Model,
) -> list[tuple[Point, Point]]:
    """Return the two points of each direction of a chain, in the model's tree or a part of it.

    An arm has its limbs from the shoulder outwards and, if the profile names it, its palm; a torso
    or head has the front and the up of its link.
    """
    chain = model.profile.chains[name]
    arm = name.endswith("_arm")
    keys = [key for key in (("shoulder", "elbow", "wrist", "tip") if arm else ("link",))
            if key in chain.links]
    frames = [tree.frames[model.frame(model.point(name, key), tree)] for key in keys]
    points = [(frame.parentJoint, frame.placement.translation.copy()) for frame in frames]
    pairs = list(pairwise(points))
    if not arm:
        # Front and up of the upright link, in the link's own axes.
        axes, frame = model.upright(chain.links["link"]).T[:, [0, 2]].T, frames[0]
    elif chain.palm_axis is not None:
        axes, frame = np.array([chain.palm_axis]), frames[2]
    else:
        return pairs
    joint, place = frame.parentJoint, frame.placement.translation
    for axis in axes @ frame.placement.rotation.T:
        pairs.append(((joint, place.copy()), (joint, place + axis / np.linalg.norm(axis))))
    return pairs
