# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Tells of people by REP-155: topics under ``/humans``, and TF.

``joint_states`` and ``urdf`` of bodies need no package beyond the common ones; TF is published
when tf2_msgs can be imported, everything else when hri_msgs can.
"""

from __future__ import annotations

import importlib
import math
import threading
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float32, Header, String

from mirror_robot.human.expression import ExpressionSense
from mirror_robot.human.face import NeutralFace, action_units, hand_over_mouth
from mirror_robot.human.gaze import gaze_direction
from mirror_robot.human.gesture import GestureSense
from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.human.observation import FaceObservation
from mirror_robot.human.skeleton import (
    DEFAULT_LENGTHS,
    SkeletonSolver,
    directions_from_landmarks,
    head_frame,
    human_urdf,
)
from mirror_robot.nodes.messages import joint_state, to_time
from mirror_robot.perception.location import sight_azimuth
from mirror_robot.perception.people import SeenPerson
from mirror_robot.perception.wire import FaceLandmarks

# Reliable, since a reliable subscriber hears nothing from a best-effort publisher.
_NEWEST = QoSProfile(depth=1)
_LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

GONE = 0.5
"""Time unseen after which an id is tracked no more [s]."""

# Skeleton2D's points by the names of its constants (REP-155 follows OpenPose).
_SKELETON = {name.upper(): POSE_INDEX[name] for name in (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    *(f"{side}_{point}" for side in ("left", "right")
      for point in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")))}

# The face mesh's points in the order of FacialLandmarks: dlib's 68, and the two pupils.
_FACE_POINTS = np.array([
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
    468, 473])

# Who looks so far past the camera does not look at it [rad]; wider to go than to come.
_LOOKS, _LOOKS_AWAY = math.radians(15.0), math.radians(25.0)
_READABLE = math.radians(25.0)  # a face turned farther away says nothing of how it is at rest
_SETTLED = 1.5  # [s] of looking, or not, after which that is an engagement, or its end

# Columns: x right, y down, z along the gaze; from x to the front, y left, z up.
_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def optional(name: str) -> ModuleType | None:
    """Return a module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


