# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The simulated robot follows, holds, refuses and is seen."""

from __future__ import annotations

import numpy as np
import pytest

from mirror_robot.body.description import read_description
from mirror_robot.body.model import RobotModel
from mirror_robot.body.profile import load_profile
from mirror_robot.simulation import (
    Renderer,
    SimulatedRobot,
    SimulationError,
    Trajectory,
    TrajectoryController,
    TrajectoryError,
    build_model,
)
from mirror_robot.simulation.model import DRIVE_FREQUENCY

PROFILE = load_profile("kagami")
BODY = RobotModel.from_profile(PROFILE)
REST = dict(zip(BODY.joint_names, BODY.rest))
ARM = PROFILE.chains["left_arm"].joints
UPPER, FACE = "upper_body_controller", "face_controller"


@pytest.fixture(scope="module")
def model():
    return build_model(BODY.urdf, rest=REST)


@pytest.fixture
def robot(model) -> SimulatedRobot:
    return SimulatedRobot(
        model, PROFILE.controllers, rest=REST, allow_partial_joints_goal=True,
        velocity_limits=dict(zip(BODY.joint_names, BODY.velocity)))


def position(robot: SimulatedRobot, joint: str) -> float:
    return robot.state.position[robot.joint_names.index(joint)]


def test_at_rest_it_holds_still_and_touches_nothing(robot):
    assert robot.model.nexclude == 0
    robot.step(1.0)
    at_rest = [REST[name] for name in robot.joint_names]
    assert robot.state.position == pytest.approx(at_rest, abs=1e-3)
    assert robot.self_contacts() == [] and not robot.contacts


@pytest.mark.parametrize("joint", ARM)
def test_an_arm_joint_follows_a_streamed_sine_closely_and_without_lag(robot, joint):
    row = BODY.index[joint]
    middle = np.clip(0.5 * (BODY.lower[row] + BODY.upper[row]), -1.0, 1.0)
    amplitude = min(0.8, 0.9 * (BODY.upper[row] - middle), 0.9 * (middle - BODY.lower[row]))
    omega = 2 * np.pi * 0.5
    # Out of the way first: with the arm hanging, turned forearms would hit the body.
    aside = {} if joint == "left_shoulder_roll" else {"left_shoulder_roll": 0.8}
    robot.command(UPPER, Trajectory(
        [*aside, joint], [1.0], [[*aside.values(), middle]]))
    robot.step(1.5)
    start, times, reached = robot.time, [], []
    while robot.time - start < 3.0:
        # As actuation streams: one point, a little ahead, with its velocity.
        ahead = robot.time - start + 0.02
        robot.command(UPPER, Trajectory(
            [joint], [0.02], [[middle + amplitude * np.sin(omega * ahead)]],
            [[amplitude * omega * np.cos(omega * ahead)]]))
        robot.step(0.02)
        times.append(robot.time - start)
        reached.append(position(robot, joint))
    times, reached = np.array(times), np.array(reached)
    steady = times > 1.0  # one whole period
    wanted = middle + amplitude * np.sin(omega * times)
    assert np.abs(reached - wanted)[steady].max() < 0.05
    turn = np.exp(-1j * omega * times[steady])
    phase = np.angle(((wanted - middle)[steady] * turn).sum()
                     / ((reached - middle)[steady] * turn).sum())
    assert abs(phase / omega) < 0.060
    assert not robot.contacts


@pytest.mark.parametrize("bend", [-0.1, -1.6])
def test_a_drive_has_the_same_time_constant_for_a_bent_arm_as_for_a_straight_one(robot, bend):
    robot.command(UPPER, Trajectory(
        ["left_shoulder_roll", "left_elbow"], [1.0], [[0.8, bend]]))
    robot.step(2.0)
    start = position(robot, "left_shoulder_yaw")
    robot.command(UPPER, Trajectory(["left_shoulder_yaw"], [0.01], [[start + 0.02]]))
    robot.step(4.0 / DRIVE_FREQUENCY)
    # Critically damped at the drive's frequency, 1 - 5 exp(-4) = 91 % of a step are done by then.
    done = (position(robot, "left_shoulder_yaw") - start) / 0.02
    assert 0.8 < done < 1.1


