# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Lets any perception that follows REP-155 drive the mirror, instead of our own.

Listens to ``/humans/bodies/<id>/joint_states``; when hri_msgs is installed, to
``/humans/faces/<id>/facs``; and when tf2_msgs is, to the frames ``body_<id>``, ``face_<id>`` and
``gaze_<id>``. Publishes ``human/body`` and ``human/face`` as the perception node does and, from
the frames, ``human/heading``, ``human/position``, ``human/distance``, ``human/head`` and
``human/gaze``. Which bodies and faces there are is seen from the topics themselves. REP-155 has no
hands: those stay unknown. Who somebody is, is told on ``human/name`` when a person below
``/humans/persons`` is not anonymous: their id, which lasts.
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from geometry_msgs.msg import (
    PointStamped,
    PoseStamped,
    QuaternionStamped,
    TransformStamped,
    Vector3Stamped,
)
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import Bool, Float32, Header, String

from mirror_robot.human.facs import coefficients_from_units
from mirror_robot.human.observation import BodyObservation
from mirror_robot.human.skeleton import JOINTS, Skeleton, landmarks_from_skeleton
from mirror_robot.nodes.diagnostics import OK, WARN, Diagnostics, Rate
from mirror_robot.nodes.humans import optional, quaternion, turn_about_up
from mirror_robot.nodes.messages import (
    body_to_cloud,
    joint_state,
    named_values,
    to_rotation,
    to_seconds,
    to_time,
)
from mirror_robot.nodes.parameters import Parameter, declare
from mirror_robot.nodes.running import run
from mirror_robot.perception.location import sight_azimuth
from mirror_robot.perception.tracking import upright_from_viewer

PARAMETERS: tuple[Parameter, ...] = (
    Parameter("attend", "", "id of the body to follow; empty follows the first that is seen until "
              "it is gone", changeable=True),
    Parameter("confidence", 0.2, "action units told with less are left out", "", 0.0, 1.0),
    Parameter("camera_pitch", 0.0, "how far the camera looks down", "rad", -1.4, 1.4),
    Parameter("optical", True, "the frames of people are told in an optical frame: z away from "
              "the camera, y down; otherwise in one with x ahead and z up"),
    Parameter("keep_id", 1.0, "silence after which a body or face is gone", "s", 0.05, 60.0),
)

_NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
_TOPIC = re.compile(r"^/humans/(bodies|faces)/([^/]+)/(joint_states|facs)$")
_PERSON = re.compile(r"^/humans/persons/([^/]+)/(body_id|face_id|anonymous)$")
_FRAME = re.compile(r"^(body|face|gaze)_(.+)$")
_FRESH = 0.5  # [s] after which a frame is no longer where somebody is
_UPRIGHT = "upright_camera"
# From a frame with x ahead and z up to an optical one.
_OPTICAL = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
_LOOK = 0.5  # [s] between looks for new people


