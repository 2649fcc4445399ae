# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The perception node over real topics, with real models and footage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PointStamped, PoseStamped, QuaternionStamped, Vector3Stamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.parameter import Parameter as ParameterValue
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState, PointCloud2
from std_msgs.msg import Float32
from std_srvs.srv import Trigger

from mirror_robot.human.landmarks import POSE_INDEX
from mirror_robot.nodes.humans import GONE
from mirror_robot.nodes.messages import cloud_to_body, named_values, to_seconds, to_time
from mirror_robot.nodes.perception_node import PerceptionNode
from mirror_robot.perception.assets import asset
from mirror_robot.perception.sources import Frame

NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
TOPICS = {
    "human/body": PointCloud2, "human/face": JointState, "human/head": PoseStamped,
    "human/heading": QuaternionStamped, "human/pixels": PointCloud2,
    "human/image": CompressedImage,
}


class _Audience:
    """Hears everything that the node says, and spins."""

    def __init__(self):
        self.node = rclpy.create_node("audience")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.heard = defaultdict(list)
        for name, kind in TOPICS.items():
            self.node.create_subscription(kind, name, self.heard[name].append, NEWEST)
        self.node.create_subscription(
            DiagnosticArray, "/diagnostics", self._told, 10)

    def _told(self, array):
        self.heard["diagnostics"] += [
            status for status in array.status if status.name == "perception_node"]

    def until(self, condition, timeout=30.0) -> bool:
        deadline = time.monotonic() + timeout
        while not condition() and time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.05)
        return bool(condition())

    def wait(self, seconds: float) -> None:
        self.until(lambda: False, seconds)

    def message(self) -> str:
        return self.heard["diagnostics"][-1].message if self.heard["diagnostics"] else ""


@pytest.fixture(scope="module", autouse=True)
def _ros():
    rclpy.init()
    yield
    rclpy.shutdown()


@pytest.fixture
def audience():
    audience = _Audience()
    yield audience
    audience.executor.shutdown()
    audience.node.destroy_node()


@pytest.fixture
def make_node(audience):
    nodes = []

    def make(**parameters) -> PerceptionNode:
        node = PerceptionNode(parameter_overrides=[
            Parameter(name, value=value)
            for name, value in {"autostart": False, **parameters}.items()])
        audience.executor.add_node(node)
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.close()
        node.destroy_node()


def test_a_person_is_seen_and_the_camera_is_released_and_taken_again(make_node, audience):
    node = make_node(source="sample:single_face.mp4", loop=True)
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    heard = audience.heard
    assert audience.until(lambda: all(heard[name] for name in TOPICS))

    body = cloud_to_body(heard["human/body"][-1])
    assert np.isfinite(body.landmarks[POSE_INDEX["nose"]]).all()
    assert np.isnan(body.landmarks[POSE_INDEX["left_wrist"]]).all()  # below the image
    face = heard["human/face"][-1]
    assert face.header.frame_id.startswith("face_")
    assert {"mouthSmileLeft", "lipOpening"} <= set(named_values(face))
    head = heard["human/head"][-1]
    assert head.header.frame_id == "upright_camera"
    assert head.pose.orientation.w > 0.95  # she looks into the camera
    image = cv2.imdecode(np.frombuffer(heard["human/image"][-1].data, np.uint8), 1)
    assert image.shape == (360, 640, 3)
    assert heard["human/pixels"][-1].width == 33
    images = {to_seconds(message.header.stamp) for message in heard["human/image"]}
    bodies = {to_seconds(message.header.stamp) for message in heard["human/body"]}
    assert images & bodies  # the same image has the same stamp on every topic

    assert node.trigger_deactivate() == SUCCESS
    audience.wait(0.2)
    count = len(heard["human/body"])
    audience.wait(0.5)
    assert len(heard["human/body"]) == count
    assert node.trigger_activate() == SUCCESS
    assert audience.until(lambda: len(heard["human/body"]) > count)

    workers = [worker.pid for worker in node._workers.values()]
    assert node.trigger_deactivate() == SUCCESS
    assert node.trigger_cleanup() == SUCCESS
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_the_end_of_a_file_is_said_and_nothing_more_is_published(make_node, audience):
    node = make_node(source="sample:single_face.mp4", face=False)
    assert node.trigger_configure() == SUCCESS and node.trigger_activate() == SUCCESS
    assert audience.until(lambda: "source ended" in audience.message())
    count = len(audience.heard["human/body"])
    audience.wait(0.5)
    assert count and len(audience.heard["human/body"]) == count