def test_it_reaches_the_end_of_a_trajectory_and_holds_it(robot):
    robot.command(UPPER, Trajectory(["left_elbow"], [0.3, 0.6], [[-0.6], [-1.2]]))
    robot.step(1.0)
    assert position(robot, "left_elbow") == pytest.approx(-1.2, abs=0.02)
    robot.step(2.0)
    assert position(robot, "left_elbow") == pytest.approx(-1.2, abs=0.01)
    assert position(robot, "right_elbow") == pytest.approx(REST["right_elbow"], abs=0.01)


def test_the_face_smiles_and_the_arms_stay(robot):
    smile = BODY.upper[BODY.index["left_mouth_corner"]]
    robot.command(FACE, Trajectory(
        ["left_mouth_corner", "right_mouth_corner"], [0.2], [[smile, smile]]))
    robot.step(0.5)
    assert position(robot, "left_mouth_corner") == pytest.approx(smile, abs=0.02)
    assert position(robot, "left_elbow") == pytest.approx(REST["left_elbow"], abs=0.01)


def test_no_drive_exceeds_the_velocity_limit_when_a_trajectory_asks_for_a_jump(robot):
    limit = BODY.velocity[BODY.index["left_elbow"]]
    robot.command(UPPER, Trajectory(["left_elbow"], [0.001], [[-2.4]]))
    fastest = 0.0
    for _ in range(100):
        robot.step(0.01)
        fastest = max(fastest, np.abs(robot.state.velocity).max())
    assert position(robot, "left_elbow") == pytest.approx(-2.4, abs=0.02)
    assert fastest < 1.15 * limit


def test_a_target_beyond_a_limit_ends_at_the_limit(robot):
    robot.command(UPPER, Trajectory(["left_elbow"], [0.5], [[-9.0]]))
    robot.step(1.5)
    lower = BODY.lower[BODY.index["left_elbow"]]
    assert position(robot, "left_elbow") == pytest.approx(lower, abs=0.02)


def test_links_that_touch_are_counted_and_named(robot):
    inward = {f"{side}_{joint}": value * sign for side, sign in (("left", 1), ("right", -1))
              for joint, value in (("shoulder_roll", -0.4),)}
    robot.command(UPPER, Trajectory(list(inward), [0.5], [list(inward.values())]))
    robot.step(1.5)
    assert sum(robot.contacts.values()) > 0
    named = {link for pair in robot.self_contacts() for link in pair}
    assert named & {"left_upper_arm_link", "left_forearm_link", "left_hand_link"}


def test_an_unknown_controller_is_answered_with_the_known_ones(robot):
    with pytest.raises(SimulationError, match="face_controller"):
        robot.command("tail_controller", Trajectory(["jaw"], [1.0], [[0.0]]))


# ---- the controller by itself


def controller(**options) -> TrajectoryController:
    return TrajectoryController(["a", "b"], np.array([0.0, 1.0]), **options)


