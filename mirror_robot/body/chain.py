# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""One limb of the robot as a problem of directions: fast, bounded, smooth, and not easily fooled.

A chain carries a few *directions* (an arm: upper arm, forearm, hand, palm; a head or a torso: its
front and its up), each of which shall point the way the person's does. That is solved frame by
frame as a small nonlinear least-squares problem with bounds by Gauss-Newton with damping
(Levenberg-Marquardt; Nocedal and Wright, Numerical Optimization, 2nd ed., ch. 10 and 16).
Matching directions instead of hand positions is what SEW-Mimic (Kong et al., arXiv 2602.01632)
does in closed form for arms of seven joints whose axes meet; here any axes, any number of joints
and the limits are part of the problem, at about the same cost, since successive frames differ
little.

Three things keep the movement of the robot like that of the person:

- No joint turns more than `_GAIN` times the angle that the limbs still have to turn. Near a
  singularity (a straight elbow, a shoulder axis along the arm) the same small turn of a limb may
  ask for half a turn of a joint; it then comes over some frames, not at once.
- A weak pull toward the last posture, and by a twentieth of it toward rest, settles what the
  directions leave open.
- Where limits have led into a dead end, better postures are looked up in a table of samples of the
  whole range and refined. Going there may look odd on the way (a shoulder that turns over), so it
  waits until what has been missed by staying amounts to what the way costs, as in the ski rental
  problem (Karlin et al., Competitive snoopy caching, 1988): at most twice the error of the best
  choice in hindsight, at once where the way is free, and no flips for a passing glitch.
"""

from __future__ import annotations

import math

import numpy as np
import pinocchio as pin

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

_DAMPING = 1e-4
_STEP = 0.6
"""Largest change of a joint in one iteration [rad]; the linearisation is poor beyond."""

_SMALL = 0.02
"""Step [rad] whose neglected second-order part, about its square, does not matter."""

_ITERATIONS = 6
_STUCK = 0.05
"""Error [rad], root of the weighted sum of squares, from which better postures are looked for."""

_MOVED = 0.15
"""Change of the aim [rad] after which it is worth while to look again."""

_COMFORT = 0.25
"""Part of a joint's range at each end that is left again where the limbs allow it, ..."""

_TO_COMFORT = 0.15
"""... by this part of the way per frame: a joint that has run into its limit is a dead end."""

_DISCOMFORT = 0.2
"""Error [rad] that a joint at its limit counts for: it is better to turn over while a singular
arm makes that free than to be caught at the limit later."""

_TRANSITION = 0.25
"""Joint movement [rad] per frame toward a better posture when the time between frames is
unknown."""

_DETOUR = 0.5
"""Part of the error on the straight way to a better posture that has to be missed by staying: on
the real way the other joints make up for much of it."""

_PATIENCE = 8
"""Frames from one look for better postures to the next: what it costs is spread."""

_SAMPLES = 6000
_CANDIDATES = 6

# p @ _SKEW reshaped to (3, 3) is [p]x, with a x p = a @ [p]x for row vectors.
_SKEW = np.zeros((3, 9))
for _row, _column, _axis, _sign in ((0, 1, 2, -1), (0, 2, 1, 1), (1, 0, 2, 1), (1, 2, 0, -1),
                                    (2, 0, 1, -1), (2, 1, 0, 1)):
    _SKEW[_axis, 3 * _row + _column] = _sign


