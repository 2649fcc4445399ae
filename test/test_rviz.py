# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""RViz's configuration against what the loop publishes, and the node that publishes for it.

RViz itself needs a display; what can be wrong without anybody noticing is names, types, QoS and
frames, and these are checked here.
"""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
import yaml
from geometry_msgs.msg import Transform, TransformStamped, Vector3
from hri_stub import TF2, Recorder
from made_people import body
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState, PointCloud2
from std_msgs.msg import Header, String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from visualization_msgs.msg import Marker, MarkerArray

from mirror_robot.body.model import load_model
from mirror_robot.body.shapes import BOX, CYLINDER, SPHERE, Appearance
from mirror_robot.human.posture import HumanPosture
from mirror_robot.nodes.messages import body_to_cloud, joint_state
from mirror_robot.nodes.mirror_node import MirrorNode
from mirror_robot.nodes.perception_node import PerceptionNode
from mirror_robot.nodes.rviz_node import Frames, RvizNode, visible_bones
from mirror_robot.nodes.simulation_node import SimulationNode
from mirror_robot.resources import share_file

CONFIG = yaml.safe_load(share_file("config/mirror.rviz").read_text(encoding="utf-8"))
MANAGER = CONFIG["Visualization Manager"]
DISPLAYS = MANAGER["Displays"]

# Of rviz_default_plugins 14 (ROS 2 Jazzy), plugins_description.xml; what each display subscribes.
DISPLAY_TYPES = {
    "AccelStamped": "geometry_msgs/msg/AccelStamped", "Axes": "", "Grid": "", "TF": "",
    "Image": "sensor_msgs/msg/Image", "MarkerArray": "visualization_msgs/msg/MarkerArray",
    "Marker": "visualization_msgs/msg/Marker", "PointCloud2": "sensor_msgs/msg/PointCloud2",
    "PointStamped": "geometry_msgs/msg/PointStamped", "Path": "nav_msgs/msg/Path",
    "PoseStamped": "geometry_msgs/msg/PoseStamped", "RobotModel": "std_msgs/msg/String",
}
TOOLS = {"MoveCamera", "PublishPoint", "Select", "SetGoal", "Measure", "FocusCamera",
         "SetInitialPose", "Interact"}
VIEWS = {"FPS", "Orbit", "TopDownOrtho", "XYOrbit", "ThirdPersonFollower"}
PANELS = {"Displays", "Help", "Selection", "Time", "Tool Properties", "Transformation", "Views"}


def named(class_name: str, package: str = "rviz_default_plugins") -> str:
    """Return a plugin's name without its package, which must be `package`."""
    given, _, name = class_name.partition("/")
    assert given == package
    return name


def test_rviz_has_every_display_tool_view_and_panel_that_its_configuration_names():
    assert {named(one["Class"]) for one in DISPLAYS} <= set(DISPLAY_TYPES)
    assert {named(one["Class"]) for one in MANAGER["Tools"]} <= TOOLS
    assert named(MANAGER["Views"]["Current"]["Class"]) in VIEWS
    assert {named(one["Class"], "rviz_common") for one in CONFIG["Panels"]} <= PANELS


@pytest.fixture(scope="module")
def loop():
    """Give the whole loop without actuation, in one process, and somebody who looks on."""
    rclpy.init()
    sample = [Parameter("autostart", value=False),
              Parameter("source", value="sample:single_face.mp4"), Parameter("loop", value=True)]
    nodes = [SimulationNode(parameter_overrides=[Parameter("camera_rate", value=2.0)]),
             PerceptionNode(parameter_overrides=sample), MirrorNode(), RvizNode()]
    other = rclpy.create_node("onlooker")
    executor = SingleThreadedExecutor()
    for node in (*nodes, other):
        executor.add_node(node)

    def until(condition, timeout: float = 20.0) -> bool:
        end = time.monotonic() + timeout
        while not condition() and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.05)
        return bool(condition())

    nodes[1].trigger_configure()
    nodes[1].trigger_activate()
    yield SimpleNamespace(rviz=nodes[3], perception=nodes[1], other=other, until=until)
    for node in nodes:
        getattr(node, "close", lambda: None)()
    executor.shutdown()
    for node in (*nodes, other):
        node.destroy_node()
    rclpy.shutdown()