@pytest.mark.parametrize(("trajectory", "reason"), [
    (Trajectory(["a", "c"], [1.0], [[0, 0]]), "unknown joint 'c'.*valid: a, b"),
    (Trajectory(["a", "a"], [1.0], [[0, 0]]), "twice"),
    (Trajectory([], [1.0], [[]]), "no joint"),
    (Trajectory(["a"], [1.0], [[0]]), "missing.*b"),
    (Trajectory(["a", "b"], [], []), "no points"),
    (Trajectory(["a", "b"], [1.0], [[0, np.nan]]), "positions are not all finite"),
    (Trajectory(["a", "b"], [1.0], [[0, 0]], [[0, np.inf]]), "velocities are not all finite"),
    (Trajectory(["a", "b"], [1.0, 1.0], [[0, 0], [1, 1]]), "strictly increase"),
    (Trajectory(["a", "b"], [2.0, 1.0], [[0, 0], [1, 1]]), "strictly increase"),
    (Trajectory(["a", "b"], [-1.0], [[0, 0]]), "strictly increase"),
    (Trajectory(["a", "b"], [np.nan], [[0, 0]]), "strictly increase"),
    (Trajectory(["a", "b"], [1.0], [[0, 0, 0]]), "positions have the shape"),
    (Trajectory(["a", "b"], [1.0], [[0, 0]], [[0]]), "velocities have the shape"),
    (Trajectory(["a", "b"], [1.0, 2.0], [[0, 0], [0]]), "differ in size"),
])
def test_a_bad_trajectory_is_refused_with_the_reason_and_the_running_one_goes_on(
        trajectory, reason):
    running = controller()
    running.replace(Trajectory(["a", "b"], [2.0], [[2.0, 3.0]]), now=0.0)
    with pytest.raises(TrajectoryError, match=reason):
        running.replace(trajectory, now=0.5)
    assert running.sample(1.0)[0] == pytest.approx([1.0, 2.0])


def test_without_velocities_the_way_is_a_line_and_joints_are_taken_by_name():
    line = controller()
    line.replace(Trajectory(["b", "a"], [1.0, 2.0], [[3.0, 4.0], [3.0, 0.0]]), now=10.0)
    positions, velocities = line.sample(10.5)
    assert positions == pytest.approx([2.0, 2.0])
    assert velocities == pytest.approx([4.0, 2.0])
    assert line.sample(11.5)[0] == pytest.approx([2.0, 3.0])


def test_with_velocities_the_way_passes_every_point_at_its_velocity():
    cubic = controller()
    cubic.replace(Trajectory(
        ["a", "b"], [1.0, 2.0], [[1.0, 1.0], [0.0, 2.0]], [[0.5, -0.5], [0.0, 0.0]]), now=0.0)
    positions, velocities = cubic.sample(1.0)
    assert positions == pytest.approx([1.0, 1.0])
    assert velocities == pytest.approx([0.5, -0.5])
    before, _ = cubic.sample(1.0 - 1e-6)
    assert before == pytest.approx(positions, abs=1e-5)


def test_a_new_trajectory_starts_from_the_state_desired_at_that_instant():
    cubic = controller()
    cubic.replace(Trajectory(["a", "b"], [1.0], [[1.0, 1.0]], [[1.0, 0.0]]), now=0.0)
    position_before, velocity_before = cubic.sample(0.5)
    cubic.replace(Trajectory(["a", "b"], [1.0], [[-1.0, 1.0]], [[0.0, 0.0]]), now=0.5)
    position_after, velocity_after = cubic.sample(0.5)
    assert position_after == pytest.approx(position_before)
    assert velocity_after == pytest.approx(velocity_before)


def test_after_the_last_point_it_rests_there_even_if_that_point_was_moving():
    cubic = controller()
    cubic.replace(Trajectory(["a", "b"], [1.0], [[1.0, 2.0]], [[3.0, 3.0]]), now=0.0)
    positions, velocities = cubic.sample(5.0)
    assert positions == pytest.approx([1.0, 2.0])
    assert velocities == pytest.approx([0.0, 0.0])


def test_points_in_the_past_are_skipped_and_a_trajectory_that_has_ended_is_refused():
    late = controller()
    late.replace(Trajectory(["a", "b"], [1.0, 3.0], [[1.0, 1.0], [3.0, 1.0]]), now=2.0, start=0.0)
    assert late.sample(2.0)[0] == pytest.approx([2.0, 1.0])
    with pytest.raises(TrajectoryError, match="ended"):
        late.replace(Trajectory(["a", "b"], [1.0], [[9.0, 9.0]]), now=5.0, start=0.0)