class Chain:
    """The joints of one limb, placed relative to what carries it, and where they are now.

    Parameters
    ----------
    model : RobotModel
    name : str
        ``torso``, ``head``, ``left_arm`` or ``right_arm``; must be in the profile.

    Attributes
    ----------
    columns : ndarray (k,)
        The chain's joints in the model's order.
    weights : ndarray (m,)
        Of the directions, in the root of the squared error; 0 for those that no joint moves.
    q : ndarray (k,)
        Where the chain is.
    """

    def __init__(self, model: RobotModel, name: str) -> None:
        self.model, self.name = model, name
        profile = model.profile.chains[name]
        self.columns = model.columns(name)
        self.lower, self.upper = model.lower[self.columns], model.upper[self.columns]
        self.velocity, self.rest = model.velocity[self.columns], model.rest[self.columns]
        rows = np.flatnonzero(model.drive[:, self.columns].any(axis=1))
        moving = [i for i in range(1, model.pin.njoints) if model.pin.joints[i].idx_v in rows]
        stand = model.configuration(model.rest)
        locked = [i for i in range(1, model.pin.njoints) if i not in moving]
        self._tree = pin.buildReducedModel(model.pin, locked, stand) if locked else model.pin
        self._data = self._tree.createData()
        names = [model.pin.names[i] for i in moving]
        self._drive = np.zeros((self._tree.nv, len(self.columns)))
        self._offset = np.zeros(self._tree.nq)
        for joint, joint_name in zip(moving, names):
            at = self._tree.joints[self._tree.getJointId(joint_name)].idx_v
            row = model.pin.joints[joint].idx_v
            self._drive[at] = model.drive[row, self.columns]
            self._offset[at] = model._offset[row]
        self._plain = np.array_equal(self._drive, np.eye(len(self.columns)))
        # What carries the chain: the joint above its first one.
        self.carrier = int(model.pin.parents[min(moving)])
        data = model.pin.createData()
        pin.forwardKinematics(model.pin, data, stand)
        self._stand = data.oMi[self.carrier].rotation.copy()

        arm = name.endswith("_arm")
        keys = ("shoulder", "elbow", "wrist", "tip") if arm else ("link",)
        frames = [self._tree.frames[model.frame(model.point(name, key), self._tree)]
                  for key in keys if key in profile.links]
        if arm:
            self._points = [(frame.parentJoint, frame.placement.translation.copy())
                            for frame in frames]
            self._axes = np.zeros((0, 3))
            axis_frame = frames[2]
            if profile.palm_axis is not None:
                axis = np.array(profile.palm_axis) / np.linalg.norm(profile.palm_axis)
                self._axes = axis[None]
        else:
            self._points = []
            axis_frame = frames[0]
            # Front and up of the upright link, in the link's own axes.
            self._axes = model.upright(profile.links["link"]).T[:, [0, 2]].T.copy()
        self._axis_joint = axis_frame.parentJoint
        self._local_axes = self._axes @ axis_frame.placement.rotation.T
        self.limbs = max(len(self._points) - 1, 0)
        self.size = self.limbs + len(self._axes)
        self._moves = np.zeros((len(self._points), self._tree.nv, 1))
        for row, (joint, _) in enumerate(self._points):
            for above in self._tree.supports[joint]:
                if above:
                    self._moves[row, self._tree.joints[above].idx_v] = 1.0
        self._turns = np.zeros((self._tree.nv, 1))
        for above in self._tree.supports[self._axis_joint]:
            if above:
                self._turns[self._tree.joints[above].idx_v] = 1.0
        self.weights = self._default_weights()
        self._batch = _BatchKinematics(self) if arm else None
        self._table = self._sample() if arm else None
        span = _COMFORT * (self.upper - self.lower)
        self._comfort = (np.minimum(self.lower + span, self.rest),
                         np.maximum(self.upper - span, self.rest))
        self.reset()

    def reset(self) -> None:
        """Go back to rest."""
        self.q = self.rest.copy()
        self._directions, self._changes = self._kinematics(self.q)
        self._searched: np.ndarray | None = None
        self._other: np.ndarray | None = None
        self._regret, self._since, self._way = 0.0, 0, math.inf
        self._goal: np.ndarray | None = None

    def rotation_of_carrier(self, data: pin.Data) -> np.ndarray:
        """Return the rotation (3, 3) that turns body-frame directions into the chain's own frame.

        Parameters
        ----------
        data : pinocchio.Data
            The model's tree, placed.
        """
        if self.carrier == 0:
            return np.eye(3)
        return self._stand @ data.oMi[self.carrier].rotation.T

    def directions(self, q: np.ndarray) -> np.ndarray:
        """Return the unit directions (m, 3) of the chain at `q` (k,), in the chain's own frame."""
        return self._kinematics(q)[0]

    def used(self, limbs: int) -> np.ndarray:
        """Return a bool array (k,): the joints that the first `limbs` limbs depend on."""
        if not self._points:
            return np.ones(len(self.columns), bool)
        moved = self._moves[:limbs + 1, :, 0].any(axis=0)
        return (self._drive[moved] != 0).any(axis=0)

    def _kinematics(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return directions (m, 3) and their change per joint (m, k, 3) at `q`."""
        tree, data = self._tree, self._data
        pin.computeJointJacobians(tree, data, q if self._plain else self._drive @ q + self._offset)
        jacobian = np.reshape(data.J, (6, -1)).T
        angular = jacobian[:, 3:]
        directions = changes = None
        if self._points:
            points = np.array([data.oMi[joint].act(offset) for joint, offset in self._points])
            velocity = (jacobian[:, :3]
                        + angular @ (points @ _SKEW).reshape(-1, 3, 3)) * self._moves
            limbs = points[1:] - points[:-1]
            scale = 1.0 / np.sqrt((limbs * limbs).sum(axis=1, keepdims=True))
            directions = limbs * scale
            changes = (velocity[1:] - velocity[:-1]) * scale[:, None]
            along = changes @ directions[:, :, None]
            changes = changes - along * directions[:, None]
        if len(self._axes):
            axes = self._local_axes @ data.oMi[self._axis_joint].rotation.T
            turning = angular @ (axes @ _SKEW).reshape(-1, 3, 3) * self._turns
            if directions is None:
                directions, changes = axes, turning
            else:
                directions = np.concatenate([directions, axes])
                changes = np.concatenate([changes, turning])
        if not self._plain:
            changes = np.swapaxes(changes, 1, 2) @ self._drive
            changes = np.swapaxes(changes, 1, 2)
        return directions, changes

    def _default_weights(self) -> np.ndarray:
        """Return the weights (m,); a direction that no joint moves by itself has none."""
        if not self._points:
            return np.array([1.0, 0.5])
        weights = [1.0, 1.0, 0.7][:self.limbs] + [0.07] * len(self._axes)
        # A hand that the wrist cannot bend follows the forearm; asking for more would only spoil
        # the forearm. With one bending joint it follows where that does not cost much.
        if self.limbs == 3:
            freedom = self._hand_freedom()
            weights[2] = (0.0, 0.3, 0.7)[min(freedom, 2)]
        return np.array(weights)

    def _hand_freedom(self) -> int:
        """Return in how many directions the hand can be bent while forearm and wrist stay."""
        rng = np.random.default_rng(0)
        most = 0
        for _ in range(5):
            low = np.maximum(self.lower, -np.pi)
            q = low + rng.uniform(0.2, 0.8, len(low)) * (np.minimum(self.upper, np.pi) - low)
            _, changes = self._kinematics(q)
            still = np.linalg.norm(changes[:2], axis=2).max(axis=0) < 0.02
            bends = changes[2][still]
            if len(bends):
                most = max(most, int((np.linalg.svd(bends, compute_uv=False) > 0.2).sum()))
        return most

    def follow(
        self, targets: np.ndarray, known: np.ndarray, period: float | None,
    ) -> np.ndarray:
        """Move toward `targets` by one frame; return the new positions (k,).

        Parameters
        ----------
        targets : ndarray (m, 3)
            Unit directions in the chain's own frame; anything where not known.
        known : ndarray (m,) of bool
        period : float, optional
            Time since the last frame [s], for the velocity limits; None if unknown.
        """
        weights = self.weights * known
        squares = (weights * weights)[:, None]
        targets = np.where(known[:, None], targets, self._directions)
        # |t - d| is the chord of the angle between unit vectors: nearly the angle, and smooth.
        gap = targets - self._directions
        ahead = float(np.sqrt((gap * gap).sum(axis=1)[weights > 0].max(initial=0.0)))
        pace = (np.full(len(self.q), _TRANSITION) if period is None
                else self.velocity * period)
        if self._goal is not None:
            return self._approach(targets, weights, pace)
        reach = np.full(len(self.q), _GAIN * ahead + _DRIFT)
        if period is not None:
            reach = np.minimum(reach, pace)
        comfortable = np.minimum(np.maximum(self.q, self._comfort[0]), self._comfort[1])
        anchor = (self.q + _TO_REST * (self.rest - self.q)
                  + _TO_COMFORT * (comfortable - self.q))
        self.q, self._directions, self._changes, error = self._descend(
            self.q, targets, squares, anchor, np.maximum(self.lower, self.q - reach),
            np.minimum(self.upper, self.q + reach))
        if self._batch is not None:
            if error > _STUCK or self._discomfort(self.q) > 0.5 * _DISCOMFORT:
                self._consider(targets, weights, error, pace)
            else:
                self._other, self._regret = None, 0.0
        return self.q

    def _descend(
        self, q: np.ndarray, targets: np.ndarray, squares: np.ndarray, anchor: np.ndarray,
        low: np.ndarray, high: np.ndarray, iterations: int = _ITERATIONS,
        along: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Return the best positions between `low` and `high`, directions, changes and error.

        Along the unit vector `along` (k,), if given, the positions go to the anchor's.
        """
        directions, changes = ((self._directions, self._changes) if q is self.q
                               else self._kinematics(q))
        pulled, damping = anchor - q, _DAMPING
        cost = math.inf
        for _ in range(iterations):
            scaled = (changes * squares[:, None]).transpose(1, 0, 2).reshape(len(q), -1)
            flat = changes.transpose(1, 0, 2).reshape(len(q), -1)
            gram = scaled @ flat.T
            gram.flat[::len(q) + 1] += damping + _PULL
            # The directions' changes are tangent: targets stand for targets - directions.
            slope = scaled @ targets.ravel() + _PULL * pulled
            if along is not None:
                gram += 100.0 * along[:, None] * along
                slope = slope + 100.0 * (along @ pulled) * along
            step = _bounded(gram, slope, np.maximum(low - q, -_STEP),
                            np.minimum(high - q, _STEP))
            trial = q + step
            new_directions, new_changes = self._kinematics(trial)
            new_pulled = anchor - trial
            new_miss = float((squares * (1.0 - targets * new_directions)).sum())
            new_cost = new_miss + 0.5 * _PULL * (new_pulled @ new_pulled)
            if along is not None:
                new_cost += 50.0 * (along @ new_pulled) ** 2
            largest = np.abs(step).max()
            if new_cost <= cost:
                q, directions, changes, pulled = trial, new_directions, new_changes, new_pulled
                cost = new_cost
                damping *= 0.3
            else:
                damping = 10 * max(damping, 1e-3)
            if largest < _SMALL:
                break
        gap = targets - directions
        return q, directions, changes, float(np.sqrt((squares * gap * gap).sum()))

    def _consider(
        self, targets: np.ndarray, weights: np.ndarray, error: float, pace: np.ndarray,
    ) -> None:
        """Set the goal to a better posture if staying has cost as much as going there would."""
        self._other, best = self._best_elsewhere(self._other, targets, weights)
        gain = error - best
        comfort = self._discomfort(self.q) - self._discomfort(self._other)
        if gain + comfort < 0.4 * _STUCK:
            self._regret *= 0.5
            return
        self._regret += max(gain, 0.0)
        if self._since == 0:
            away = self._other - self.q
            shares = np.array([0.25, 0.5, 0.75])[:, None]
            gap = self._batch(self.q + shares * away, changes=False)[0] - targets
            on_the_way = np.sqrt((gap * gap).sum(axis=2) @ (weights * weights))
            self._way = (float((np.abs(away) / pace).max()) * _DETOUR
                         * float(on_the_way.mean()))
        if self._regret + 2.0 * comfort >= self._way:
            self._goal, self._regret = self._other, 0.0

    def _discomfort(self, q: np.ndarray) -> float:
        """Return how near the limits the joints are, as an error [rad]."""
        low, high = self._comfort
        beyond = np.maximum((low - q) / np.maximum(low - self.lower, 1e-6),
                            (q - high) / np.maximum(self.upper - high, 1e-6))
        beyond = np.minimum(np.maximum(beyond, 0.0), 1.0)
        return _DISCOMFORT * float((beyond * beyond).max())

    def _best_elsewhere(
        self, known: np.ndarray | None, targets: np.ndarray, weights: np.ndarray,
    ) -> tuple[np.ndarray, float]:
        """Return the best posture and its error, from `known` while the targets stay there."""
        wanted = weights[:, None] * targets
        self._since += 1
        if known is not None and (
                self._since < _PATIENCE or np.abs(wanted - self._searched).max() < _MOVED):
            best, _, _, error = self._descend(
                known, targets, (weights * weights)[:, None], known, self.lower, self.upper, 2)
            return best, error
        self._searched, self._since = wanted, 0
        return self.search(targets, weights)

    def search(self, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the best posture (k,) of the whole range and its error [rad]; arms only."""
        samples, directions = self._table
        squares = weights * weights
        # Like the targets, near rest and near where the arm is: two lists, as either may mislead.
        score = np.einsum("ij,j->i", directions, (squares[:, None] * targets).ravel())
        far = samples - self.q
        far = 0.02 * np.einsum("ij,ij->i", far, far)
        half = _CANDIDATES // 2
        picked = np.concatenate([np.argpartition(-score, half)[:half],
                                 np.argpartition(far - score, half)[:half]])
        start = np.concatenate([samples[np.unique(picked)], self.q[None]])
        found, errors = self._batch.refine(start, targets, squares)
        near = ((found - self.q) ** 2).sum(axis=1) + ((found - self.rest) ** 2).sum(axis=1)
        low, high = self._comfort
        beyond = (np.maximum(low - found, 0.0) + np.maximum(found - high, 0.0)).max(axis=1)
        best = (errors + 0.2 * _DISCOMFORT * beyond + 0.003 * np.sqrt(near)).argmin()
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
        directions = self._batch(samples, changes=False)[0].reshape(_SAMPLES, -1)
        return samples, np.ascontiguousarray(directions)

    def _approach(
        self, targets: np.ndarray, weights: np.ndarray, pace: np.ndarray,
    ) -> np.ndarray:
        """Move toward the goal, which itself follows the targets."""
        squares = (weights * weights)[:, None]
        gap = targets - self._directions
        present = float(np.sqrt((squares * gap * gap).sum()))
        self._goal, error = self._best_elsewhere(self._goal, targets, weights)
        away = self._goal - self.q
        share = min(1.0, float((pace / np.maximum(np.abs(away), 1e-9)).min()))
        # Across the way to the goal, the limbs still do what they can.
        self.q, self._directions, self._changes, now = self._descend(
            self.q, targets, squares, self.q + share * away, np.maximum(self.lower, self.q - pace),
            np.minimum(self.upper, self.q + pace), 2,
            away / np.linalg.norm(away) if share < 1.0 else None)
        if share >= 1.0 or min(present, now) < error + 0.2 * _STUCK:
            self._goal = self._other = None
        return self.q


def _bounded(
    gram: np.ndarray, slope: np.ndarray, low: np.ndarray, high: np.ndarray,
) -> np.ndarray:
    """Return the minimiser (k,) of x.gram.x/2 - slope.x between `low` and `high`.

    Joints that would leave their bounds are held there by a stiff spring and the rest is solved
    anew, at most k times; exact up to the last clip unless a held joint would come back.
    """
    step = np.linalg.solve(gram, slope)
    out = (step > high) | (step < low)
    if not out.any():
        return step
    held = np.zeros(len(step), bool)
    value = np.zeros(len(step))
    for _ in range(len(step)):
        value[out] = np.minimum(np.maximum(step, low), high)[out]
        held |= out
        stiff = gram.copy()
        stiff.flat[::len(step) + 1] += 1e9 * held
        step = np.linalg.solve(stiff, slope + 1e9 * held * value)
        out = ~held & ((step > high) | (step < low))
        if not out.any():
            break
    return np.minimum(np.maximum(step, low), high)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a x b over the last axis; numpy's own is several times slower on small arrays."""
    out = np.empty_like(a)
    out[..., 0] = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    out[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    out[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return out


class _BatchKinematics:
    """Directions of many postures of a chain at once, in numpy."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        tree = chain._tree
        data = tree.createData()
        pin.computeJointJacobians(tree, data, np.zeros(tree.nq))
        jacobian = np.reshape(data.J, (6, -1))
        self._parents = [int(parent) for parent in tree.parents]
        self._joints = []
        for joint in range(1, tree.njoints):
            row = tree.joints[joint].idx_v
            placement = tree.jointPlacements[joint]
            turn = data.oMi[joint].rotation
            axis = turn.T @ jacobian[3:, row]
            slide = None if axis.any() else turn.T @ jacobian[:3, row]
            skew = -(axis @ _SKEW).reshape(3, 3).T
            self._joints.append((row, placement.rotation.copy(), placement.translation.copy(),
                                 axis, skew, skew @ skew, slide))

    def __call__(
        self, q: np.ndarray, changes: bool = True,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return directions (b, m, 3) and, if asked for, their changes per joint (b, m, k, 3)."""
        chain = self._chain
        full = q if chain._plain else q @ chain._drive.T + chain._offset
        sine, cosine = np.sin(full)[:, :, None, None], 1 - np.cos(full)[:, :, None, None]
        count = len(q)
        rotation = [np.broadcast_to(np.eye(3), (count, 3, 3))]
        place = [np.zeros((count, 3))]
        angular = np.zeros((count, full.shape[1], 3))
        linear = np.zeros((count, full.shape[1], 3))
        for joint, (row, turn, shift, axis, skew, square, slide) in enumerate(self._joints, 1):
            above = self._parents[joint]
            position = place[above] + rotation[above] @ shift
            here = rotation[above] @ turn
            if slide is None:
                angular[:, row] = here @ axis
                linear[:, row] = position
                here = here + here @ (sine[:, row] * skew + cosine[:, row] * square)
            else:
                linear[:, row] = here @ slide
                position = position + full[:, row, None] * linear[:, row]
            rotation.append(here)
            place.append(position)
        turning = [row for row, *_, slide in self._joints if slide is None]
        linear[:, turning] = cross(linear[:, turning], angular[:, turning])
        points = np.stack([place[joint] + rotation[joint] @ offset
                           for joint, offset in chain._points], axis=1)
        limbs = points[:, 1:] - points[:, :-1]
        scale = 1.0 / np.sqrt((limbs * limbs).sum(axis=2, keepdims=True))
        directions = limbs * scale
        axes = None
        if len(chain._axes):
            axes = chain._local_axes @ rotation[chain._axis_joint].transpose(0, 2, 1)
        if not changes:
            return (directions if axes is None
                    else np.concatenate([directions, axes], axis=1)), None
        skews = (points @ _SKEW).reshape(*points.shape, 3)
        velocity = (linear[:, None] + angular[:, None] @ skews) * chain._moves
        change = (velocity[:, 1:] - velocity[:, :-1]) * scale[:, :, None]
        change -= (change @ directions[..., None]) * directions[:, :, None]
        if axes is not None:
            skews = (axes @ _SKEW).reshape(*axes.shape, 3)
            directions = np.concatenate([directions, axes], axis=1)
            change = np.concatenate([change, angular[:, None] @ skews * chain._turns], axis=1)
        if not chain._plain:
            change = (change.swapaxes(2, 3) @ chain._drive).swapaxes(2, 3)
        return directions, change

    def refine(
        self, start: np.ndarray, targets: np.ndarray, squares: np.ndarray, iterations: int = 4,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the local minima (b, k) from `start` (b, k), and their errors (b,) [rad]."""
        chain = self._chain
        q = start.copy()
        low, high = chain.lower, chain.upper
        identity = np.eye(q.shape[1])
        damping = np.full(len(q), 1e-3)
        best, cost = q, np.full(len(q), np.inf)
        kept = self(q)
        for _ in range(iterations + 1):
            directions, changes = self(q)
            new = (squares * (1.0 - (directions * targets).sum(axis=2))).sum(axis=1)
            worse = new > cost
            damping = np.where(worse, damping * 8, damping * 0.3)
            if worse.any():
                directions[worse], changes[worse] = kept[0][worse], kept[1][worse]
            q = np.where(worse[:, None], best, q)
            cost = np.where(worse, cost, new)
            best, kept = q, (directions, changes)
            scaled = changes * squares[:, None, None]
            scaled = scaled.transpose(0, 2, 1, 3).reshape(*q.shape, -1)
            flat = changes.transpose(0, 2, 1, 3).reshape(*q.shape, -1)
            gram = scaled @ flat.transpose(0, 2, 1)
            slope = scaled @ targets.ravel()
            # A joint at its limit that is pushed further out stays there.
            held = ((q <= low + 1e-6) & (slope < 0)) | ((q >= high - 1e-6) & (slope > 0))
            gram = gram + identity * (damping[:, None] + 1e-3 + 1e6 * held)[:, :, None]
            step = np.linalg.solve(gram, np.where(held, 0.0, slope)[:, :, None])[:, :, 0]
            q = np.clip(q + np.clip(step, -_STEP, _STEP), low, high)
        gap = np.sqrt(np.maximum(2 * cost, 0.0))
        return best, gap