class Humans:
    """Publishes people by REP-155.

    Parameters
    ----------
    node : rclpy.node.Node
    camera_frame : str
    hri, tf2 : module, optional
        ``hri_msgs.msg`` and ``tf2_msgs.msg``, or what stands in for them; None where not
        installed.
    """

    def __init__(
        self, node: Any, camera_frame: str, hri: ModuleType | None = None,
        tf2: ModuleType | None = None,
    ) -> None:
        self._node, self._frame, self._hri = node, camera_frame, hri
        self._lock = threading.RLock()
        self._publishers: dict[str, Any] = {}
        self._sent: dict[str, Any] = {}  # what was last said on latched topics
        self._bodies: dict[str, _Body] = {}
        self._faces: dict[str, _Face] = {}
        self._known: list[str] = []
        self._tf = node.create_publisher(tf2.TFMessage, "/tf", QoSProfile(depth=50)) if (
            tf2 is not None) else None
        self._tf2 = tf2

    def close(self) -> None:
        """Destroy the publishers."""
        with self._lock:
            for publisher in (*self._publishers.values(), self._tf):
                if publisher is not None:
                    self._node.destroy_publisher(publisher)
            self._publishers, self._tf, self._bodies, self._faces = {}, None, {}, {}

    def see_body(
        self, person: SeenPerson, head: np.ndarray | None, lengths: Mapping[str, float] | None,
        position: np.ndarray | None, image: np.ndarray | None = None,
    ) -> None:
        """Publish a body.

        Parameters
        ----------
        person : SeenPerson
        head : ndarray (3, 3), optional
            Rotation of the head in the body frame.
        lengths : mapping str -> float, optional
            The person's limbs [m], for the description.
        position : ndarray (3,), optional
            Mid-hip in the camera's optical frame [m]; None without calibration, and then there is
            no TF either.
        image : ndarray (h, w, 3), optional
            BGR; for ``cropped``.
        """
        with self._lock:
            seen = person.body.observation
            body = self._bodies.setdefault(seen.id, _Body())
            body.seen, body.nose = seen.stamp, person.pose.image[POSE_INDEX["nose"], :2]
            skeleton = body.solve(
                seen.stamp, directions_from_landmarks(seen.landmarks), head)
            base = f"/humans/bodies/{seen.id}/"
            self._publish(base + "joint_states", JointState, joint_state(
                seen.stamp, f"body_{seen.id}",
                [f"{name}_{seen.id}" for name in skeleton.angles],
                list(skeleton.angles.values())))
            if lengths:
                rounded = tuple(round(value, 2) for value in lengths.values())
                if self._sent.get(base) != rounded:
                    self._sent[base] = rounded
                    self._publish(base + "urdf", String,
                                  String(data=human_urdf(seen.id, lengths)), _LATCHED)
            if position is not None:
                upright = person.body.upright
                view = upright.T @ turn_about_up(
                    person.body.heading + sight_azimuth(position, upright))
                self._transform(seen.stamp, f"body_{seen.id}", position, view @ skeleton.root)
                place, turned = head_frame(skeleton, lengths or DEFAULT_LENGTHS)
                body.place = seen.stamp, position + view @ place, view @ turned
            if self._hri is not None:
                self._tell_body(base, person, image)

    def see_face(
        self, face: FaceObservation, found: FaceLandmarks, body: str, confidence: float,
        position: np.ndarray | None, view: np.ndarray | None,
        image: np.ndarray | None = None,
    ) -> None:
        """Publish a face.

        Parameters
        ----------
        face : FaceObservation
        found : FaceLandmarks
            What it was made of.
        body : str
            Id of its body; empty where there is none.
        confidence : float
            That it is that body's [0..1].
        position : ndarray (3,), optional
            The sellion in the camera's optical frame [m].
        view : ndarray (3, 3), optional
            Rotation from the upright camera's axes to the camera's optical frame.
        image : ndarray (h, w, 3), optional
            BGR; for ``cropped``.
        """
        with self._lock:
            known = self._faces.setdefault(face.id, _Face())
            known.seen, known.body, known.confidence = face.stamp, body, confidence
            gaze = None
            if face.head is not None:
                gaze = gaze_direction(face.head, face.coefficients)
                known.look(face.stamp, math.acos(min(max(float(gaze[0]), -1.0), 1.0)))
                if position is not None and view is not None:
                    view = view @ turn_about_up(sight_azimuth(position, view.T))
                    self._transform(face.stamp, f"face_{face.id}", position, view @ face.head)
                    known.place = face.stamp, position, view @ face.head
                    self._transform(face.stamp, f"gaze_{face.id}", position,
                                    view @ _along(gaze, face.head) @ _OPTICAL)
            if self._hri is not None:
                self._tell_face(face, found, known, image)

    def tell(self, stamp: float) -> None:
        """Publish who is tracked and whose face is whose; also for images without anybody."""
        with self._lock:
            for table in (self._bodies, self._faces):
                for name in [name for name, one in table.items()
                             if not 0 <= stamp - one.seen <= GONE]:
                    del table[name]
                    self._forget(name)
            if self._hri is None:
                return
            bodies, faces = sorted(self._bodies), sorted(self._faces)
            persons = {}
            for name in bodies:
                persons[f"p{name}"] = name, ""
            for name in faces:
                body = self._faces[name].body
                persons[f"p{body or name}"] = (body if body in self._bodies else ""), name
            for kind, names in (("bodies", bodies), ("faces", faces),
                                ("persons", sorted(persons))):
                self._list(stamp, f"/humans/{kind}/tracked", names)
            self._known += [name for name in sorted(persons) if name not in self._known]
            del self._known[:-100]
            self._list(stamp, "/humans/persons/known", sorted(self._known))
            for name, (body, face) in persons.items():
                self._tell_person(stamp, name, body, face)

    # The parts

    def _tell_body(self, base: str, person: SeenPerson, image: np.ndarray | None) -> None:
        hri, header = self._hri, self._header(person.body.observation.stamp)
        pixels, seen = person.pose.image[:, :2], person.body.pixels[:, 2]
        box = _box(pixels[seen > 0])
        self._roi(base + "roi", header, box, float(seen[seen > 0].mean()))
        message = hri.Skeleton2D(header=header)
        points = [hri.NormalizedPointOfInterest2D() for _ in range(18)]
        neck = pixels[[POSE_INDEX["left_shoulder"], POSE_INDEX["right_shoulder"]]].mean(axis=0)
        both = min(seen[POSE_INDEX["left_shoulder"]], seen[POSE_INDEX["right_shoulder"]])
        places = {getattr(message, name): (*pixels[row], seen[row])
                  for name, row in _SKELETON.items()} | {message.NECK: (*neck, both)}
        for index, (x, y, c) in places.items():
            points[index].x, points[index].y = (float(min(max(v, 0.0), 1.0)) for v in (x, y))
            points[index].c = float(c)
        message.skeleton = points
        self._publish(base + "skeleton2d", hri.Skeleton2D, message)
        body = person.body.observation
        gesture = self._bodies[body.id].gesture(
            body.stamp, body.landmarks, hand_over_mouth(person.pose.world))
        if gesture and gesture != self._sent.get(base + "gesture"):
            self._publish(base + "gesture", hri.Gesture, hri.Gesture(
                header=header, gesture=getattr(hri.Gesture, gesture.upper())))
        self._sent[base + "gesture"] = gesture
        self._cropped(base + "cropped", header, image, box)

    def _tell_face(
        self, face: FaceObservation, found: FaceLandmarks, known: _Face,
        image: np.ndarray | None,
    ) -> None:
        hri, header = self._hri, self._header(face.stamp)
        base = f"/humans/faces/{face.id}/"
        box = _box(found.image[:, :2])
        self._roi(base + "roi", header, box, 1.0)
        points = []
        for x, y in np.clip(found.image[_FACE_POINTS, :2], 0.0, 1.0):
            point = hri.NormalizedPointOfInterest2D()
            point.x, point.y, point.c = float(x), float(y), 1.0
            points.append(point)
        height, width = image.shape[:2] if image is not None else (0, 0)
        self._publish(base + "landmarks", hri.FacialLandmarks, hri.FacialLandmarks(
            header=header, landmarks=points, height=height, width=width))
        self._cropped(base + "cropped", header, image, box, 128)
        if not face.coefficients:  # too small to be read
            return
        aside = 0.0 if face.head is None else math.acos(
            min(max(float(face.head[0, 0]), -1.0), 1.0))
        known.neutral.update(face.stamp, face.coefficients, aside < _READABLE)
        units = action_units(face.coefficients, known.neutral)
        intensity, certain = [0.0] * 99, [0.0] * 99
        sure = 0.5 + 0.5 * known.neutral.maturity
        for name, value in units.items():
            if name[2:].isdigit():
                intensity[int(name[2:])], certain[int(name[2:])] = float(value), float(sure)
        self._publish(base + "facs", hri.FacialActionUnits, hri.FacialActionUnits(
            header=header, intensity=intensity, confidence=certain))
        seen = known.expression(face.stamp, face.coefficients, known.neutral, aside)
        self._publish(base + "expression", hri.Expression, hri.Expression(
            header=header, expression=seen.name, valence=seen.valence, arousal=seen.arousal,
            confidence=seen.confidence))

    def _tell_person(self, stamp: float, name: str, body: str, face: str) -> None:
        hri, base = self._hri, f"/humans/persons/{name}/"
        self._once(base + "anonymous", Bool, Bool(data=True), True)
        self._once(base + "body_id", String, String(data=body), body)
        self._once(base + "face_id", String, String(data=face), face)
        self._publish(base + "location_confidence", Float32, Float32(data=1.0))
        known = self._faces.get(face)
        self._locate(name, *(one for one in (known, self._bodies.get(body)) if one is not None))
        if known is not None and known.looks:
            # No receiver: at the robot.
            self._publish("/humans/interactions/gazing", hri.Gaze, hri.Gaze(
                header=self._header(stamp), sender=name), QoSProfile(depth=20))
        levels = hri.EngagementLevel
        level = levels.UNKNOWN if known is None else known.engagement(stamp, levels)
        self._publish(base + "engagement_status", levels, levels(
            header=self._header(stamp), level=level))
        pairs = [(body, hri.IdsMatch.BODY, name, hri.IdsMatch.PERSON, 1.0)] if body else []
        if known is not None:
            pairs.append((face, hri.IdsMatch.FACE, name, hri.IdsMatch.PERSON, 1.0))
            if body:
                pairs.append((face, hri.IdsMatch.FACE, body, hri.IdsMatch.BODY,
                              known.confidence))
        for one, one_type, other, other_type, confidence in pairs:
            self._publish("/humans/candidate_matches", hri.IdsMatch, hri.IdsMatch(
                id1=one, id1_type=one_type, id2=other, id2_type=other_type,
                confidence=float(confidence)), QoSProfile(depth=20))

    def _locate(self, name: str, *parts: _Body | _Face) -> None:
        """Publish the person's frame, by REP-155 that of the face, or else of the body's head."""
        placed = next((one.place for one in parts if one.place is not None), None)
        # A transform told twice is an error to those who listen.
        last = self._sent.get(f"/humans/persons/{name}/frame", -math.inf)
        if placed is not None and placed[0] > last:
            self._sent[f"/humans/persons/{name}/frame"] = placed[0]
            self._transform(placed[0], f"person_{name}", *placed[1:])

    # Publishing

    def _header(self, stamp: float) -> Header:
        return Header(stamp=to_time(stamp), frame_id=self._frame)

    def _publish(self, name: str, kind: Any, message: Any, qos: QoSProfile = _NEWEST) -> None:
        publisher = self._publishers.get(name)
        if publisher is None:
            publisher = self._publishers[name] = self._node.create_publisher(kind, name, qos)
        publisher.publish(message)

    def _once(self, name: str, kind: Any, message: Any, value: Any) -> None:
        if self._sent.get(name) != value or name not in self._sent:
            self._sent[name] = value
            self._publish(name, kind, message, _LATCHED)

    def _list(self, stamp: float, name: str, names: list[str]) -> None:
        message = self._hri.IdsList(header=self._header(stamp), ids=names)
        # Again every second, for those who subscribe later and ask for nothing latched.
        self._once(name, self._hri.IdsList, message, (names, int(stamp)))

    def _forget(self, identity: str) -> None:
        # Ids are transient: without this, every person who passes leaves publishers behind.
        part = f"/{identity}/"
        person = f"/p{identity}/"
        for name in [name for name in self._publishers if part in name or person in name]:
            self._node.destroy_publisher(self._publishers.pop(name))
        for name in [name for name in self._sent if part in name or person in name]:
            del self._sent[name]

    def _roi(self, name: str, header: Header, box: np.ndarray, confidence: float) -> None:
        kind = self._hri.NormalizedRegionOfInterest2D
        message = kind(header=header, c=confidence)
        message.xmin, message.ymin, message.xmax, message.ymax = map(float, box)
        self._publish(name, kind, message)

    def _cropped(
        self, name: str, header: Header, image: np.ndarray | None, box: np.ndarray,
        side: int = 0,
    ) -> None:
        if image is None:
            return
        if name not in self._publishers:
            self._publishers[name] = self._node.create_publisher(Image, name, _NEWEST)
        if not self._publishers[name].get_subscription_count():
            return
        height, width = image.shape[:2]
        left, top, right, bottom = (box * (width, height, width, height)).astype(int)
        part = image[top:max(bottom, top + 1), left:max(right, left + 1)]
        if not part.size:
            return
        if side:
            ratio = side / max(part.shape[:2])
            part = cv2.resize(part, None, fx=ratio, fy=ratio)[:side, :side]
            room = np.array([side - part.shape[0], side - part.shape[1]])
            part = cv2.copyMakeBorder(
                part, room[0] // 2, room[0] - room[0] // 2, room[1] // 2, room[1] - room[1] // 2,
                cv2.BORDER_CONSTANT)
        self._publish(name, Image, Image(
            header=header, height=part.shape[0], width=part.shape[1], encoding="bgr8",
            step=3 * part.shape[1], data=np.ascontiguousarray(part).tobytes()))

    def _transform(
        self, stamp: float, child: str, position: np.ndarray, rotation: np.ndarray,
    ) -> None:
        if self._tf is None:
            return
        message = TransformStamped(header=self._header(stamp), child_frame_id=child)
        x, y, z = map(float, position)
        message.transform.translation = Vector3(x=x, y=y, z=z)
        message.transform.rotation = quaternion(rotation)
        self._tf.publish(self._tf2.TFMessage(transforms=[message]))