def test_a_broken_source_is_one_error_and_another_one_can_be_given(
        make_node, audience, tmp_path, capfd):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    (tmp_path / "empty").mkdir()
    node = make_node(source=str(broken), face=False)
    assert node.trigger_configure() == FAILURE
    assert audience.until(lambda: "cannot be read as a video" in audience.message())
    assert audience.heard["diagnostics"][-1].level == b"\x02"
    for source, said in ((str(tmp_path / "empty"), "holds no image"), ("sofa", "no such file")):
        node.set_parameters([Parameter("source", value=source)])
        assert node.trigger_configure() == FAILURE
        assert audience.until(lambda said=said: said in audience.message())
    output = "".join(capfd.readouterr())
    assert "Traceback" not in output and "WARN:" not in output
    assert output.count("cannot be read as a video") == 1
    node.set_parameters([Parameter("source", value="sample:single_face.mp4")])
    assert node.trigger_configure() == SUCCESS and node.trigger_activate() == SUCCESS
    assert audience.until(lambda: audience.heard["human/body"])


def test_a_missing_camera_is_said_and_tried_again(make_node, audience):
    node = make_node(source=99, face=False)  # as from the command line, where 99 is a number
    assert node.trigger_configure() == SUCCESS and node.trigger_activate() == SUCCESS
    assert audience.until(lambda: "/dev/video99" in audience.message())
    assert "trying again" in audience.message()
    assert audience.heard["diagnostics"][-1].level == b"\x02"
    assert node.trigger_deactivate() == SUCCESS


def test_images_of_a_topic_are_seen_with_their_own_stamp_and_bad_ones_are_counted(
        make_node, audience):
    node = make_node(source="topic:camera/image_raw", face=False)
    assert node.trigger_configure() == SUCCESS and node.trigger_activate() == SUCCESS
    publisher = audience.node.create_publisher(Image, "camera/image_raw", NEWEST)
    picture = cv2.VideoCapture(str(asset("dancer.avi"))).read()[1]
    message = Image(
        height=picture.shape[0], width=picture.shape[1], encoding="bgr8",
        step=picture.shape[1] * 3, data=picture.tobytes())
    sent = []  # stamps [ns]; how many it takes depends on how soon the workers are warm
    cut = Image(height=100, width=100, encoding="bgr8", step=300, data=bytes(17))

    def shown() -> bool:
        sent.append(1234 * 10**9 + 40_000_000 * len(sent))
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(sent[-1], 10**9)
        publisher.publish(message)
        return bool(audience.heard["human/body"])

    assert audience.until(shown)
    stamp = audience.heard["human/body"][-1].header.stamp
    assert stamp.sec * 10**9 + stamp.nanosec in sent

    def counted() -> bool:
        publisher.publish(cut)
        return any(value.key == "bad images" and int(value.value) > 0
                   for status in audience.heard["diagnostics"][-1:] for value in status.values)

    assert audience.until(counted)


def _picture_message(picture: np.ndarray) -> Image:
    return Image(height=picture.shape[0], width=picture.shape[1], encoding="bgr8",
                 step=picture.shape[1] * 3, data=picture.tobytes())


def test_a_bag_that_loops_with_its_own_clock_is_seen_anew_each_time(make_node, audience):
    node = make_node(source="topic:camera/image_raw", use_sim_time=True)
    assert node.trigger_configure() == SUCCESS and node.trigger_activate() == SUCCESS
    clock = audience.node.create_publisher(Clock, "/clock", 1)
    publisher = audience.node.create_publisher(Image, "camera/image_raw", NEWEST)
    capture, messages = cv2.VideoCapture(str(asset("single_face.mp4"))), []
    while len(messages) < 30:
        messages.append(_picture_message(capture.read()[1]))
    assert audience.until(lambda: publisher.get_subscription_count())
    told = []  # per loop: (body id, stamps of bodies, stamps of faces)
    for _ in range(3):
        audience.heard["human/body"].clear()
        audience.heard["human/face"].clear()
        for number, message in enumerate(messages):
            time_now = to_time(500.0 + number / 30)
            clock.publish(Clock(clock=time_now))
            message.header.stamp = time_now
            publisher.publish(message)
            audience.until(lambda number=number: abs(
                node._looked[1] - 500.0 - number / 30) < 1e-6, 2.0)
            # A busy machine is given the time to tell of each image, were it only the first ones.
            audience.until(lambda number=number: any(
                abs(to_seconds(one.header.stamp) - 500.0 - number / 30) < 1e-6
                for one in audience.heard["human/body"][-1:]), 0.3)
            audience.wait(0.02)
        bodies = [cloud_to_body(one) for one in audience.heard["human/body"]]
        told.append((bodies[-1].id, [one.stamp for one in bodies],
                     [to_seconds(one.header.stamp) for one in audience.heard["human/face"]]))
    for _, bodies, faces in told:
        assert len(bodies) > 15 and len(faces) > 5
        assert 499.9 < min(bodies) and max(bodies) < 501.1
        assert np.all(np.diff(bodies[-10:]) > 0)
    assert len({identity for identity, *_ in told}) == 3  # nobody is the same in another time
    assert abs(node._latencies["pose"]()[0]) < 0.5