class Rep155Node(Node):
    """REP-155 in, ``human/body`` and ``human/face`` out."""

    def __init__(
        self, hri: ModuleType | None = None, tf2: ModuleType | None = None, **options: Any,
    ) -> None:
        super().__init__("rep155_node", **options)
        self.parameters = declare(self, PARAMETERS)
        self._hri = hri or optional("hri_msgs.msg")
        self._body = self.create_publisher(PointCloud2, "human/body", _NEWEST)
        self._face = self.create_publisher(JointState, "human/face", _NEWEST)
        self._publisher = {name: self.create_publisher(kind, f"human/{name}", _NEWEST)
                           for name, kind in (
            ("heading", QuaternionStamped), ("position", PointStamped), ("distance", Float32),
            ("head", PoseStamped), ("gaze", Vector3Stamped))}
        self._frames: dict[str, tuple[float, str, np.ndarray, np.ndarray]] = {}
        tf2 = tf2 or optional("tf2_msgs.msg")
        if tf2 is not None:
            self.create_subscription(
                tf2.TFMessage, "/tf", self._on_tf,
                QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT))
        self._tf = tf2 is not None
        self._listening: dict[str, Any] = {}
        self._name = self.create_publisher(String, "human/name", QoSProfile(depth=10))
        self._persons: dict[str, dict[str, str | bool]] = {}
        self._followed = {"bodies": ("", 0.0), "faces": ("", 0.0)}
        self._rates = {"bodies": Rate(), "faces": Rate()}
        self._bad = 0
        self.create_timer(_LOOK, self._look)
        self.diagnostics = Diagnostics(self, self._report)
        self._look()

    def _look(self) -> None:
        there = {}
        for name, _ in self.get_topic_names_and_types():
            if (match := _PERSON.match(name)) and self.count_publishers(name):
                there[name] = match
            match = _TOPIC.match(name)
            if match and self.count_publishers(name) and (
                    match[3] == "joint_states" or self._hri is not None):
                there[name] = match
        for name in self._listening.keys() - there.keys():
            self.destroy_subscription(self._listening.pop(name))
            if match := _PERSON.match(name):
                self._persons.get(match[1], {}).pop(match[2], None)
        for name in there.keys() - self._listening.keys():
            if there[name].re is _PERSON:
                person, what = there[name].groups()
                self._listening[name] = self.create_subscription(
                    Bool if what == "anonymous" else String, name,
                    lambda message, person=person, what=what: self.take_person(
                        person, what, message.data), self._as_told(name))
                continue
            identity = there[name][2]
            if there[name][3] == "joint_states":
                self._listening[name] = self.create_subscription(
                    JointState, name,
                    lambda message, identity=identity: self.take_body(identity, message), _NEWEST)
            else:
                self._listening[name] = self.create_subscription(
                    self._hri.FacialActionUnits, name,
                    lambda message, identity=identity: self.take_face(identity, message), _NEWEST)

    def _as_told(self, name: str) -> QoSProfile:
        """Return the QoS that gets what was told before: latched where the teller latches."""
        told = [info.qos_profile.durability for info in self.get_publishers_info_by_topic(name)]
        if told and all(one == DurabilityPolicy.TRANSIENT_LOCAL for one in told):
            return QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        return _NEWEST

    def take_person(self, person: str, what: str, value: str | bool) -> None:
        """Keep whose body and face are whose, and who is anonymous."""
        self._persons.setdefault(person, {})[what] = value

    def _tell_name(self, what: str, identity: str) -> None:
        # Told again and again: the mirror forgets a name when it sees another body, and which of
        # two topics comes first is not certain.
        for person, known in self._persons.items():
            # Who may be anonymous is, until the opposite is told.
            doubt = f"/humans/persons/{person}/anonymous" in self._listening
            if known.get(what) == identity and not known.get("anonymous", doubt):
                self._name.publish(String(data=person))
                return

    def _follows(self, kind: str, identity: str) -> bool:
        followed, seen = self._followed[kind]
        now, wanted = time.monotonic(), self.parameters.attend if kind == "bodies" else ""
        if identity != followed and identity != wanted and (
                now - seen < self.parameters.keep_id):
            return False
        if wanted == followed != identity and now - seen < self.parameters.keep_id:
            return False
        self._followed[kind] = identity, now
        return True

    def take_body(self, identity: str, message: JointState) -> None:
        """Turn a body's joint angles into landmarks and publish them."""
        try:
            angles = _angles(named_values(message), identity)
        except ValueError as error:
            self._bad += 1
            self.get_logger().warning(
                f"dropped joint_states of {identity}: {error}", throttle_duration_sec=5.0)
            return
        if not angles or not self._follows("bodies", identity):
            return
        frame = self._frames.get(f"body_{identity}")
        root = np.eye(3)
        if frame is not None and time.monotonic() - frame[0] < _FRESH:
            root = self._place(self._stamp(message), angles, *frame[1:])
        landmarks = landmarks_from_skeleton(Skeleton(angles, root))
        visibility = np.isfinite(landmarks).all(axis=1).astype(float)
        self._body.publish(body_to_cloud(BodyObservation(
            self._stamp(message), identity, landmarks, visibility)))
        self._tell_name("body_id", identity)
        self._rates["bodies"].tick()

    def _place(
        self, stamp: float, angles: Mapping[str, float], parent: str, place: np.ndarray,
        rotation: np.ndarray,
    ) -> np.ndarray:
        """Publish where a body is and faces; return how its root leans (3, 3)."""
        upright = upright_from_viewer(self.parameters.camera_pitch)
        turned = upright @ rotation
        facing = math.atan2(turned[1, 0], turned[0, 0])
        self._publisher["heading"].publish(QuaternionStamped(
            header=Header(stamp=to_time(stamp), frame_id=_UPRIGHT),
            quaternion=quaternion(turn_about_up(facing - sight_azimuth(place, upright)))))
        header = Header(stamp=to_time(stamp), frame_id=parent)
        message = PointStamped(header=header)
        message.point.x, message.point.y, message.point.z = map(
            float, place if self.parameters.optical else _OPTICAL.T @ place)
        self._publisher["position"].publish(message)
        points = landmarks_from_skeleton(Skeleton(angles, np.eye(3)))
        points = points[np.isfinite(points).all(axis=1)] @ rotation.T + place
        self._publisher["distance"].publish(
            Float32(data=float(np.linalg.norm(points, axis=1).min())))
        return turn_about_up(-facing) @ turned

    def _on_tf(self, message: Any) -> None:
        for one in message.transforms:
            match = _FRAME.match(one.child_frame_id)
            if match:
                self.take_frame(match[1], match[2], one)

    def take_frame(self, kind: str, identity: str, message: TransformStamped) -> None:
        """Keep the frame of a body; publish those of the head and the gaze."""
        at = message.transform.translation
        place = np.array([at.x, at.y, at.z])
        try:
            rotation = to_rotation(message.transform.rotation)
        except ValueError as error:
            self._bad += 1
            self.get_logger().warning(f"dropped the frame {message.child_frame_id}: {error}",
                                      throttle_duration_sec=5.0)
            return
        if not np.isfinite(place).all():
            return
        if not self.parameters.optical:
            place, rotation = _OPTICAL @ place, _OPTICAL @ rotation
        parent = message.header.frame_id
        if kind == "body":
            now = time.monotonic()
            self._frames = {name: frame for name, frame in self._frames.items()
                            if now - frame[0] < _FRESH}
            self._frames[message.child_frame_id] = now, parent, place, rotation
            return
        if not self._follows("faces", identity):
            return
        upright = upright_from_viewer(self.parameters.camera_pitch)
        turned = turn_about_up(-sight_azimuth(place, upright)) @ upright @ rotation
        header = Header(stamp=to_time(self._stamp(message)), frame_id=_UPRIGHT)
        if kind == "face":
            pose = PoseStamped(header=header)
            pose.pose.orientation = quaternion(turned)
            self._publisher["head"].publish(pose)
        else:
            gaze = Vector3Stamped(header=header)
            gaze.vector.x, gaze.vector.y, gaze.vector.z = map(float, turned[:, 2])
            self._publisher["gaze"].publish(gaze)

    def take_face(self, identity: str, message: Any) -> None:
        """Turn a face's action units into coefficients and publish them."""
        units = {code: float(value) for code, (value, sure) in enumerate(
            zip(message.intensity, message.confidence))
            if sure >= self.parameters.confidence and np.isfinite(value)}
        coefficients = coefficients_from_units(units)
        if not coefficients or not self._follows("faces", identity):
            return
        self._face.publish(joint_state(
            self._stamp(message), f"face_{identity}", list(coefficients),
            list(coefficients.values())))
        if time.monotonic() - self._followed["bodies"][1] > self.parameters.keep_id:
            self._tell_name("face_id", identity)
        self._rates["faces"].tick()

    def _stamp(self, message: Any) -> float:
        return to_seconds(message.header.stamp) or self.get_clock().now().nanoseconds * 1e-9

    def _report(self) -> tuple[bytes, str, Mapping[str, Any]]:
        values: dict[str, Any] = {f"{kind} rate [Hz]": rate()
                                  for kind, rate in self._rates.items()}
        values |= {"topics": len(self._listening), "bad messages": self._bad,
                   "hri_msgs": "installed" if self._hri else "not installed: no faces",
                   "tf2_msgs": "installed" if self._tf else "not installed: no heads, no places"}
        body = self._followed["bodies"]
        if body[0] and time.monotonic() - body[1] < 1.0:
            return OK, f"follows body {body[0]}", values
        return WARN, "nobody under /humans/bodies", values


def _angles(values: Mapping[str, float], identity: str) -> dict[str, float]:
    """Return finite angles by the names of `JOINTS`; a limb that is not complete is left out."""
    suffix = f"_{identity}"
    angles = {name.removesuffix(suffix): float(value) for name, value in values.items()
              if np.isfinite(value)}
    angles = {name: value for name, value in angles.items() if name in JOINTS}
    for chain, end in (("shoulder", "elbow"), ("hip", "knee")):
        for side in "lr":
            parts = [f"{side}_{letter}_{chain}" for letter in "yp"]
            if chain == "hip":
                parts.append(f"{side}_r_{chain}")
            if not all(name in angles for name in parts):
                for name in (*parts, f"{side}_r_{chain}", f"{side}_{end}"):
                    angles.pop(name, None)
            if f"{side}_r_{chain}" not in angles:
                angles.pop(f"{side}_{end}", None)
    return angles


def main() -> int:
    """Run the node."""
    return run(Rep155Node)


if __name__ == "__main__":
    sys.exit(main())
