# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Sees people: images in, landmarks of bodies and coefficients of faces out.

Publishes of the person attended to, with the acquisition time of the image as the stamp:
``human/body``, ``human/face``, ``human/head``, ``human/heading``, ``human/gaze``,
``human/pixels``, with a known camera ``human/position`` and ``human/distance``, and, for those who
subscribe, ``human/image`` and ``human/annotated``. Of everybody: ``/humans`` by REP-155.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from geometry_msgs.msg import (
    PointStamped,
    PoseStamped,
    Quaternion,
    QuaternionStamped,
    Vector3Stamped,
)
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import (
    CameraInfo,
    CompressedImage,
    Image,
    JointState,
    PointCloud2,
    PointField,
)
from std_msgs.msg import Float32, Header, String
from std_srvs.srv import Trigger

from mirror_robot.human.face import MOUTH_HIDDEN, hand_over_mouth
from mirror_robot.human.gaze import gaze_direction
from mirror_robot.human.hands import finger_curls, hand_shape, named_curls
from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.human.observation import FaceObservation
from mirror_robot.human.one_euro import OneEuroFilter
from mirror_robot.human.posture import posture_from_landmarks
from mirror_robot.nodes.depth_topic import DepthTopic
from mirror_robot.nodes.diagnostics import ERROR, OK, WARN, Diagnostics, Percentiles, Rate
from mirror_robot.nodes.humans import GONE, Humans, optional, quaternion
from mirror_robot.nodes.messages import body_to_cloud, joint_state, to_seconds, to_time
from mirror_robot.nodes.parameters import Parameter, declare
from mirror_robot.nodes.running import bring_up, run, tells
from mirror_robot.perception import wire
from mirror_robot.perception.assets import asset
from mirror_robot.perception.capture import ENDED, FAILED, RETRYING, RUNNING, STOPPED, Capture
from mirror_robot.perception.drawing import Drawn, annotate
from mirror_robot.perception.giving_way import GivingWay
from mirror_robot.perception.head_crop import Region, head_of
from mirror_robot.perception.images import decode_compressed, decode_image
from mirror_robot.perception.level import Level
from mirror_robot.perception.location import (
    Pinhole,
    locate_body,
    locate_face,
    locate_in_depth,
    nearest,
)
from mirror_robot.perception.people import (
    Attention,
    People,
    SeenPerson,
    looks_at_camera,
    match_faces,
    match_hands,
    salience,
)
from mirror_robot.perception.sources import FORMS, Frame, SourceError, make_source
from mirror_robot.perception.tracking import BodyTracker, FaceTracker, upright_from_viewer
from mirror_robot.perception.workers import LandmarkWorker, WorkerError