def test_a_person_who_has_left_is_gone_within_a_second(make_node, audience):
    node = make_node(source="topic:camera/image_raw")
    assert node.trigger_configure() == SUCCESS and node.trigger_activate() == SUCCESS
    publisher = audience.node.create_publisher(Image, "camera/image_raw", NEWEST)
    picture = cv2.VideoCapture(str(asset("single_face.mp4"))).read()[1]
    there = _picture_message(picture)
    empty = _picture_message(np.ascontiguousarray(cv2.resize(picture[:60, :60], (640, 360))))

    def show(message: Image, enough, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not enough() and time.monotonic() < deadline:
            message.header.stamp = audience.node.get_clock().now().to_msg()
            publisher.publish(message)
            audience.wait(0.04)

    heard = audience.heard
    show(there, lambda: heard["human/body"] and heard["human/face"], 20.0)
    assert heard["human/body"] and heard["human/face"]
    left = audience.node.get_clock().now().nanoseconds * 1e-9
    show(empty, lambda: False, 2.0)
    for topic in ("human/body", "human/face"):
        last = to_seconds(audience.heard[topic][-1].header.stamp)
        assert last < left + 0.7, topic
    assert node._seen == []


class _Told:
    """Stands in for what publishes /humans."""

    def __init__(self):
        self.seen = self.told = 0.0

    def see_body(self, person, *rest):
        self.seen = person.body.observation.stamp

    def tell(self, stamp):
        self.told = stamp

    def close(self):
        pass


@pytest.mark.parametrize("way", ["ends", "is deactivated"])
def test_when_the_source_ends_or_is_released_nobody_is_tracked_any_more(
        make_node, audience, way):
    node = make_node(source="sample:single_face.mp4", playback_rate=2.0, face=False,
                     loop=way != "ends")
    assert node.trigger_configure() == SUCCESS
    humans, node._humans = node._humans, _Told()
    humans.close()
    assert node.trigger_activate() == SUCCESS
    assert audience.until(lambda: node._seen)
    if way == "ends":
        assert audience.until(lambda: "source ended" in audience.message())
        assert audience.until(lambda: not node._seen, 1.0)
    else:
        assert node.trigger_deactivate() == SUCCESS
        assert not node._seen
    assert node._humans.seen > 0 and node._humans.told > node._humans.seen + GONE


@pytest.fixture(scope="module")
def two_people(tmp_path_factory) -> Path:
    """Return a video with a dancer on the left and a woman's face on the right."""
    path = tmp_path_factory.mktemp("clips") / "two.avi"
    left, right = (cv2.VideoCapture(str(asset(name))) for name in (
        "dancer.avi", "single_face.mp4"))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 24, (1136, 480))
    for _ in range(60):
        images = [cv2.resize(capture.read()[1], None, fx=480 / height, fy=480 / height)
                  for capture, height in ((left, 496), (right, 360))]
        writer.write(np.hstack([images[0][:, :496], images[1][:480, 100:740]]))
    writer.release()
    return path


