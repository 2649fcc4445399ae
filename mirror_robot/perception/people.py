# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Several people at once: who is who, whose face it is, and to whom to attend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.perception.tracking import BodyTracker, TrackedBody
from mirror_robot.perception.wire import FaceLandmarks, HandLandmarks, PoseLandmarks

_TRUNK = [POSE_INDEX[f"{side}_{point}"] for side in ("left", "right")
          for point in ("shoulder", "hip")]
_NOSE = POSE_INDEX["nose"]
_EARS = [POSE_INDEX["left_ear"], POSE_INDEX["right_ear"]]

_REACH = 1.0  # times the trunk's length: somebody farther away than this is somebody else
_RATE = 3.0  # [1/s] at which that grows while somebody is out of sight
_AHEAD = 0.3  # [s] for which somebody out of sight is thought to go on as before

_EYE_SPAN = (33, 263)  # outer corners in the face mesh
_FACE_REACH = 1.5  # times the span of the eyes: a face farther from a nose is not this body's


@dataclass(frozen=True)
class SeenPerson:
    """A body in one image, and what it was made of.

    Attributes
    ----------
    body : TrackedBody
    pose : PoseLandmarks
    number : int
        Who it is among those who are followed at once, from 0; stays as long as the id does.
    """

    body: TrackedBody
    pose: PoseLandmarks
    number: int = 0


class _Slot:
    def __init__(self, tracker: BodyTracker) -> None:
        self.tracker = tracker
        self.seen = -math.inf
        self.id = ""
        self.place = self.pace = np.zeros(2)
        self.size = 1.0

    def expected(self, stamp: float) -> np.ndarray:
        return self.place + self.pace * min(max(stamp - self.seen, 0.0), _AHEAD)


class People:
    """Keeps the bodies of several people apart from image to image.

    Bodies are told apart by where they are and were heading: who passes behind somebody comes out
    on the other side. Their order in what the pose worker finds says nothing.

    Parameters
    ----------
    make : callable () -> BodyTracker
    people : int
        Most to follow.
    keep : float
        Longest loss after which a body is still the same [s].
    """

    def __init__(
        self, make: Callable[[], BodyTracker], people: int = 1, keep: float = 1.0,
    ) -> None:
        self._slots = [_Slot(make()) for _ in range(people)]
        self._keep = keep

    def lengths(self, identity: str) -> dict[str, float]:
        """Return the limb lengths [m] of a body that is followed."""
        return next((slot.tracker.lengths.lengths() for slot in self._slots
                     if slot.id == identity), {})

    def __call__(
        self, stamp: float, found: Sequence[PoseLandmarks], aspect: float = 1.0,
    ) -> list[SeenPerson]:
        """Return those who are seen; with an id that stays.

        Parameters
        ----------
        stamp : float
            [s]
        found : sequence of PoseLandmarks
        aspect : float
            Width of the image over its height.
        """
        if any(stamp < slot.seen for slot in self._slots):  # time stepped back: all anew
            for slot in self._slots:
                slot.seen, slot.id = -math.inf, ""
        found = [pose for pose in found if np.isfinite(pose.image).all()][:len(self._slots)]
        places = [pose.image[_TRUNK, :2].mean(axis=0) * (aspect, 1.0) for pose in found]
        sizes = [max(float(np.ptp(pose.image[:, 1])), 1e-3) / 3 for pose in found]
        known = [slot for slot in self._slots if 0 <= stamp - slot.seen <= self._keep]
        chosen = self._matched(stamp, places, sizes, known, len(self._slots) == 1)
        spare = [slot for slot in self._slots if slot not in known]
        people = []
        for pose, place, size, slot in zip(found, places, sizes, chosen):
            if slot is None:
                if not spare:
                    continue
                slot = spare.pop(0)
                slot.place, slot.pace = place, np.zeros(2)
            body = slot.tracker(stamp, [pose])
            if body is None:
                continue
            step = stamp - slot.seen
            if 0 < step < 0.5:
                share = min(step / 0.2, 1.0)
                slot.pace = slot.pace + share * ((place - slot.place) / step - slot.pace)
            elif step:
                slot.pace = np.zeros(2)
            slot.place, slot.size, slot.seen = place, size, stamp
            slot.id = body.observation.id
            people.append(SeenPerson(body, pose, self._slots.index(slot)))
        return people

    @staticmethod
    def _matched(
        stamp: float, places: list[np.ndarray], sizes: list[float], known: list[_Slot],
        alone: bool,
    ) -> list[_Slot | None]:
        # With one person to follow nobody else can be meant, however far the jump: a film that is
        # cut, a slow camera.
        if len(known) == 1 and len(places) == 1 and alone:
            return [known[0]]
        # Few people: all ways of matching are tried. Going unmatched costs as much as the
        # farthest match that is allowed.
        def cost(index: int, slot: _Slot | None) -> float:
            if slot is None:
                return 1.0
            reach = (_REACH + _RATE * (stamp - slot.seen)) * max(sizes[index], slot.size)
            return float(np.linalg.norm(places[index] - slot.expected(stamp))) / reach

        options: list[_Slot | None] = [*known, *[None] * len(places)]
        best = min(
            permutations(options, len(places)),
            key=lambda way: sum(cost(index, slot) for index, slot in enumerate(way)), default=())
        return [slot if slot is None or cost(index, slot) <= 1.0 else None
                for index, slot in enumerate(best)]


