# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Publishes what RViz and Foxglove need to show the loop and no other node tells.

``mirror/markers``: the ghost of the robot as it is about to stand, the way and goal of its hands,
the intention and the sentence as text, the bones of the person. ``human/annotated_raw``: the
annotated camera image, decoded, as RViz shows no compressed image without a further plugin.
``/tf``, where tf2_msgs is installed: what is missing between robot and person. Markers and image
are made only while somebody subscribes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from geometry_msgs.msg import Point, TransformStamped, Vector3
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image, JointState, PointCloud2
from std_msgs.msg import ColorRGBA, Header, String
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import Marker, MarkerArray

from mirror_robot.body.description import parse_description, root_link
from mirror_robot.body.model import load_model
from mirror_robot.body.shapes import BOX, CYLINDER, MESH, SPHERE, Appearance
from mirror_robot.human.landmarks import POSE_INDEX, SKELETON
from mirror_robot.human.observation import BodyObservation
from mirror_robot.mirror.intention import NONE, UNKNOWN
from mirror_robot.nodes.diagnostics import OK, Diagnostics, Rate
from mirror_robot.nodes.humans import optional, quaternion
from mirror_robot.nodes.messages import cloud_to_body, named_values
from mirror_robot.nodes.parameters import Parameter, declare
from mirror_robot.nodes.running import run

PARAMETERS: tuple[Parameter, ...] = (
    Parameter("robot", "kagami", "name of a known robot, or path of a robot profile (YAML)"),
    Parameter("rate", 15.0, "of the markers", "Hz", 1.0, 60.0),
    Parameter("person_distance", 1.8, "in front of the robot, where a person is shown whose place "
              "nobody tells", "m", 0.3, 20.0),
    Parameter("person_height", 0.9, "of that person's hips above the robot's root", "m",
              -5.0, 5.0),
    Parameter("camera_height", 1.3, "of the camera above the robot's root, looking ahead, where "
              "nobody tells its place", "m", -5.0, 5.0),
)

_SENSOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
_RELIABLE = QoSProfile(depth=10)
_STATIC = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_FRESH = 0.7
"""Time after which what was heard is no longer shown [s]; markers go as soon, by themselves."""
_TEAL, _WARM, _PALE = (0.25, 0.78, 0.75), (0.98, 0.67, 0.31), (0.93, 0.94, 0.96)
_KINDS = {BOX: Marker.CUBE, CYLINDER: Marker.CYLINDER, SPHERE: Marker.SPHERE,
          MESH: Marker.MESH_RESOURCE}
# Columns: x right, y down, z along the gaze, of a camera that looks along x.
_LOOKS_AHEAD = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
_FACES_ROBOT = np.diag([-1.0, -1.0, 1.0])


def _point(place: np.ndarray) -> Point:
    x, y, z = map(float, place)
    return Point(x=x, y=y, z=z)


def _colour(colour: tuple[float, float, float], alpha: float = 1.0) -> ColorRGBA:
    red, green, blue = colour
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)