PARAMETERS: tuple[Parameter, ...] = (
    Parameter("source", "0", f"where images come from: {FORMS}; taken over when configured",
              changeable=True),
    Parameter("loop", False, "start a video file or image folder anew at its end"),
    Parameter("playback_rate", 1.0, "speed of a video file or image folder, times its own",
              minimum=0.05, maximum=20.0),
    Parameter("folder_rate", 25.0, "images per second of an image folder", "Hz", 0.1, 200.0),
    Parameter("image_width", 0, "asked of a camera; 0 leaves it to the camera", "pixels",
              0, 8192),
    Parameter("image_height", 0, "asked of a camera; 0 leaves it to the camera", "pixels",
              0, 8192),
    Parameter("mirrored", False, "the camera delivers a mirror image, which is turned back"),
    Parameter("max_rate", 30.0, "images looked at per second", "Hz", 0.5, 200.0),
    Parameter("people", 1, "most people to follow; each costs a pose worker's time again", "",
              1, 4),
    Parameter("attend", "", "id of the body to attend to whenever it is seen; empty chooses who "
              "is close and faces the camera", changeable=True),
    Parameter("humans", True, "tell of everybody under /humans, by REP-155"),
    Parameter("face", True, "look for the face"),
    Parameter("hands", False, "look for the hands, for robots that have fingers; costs more than "
              "the face"),
    Parameter("hand_model", "", "path of a MediaPipe hand landmarker; empty fetches it"),
    Parameter("pose_model", "", "path of a MediaPipe pose landmarker; empty fetches the full one"),
    Parameter("face_model", "", "path of a MediaPipe face landmarker; empty fetches it"),
    Parameter("confidence", 0.5, "below this MediaPipe sees nobody", "", 0.0, 1.0),
    Parameter("visibility", 0.3, "landmarks less visible than this are unknown", "", 0.0, 0.9),
    Parameter("body_mincutoff", 1.5, "One-Euro filter of the landmarks: cutoff at rest", "Hz",
              0.01, 100.0),
    Parameter("body_beta", 10.0, "One-Euro filter of the landmarks: rise of the cutoff with speed",
              "Hz per m/s", 0.0, 1000.0),
    Parameter("face_mincutoff", 3.0, "One-Euro filter of the face: cutoff at rest", "Hz",
              0.01, 100.0),
    Parameter("face_beta", 3.0, "One-Euro filter of the face: rise of the cutoff with speed",
              "Hz s", 0.0, 1000.0),
    Parameter("readable_face", 48, "narrowest face whose expression is told; of smaller ones "
              "MediaPipe makes expressions up", "pixels", 0, 2000),
    Parameter("camera_pitch", 0.0, "how far the camera looks down", "rad", -1.4, 1.4),
    Parameter("level", "auto", "auto: learn from people who stand how far the camera tilts their "
              "bodies, beginning with camera_pitch; fixed: take camera_pitch for it",
              choices=("auto", "fixed")),
    Parameter("camera_fov", 0.785, "vertical field of view of the camera", "rad", 0.1, 2.8),
    Parameter("camera_info", "", "topic of the camera's calibration; empty takes camera_info "
              "beside the image topic"),
    Parameter("assume_fov", False, "without calibration tell positions all the same, computed "
              "with camera_fov"),
    Parameter("depth_topic", "", "topic of depth images aligned to the colour image (16UC1 [mm] "
              "or 32FC1 [m]), which measure where people are; empty has none"),
    Parameter("camera_frame", "camera", "frame of human/image and human/pixels"),
    Parameter("keep_id", 1.0, "a person who was lost for longer is a new one", "s", 0.0, 60.0),
    Parameter("image_rate", 15.0, "greatest rate of human/image", "Hz", 0.1, 200.0),
    Parameter("image_quality", 80, "JPEG quality of human/image", "", 1, 100),
    Parameter("annotated_rate", 8.0, "greatest rate of human/annotated", "Hz", 0.1, 200.0),
    Parameter("annotated_width", 640, "human/annotated is scaled down to this, which costs less "
              "than to encode it as it is; 0: never", "pixels", 0, 8192),
    Parameter("autostart", True, "configure and activate by itself"),
)

UPRIGHT_CAMERA = "upright_camera"
"""Frame of human/head and human/heading; see `mirror_robot.perception.tracking`."""