class Attention:
    """Chooses to whom to attend: who is close, faces the camera, and was attended to already.

    Parameters
    ----------
    advantage : float
        By how much somebody else must be more salient [1] to be attended to instead.
    patience : float
        For how long [s].
    keep : float
        For how long somebody attended to may be out of sight [s].
    """

    def __init__(
        self, advantage: float = 0.3, patience: float = 0.7, keep: float = 1.0,
    ) -> None:
        self._advantage, self._patience, self._keep = advantage, patience, keep
        self.wanted = ""
        """Id of a body to attend to whenever it is seen, whatever others do; empty: nobody's."""
        self.attended = ""
        self._seen = self._since = -math.inf
        self._rival = ""

    def __call__(self, stamp: float, salience: dict[str, float]) -> str:
        """Return the id of whom to attend to; empty while nobody is there.

        Parameters
        ----------
        stamp : float
            [s]
        salience : dict str -> float
            By the ids of those who are seen.
        """
        if stamp < self._seen:  # time stepped back: ids are new, too
            self.attended, self._rival = "", ""
        if self.attended in salience:
            self._seen = stamp
        gone = not self.attended or stamp - self._seen > self._keep
        if self.wanted in salience:
            self._take(self.wanted, stamp)
        elif salience:
            best = max(salience, key=salience.__getitem__)
            if gone:
                self._take(best, stamp)
            elif self.attended in salience and best != self.attended and (
                    salience[best] > salience[self.attended] + self._advantage):
                if best != self._rival:
                    self._rival, self._since = best, stamp
                elif stamp - self._since >= self._patience:
                    self._take(best, stamp)
            else:
                self._rival = ""
        elif gone:
            self.attended = ""
        return self.attended

    def _take(self, identity: str, stamp: float) -> None:
        self.attended, self._rival, self._seen = identity, "", stamp


def salience(person: SeenPerson, looking: float = 0.0) -> float:
    """Return how much somebody draws attention [0..2.5].

    By how near they are (their size in the image), by whether their body faces the camera, and by
    whether they look at it: who looks is engaged, also while walking past.

    Parameters
    ----------
    person : SeenPerson
    looking : float
        0..1, see `looks_at_camera`; 0 where the face is not seen.
    """
    image = person.pose.image[:, :2]
    known = person.body.observation.visibility > 0
    tall = float(np.ptp(image[_TRUNK, 1])) if known[_TRUNK].all() else (
        1.5 * float(np.ptp(image[known, 0])) if known.any() else 0.0)
    return min(2.0 * tall, 1.0) + max(math.cos(person.body.heading), 0.0) + 0.5 * looking


def looks_at_camera(gaze: np.ndarray) -> float:
    """Return how far somebody looks at the camera: 1 straight, 0 from 40 degrees past it.

    Parameters
    ----------
    gaze : ndarray (3,)
        Unit direction; x toward the camera.
    """
    aside = math.acos(min(max(float(gaze[0]), -1.0), 1.0))
    return min(max(1.0 - aside / math.radians(40.0), 0.0), 1.0)


def match_hands(
    hands: Sequence[HandLandmarks], pose: PoseLandmarks, size: tuple[int, int],
) -> dict[str, HandLandmarks]:
    """Return side -> the hand at that wrist of a body; hands of others are left out.

    The wrist tells the side, because the body's sides are better known than a lone hand's.
    """
    scale, out, best = np.array(size, float), {}, {}
    for hand in hands:
        points = hand.image[:, :2] * scale
        reach = 1.5 * max(float(np.linalg.norm(points[0] - points[9])), 1.0)
        for side in ("left", "right"):
            wrist = pose.image[POSE_INDEX[f"{side}_wrist"], :2] * scale
            # Where the wrists are close together the hand itself says which one it is.
            doubt = hand.right if side == "left" else 1.0 - hand.right
            cost = float(np.linalg.norm(points[0] - wrist)) / reach + 0.3 * doubt
            if cost < min(best.get(side, 1.3), 1.3):
                best[side], out[side] = cost, hand
    if len(out) == 2 and out["left"] is out["right"]:
        del out[max(best, key=best.__getitem__)]
    return out


def match_faces(
    faces: Sequence[FaceLandmarks], noses: dict[str, np.ndarray], size: tuple[int, int],
) -> dict[str, tuple[int, float]]:
    """Return body id -> (index of its face, confidence 0..1); each face and body at most once.

    Parameters
    ----------
    faces : sequence of FaceLandmarks
    noses : dict str -> ndarray (2,)
        Where the bodies have their noses, as shares of the image.
    size : tuple (width, height)
        [pixels]
    """
    scale = np.array(size, float)
    pairs = []
    for index, face in enumerate(faces):
        mesh = face.image[:, :2] * scale
        span = max(float(np.linalg.norm(mesh[_EYE_SPAN[0]] - mesh[_EYE_SPAN[1]])), 1.0)
        for body, nose in noses.items():
            distance = float(np.linalg.norm(mesh[1] - nose * scale)) / span
            if distance < _FACE_REACH:
                pairs.append((distance, index, body))
    out: dict[str, tuple[int, float]] = {}
    taken = set()
    for distance, index, body in sorted(pairs):
        if index not in taken and body not in out:
            out[body] = index, 1.0 - 0.5 * distance / _FACE_REACH
            taken.add(index)
    return out
