# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Keeping a robot's arms clear of its body and of each other.

The description's collision shapes are wrapped in capsules, whose distances are cheap (C. Ericson,
Real-Time Collision Detection, 2005, ch. 5.1.9) and change smoothly. From the last posture toward
the wanted one, arms move as near as they may: a small quadratic program whose constraints let a
pair of capsules approach only by a part of what is left of their distance (the velocity dampers
of B. Faverjon and P. Tournassoud, ICRA 1987). So arms stop short without a knock, slide along,
and never come out on the far side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pinocchio as pin

from mirror_robot.body.bounded import bounded_solution
from mirror_robot.body.description import DescriptionError, mesh_file
from mirror_robot.body.model import RobotModel
from mirror_robot.body.views import as_one

_NEAR = 0.10
"""Distance beyond the margin [m] within which a pair slows down."""

_APPROACH = 0.5
"""Part of the distance left to the margin that a pair may lose in one step."""

_LARGEST = 0.2
"""Largest joint movement [rad] from one look at the distances to the next."""

_STEPS = 6
_SKIN = 0.16
"""Movement [m] of two capsules toward each other before near pairs are looked for anew."""

_FIRM = 1e4
"""Stiffness of a constraint against about 1 for the wanted movement."""

_NEWTON = 8
_ATTEMPTS = 7
_TOLERANCE = 5e-4
"""Depth below the margin [m] that counts as none."""

AMPLE = 0.05
"""Clearances [m] above which it does not matter how far parts are apart."""

_CELL = 0.12
"""Width of a part [m] per capsule."""

_SHARE = 0.98
_HOLLOW = 0.8
"""Size of a part against that of the even box with its inertia: motors and shells sit outside."""

_NEVER = 0.25
"""Pairs that stay this far apart [m] in all samples are not looked at."""

_SAMPLES = 250


@dataclass(frozen=True)
class Capsule:
    """All points within `radius` [m] of the segment from `start` to `end`.

    Attributes
    ----------
    link : str
    joint : int
        The joint of `RobotModel.pin` that carries it.
    start, end : ndarray (3,)
        In that joint's frame [m].
    """

    link: str
    joint: int
    start: np.ndarray
    end: np.ndarray
    radius: float