_HEAD_AGE = 0.5  # [s] after which the place of the head is no longer where to look for the face
_SILENT = 1.0  # [s] without an image from a topic before that is said
_NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class PerceptionNode(LifecycleNode):
    """Cameras in, observations of a person out.

    Unconfigured it holds nothing; configured it has its workers running; active it has the camera.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("perception_node", **options)
        self.parameters = declare(self, PARAMETERS, self._changed)
        self._capture: Capture | TopicCapture | None = None
        self._workers: dict[str, LandmarkWorker] = {}
        self._problem = ""
        self._unwatched: Any = None
        self._encoder: _Encoder | None = None
        self._annotator: _Encoder | None = None
        self._level: Level | None = None
        self._humans: Humans | None = None
        self._attention = Attention()
        self._face_trackers: dict[str, FaceTracker] = {}
        self._calibration: tuple[Pinhole, int] | None = None
        self._calibration_subscription: Any = None
        self._depth: DepthTopic | None = None
        self._by_depth = 0.0  # share of places, lately
        self.create_service(Trigger, "~/attend_next", self._attend_next)
        self._reset_statistics()
        self.diagnostics = Diagnostics(self, self._report)
        if self.parameters.autostart:
            bring_up(self)

    # Lifecycle

    @tells
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Check the source, load the models, start the workers."""
        self._problem = ""
        self._reset_statistics()
        try:
            if not _topic(self.parameters.source):
                source = self._make_source()
                if not source.live:  # a file that is damaged now will be so later
                    source.open()
                    source.close()
            self._start_workers()
        except (SourceError, WorkerError, OSError) as error:
            self._end_workers()
            self._problem = str(error)
            self.get_logger().error(self._problem)
            self.diagnostics.publish()
            return TransitionCallbackReturn.FAILURE
        values, create = self.parameters, self.create_lifecycle_publisher
        self._body_publisher = create(PointCloud2, "human/body", _NEWEST)
        self._face_publisher = create(JointState, "human/face", _NEWEST)
        self._head_publisher = create(PoseStamped, "human/head", _NEWEST)
        self._heading_publisher = create(QuaternionStamped, "human/heading", _NEWEST)
        self._pixels_publisher = create(PointCloud2, "human/pixels", _NEWEST)
        self._image_publisher = create(CompressedImage, "human/image", _NEWEST)
        self._annotated_publisher = create(CompressedImage, "human/annotated", _NEWEST)
        self._hands_publisher = create(PointCloud2, "human/hands", _NEWEST)
        self._fingers_publisher = create(JointState, "human/fingers", _NEWEST)
        self._shapes_publisher = create(String, "human/hand_shapes", _NEWEST)
        self._gaze_publisher = create(Vector3Stamped, "human/gaze", _NEWEST)
        self._position_publisher = create(PointStamped, "human/position", _NEWEST)
        self._distance_publisher = create(Float32, "human/distance", _NEWEST)
        self._level = Level(values.camera_pitch, learn=values.level == "auto")
        self._people = People(lambda: BodyTracker(
            visibility=values.visibility, mincutoff=values.body_mincutoff, beta=values.body_beta,
            level=self._level, keep_id=values.keep_id), values.people, values.keep_id)
        self._attention = Attention(keep=values.keep_id if values.people > 1 else 0.0)
        self._attention.wanted = values.attend
        self._face_trackers = {}
        self._positions = OneEuroFilter(0.5, 1.0, vectors=True), ""
        if values.humans:
            self._humans = Humans(
                self, values.camera_frame, optional("hri_msgs.msg"), optional("tf2_msgs.msg"))
        return TransitionCallbackReturn.SUCCESS

    @tells
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take the camera."""
        values = self.parameters
        self._reset_statistics()
        self._encoder = _Encoder(values.image_rate, values.image_quality, self._publish_image)
        self._annotator = _Encoder(
            values.annotated_rate, values.image_quality, self._publish_annotated,
            self._annotated)
        name = _topic(values.source)
        info = values.camera_info or (
            f"{name.removesuffix('/compressed').rpartition('/')[0]}/camera_info".lstrip("/")
            if name and not name.startswith("/") else
            f"{name.removesuffix('/compressed').rpartition('/')[0]}/camera_info" if name else "")
        self._calibration = None
        if info:
            self._calibration_subscription = self.create_subscription(
                CameraInfo, info, self._on_camera_info, _NEWEST)
        self._by_depth = 0.0
        if values.depth_topic:
            self._depth = DepthTopic(self, values.depth_topic)
        if name:
            self._capture = TopicCapture(self, name, self._on_frame)
        else:
            try:
                self._capture = Capture(self._make_source(), self._on_frame, self._on_change)
            except (SourceError, OSError) as error:
                self._problem = str(error)
                self.get_logger().error(self._problem)
                self._release()
                return TransitionCallbackReturn.FAILURE
        self._unwatched = self.create_timer(
            0.2, self._forget_the_unseen, clock=Clock(clock_type=ClockType.STEADY_TIME))
        done = super().on_activate(state)
        self._capture.start()
        return done

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release the camera."""
        self._release()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End the workers."""
        self.close()
        for publisher in (
                self._body_publisher, self._face_publisher, self._head_publisher,
                self._heading_publisher, self._pixels_publisher, self._image_publisher,
                self._annotated_publisher, self._gaze_publisher, self._position_publisher,
                self._distance_publisher, self._hands_publisher, self._fingers_publisher,
                self._shapes_publisher):
            self.destroy_publisher(publisher)
        if self._humans is not None:
            self._humans.close()
            self._humans = None
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release the camera and end the workers."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Release the camera and end the workers; nothing is published after this."""
        self._release()
        self._end_workers()

    def _make_source(self) -> Any:
        values = self.parameters
        return make_source(
            values.source, self._now, loop=values.loop, playback_rate=values.playback_rate,
            folder_rate=values.folder_rate, width=values.image_width, height=values.image_height)

    def _start_workers(self) -> None:
        values = self.parameters
        models = {"pose": asset("pose_landmarker_full.task", values.pose_model)}
        if values.face:
            models["face"] = asset("face_landmarker.task", values.face_model)
        if values.hands:
            models["hands"] = asset("hand_landmarker.task", values.hand_model)
        take = {"pose": self._on_pose, "face": self._on_face, "hands": self._on_hands}
        for kind, model in models.items():
            # See `_on_frame`: the face gives way first.
            self._workers[kind] = LandmarkWorker(
                kind, model, take[kind], self.get_logger().warning,
                confidence=values.confidence, nice=0 if kind == "pose" else 5,
                people=values.people)
        for worker in self._workers.values():
            worker.wait_ready()

    def _end_workers(self) -> None:
        for worker in self._workers.values():
            worker.close()
        self._workers = {}

    def _release(self) -> None:
        timer, self._unwatched = self._unwatched, None
        if timer is not None:
            self.destroy_timer(timer)
            self._forget_the_unseen(ended=True)
        capture, self._capture = self._capture, None
        if capture is not None and not capture.stop():
            self.get_logger().warning("the source does not let go; leaving it behind")
        encoders = self._encoder, self._annotator
        self._encoder = self._annotator = None
        for encoder in encoders:
            if encoder is not None:
                encoder.close()
        depth, self._depth = self._depth, None
        if depth is not None:
            depth.close()
        subscription, self._calibration_subscription = self._calibration_subscription, None
        if subscription is not None:
            self.destroy_subscription(subscription)

    # Images in

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    def _on_frame(self, frame: Frame) -> None:
        values = self.parameters
        self._rates["image"].tick()
        now, period = time.monotonic(), 1.0 / values.max_rate
        # Half a period of slack, or a camera of just that rate would lose images to its jitter.
        if now < self._due - 0.5 * period:
            self._skipped += 1
            return
        self._due = max(self._due + period, now)
        if values.mirrored:
            frame = Frame(frame.stamp, cv2.flip(frame.image, 1), frame.index)
        # While the pose worker is behind, the others wait: without posture the robot does not
        # follow.
        pose = self._workers["pose"]
        if self._giving_way(now, not pose.offer(frame), pose.waiting):
            if "face" in self._workers:
                heads = self._head_places
                self._workers["face"].offer(frame, {
                    number: head for number, (head, seen) in heads.items()
                    if abs(frame.stamp - seen) < _HEAD_AGE})
            if "hands" in self._workers:
                self._workers["hands"].offer(frame)
        encoder = self._encoder
        if encoder is not None and self._image_publisher.get_subscription_count():
            encoder.offer(frame)

    def _on_change(self, state: str, message: str) -> None:
        log = self.get_logger()
        if state in (FAILED, RETRYING):
            log.error(message)
        elif state != STOPPED:
            log.info(message)

    # Landmarks out; each on the thread of its worker

    def _on_pose(self, frame: Frame, values: np.ndarray, seconds: float) -> None:
        self._rates["pose"].tick()
        self._spent["pose"].add(seconds)
        if self._capture is None:
            return
        height, width = frame.image.shape[:2]
        people = self._people(frame.stamp, wire.poses(values), width / height)
        attended = self._attention(
            frame.stamp, {name: salience(one, self._looking(name, frame.stamp))
                          for one in people if (name := one.body.observation.id)})
        self._seen, self._looked = people, (time.monotonic(), frame.stamp)
        self._head_places = {**self._head_places, **{
            one.number: (head_of(one.pose, *frame.image.shape[:2]), frame.stamp)
            for one in people}}
        hidden = {name for name, (covered, _) in self._mouths.items() if covered}
        self._mouths = {(name := one.body.observation.id): (
            hand_over_mouth(one.pose.world, 1.4 if name in hidden else 1.1), frame.stamp)
            for one in people}
        camera = self._camera(frame)
        places = [None if camera is None else locate_body(
            one.pose.world, one.pose.image[:, :2], one.body.observation.visibility, camera,
            frame.image.shape[1::-1]) for one in people]
        if camera is not None and self._depth is not None:
            places = self._measured(people, places, camera, frame)
        for one, place in zip(people, places):  # what the robot waits for goes first
            if one.body.observation.id == attended:
                self._on_attended(one, place, frame)
        if camera is not None:
            face, seen = self._face_near
            near = [face] if abs(frame.stamp - seen) < _HEAD_AGE else []
            near += [nearest(one.pose.world, one.body.observation.visibility, place)
                     for one, place in zip(people, places) if place is not None]
            self._distance_publisher.publish(Float32(data=min(near, default=math.inf)))
        if self._humans is not None:
            for one, place in zip(people, places):
                self._tell_body(one, place, frame)
            self._humans.tell(frame.stamp)
        annotator = self._annotator
        if annotator is not None and self._annotated_publisher.get_subscription_count():
            annotator.offer(frame)

    def _measured(
        self, people: list[SeenPerson], places: list[np.ndarray | None], camera: Pinhole,
        frame: Frame,
    ) -> list[np.ndarray | None]:
        """Return where people are by the depth image; where that does not tell, as they were."""
        depth, out = self._depth.at(frame.stamp), places
        if depth is not None:
            if self.parameters.mirrored:
                depth = depth[:, ::-1]
            found = [locate_in_depth(
                depth, one.pose.world, one.pose.image[:, :2], one.body.observation.visibility > 0,
                camera, frame.image.shape[1::-1]) for one in people]
            out = [place if other is None else other for place, other in zip(places, found)]
        for place, other in zip(places, out):
            self._by_depth += 0.1 * ((other is not place) - self._by_depth)
        return out

    def _looking(self, identity: str, stamp: float) -> float:
        """Return how far a body looks at the camera, 0 while its face is not seen."""
        seen = self._heads.get(identity, (None, -math.inf))[1]
        return self._looks.get(identity, 0.0) if abs(stamp - seen) < _HEAD_AGE else 0.0

    def _forget_the_unseen(self, ended: bool = False) -> None:
        """Tell that nobody is there when there are no images in which somebody could be."""
        looked, stamp = self._looked
        passed = GONE + 0.01 if ended else time.monotonic() - looked
        if self._seen and passed > GONE:
            self._seen = []
            if self._humans is not None:
                self._humans.tell(stamp + passed)

    def _on_attended(
        self, person: SeenPerson, position: np.ndarray | None, frame: Frame,
    ) -> None:
        body = person.body
        self._body_publisher.publish(body_to_cloud(body.observation))
        self._latencies["pose"].add(self._now() - frame.stamp)
        self._rates["body"].tick()
        half = 0.5 * body.heading
        stamp = to_time(frame.stamp)
        self._heading_publisher.publish(QuaternionStamped(
            header=Header(stamp=stamp, frame_id=UPRIGHT_CAMERA),
            quaternion=Quaternion(z=math.sin(half), w=math.cos(half))))
        header = Header(stamp=stamp, frame_id=self.parameters.camera_frame)
        self._pixels_publisher.publish(_cloud(header, body.pixels))
        if position is not None:
            steady, whose = self._positions
            if whose != body.observation.id:
                steady.reset()
                self._positions = steady, body.observation.id
            x, y, z = map(float, steady(frame.stamp, position))
            message = PointStamped(header=header)
            message.point.x, message.point.y, message.point.z = x, y, z
            self._position_publisher.publish(message)

    def _camera(self, frame: Frame) -> Pinhole | None:
        height, width = frame.image.shape[:2]
        if self._calibration is not None:
            camera, calibrated = self._calibration
            return camera.scaled(width / calibrated)
        if self.parameters.assume_fov:
            return Pinhole.from_fov(self.parameters.camera_fov, width, height)
        return None

    def _tell_body(
        self, person: SeenPerson, position: np.ndarray | None, frame: Frame,
    ) -> None:
        identity = person.body.observation.id
        head, seen = self._heads.get(identity, (None, -math.inf))
        if head is None or abs(frame.stamp - seen) > _HEAD_AGE:
            head = posture_from_landmarks(person.body.observation).head
        else:
            c, s = math.cos(person.body.heading), math.sin(person.body.heading)
            head = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]]) @ head
        self._humans.see_body(
            person, head, self._people.lengths(identity), position, frame.image)

    def _on_face(self, frame: Frame, values: np.ndarray, seconds: float) -> None:
        self._rates["face"].tick()
        self._spent["face"].add(seconds)
        if self._capture is None:
            return
        found, people = wire.faces(values), self._seen
        height, width = frame.image.shape[:2]
        nose = POSE_INDEX["nose"]
        matched = match_faces(
            found, {one.body.observation.id: one.pose.image[nose, :2] for one in people},
            (width, height))
        attended = self._attention.attended
        self._meshes = [one.image[:, :2] for one in found]
        if self.parameters.people == 1 or not people:
            # There is one face; where its body is does not matter.
            identity, (_, sure) = next(iter(matched.items()), ("", (0, 0.0)))
            self._take_face(frame, "", identity, found[:1], sure, True)
            return
        for identity, (index, sure) in matched.items():
            self._take_face(
                frame, identity, identity, [found[index]], sure, identity == attended)
        for identity in self._face_trackers.keys() - matched.keys():
            self._face_trackers[identity](frame.stamp, [], height, width)
        present = {one.body.observation.id for one in people}
        self._looks = {name: looks for name, looks in self._looks.items() if name in present}
        self._face_trackers = {identity: tracker for identity, tracker
                               in self._face_trackers.items() if identity in present}

    def _take_face(
        self, frame: Frame, slot: str, body: str, found: list[wire.FaceLandmarks], sure: float,
        attended: bool,
    ) -> None:
        values = self.parameters
        tracker = self._face_trackers.get(slot)
        if tracker is None:
            tracker = self._face_trackers[slot] = FaceTracker(
                mincutoff=values.face_mincutoff, beta=values.face_beta,
                camera_pitch=values.camera_pitch, vertical_fov=values.camera_fov,
                keep_id=values.keep_id, readable=values.readable_face)
        face = tracker(frame.stamp, found, *frame.image.shape[:2])
        if face is None:
            return
        if face.coefficients:
            # The face tracker invents a mouth behind a hand; the pose tells where the hands are.
            hidden, seen = self._mouths.get(
                body or self._attention.attended, (False, -math.inf))
            face = replace(face, coefficients={**face.coefficients, MOUTH_HIDDEN: float(
                hidden and abs(face.stamp - seen) < _HEAD_AGE)})
        if body and face.head is not None:
            self._heads = {**{name: one for name, one in self._heads.items()
                              if abs(frame.stamp - one[1]) < 1.0}, body: (face.head, face.stamp)}
            self._looks[body] = looks_at_camera(gaze_direction(face.head, face.coefficients))
        camera = self._camera(frame)
        place = None if camera is None else locate_face(
            found[0].image, camera, frame.image.shape[1::-1])
        if place is not None:
            self._face_near = float(np.linalg.norm(place)), frame.stamp
        if self._humans is not None:
            self._humans.see_face(
                face, found[0], body, sure, place,
                upright_from_viewer(values.camera_pitch).T, frame.image)
        if attended:
            self._publish_face(face)

    def _on_hands(self, frame: Frame, values: np.ndarray, seconds: float) -> None:
        self._rates["hands"].tick()
        self._spent["hands"].add(seconds)
        attended = self._attention.attended
        person = next((one for one in self._seen if one.body.observation.id == attended), None)
        if self._capture is None or person is None:
            return
        found = match_hands(wire.hands(values), person.pose, frame.image.shape[1::-1])
        if not found:
            return
        points, curls, shapes = np.full((42, 3), np.nan), {}, []
        for side, hand in found.items():
            turned = hand.world @ person.body.upright.T
            first = 0 if side == "left" else 21
            points[first:first + 21] = turned - turned[0]
            curls |= named_curls(side, finger_curls(turned))
            shape = hand_shape(turned, np.array([0.0, 0.0, 1.0]))
            shapes += [f"{side} {shape}"] if shape else []
        header = Header(stamp=to_time(frame.stamp), frame_id=UPRIGHT_CAMERA)
        self._hands_publisher.publish(_cloud(header, points))
        self._fingers_publisher.publish(joint_state(
            frame.stamp, f"body_{attended}", list(curls), list(curls.values())))
        self._shapes_publisher.publish(String(data=", ".join(shapes)))

    def _publish_face(self, face: FaceObservation) -> None:
        if face.coefficients:
            self._face_publisher.publish(joint_state(
                face.stamp, f"face_{face.id}", list(face.coefficients),
                list(face.coefficients.values())))
        self._latencies["face"].add(self._now() - face.stamp)
        self._rates["face seen"].tick()
        if face.head is not None:
            header = Header(stamp=to_time(face.stamp), frame_id=UPRIGHT_CAMERA)
            pose = PoseStamped(header=header)
            pose.pose.orientation = quaternion(face.head)
            self._head_publisher.publish(pose)
            gaze = Vector3Stamped(header=header)
            gaze.vector.x, gaze.vector.y, gaze.vector.z = map(
                float, gaze_direction(face.head, face.coefficients))
            self._gaze_publisher.publish(gaze)

    def _on_camera_info(self, message: CameraInfo) -> None:
        if message.k[0] > 0 and message.k[4] > 0 and message.width > 0:
            self._calibration = Pinhole(
                (message.k[0], message.k[4]), (message.k[2], message.k[5])), message.width

    def _changed(self, name: str, value: Any) -> None:
        if name == "attend":
            self._attention.wanted = value

    def _attend_next(
        self, request: Trigger.Request, response: Trigger.Response,
    ) -> Trigger.Response:
        names = sorted(one.body.observation.id for one in self._seen)
        attended = self._attention.attended
        others = [name for name in names if name > attended] or names
        response.success = bool(names)
        response.message = f"attending to {others[0]}" if names else "nobody is seen"
        if names:
            self._attention.wanted = others[0]
        return response

    def _annotated(self, image: np.ndarray) -> np.ndarray:
        attended = self._attention.attended
        people = [Drawn(one.body.observation.id, one.body.pixels,
                        one.body.observation.id == attended) for one in self._seen]
        most, (height, width) = self.parameters.annotated_width, image.shape[:2]
        if 0 < most < width:
            image = cv2.resize(image, (most, round(height * most / width)),
                               interpolation=cv2.INTER_AREA)
        return annotate(image, people, self._meshes)

    def _publish_annotated(self, frame: Frame, jpeg: bytes) -> None:
        header = Header(stamp=to_time(frame.stamp), frame_id=self.parameters.camera_frame)
        self._annotated_publisher.publish(
            CompressedImage(header=header, format="jpeg", data=jpeg))

    def _publish_image(self, frame: Frame, jpeg: bytes) -> None:
        header = Header(stamp=to_time(frame.stamp), frame_id=self.parameters.camera_frame)
        self._image_publisher.publish(CompressedImage(header=header, format="jpeg", data=jpeg))

    # What is told

    def _reset_statistics(self) -> None:
        self._rates = {name: Rate() for name in (
            "image", "pose", "body", "face", "face seen", "hands")}
        self._latencies = {"pose": Percentiles(), "face": Percentiles()}
        self._spent = {name: Percentiles() for name in ("pose", "face", "hands")}
        self._head_places: Mapping[int, tuple[Region, float]] = {}
        self._mouths: dict[str, tuple[bool, float]] = {}  # by body: hidden, stamp [s]
        self._seen: list[SeenPerson] = []
        self._looked = -math.inf, 0.0  # on the steady clock, and the stamp [s]
        self._meshes: list[np.ndarray] = []
        self._face_near = math.inf, -math.inf  # distance [m], stamp [s]
        self._heads: dict[str, tuple[np.ndarray, float]] = {}
        self._looks: dict[str, float] = {}  # by body: 0..1, of the face in `_heads`
        self._due, self._skipped = -math.inf, 0
        self._giving_way = GivingWay()

    def _report(self) -> tuple[bytes, str, Mapping[str, Any]]:
        capture = self._capture
        state = capture.state if capture else STOPPED
        values: dict[str, Any] = {"source": self.parameters.source, "source state": state}
        values |= {f"{name} rate [Hz]": rate() for name, rate in self._rates.items()}
        for name, latency in self._latencies.items():
            p50, p95 = latency()
            values |= {f"{name} latency p50 [s]": p50, f"{name} latency p95 [s]": p95}
        values |= {f"{kind} model p50 [s]": self._spent[kind]()[0] for kind in self._workers}
        values["tilt of bodies [rad]"] = self._level.tilt if self._level else 0.0
        values["people"] = len(self._seen)
        values["ids"] = ", ".join(sorted(one.body.observation.id for one in self._seen))
        values["attended"] = self._attention.attended
        values["camera"] = ("calibrated" if self._calibration else "assumed by camera_fov"
                            if self.parameters.assume_fov else "not calibrated: no positions")
        if self.parameters.depth_topic:
            values["places by depth"] = f"{100 * self._by_depth:.0f} %"
            values["bad depth images"] = self._depth.bad if self._depth else 0
        values["images over max_rate"] = self._skipped
        for kind, worker in self._workers.items():
            values |= {f"{kind} waits for a processor": worker.waiting,
                       f"{kind} images dropped": worker.dropped,
                       f"{kind} worker restarts": worker.restarts}
        if isinstance(capture, TopicCapture):
            values["bad images"] = capture.bad
        elif capture is not None:
            values["source lost"] = capture.losses
        if self._problem:
            return ERROR, self._problem, values
        if capture is None:
            return OK, "inactive", values
        if state in (RETRYING, FAILED):
            return ERROR, capture.message, values
        waiting = [kind for kind, worker in self._workers.items() if not worker.ready.is_set()]
        if waiting:
            return WARN, f"the {' and '.join(waiting)} worker is being started again", values
        if state == ENDED:
            return OK, capture.message, values
        return (OK if state == RUNNING else WARN), capture.message, values