class Frames:
    """Which frames hang on which, and what is missing to show a frame beside the robot.

    Parameters
    ----------
    root : str
        The robot's root link.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._parents: dict[str, str] = {}
        self._ours: dict[str, np.ndarray] = {}

    def hear(self, child: str, parent: str, translation: np.ndarray) -> None:
        """Take in a transform that somebody published."""
        ours = self._ours.get(child)
        if ours is not None and parent == self._root and np.allclose(ours, translation):
            return  # our own, come back to us
        self._ours.pop(child, None)
        self._parents[child] = parent

    def top(self, frame: str) -> str:
        """Return the frame on which, in the end, `frame` hangs; itself if nobody placed it."""
        for _ in range(len(self._parents) + 1):
            if frame not in self._parents:
                break
            frame = self._parents[frame]
        return frame

    def fill(self, frame: str, translation: np.ndarray) -> None:
        """Remember that we are the one who hangs `frame` on the root, at `translation` (3,)."""
        self._ours[frame] = translation


class RvizNode(Node):
    """Subscribes ``mirror/*`` and ``human/*``, publishes ``mirror/markers`` and the rest."""

    def __init__(self, **options: Any) -> None:
        super().__init__("rviz_node", **options)
        self._values = declare(self, PARAMETERS)
        self._model = model = load_model(self._values.robot)
        self._root = root_link(parse_description(model.urdf, str(model.profile.description)))
        self._appearance = Appearance(model)
        self._wanted = np.full(len(model.joint_names), np.nan)
        self._heard: dict[str, tuple[float, Any]] = {}
        self._rate = Rate()
        self._markers = self.create_publisher(MarkerArray, "mirror/markers", _RELIABLE)
        self._image = self.create_publisher(Image, "human/annotated_raw", _SENSOR)
        self._image_source: Any = None
        listen = self.create_subscription
        for topic in ("mirror/posture", "mirror/face"):
            listen(JointState, topic, self._on_wanted, _SENSOR)
        listen(JointTrajectory, "mirror/prediction", self._keeper("prediction"), _SENSOR)
        listen(JointState, "mirror/intentions", self._keeper("intentions"), _SENSOR)
        listen(String, "mirror/intention", self._keeper("intention"), _RELIABLE)
        listen(String, "mirror/narration", self._keeper("narration"), _RELIABLE)
        listen(PointCloud2, "human/body", self._on_body, _SENSOR)
        self._tf2 = optional("tf2_msgs.msg")
        self._frames, self._tf = Frames(self._root), None
        if self._tf2 is not None:
            self._tf = self.create_publisher(self._tf2.TFMessage, "/tf", QoSProfile(depth=50))
            listen(self._tf2.TFMessage, "/tf", self._on_tf, QoSProfile(depth=100))
            listen(self._tf2.TFMessage, "/tf_static", self._on_tf, _STATIC)
        self.create_timer(1.0 / self._values.rate, self._publish_markers)
        self.create_timer(0.5, self._look_for_viewers)
        self.diagnostics = Diagnostics(self, self._report)

    # What is heard

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    def _keeper(self, name: str) -> Any:
        def keep(message: Any) -> None:
            self._heard[name] = self._now(), message

        return keep

    def _fresh(self, name: str, age: float = _FRESH) -> Any | None:
        when, message = self._heard.get(name, (-np.inf, None))
        return message if 0 <= self._now() - when <= age else None

    def _on_wanted(self, message: JointState) -> None:
        try:
            told = self._model.positions(named_values(message))
        except ValueError:  # the actuation says what is wrong with it
            return
        self._wanted = np.where(np.isfinite(told), told, self._wanted)
        self._heard["wanted"] = self._now(), True

    def _on_body(self, cloud: PointCloud2) -> None:
        try:
            body = cloud_to_body(cloud)
        except ValueError:  # the mirror says what is wrong with it
            return
        self._heard["body"] = self._now(), (cloud.header.frame_id, body)
        if self._tf is not None:
            self._complete_frames(cloud.header)

    # Frames

    def _on_tf(self, message: Any) -> None:
        for transform in message.transforms:
            place = transform.transform.translation
            self._frames.hear(transform.child_frame_id, transform.header.frame_id,
                              np.array([place.x, place.y, place.z]))

    def _complete_frames(self, header: Header) -> None:
        """Hang what the person hangs on, in the end, before the robot, if nobody else does."""
        top, values = self._frames.top(header.frame_id), self._values
        if top == self._root:
            return
        if top == header.frame_id:
            place = np.array([values.person_distance, 0.0, values.person_height])
            rotation = _FACES_ROBOT
        else:
            place, rotation = np.array([0.0, 0.0, values.camera_height]), _LOOKS_AHEAD
        self._frames.fill(top, place)
        x, y, z = map(float, place)
        transform = TransformStamped(
            header=Header(stamp=header.stamp, frame_id=self._root), child_frame_id=top)
        transform.transform.translation = Vector3(x=x, y=y, z=z)
        transform.transform.rotation = quaternion(rotation)
        self._tf.publish(self._tf2.TFMessage(transforms=[transform]))

    # Markers

    def _publish_markers(self) -> None:
        if not self._markers.get_subscription_count():
            return
        markers = [*self._ghost(), *self._texts(), *self._person()]
        if markers:
            self._markers.publish(MarkerArray(markers=markers))
            self._rate.tick()

    def _marker(self, space: str, number: int, kind: int, colour: ColorRGBA,
                frame: str = "") -> Marker:
        # A stamp of 0 takes the newest transform that there is.
        marker = Marker(ns=space, id=number, type=kind, action=Marker.ADD, color=colour)
        marker.header.frame_id = frame or self._root
        marker.pose.orientation.w = 1.0
        marker.lifetime.nanosec = int(_FRESH * 1e9)
        return marker

    def _ghost(self) -> list[Marker]:
        """Return the robot as it will stand when the predicted movement has gone on, and the way.

        Without a prediction, as it is asked to stand now.
        """
        if self._fresh("wanted") is None:
            return []
        prediction, way = self._fresh("prediction"), []
        if prediction is not None and prediction.points:
            way = [np.where(np.isfinite(told), told, self._wanted) for told in (
                self._model.positions(dict(zip(prediction.joint_names, point.positions)))
                for point in prediction.points)]
        placements = self._appearance.placements(way[-1] if way else self._wanted)
        markers = []
        for number, (shape, placement) in enumerate(zip(self._appearance.shapes, placements)):
            marker = self._marker("ghost", number, _KINDS[shape.kind], _colour(_TEAL, 0.3))
            marker.pose.position = _point(placement[:3, 3])
            marker.pose.orientation = quaternion(placement[:3, :3])
            marker.scale = Vector3(**dict(zip("xyz", shape.size)))
            marker.mesh_resource = shape.mesh
            markers.append(marker)
        return markers + self._way(way)

    def _way(self, way: list[np.ndarray]) -> list[Marker]:
        """Return the way of each hand that will go somewhere, and an arrow to its end."""
        if len(way) < 2:
            return []
        markers, points = [], [self._model.points(positions) for positions in way]
        for number, (name, chain) in enumerate(self._model.profile.chains.items()):
            end = next((key for key in ("tip", "wrist") if key in chain.links), None)
            if end is None:
                continue
            link = self._model.point(name, end)
            track = np.array([there[link] for there in points]) @ self._model.base
            if np.linalg.norm(track[-1] - track[0]) < 0.01:
                continue
            line = self._marker("way", number, Marker.LINE_STRIP, _colour(_WARM, 0.8))
            line.scale.x = 0.012
            line.points = [_point(place) for place in track]
            arrow = self._marker("goal", 2 * number, Marker.ARROW, _colour(_WARM))
            arrow.scale.x, arrow.scale.y = 0.015, 0.04  # shaft and head
            arrow.points = [_point(track[0]), _point(track[-1])]
            goal = self._marker("goal", 2 * number + 1, Marker.SPHERE, _colour(_WARM, 0.6))
            goal.pose.position = _point(track[-1])
            goal.scale = Vector3(x=0.08, y=0.08, z=0.08)
            markers += [line, arrow, goal]
        return markers

    def _texts(self) -> list[Marker]:
        """Return the intention over the robot's head, and the sentence over that."""
        chain = self._model.profile.chains.get("head")
        place = np.array([0.0, 0.0, 1.0])
        if chain is not None:
            link = self._model.point("head", "link")
            place = self._model.points(self._wanted)[link] @ self._model.base
        intention, narration = self._fresh("intention"), self._fresh("narration", 4.0)
        lines = []
        if intention is not None and intention.data not in (NONE, UNKNOWN, ""):
            told = self._fresh("intentions")
            known = dict(zip(told.name, told.position)) if told is not None else {}
            share = f" {100 * known[intention.data]:.0f} %" if intention.data in known else ""
            said = intention.data.replace("_", " ") + share
            lines.append(("intention", said, 0.35, 0.09, _TEAL))
        if narration is not None and narration.data:
            lines.append(("sentence", narration.data, 0.48, 0.05, _PALE))
        markers = []
        for space, text, above, size, colour in lines:
            marker = self._marker(space, 0, Marker.TEXT_VIEW_FACING, _colour(colour))
            marker.pose.position = _point(place + np.array([0.0, 0.0, above]))
            marker.text, marker.scale.z = text, size
            markers.append(marker)
        return markers

    def _person(self) -> list[Marker]:
        """Return the bones of the person that are seen, and the id."""
        if (heard := self._fresh("body")) is None:
            return []
        frame, body = heard
        bones = visible_bones(body)
        line = self._marker("person", 0, Marker.LINE_LIST, _colour(_PALE), frame)
        line.scale.x = 0.025
        line.points = [_point(place) for place in bones.reshape(-1, 3)]
        name = self._marker("person", 1, Marker.TEXT_VIEW_FACING, _colour(_PALE), frame)
        name.text, name.scale.z, name.pose.position.z = frame.replace("_", " "), 0.07, 0.85
        return [line, name] if len(bones) else [name]

    # Images

    def _look_for_viewers(self) -> None:
        """Ask perception for pictures only while somebody looks at ours: drawing them costs."""
        wanted = self._image.get_subscription_count() > 0
        if wanted and self._image_source is None:
            self._image_source = self.create_subscription(
                CompressedImage, "human/annotated", self._on_image, _SENSOR)
        elif not wanted and self._image_source is not None:
            self.destroy_subscription(self._image_source)
            self._image_source = None

    def _on_image(self, message: CompressedImage) -> None:
        picture = cv2.imdecode(np.frombuffer(bytes(message.data), np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            self.diagnostics.counts["undecodable images"] += 1
            return
        height, width = picture.shape[:2]
        self._image.publish(Image(
            header=message.header, height=height, width=width, encoding="bgr8", step=3 * width,
            data=picture.tobytes()))

    def _report(self) -> tuple[bytes, str, Mapping[str, Any]]:
        viewers = self._markers.get_subscription_count()
        return OK, f"{viewers} viewers" if viewers else "nobody looks", {
            "markers rate [Hz]": self._rate(),
            "frames": "completed" if self._tf is not None else "not told: tf2_msgs is missing"}


def visible_bones(body: BodyObservation, threshold: float = 0.3) -> np.ndarray:
    """Return the ends (k, 2, 3) [m] of the bones of which both ends are seen, and the neck."""
    ends = np.array([[POSE_INDEX[a], POSE_INDEX[b]] for a, b in SKELETON])
    known = np.isfinite(body.landmarks).all(axis=1) & (np.asarray(body.visibility) >= threshold)
    bones = body.landmarks[ends[known[ends].all(axis=1)]]
    neck = [POSE_INDEX[name] for name in ("left_shoulder", "right_shoulder", "nose")]
    if known[neck].all():
        left, right, nose = body.landmarks[neck]
        bones = np.concatenate([bones, [[(left + right) / 2, nose]]])
    return bones.reshape(-1, 2, 3)


def main() -> int:
    """Run the node until it is told to stop; return the exit code."""
    return run(RvizNode)


if __name__ == "__main__":
    sys.exit(main())