def test_two_people_are_seen_and_the_attended_one_can_be_switched(
        make_node, audience, two_people):
    for name, kind in (("human/distance", Float32), ("human/annotated", CompressedImage),
                       ("human/position", PointStamped), ("human/gaze", Vector3Stamped)):
        audience.node.create_subscription(kind, name, audience.heard[name].append, NEWEST)
    node = make_node(source=str(two_people), loop=True, people=2, assume_fov=True)
    assert node.trigger_configure() == SUCCESS and node.trigger_activate() == SUCCESS
    assert audience.until(lambda: len(node._seen) == 2)
    client = audience.node.create_client(Trigger, "perception_node/attend_next")
    assert client.wait_for_service(5.0)
    attended = []
    for _ in range(10):  # on a busy machine a second without an image makes somebody new
        answer = client.call_async(Trigger.Request())
        assert audience.until(answer.done)
        name = answer.result().message.split()[-1]
        audience.heard["human/body"].clear()
        if audience.until(lambda name=name: name in {
                cloud_to_body(message).id for message in audience.heard["human/body"][-1:]}, 5.0):
            attended.append(name)
        if len(set(attended)) >= 2:
            break
    assert len(set(attended)) == 2 and attended[0] != attended[1]
    assert audience.until(lambda: all(audience.heard[name] for name in (
        "human/distance", "human/annotated", "human/position", "human/gaze")))
    assert 0.2 < audience.heard["human/distance"][-1].data < 6.0
    names = {name for name, _ in audience.node.get_topic_names_and_types()}
    assert sum(name.endswith("/joint_states") and name.startswith("/humans/bodies/")
               for name in names) >= 2
    picture = cv2.imdecode(
        np.frombuffer(audience.heard["human/annotated"][-1].data, np.uint8), 1)
    assert picture.shape == (270, 640, 3)  # 1136 wide, scaled down
    for wanted in (*attended, ""):
        node.set_parameters([ParameterValue("attend", value=wanted)])
        assert node._attention.wanted == wanted


def test_without_calibration_no_position_is_told_and_that_is_said(make_node, audience):
    positions = []
    audience.node.create_subscription(PointStamped, "human/position", positions.append, NEWEST)
    node = make_node(source="sample:dancer.avi", loop=True, face=False)
    assert node.trigger_configure() == SUCCESS and node.trigger_activate() == SUCCESS
    assert audience.until(lambda: len(audience.heard["human/body"]) > 5)
    assert not positions
    assert audience.until(lambda: any(
        value.key == "camera" and "not calibrated" in value.value
        for status in audience.heard["diagnostics"][-1:] for value in status.values))


def test_a_worker_that_dies_under_the_node_comes_back(make_node, audience):
    node = make_node(source="sample:dancer.avi", loop=True, face=False)
    assert node.trigger_configure() == SUCCESS and node.trigger_activate() == SUCCESS
    assert audience.until(lambda: audience.heard["human/body"])
    worker = node._workers["pose"]
    os.kill(worker.pid, signal.SIGKILL)
    assert audience.until(lambda: worker.restarts == 1 and worker.ready.is_set())
    audience.heard["human/body"].clear()
    assert audience.until(lambda: audience.heard["human/body"])


class _Loaded:
    """Stands in for a worker and says whether it keeps up."""

    def __init__(self, *keeps_up: bool):
        self._keeps_up = iter(keeps_up)
        self.offered, self.waiting = 0, 0.0

    def offer(self, frame, head=None) -> bool:
        self.offered += 1
        return next(self._keeps_up)


def test_while_the_pose_is_behind_the_face_gives_way(make_node):
    node = make_node(max_rate=200.0)
    pose, face = _Loaded(True, False, False, True), _Loaded(True, True)
    node._workers = {"pose": pose, "face": face}
    for number in range(4):
        node._due = -np.inf
        node._on_frame(Frame(number / 30, np.zeros((4, 4, 3), np.uint8), number))
    node._workers = {}
    assert (pose.offered, face.offered) == (4, 2)


def _children(pid: int) -> list[int]:
    out = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            out.append(int(stat.parent.name))
    return out


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_node_that_is_ended_leaves_no_worker_behind(kill, audience):
    node = subprocess.Popen(
        (sys.executable, "-m", "mirror_robot.nodes.perception_node", "--ros-args", "-p",
         "source:=sample:dancer.avi", "-p", "loop:=true"), stderr=subprocess.PIPE, text=True)
    try:
        assert audience.until(lambda: audience.heard["human/body"])
        workers = _children(node.pid)
        assert len(workers) == 2
        node.send_signal(kill)
        code = node.wait(15)
        assert code == (0 if kill != signal.SIGKILL else -signal.SIGKILL)
        assert "Traceback" not in node.stderr.read()
        deadline = time.monotonic() + 5
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        node.kill()
        node.wait()