def test_the_loop_publishes_every_topic_of_the_configuration_with_its_type_and_qos(loop):
    for display in DISPLAYS:
        topic = display.get("Topic") or display.get("Description Topic")
        if topic is None:
            continue
        name = topic["Value"]
        assert not name.startswith("/")  # so that it follows the namespace
        assert loop.until(lambda name=name: loop.other.count_publishers(name)), name
        publishers = loop.other.get_publishers_info_by_topic(name)
        assert {one.topic_type for one in publishers} == {
            DISPLAY_TYPES[named(display["Class"])]}, name
        for one in publishers:
            if topic.get("Reliability Policy", "Reliable") == "Reliable":
                assert one.qos_profile.reliability == ReliabilityPolicy.RELIABLE, name
            if topic.get("Durability Policy") == "Transient Local":
                assert one.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL, name


def test_what_is_filmed_comes_decoded_and_only_while_somebody_looks(loop):
    def source():
        return loop.other.count_subscribers("human/annotated")

    loop.until(lambda: False, 0.8)
    assert source() == 0
    pictures: list[Image] = []
    seeing = loop.other.create_subscription(
        Image, "human/annotated_raw", pictures.append, qos_profile_sensor_data)
    assert loop.until(lambda: pictures)
    picture = pictures[-1]
    assert (picture.height, picture.width, picture.encoding) == (360, 640, "bgr8")
    pixels = np.frombuffer(bytes(picture.data), np.uint8).reshape(360, 640, 3)
    assert pixels.std() > 20.0  # a picture, and not one colour
    loop.other.destroy_subscription(seeing)
    assert loop.until(lambda: source() == 0)


@pytest.fixture
def alone(loop):
    """Give a node for RViz with a namespace of its own, where only the test speaks."""
    node, other = RvizNode(namespace="alone"), rclpy.create_node("speaker", namespace="alone")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    executor.add_node(other)
    say = {name: other.create_publisher(kind, name, 10) for name, kind in {
        "mirror/posture": JointState, "mirror/prediction": JointTrajectory,
        "mirror/intention": String, "mirror/intentions": JointState,
        "mirror/narration": String, "human/body": PointCloud2}.items()}
    yield SimpleNamespace(node=node, other=other, say=say, executor=executor)
    executor.shutdown()
    node.destroy_node()
    other.destroy_node()


def test_markers_show_ghost_way_goal_intention_sentence_and_person(alone):
    model = load_model("kagami")
    raised = model.rest.copy()
    raised[model.index["left_shoulder_pitch"]] = -2.5
    points = [JointTrajectoryPoint(positions=row.tolist()) for row in (
        model.rest, (model.rest + raised) / 2, raised)]
    said = {
        "mirror/posture": joint_state(1.0, "base_link", model.joint_names, model.rest),
        "mirror/prediction": JointTrajectory(joint_names=model.joint_names, points=points),
        "mirror/intention": String(data="ask_for_attention"),
        "mirror/intentions": joint_state(1.0, "", ["ask_for_attention"], [0.83]),
        "mirror/narration": String(data="Person anna raises a hand."),
        "human/body": body_to_cloud(body(1.0, HumanPosture.standing()))}
    spaces: dict[str, dict[int, Marker]] = {}

    def take(array: MarkerArray) -> None:
        for marker in array.markers:
            spaces.setdefault(marker.ns, {})[marker.id] = marker

    alone.other.create_subscription(MarkerArray, "mirror/markers", take, 50)
    shown = MANAGER["Displays"][2]["Namespaces"]
    end = time.monotonic() + 20.0
    while set(spaces) != set(shown) and time.monotonic() < end:
        for name, message in said.items():
            alone.say[name].publish(message)
        for _ in range(20):
            alone.executor.spin_once(timeout_sec=0.01)
    assert set(spaces) == set(shown)
    assert set(spaces["ghost"]) == set(range(len(Appearance(model).shapes)))
    assert spaces["intention"][0].text == "ask for attention 83 %"
    assert spaces["sentence"][0].text == "Person anna raises a hand."
    tip = model.points(raised)["left_fingertip_link"]
    goals = [marker for marker in spaces["goal"].values() if marker.type == Marker.SPHERE]
    (goal,) = goals  # the right hand goes nowhere
    place = goal.pose.position
    assert np.allclose([place.x, place.y, place.z], tip)
    (way,) = spaces["way"].values()
    assert len(way.points) == 3 and abs(way.points[-1].z - tip[2]) < 1e-9
    ghost = np.array([[m.pose.position.x, m.pose.position.y, m.pose.position.z]
                      for m in spaces["ghost"].values()])
    assert np.linalg.norm(ghost - tip, axis=1).min() < 0.2  # its hand is there already
    assert {marker.header.frame_id for marker in spaces["person"].values()} == {"body_anna"}
    for space, markers in spaces.items():
        for marker in markers.values():
            assert marker.header.frame_id == ("body_anna" if space == "person" else "base_link")
            assert 0 < marker.lifetime.nanosec < 1e9  # gone by itself when nothing more is heard
            assert marker.color.a > 0