class TopicCapture:
    """Takes images from a ROS topic; the same face as `Capture`.

    Parameters
    ----------
    node : LifecycleNode
    name : str
        The topic; of compressed images when it ends in ``compressed``.
    on_frame : callable Frame -> None
    """

    def __init__(
        self, node: LifecycleNode, name: str, on_frame: Callable[[Frame], None],
    ) -> None:
        self._node, self._name, self._on_frame = node, name, on_frame
        self._subscription: Any = None
        self._index, self._last = 0, -math.inf
        self.bad = 0
        """Images that could not be read."""

    @property
    def state(self) -> str:
        """Whether images come."""
        return RUNNING if time.monotonic() - self._last < _SILENT else "waiting"

    @property
    def message(self) -> str:
        """What is to be said of the state."""
        return f"images come on {self._name}" if self.state == RUNNING else (
            f"no image on {self._name}")

    def start(self) -> None:
        """Subscribe."""
        compressed = self._name.endswith("compressed")
        self._subscription = self._node.create_subscription(
            CompressedImage if compressed else Image, self._name, self._take, _NEWEST)

    def stop(self) -> bool:
        """Unsubscribe."""
        self._node.destroy_subscription(self._subscription)
        return True

    def _take(self, message: Image | CompressedImage) -> None:
        try:
            if isinstance(message, CompressedImage):
                image = decode_compressed(message.data)
            else:
                image = decode_image(
                    message.data, message.encoding, message.height, message.width, message.step)
        except ValueError as error:
            self.bad += 1
            self._node.get_logger().warning(
                f"dropped an image of {self._name}: {error}", throttle_duration_sec=5.0)
            return
        self._last = time.monotonic()
        stamp = to_seconds(message.header.stamp)
        if stamp == 0.0:  # a driver that leaves it out
            stamp = self._node.get_clock().now().nanoseconds * 1e-9
        self._on_frame(Frame(stamp, image, self._index))
        self._index += 1