def fit_capsules(
    points: np.ndarray, share: float = 1.0,
) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Return capsules (start, end, radius) that together hold `points` (n, 3).

    They lie side by side along the longest axis of the points' box, one per cell of its cross
    section: a thin part gets one, a trunk three by three but for the innermost.

    Parameters
    ----------
    points : ndarray (n, 3)
        On the surface of a part [m].
    share : float
        Of the points of each capsule that it must hold; below 1, screws do not thicken a link.
    """
    centre = 0.5 * (points.max(axis=0) + points.min(axis=0))
    _, axes = np.linalg.eigh(np.cov((points - centre).T) + 1e-12 * np.eye(3))
    local = (points - centre) @ axes
    own = np.ptp(points, axis=0)
    if np.prod(own + 1e-6) <= 1.05 * np.prod(np.ptp(local, axis=0) + 1e-6):
        # The part's own axes wrap it as tightly as the principal ones, which corners can mislead.
        axes, local = np.eye(3), points - centre
    order = np.argsort(np.ptp(local, axis=0))[::-1]
    axes, local = axes[:, order], local[:, order]
    low, high = local.min(axis=0), local.max(axis=0)
    size = high - low
    cells = np.clip(np.round(size[1:] / _CELL).astype(int), 1, 3)
    if cells[0] == 1:
        # Flat parts still get more than one where that follows their shape better.
        cells[0] = np.clip(np.ceil(size[1] / max(size[2], 0.03) - 0.3), 1, 3)
    cell = size[1:] / cells
    index = np.minimum(((local[:, 1:] - low[1:]) / np.maximum(cell, 1e-9)).astype(int), cells - 1)
    found = []
    for i in range(cells[0]):
        for j in range(cells[1]):
            if (cells > 2).all() and i == j == 1:
                continue  # inside
            inside = local[(index == (i, j)).all(axis=1)]
            if not len(inside):
                continue
            start, end, radius = _tightest(inside, share)
            found.append((start @ axes.T + centre, end @ axes.T + centre, radius))
    return found


def _tightest(points: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the smallest of a few capsules along the x axis that hold a share of `points`."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    across = np.linalg.norm(points[:, 1:] - middle[1:], axis=1)
    best = None
    for trim in np.unique(np.minimum(np.linspace(0.3, 1.0, 5) * across.max(), half[0])):
        first, last = low[0] + trim, high[0] - trim
        beyond = points[:, 0] - np.minimum(np.maximum(points[:, 0], first), last)
        radius = float(np.quantile(np.hypot(beyond, across), share))
        radius = max(radius, 0.5 * float(half[1:].min()))
        volume = radius * radius * (last - first + 4.0 / 3.0 * radius)
        if best is None or volume < best[0]:
            best = volume, first, last, radius
    _, first, last, radius = best
    return (np.array([first, *middle[1:]]), np.array([last, *middle[1:]]), radius)


def _surface(half: np.ndarray) -> np.ndarray:
    """Return points (n, 3) on the surface of a box of half size (3,), a few centimetres apart."""
    grids = [np.linspace(-h, h, int(np.clip(np.ceil(h / 0.02), 2, 9))) for h in half]
    points = np.array(np.meshgrid(*grids)).reshape(3, -1).T
    return points[(np.abs(points) >= half - 1e-9).any(axis=1)]


def _shape_points(geometry: ElementTree.Element, description: Path) -> np.ndarray | None:
    """Return points (n, 3) on a shape, in its own frame; None if it is not to be had."""
    shape = next(iter(geometry), None)
    if shape is None:
        return None
    if shape.tag == "box":
        half = 0.5 * np.array([float(n) for n in shape.get("size").split()])
        return _surface(half)
    if shape.tag in ("cylinder", "capsule"):
        radius, length = float(shape.get("radius")), float(shape.get("length"))
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        rim = radius * np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
        heights = np.linspace(-0.5 * length, 0.5 * length, max(2, int(length / 0.04)))
        return np.concatenate([part * rim + [0, 0, height] for height in heights
                               for part in (0.5, 1.0)])
    if shape.tag == "sphere":
        radius = float(shape.get("radius"))
        return radius * np.concatenate([np.eye(3), -np.eye(3)])
    if shape.tag == "mesh":
        path = mesh_file(shape.get("filename", ""), description)
        if path is None:
            return None
        scale = np.array([float(n) for n in shape.get("scale", "1 1 1").split()])
        try:
            import coal
            mesh = coal.MeshLoader().load(str(path), scale)
            return _mesh_points(mesh)
        except Exception:  # no coal, or a file that it cannot read: as if it were not there
            return None
    return None


def _mesh_points(mesh) -> np.ndarray:
    """Return the vertices of a mesh, and points inside its large triangles."""
    vertices = np.array(mesh.vertices())
    if len(vertices) > 1500:
        return vertices[::max(1, len(vertices) // 2000)]
    corners = np.array([[mesh.tri_indices(i)[k] for k in range(3)]
                        for i in range(mesh.num_tris)], int).reshape(-1, 3)
    a, b, c = (vertices[corners[:, k]] for k in range(3))
    large = np.linalg.norm(np.cross(b - a, c - a), axis=1) > 2 * 0.03 ** 2
    a, b, c = a[large], b[large], c[large]
    weights = [(1 / 3, 1 / 3), (0.5, 0.5), (0.5, 0.0), (0.0, 0.5), (0.2, 0.2), (0.6, 0.2),
               (0.2, 0.6)]
    inside = [a + u * (b - a) + v * (c - a) for u, v in weights]
    return np.concatenate([vertices, *inside])


def _inertia_points(link: ElementTree.Element) -> np.ndarray | None:
    """Return points (n, 3) on the box of even density that has the link's inertia."""
    inertial = link.find("inertial")
    if inertial is None or inertial.find("mass") is None or inertial.find("inertia") is None:
        return None
    mass = float(inertial.find("mass").get("value") or 0)
    if mass < 0.02:
        return None
    entry = {key: float(inertial.find("inertia").get(key, 0))
             for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")}
    inertia = np.array([[entry["ixx"], entry["ixy"], entry["ixz"]],
                        [entry["ixy"], entry["iyy"], entry["iyz"]],
                        [entry["ixz"], entry["iyz"], entry["izz"]]])
    values, axes = np.linalg.eigh(inertia)
    squares = 6 * (values.sum() - 2 * values) / mass
    half = 0.5 * _HOLLOW * np.sqrt(np.clip(squares, 1e-6, 0.25))
    corners = _surface(half) @ axes.T
    turn, shift = _placement(inertial.find("origin"))
    return corners @ turn.T + shift


def _bone(robot: ElementTree.Element, link: str) -> np.ndarray | None:
    """Return where (3,) the only joint at the far end of a link is; None if it has no far end."""
    places = [_placement(joint.find("origin"))[1] for joint in robot.findall("joint")
              if joint.find("parent").get("link") == link]
    far = [place for place in places if np.linalg.norm(place) > 0.05]
    return far[0] if len(far) == 1 else None


def _along(points: np.ndarray, bone: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return a capsule along a bone, as thick as the box with these corners is in the mean.

    Inertias are often copied between links of other axes; that a limb reaches from joint to joint
    is certain.
    """
    thick, middle, _ = np.sort(np.ptp(points, axis=0))
    radius = min(max(0.25 * (thick + middle), 0.02), 0.5 * float(np.linalg.norm(bone)))
    return np.zeros(3), bone, float(radius)


def _placement(origin: ElementTree.Element | None) -> tuple[np.ndarray, np.ndarray]:
    if origin is None:
        return np.eye(3), np.zeros(3)
    xyz = np.array([float(n) for n in origin.get("xyz", "0 0 0").split()])
    rpy = [float(n) for n in origin.get("rpy", "0 0 0").split()]
    return pin.rpy.rpyToMatrix(*rpy), xyz


@lru_cache(maxsize=8)
def _fitted(urdf: str, description: Path) -> tuple[tuple[str, tuple], ...]:
    """Return (link, (start, end, radius)) of all capsules in their links' frames.

    Kept, since reading meshes takes longer than all else when a robot is set up.
    """
    found = []
    robot = ElementTree.fromstring(urdf)
    for link in robot.findall("link"):
        clouds, spheres = [], []
        for collision in link.findall("collision"):
            geometry = collision.find("geometry")
            try:
                points = None if geometry is None else _shape_points(geometry, description)
                if points is not None and not np.isfinite(points).all():
                    raise ValueError
            except (TypeError, ValueError, AttributeError):
                raise DescriptionError(
                    f"{description}: link {link.get('name')}: its collision shape "
                    f"{[dict(shape.attrib) for shape in geometry]} lacks a size or has one that "
                    "is no number") from None
            if points is not None and len(points):
                turn, shift = _placement(collision.find("origin"))
                if geometry[0].tag == "sphere":  # a capsule already, of no length
                    spheres.append((shift, shift, float(geometry[0].get("radius"))))
                else:
                    clouds.append(points @ turn.T + shift)
        found += [(link.get("name"), sphere) for sphere in spheres]
        if not clouds and not spheres:
            points = _inertia_points(link)
            if points is None:
                continue
            bone = _bone(robot, link.get("name"))
            if bone is not None:
                found.append((link.get("name"), _along(points, bone)))
                continue
            clouds = [points]
        if len(clouds) > 3:
            clouds = [np.concatenate(clouds)]
        found += [(link.get("name"), capsule) for cloud in clouds
                  for capsule in fit_capsules(cloud, _SHARE) if capsule[2] > 0.004]
    return tuple(found)


def capsules_of(model: RobotModel) -> list[Capsule]:
    """Return the capsules around all links of a robot.

    From the collision shapes; where a link has none that can be read, from its inertia.
    """
    found = []
    for link, (start, end, radius) in _fitted(model.urdf, model.profile.description):
        frame = model.pin.frames[model.frame(link)]
        turn, shift = frame.placement.rotation, frame.placement.translation
        found.append(Capsule(link, frame.parentJoint, turn @ start + shift, turn @ end + shift,
                             radius))
    return found


class SelfCollision:
    """Distances between the parts of a robot, and postures that keep them.

    Parameters
    ----------
    model : RobotModel
        Its profile says the margin and the pairs to ignore. Links that touch by construction
        (neighbours and theirs, links of one arm, what overlaps in nearly every posture) are left
        out; a pair that is nearer than the margin at rest may come as near as it is at rest.

    Attributes
    ----------
    capsules : list of Capsule
    pairs : ndarray (p, 2) of int
        Of `capsules`.
    margin : ndarray (p,)
        Least distance of each pair [m].
    """

    def __init__(self, model: RobotModel) -> None:
        self.model = model
        self.capsules = capsules_of(model)
        self._data = model.pin.createData()
        self._carrier = np.array([capsule.joint for capsule in self.capsules], int)
        # Views into `_data`, which must live as long as they do.
        self._turns = as_one([self._data.oMi[i].rotation for i in range(model.pin.njoints)])
        self._shifts = as_one([self._data.oMi[i].translation for i in range(model.pin.njoints)])
        self._jacobian = np.reshape(self._data.J, (6, -1))
        # The start and the axis of each capsule, in the frame of its joint.
        self._local = np.array([(capsule.start, capsule.end - capsule.start)
                                for capsule in self.capsules]).reshape(-1, 2, 3)
        self._local = self._local.transpose(0, 2, 1).copy()
        supports = np.zeros((model.pin.njoints, model.pin.nv), bool)
        for joint in range(1, model.pin.njoints):
            for above in model.pin.supports[joint]:
                if above:
                    supports[joint, model.pin.joints[above].idx_v] = True
        self._supports = supports
        arms = [model.columns(f"{side}_arm") for side in ("left", "right")]
        self._arms = np.concatenate([np.zeros(0, int), *arms])
        self._lower, self._upper = model.lower[self._arms], model.upper[self._arms]
        self._drive = np.ascontiguousarray(model.drive[:, self._arms])
        self.pairs = np.zeros((0, 2), int)
        self.margin = np.zeros(0)
        self._choose_pairs()
        self._listed = np.full((2, 3, len(self.capsules)), np.nan)
        self._seen: _Look | None = None

    def _choose_pairs(self) -> None:
        model, tree = self.model, self.model.pin
        first, second = np.triu_indices(len(self.capsules), 1)
        one, two = self._carrier[first], self._carrier[second]
        parents = np.array(tree.parents.tolist())
        keep = (one != two) & (parents[one] != two) & (parents[two] != one)
        # Only arms give way: a pair that no arm joint moves is not ours.
        movers = np.flatnonzero(model.drive[:, self._arms].any(axis=1))
        moved = self._supports[:, movers]
        # An arm is kept from itself by the limits of its joints.
        for side in ("left", "right"):
            rows = model.drive[:, model.columns(f"{side}_arm")].any(axis=1)
            own = np.asarray(self._supports[:, rows].any(axis=1))
            keep &= ~(own[one] & own[two])
        keep &= np.not_equal(moved[one], moved[two]).any(axis=1)
        ignored = {frozenset(pair) for pair in model.profile.ignore}
        if ignored:
            keep &= np.array([frozenset((self.capsules[i].link, self.capsules[j].link))
                              not in ignored for i, j in zip(first, second)])
        self.pairs = np.column_stack([first, second])[keep]
        if not len(self.pairs):
            return
        self.margin = np.full(len(self.pairs), model.profile.margin)
        self._all = _Pairs.of(self)
        rng = np.random.default_rng(0)
        low = np.maximum(model.lower, model.rest - np.pi)
        high = np.minimum(model.upper, model.rest + np.pi)
        samples = np.array([self.distances(q) for q in
                            rng.uniform(low, high, (_SAMPLES, len(low)))])
        rest = self.distances(model.rest)
        near = parents[parents[self._carrier[self.pairs]]]
        close_kin = ((near[:, 0] == self._carrier[self.pairs[:, 1]])
                     | (near[:, 1] == self._carrier[self.pairs[:, 0]]))
        always = np.median(samples, axis=0) < self.margin
        keep = ~always & ~close_kin & (samples.min(axis=0) < _NEVER)
        self.pairs = self.pairs[keep]
        self.margin = np.minimum(self.margin, rest - 1e-3)[keep]
        self._all = _Pairs.of(self)

    def _place(self, positions: np.ndarray) -> np.ndarray:
        """Return the start and the axis (2, 3, c) of all capsules at `positions` (n,)."""
        model = self.model
        pin.forwardKinematics(model.pin, self._data, model.drive @ positions + model.offset)
        return self._placed()

    def _placed(self) -> np.ndarray:
        """Return the start and the axis (2, 3, c) of all capsules as Pinocchio has them."""
        axes = self._turns.take(self._carrier, axis=0) @ self._local
        capsules = np.ascontiguousarray(axes.T)
        capsules[0] += self._shifts.take(self._carrier, axis=0).T
        return capsules

    def _place_all(self, positions: np.ndarray) -> np.ndarray:
        """Return what `_place` does (2, 3, k, c) for each of some postures (k, n)."""
        model = self.model
        capsules = np.empty((2, 3, len(positions), len(self.capsules)))
        for row, q in enumerate(positions @ model.drive.T + model.offset):
            pin.forwardKinematics(model.pin, self._data, q)
            capsules[:, :, row] = self._placed()
        return capsules

    def distances(self, positions: np.ndarray) -> np.ndarray:
        """Return the distance (p,) [m] of each pair; negative where they overlap."""
        if not len(self.pairs):
            return np.zeros(0)
        positions = np.where(np.isfinite(positions), positions, self.model.rest)
        return self._all.closest(self._place(positions))[0]

    def _look(self, positions: np.ndarray) -> _Look:
        """Return what is seen of the pairs that may be within `_NEAR` of their margin, at least.

        These are looked for anew once a capsule has moved by half of `_SKIN`, as in the neighbour
        lists of L. Verlet (Physical Review 159, 1967).
        """
        if self._seen is not None and (positions == self._seen.positions).all():
            return self._seen
        capsules = self._place(positions)
        ends = capsules.copy()
        ends[1] += ends[0]
        moved = ends - self._listed
        if not (moved * moved).sum(axis=1).max() < (0.5 * _SKIN) ** 2:
            left = self._all.closest(capsules)[0] - self.margin
            self._list = self._all.some(np.flatnonzero(left < _NEAR + _SKIN))
            self._listed = ends
        distance, *rest = self._list.closest(capsules)
        return _Look(positions.copy(), self._list, distance - self._list.margin, *rest)

    def clearance(self, positions: np.ndarray) -> float:
        """Return by how much [m] the worst pair keeps its margin; negative where it does not."""
        return float((self.distances(positions) - self.margin).min(initial=np.inf))

    def clearances(self, positions: np.ndarray) -> np.ndarray:
        """Return the `clearance` (k,) [m] of each of some postures (k, n), at most `AMPLE`.

        Many at once cost half of what they cost singly: only pairs are looked at whose bounding
        spheres come near each other.
        """
        found = np.full(len(positions), AMPLE)
        if not len(self.pairs):
            return found
        capsules = self._place_all(positions)
        middle = capsules[0] + 0.5 * capsules[1]
        gap = middle.take(self._all.first, axis=2) - middle.take(self._all.second, axis=2)
        posture, pair = np.nonzero((gap * gap).sum(axis=0) < self._all.near_square)
        if len(pair):
            row = posture * len(self.capsules)
            near = self._all.some(pair)
            left = near.closest(capsules.reshape(2, 3, -1), row)[0] - near.margin
            np.minimum.at(found, posture, left)
        return found

    def closest_pair(self, positions: np.ndarray) -> tuple[str, str, float]:
        """Return the links of the worst pair and the distance [m] that it has."""
        distances = self.distances(positions)
        worst = int((distances - self.margin).argmin())
        i, j = self.pairs[worst]
        return self.capsules[i].link, self.capsules[j].link, float(distances[worst])

    def limit(
        self, last: np.ndarray, wanted: np.ndarray, reach: np.ndarray | float = np.inf,
        metric: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the posture (n,) nearest to `wanted` that the arms can reach without touching.

        Parameters
        ----------
        last : ndarray (n,)
            The posture before; if it keeps the margins, so does the result.
        wanted : ndarray (n,)
        reach : ndarray (n,) or float
            Largest movement of the joints that are kept from `wanted` [rad].
        metric : ndarray (a, a), optional
            Positive definite: by which it is nearest, in the joints of the left arm and then the
            right; unless given, all joints count alike.
        """
        if not len(self.pairs):
            return wanted
        away = wanted - last
        # What stands shall stand to the last bit, so that a posture already seen is known again.
        away[np.abs(away) < 1e-9] = 0.0
        steps = min(max(math.ceil(np.abs(away).max() / _LARGEST), 1), _STEPS)
        look = self._look(wanted)
        if look.depth == 0.0 and all(self._look(last + step / steps * away).depth == 0.0
                                     for step in range(1, steps)):
            self._seen = look
            return wanted
        q, goal, arms = last, last + away, self._arms
        if metric is None:
            metric = np.eye(len(arms))
        limit = reach[arms] if isinstance(reach, np.ndarray) else reach
        low = np.maximum(self._lower, last[arms] - limit)
        high = np.minimum(self._upper, last[arms] + limit)
        look = self._look(q)
        for step in range(steps):
            share = 1.0 / (steps - step)
            move = np.minimum(np.maximum(share * (goal - q)[arms], -_LARGEST), _LARGEST)
            # If the arms cannot give way to trunk and head in time, those wait for a step.
            for go_on in (share, 0.0):
                trial = q + go_on * (goal - q)
                taken = self._tried(q, trial, move, low, high, metric, look.depth)
                if taken is not None:
                    q, look = taken
                    break
        self._seen = look
        return q

    def _moving(self, pairs: np.ndarray) -> np.ndarray:
        """Return which joints of the tree move the second of pairs (1), the first (-1) (p, nv)."""
        moved = self._supports[self._carrier[self.pairs[pairs]]].astype(float)
        return moved[..., 1, :] - moved[..., 0, :]

    def _tried(
        self, q: np.ndarray, trial: np.ndarray, move: np.ndarray, low: np.ndarray,
        high: np.ndarray, metric: np.ndarray, before: float,
    ) -> tuple[np.ndarray, _Look] | None:
        """Return a posture with the arms moved about as wanted and what is seen there, if any."""
        move = self._damped(q, trial, move, low - q[self._arms], high - q[self._arms], metric)
        for attempt in range(_ATTEMPTS):
            trial[self._arms] = q[self._arms] + move
            look = self._look(trial)
            if look.depth <= max(before, _TOLERANCE):
                return trial, look
            # Distances bend where constraints do not; only what moves this pair takes it slower.
            moves = self._moving(look.pairs.which[int(look.left.argmin())])
            movers = (np.abs(moves) @ self.model.drive)[self._arms] != 0.0
            move = np.where(movers, 0.5 * move if attempt < 4 else 0.0, move)
        return None

    def _damped(
        self, q: np.ndarray, trial: np.ndarray, move: np.ndarray, low: np.ndarray,
        high: np.ndarray, metric: np.ndarray,
    ) -> np.ndarray:
        """Return the movement of the arms nearest to `move` that no pair objects to."""
        at = trial.copy()
        at[self._arms] = q[self._arms]
        look = self._look(at)
        close = np.flatnonzero(look.left < _NEAR)
        if not len(close):
            return np.minimum(np.maximum(move, low), high)
        pin.computeJointJacobians(self.model.pin, self._data, self.model.drive @ at
                                  + self.model.offset)
        left, (x, y, z) = look.left[close], look.on_p.take(close, axis=1)
        normal = look.gap.take(close, axis=1) / np.maximum(look.length[close], 1e-9)
        # The same seen from both parts, since the normal goes through both points.
        moment = (y * normal[2] - z * normal[1], z * normal[0] - x * normal[2],
                  x * normal[1] - y * normal[0])
        wrench = np.concatenate([normal, moment])
        rows = (self._moving(look.pairs.which[close]) * (wrench.T @ self._jacobian)) @ self._drive
        # Below its margin a pair must part; above, it may approach.
        return _nearest(move, rows, np.where(left < 0.0, -left, -_APPROACH * left), low, high,
                        metric)


@dataclass
class _Look:
    """What is seen of some pairs in a posture; fields as `_Pairs.closest` returns them."""

    positions: np.ndarray
    pairs: _Pairs
    left: np.ndarray
    """Distances to the margins (p,) [m]."""
    on_p: np.ndarray
    gap: np.ndarray
    length: np.ndarray

    @cached_property
    def depth(self) -> float:
        """How far the worst pair is below its margin [m], 0 where none is."""
        return max(-float(self.left.min(initial=0.0)), 0.0)


class _Pairs:
    """Some of the pairs of capsules, with what of their distances does not depend on posture."""

    def __init__(self, which: np.ndarray, ends: np.ndarray, constants: np.ndarray) -> None:
        self.which, self._ends, self._constants = which, ends, constants
        self.first, self.second = ends
        (self.margin, self._radius, self._square_u, self._square_v, self._over_u, self._over_v,
         self._product, self._parallel) = constants

    @classmethod
    def of(cls, collision: SelfCollision) -> _Pairs:
        """Return all pairs."""
        square = np.square(collision._local[:, :, 1]).sum(axis=1)
        radius = np.array([capsule.radius for capsule in collision.capsules])
        first, second = ends = collision.pairs.T.copy()
        u, v = square[first], square[second]
        over_u, over_v = 1.0 / np.maximum(u, 1e-12), 1.0 / np.maximum(v, 1e-12)
        return cls(np.arange(len(first)), ends, np.stack([
            collision.margin, radius[first] + radius[second], u, v, over_u, over_v, u * v,
            1e-9 / (over_u * over_v)]))

    def some(self, which: np.ndarray) -> _Pairs:
        """Return some of them."""
        return _Pairs(self.which[which], self._ends.take(which, axis=1),
                      self._constants.take(which, axis=1))

    @cached_property
    def near_square(self) -> np.ndarray:
        """Squared distance (p,) [m^2] of the middles beyond which a clearance is `AMPLE`."""
        return (0.5 * (np.sqrt(self._square_u) + np.sqrt(self._square_v)) + self._radius
                + np.maximum(self.margin, -self._radius) + AMPLE) ** 2

    def closest(self, capsules: np.ndarray, offset: np.ndarray | int = 0) -> tuple:
        """Return the pairs' distances (p,) [m], and those of their axes.

        These as the nearest point on the first axis (3, p), the way from there to that on the
        second (3, p), and its length (p,). After C. Ericson, Real-Time Collision Detection, 2005,
        ch. 5.1.9. The offset (p,) is added to the pairs' places in `capsules` (2, 3, c).
        """
        p, u = capsules.take(self.first + offset, axis=2)
        q, v = capsules.take(self.second + offset, axis=2)
        w = p - q
        b, c, f = (u * v).sum(axis=0), (u * w).sum(axis=0), (v * w).sum(axis=0)
        determinant = self._product - b * b
        s = np.where(determinant > self._parallel,
                     (b * f - c * self._square_v) / np.maximum(determinant, 1e-18), 0.5)
        s = np.minimum(np.maximum(s, 0.0), 1.0)
        t = np.minimum(np.maximum((b * s + f) * self._over_v, 0.0), 1.0)
        s = np.minimum(np.maximum((b * t - c) * self._over_u, 0.0), 1.0)
        u *= s
        v *= t
        gap = v - u
        gap -= w
        length = np.sqrt((gap * gap).sum(axis=0))
        return length - self._radius, p + u, gap, length


def _nearest(
    move: np.ndarray, rows: np.ndarray, bound: np.ndarray, low: np.ndarray, high: np.ndarray,
    metric: np.ndarray,
) -> np.ndarray:
    """Return x nearest to `move` by `metric` (k, k) with rows @ x >= bound, low <= x <= high.

    The half-spaces are springs that push only (`_FIRM`); which of them do is found by a few
    steps of Newton's method on the piecewise quadratic cost (O. L. Mangasarian, A finite Newton
    method for classification, Optimization Methods and Software 17, 2002).
    """
    x = np.minimum(np.maximum(move, low), high)
    pushing = rows @ x < bound
    if not pushing.any():
        return x
    for _ in range(_NEWTON):
        used = rows[pushing]
        matrix = metric + _FIRM * used.T @ used
        right = metric @ (move - x) + _FIRM * (bound[pushing] - used @ x) @ used
        x = x + bounded_solution(np.linalg.inv(matrix), right, low - x, high - x)
        now = rows @ x < bound
        if (now == pushing).all() or not now.any():
            break
        pushing = now
    return x