class _Body:
    def __init__(self) -> None:
        self.seen = -math.inf
        self.place: tuple[float, np.ndarray, np.ndarray] | None = None
        self.nose = np.zeros(2)
        self.solve = SkeletonSolver()
        self.gesture = GestureSense()


class _Face:
    def __init__(self) -> None:
        self.seen = self.since = -math.inf
        self.place: tuple[float, np.ndarray, np.ndarray] | None = None
        self.body, self.confidence = "", 0.0
        self.neutral, self.expression = NeutralFace(), ExpressionSense()
        self.looks = False
        self.ever = False

    def look(self, stamp: float, aside: float) -> None:
        looks = aside < (_LOOKS_AWAY if self.looks else _LOOKS)
        if looks != self.looks or self.since > stamp:
            self.looks, self.since = looks, stamp
        self.ever |= looks

    def engagement(self, stamp: float, levels: Any) -> int:
        settled = stamp - self.since >= _SETTLED
        if self.looks:
            return levels.ENGAGED if settled else levels.ENGAGING
        return levels.DISENGAGING if self.ever and not settled else levels.DISENGAGED


def _box(points: np.ndarray) -> np.ndarray:
    """Return (left, top, right, bottom) of points (n, 2), within 0..1."""
    return np.clip(np.concatenate([points.min(axis=0), points.max(axis=0)]), 0.0, 1.0)


def _along(gaze: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Return the rotation whose front is `gaze`, as upright as the head."""
    left = np.cross(head[:, 2], gaze)
    left /= max(float(np.linalg.norm(left)), 1e-9)
    return np.column_stack([gaze, left, np.cross(gaze, left)])


def turn_about_up(angle: float) -> np.ndarray:
    """Return the rotation (3, 3) about z by an angle [rad]."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def quaternion(rotation: np.ndarray) -> Quaternion:
    """Return the quaternion of a rotation matrix (3, 3), with w >= 0."""
    # The eigenvector of the largest eigenvalue: no case by case, and right for a matrix that is
    # not quite orthogonal (Bar-Itzhack, J. Guidance 23(6), 2000).
    r = rotation
    matrix = np.array([
        [r[0, 0] - r[1, 1] - r[2, 2], 0, 0, 0],
        [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], 0, 0],
        [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], 0],
        [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], np.trace(r)]])
    longest = np.linalg.eigh(matrix)[1][:, -1]
    x, y, z, w = map(float, longest if longest[3] >= 0 else -longest)
    return Quaternion(x=x, y=y, z=z, w=w)