class _Encoder:
    """Encodes the newest image as JPEG on a thread of its own, so that nothing waits for it."""

    def __init__(
        self, rate: float, quality: int, publish: Callable[[Frame, bytes], None],
        draw: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self._period, self._quality, self._publish = 1.0 / rate, quality, publish
        self._draw = draw
        self._changed = threading.Condition()
        self._pending: Frame | None = None
        self._closed = False
        self._due = -math.inf
        self._thread = threading.Thread(target=self._run, name="image", daemon=True)
        self._thread.start()

    def offer(self, frame: Frame) -> None:
        now = time.monotonic()
        if now < self._due - 0.5 * self._period:
            return
        self._due = max(self._due + self._period, now)
        with self._changed:
            self._pending = frame
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._pending is not None)
                if self._closed:
                    return
                frame, self._pending = self._pending, None
            image = self._draw(frame.image) if self._draw else frame.image
            good, jpeg = cv2.imencode(
                ".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, self._quality))
            if good:
                self._publish(frame, jpeg.tobytes())


def _topic(source: str) -> str:
    """Return the topic that a source names, or an empty string."""
    return source.removeprefix("topic:") if source.startswith("topic:") else ""


def _cloud(header: Header, points: np.ndarray) -> PointCloud2:
    return PointCloud2(
        header=header, height=1, width=len(points), point_step=12, row_step=12 * len(points),
        fields=[PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
                for index, name in enumerate("xyz")],
        data=points.astype("<f4").tobytes(), is_dense=True)


def main() -> int:
    """Run the perception node."""
    return run(PerceptionNode)


if __name__ == "__main__":
    sys.exit(main())