def test_no_markers_are_made_while_nobody_subscribes(alone):
    made = []
    alone.node._person = lambda: made.append(1) or []
    for _ in range(30):
        alone.say["human/body"].publish(body_to_cloud(body(1.0, HumanPosture.standing())))
        alone.executor.spin_once(timeout_sec=0.01)
    assert alone.node._heard["body"] and not made


def test_a_person_whom_nobody_placed_is_hung_before_the_robot_facing_it(loop):
    recorder = Recorder()
    loop.rviz._tf2, loop.rviz._tf = TF2, recorder.create_publisher(TF2.TFMessage, "/tf", 1)
    try:
        loop.rviz._complete_frames(Header(frame_id="body_bob"))
        sent = recorder.said["/tf"][-1].transforms[0]
        assert (sent.header.frame_id, sent.child_frame_id) == ("base_link", "body_bob")
        assert sent.transform.translation.x > 1.0
        assert abs(sent.transform.rotation.z) > 0.999  # half a turn

        loop.rviz._on_tf(TF2.TFMessage(transforms=[sent]))  # our own changes nothing
        theirs = TransformStamped(
            header=Header(frame_id="camera"), child_frame_id="body_bob",
            transform=Transform(translation=Vector3(z=2.0)))
        loop.rviz._on_tf(TF2.TFMessage(transforms=[theirs]))
        loop.rviz._complete_frames(Header(frame_id="body_bob"))
        assert recorder.said["/tf"][-1].transforms[0].child_frame_id == "camera"

        theirs.header.frame_id, theirs.child_frame_id = "base_link", "camera"
        loop.rviz._on_tf(TF2.TFMessage(transforms=[theirs]))
        before = len(recorder.said["/tf"])
        loop.rviz._complete_frames(Header(frame_id="body_bob"))
        assert len(recorder.said["/tf"]) == before  # everything has its place
    finally:
        loop.rviz._tf2 = loop.rviz._tf = None


def test_frames_that_hang_in_a_circle_end_the_search():
    frames = Frames("base_link")
    frames.hear("a", "b", np.zeros(3))
    frames.hear("b", "a", np.zeros(3))
    assert frames.top("a") in ("a", "b")


def test_bones_of_which_an_end_is_not_seen_are_left_out():
    seen = body(1.0, HumanPosture.standing())
    whole = visible_bones(seen)
    assert np.isfinite(whole).all() and len(whole) >= 8
    seen.visibility[13] = 0.0  # the left elbow: two bones
    assert len(visible_bones(seen)) == len(whole) - 2


def test_the_ghosts_shapes_stand_where_the_robots_links_are():
    model = load_model("kagami")
    appearance = Appearance(model)
    assert {shape.kind for shape in appearance.shapes} <= {BOX, CYLINDER, SPHERE}
    raised = model.rest.copy()
    raised[model.index["left_shoulder_pitch"]] = -1.5
    before, after = (appearance.placements(q)[:, :3, 3] for q in (model.rest, raised))
    moved = {shape.link for shape, way in zip(
        appearance.shapes, np.linalg.norm(after - before, axis=1)) if way > 1e-3}
    assert any(link.startswith("left_") for link in moved)
    assert not any(link.startswith(("right_", "head", "chest")) for link in moved)
    hand = [row for row, shape in enumerate(appearance.shapes) if shape.link == "left_hand_link"]
    wrist = model.points(raised)["left_hand_link"]
    assert np.linalg.norm(after[hand] - wrist, axis=1).max() < 0.2