def test_left_out_joints_hold_where_partial_goals_are_allowed():
    partial = controller(allow_partial_joints_goal=True)
    partial.replace(Trajectory(["a"], [1.0], [[2.0]]), now=0.0)
    assert partial.sample(1.0)[0] == pytest.approx([2.0, 1.0])


# ---- models and pictures


def test_any_urdf_is_simulated_and_shapes_whose_mesh_is_missing_are_left_out():
    urdf = """<robot name="other">
      <link name="base"/>
      <link name="arm"><inertial><mass value="1"/>
        <inertia ixx="0.01" iyy="0.01" izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial>
        <visual><geometry><mesh filename="package://nowhere/arm.dae"/></geometry></visual></link>
      <joint name="hinge" type="revolute"><parent link="base"/><child link="arm"/>
        <axis xyz="0 1 0"/><limit lower="-1" upper="1" velocity="2" effort="10"/></joint>
    </robot>"""
    robot = SimulatedRobot(build_model(urdf), {"controller": ["hinge"]})
    robot.command("controller", Trajectory(["hinge"], [0.5], [[0.7]]))
    robot.step(1.0)
    assert robot.state.position == pytest.approx([0.7], abs=0.02)


@pytest.mark.parametrize(("text", "reason"), [
    ("no robot at all", "not XML"),
    ("<sdf/>", "<sdf>"),
    ("<robot name='r'><link name='base'/></robot>", "no movable joint"),
])
def test_a_description_that_cannot_be_simulated_is_refused_with_the_reason(text, reason):
    with pytest.raises(SimulationError, match=reason):
        build_model(text)


def test_a_controller_with_an_unknown_joint_is_refused_with_the_valid_ones(model):
    with pytest.raises(SimulationError, match=r"'tail'; valid: .*left_elbow"):
        SimulatedRobot(model, {"tail_controller": ["tail"]})


def test_the_description_for_gazebo_is_simulated_all_the_same():
    urdf = read_description(PROFILE.description, {"control": "gazebo"})
    assert build_model(urdf).nu == len(BODY.joint_names)


def test_expressions_differ_in_the_picture_of_the_face(model):
    upper, lower = (dict(zip(BODY.joint_names, limits)) for limits in (BODY.upper, BODY.lower))
    corners = ("left_mouth_corner", "right_mouth_corner")
    renderer = Renderer(model, 160, 120, camera="face")
    try:
        pictures = [renderer.render(pose).astype(int) for pose in (
            {}, {name: upper[name] for name in corners}, {name: lower[name] for name in corners},
            {"jaw": upper["jaw"]}, {"left_lid": upper["left_lid"], "right_lid": 1.5})]
        again = renderer.render({"jaw": float("nan")})
        with pytest.raises(SimulationError, match="no joint 'nose'"):
            renderer.render({"nose": 1.0})
        with pytest.raises(SimulationError, match="body, face"):
            renderer.render({}, camera="feet")
    finally:
        renderer.close()
    assert pictures[0].shape == (120, 160, 3)
    assert (again == pictures[0]).all()
    for i, first in enumerate(pictures):
        for second in pictures[i + 1:]:
            assert (np.abs(first - second).max(axis=2) > 40).sum() > 40  # pixels


def test_arms_spread_or_raised_stay_in_the_picture(model):
    renderer = Renderer(model, 160, 120)
    try:
        background = renderer.render({})[:, [0, 1, -2, -1]].astype(int)
        for roll in (1.57, 3.0):
            picture = renderer.render({"left_shoulder_roll": roll, "right_shoulder_roll": -roll})
            edges = picture[:, [0, 1, -2, -1]].astype(int)
            assert np.abs(edges - background).max() < 10
            assert np.abs(picture[:2].astype(int) - picture[0, 0]).max() < 12
    finally:
        renderer.close()
