# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Bodies of other kinds than the built-in one: made up, so that each shows one thing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from mirror_robot.body import retargeting
from mirror_robot.body.chain import Chain
from mirror_robot.body.collision import AMPLE, SelfCollision, capsules_of, fit_capsules
from mirror_robot.body.description import DescriptionError, read_description
from mirror_robot.body.discovery import discover_profile
from mirror_robot.body.fingers import finger_positions
from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.body.profile import ProfileError, load_profile
from mirror_robot.body.retargeting import Retargeter
from mirror_robot.human.hands import named_curls
from mirror_robot.human.posture import HumanPosture

_AXES = {"x": "1 0 0", "y": "0 1 0", "z": "0 0 1"}


def _urdf(joints: list[tuple], extra: str = "") -> str:
    """Return a URDF of joints (name, parent, child, xyz, axis[, more XML]); '' is fixed."""
    links = dict.fromkeys([joint[1] for joint in joints] + [joint[2] for joint in joints])
    text = "".join(f"<link name='{link}'/>" for link in links)
    for name, parent, child, xyz, axis, *more in joints:
        kind = "revolute" if axis else "fixed"
        limit = "<limit lower='-2.8' upper='2.8' effort='10' velocity='5'/>"
        text += (f"<joint name='{name}' type='{kind}'><parent link='{parent}'/>"
                 f"<child link='{child}'/><origin xyz='{xyz}'/>"
                 + (f"<axis xyz='{_AXES.get(axis, axis)}'/>" + (more[0] if more else limit)
                    if axis else "") + "</joint>")
    return f"<robot name='made_up'>{text}{extra}</robot>"


def _arm(side: str, count: int = 7) -> list[tuple]:
    """Return an arm that hangs at zero, of `count` joints, elbow 0.3 m below the shoulder."""
    y = 0.2 if side == "left" else -0.2
    axes = "yxzyzyx"[:count]
    at = [f"0 {y} 0.5", "0 0 0", "0 0 0", "0 0 -0.3", "0 0 0", "0 0 -0.25", "0 0 0"]
    chain, parent = [], "base"
    for i, (axis, xyz) in enumerate(zip(axes, at)):
        chain.append((f"{side}_arm_{i}", parent, f"{side}_arm_link_{i}", xyz, axis))
        parent = f"{side}_arm_link_{i}"
    reach = {4: "0 0 -0.25", 5: "0 0 -0.25"}.get(count, "0 0 -0.1")
    chain.append((f"{side}_end", parent, f"{side}_hand_tip", reach, ""))
    return chain


def _chain(side: str, count: int = 7) -> dict:
    links = {"shoulder": f"{side}_arm_link_0", "elbow": f"{side}_arm_link_3"}
    if count < 6:
        links["wrist"] = f"{side}_hand_tip"
    else:
        links |= {"wrist": f"{side}_arm_link_5", "tip": f"{side}_hand_tip"}
    return {"joints": [f"{side}_arm_{i}" for i in range(count)], **links}


@pytest.fixture
def made(tmp_path: Path):
    """Return a function that makes a model from URDF text and the keys of a profile."""
    def make(urdf: str, **keys) -> RobotModel:
        (tmp_path / "robot.urdf").write_text(urdf)
        profile = {"name": "made_up", "description": {"file": "robot.urdf"}, **keys}
        path = tmp_path / "profile.yaml"
        path.write_text(yaml.safe_dump(profile))
        return load_model(path)

    return make


def _follow(model: RobotModel, posture: HumanPosture, frames: int = 60, **options):
    retargeter = Retargeter(model, avoid_collisions=False, **options)
    for _ in range(frames):
        result = retargeter.retarget(posture)
    return result


def _bent(forearm=(0.7, 0.2, 0.3)) -> HumanPosture:
    posture = HumanPosture.standing()
    posture.limbs[:3] = [[0.3, 0.8, -0.3], forearm, forearm]
    posture.limbs[3:] = posture.limbs[:3] * [1, -1, 1]
    posture.limbs[:] /= np.linalg.norm(posture.limbs, axis=1, keepdims=True)
    posture.palms[:] = np.nan
    return posture


@pytest.mark.parametrize("count", [4, 5, 6, 7])
def test_arms_of_four_to_seven_joints_show_upper_arm_and_forearm(made, count):
    model = made(_urdf(_arm("left", count)), chains={"left_arm": _chain("left", count)})
    result = _follow(model, _bent())
    assert np.degrees(result.residual["left_upper_arm"]) < 0.5
    assert np.degrees(result.residual["left_forearm"]) < 0.5


@pytest.mark.parametrize(("count", "spare"), [(4, 0), (5, 0), (6, 0), (7, 1)])
def test_a_joint_that_turns_a_limb_about_itself_is_none_to_spare(made, count, spare):
    model = made(_urdf(_arm("left", count)), chains={"left_arm": _chain("left", count)})
    assert Chain(model, "left_arm").spare == spare


def test_a_robot_with_one_arm_says_that_the_other_is_missing(made):
    model = made(_urdf(_arm("left")), chains={"left_arm": _chain("left")})
    result = _follow(model, _bent())
    assert {"right_upper_arm", "right_forearm", "right_hand", "torso", "head"} <= set(
        result.missing)
    assert not any("right" in name for name in result.residual)


def test_a_root_that_looks_elsewhere_changes_nothing(made):
    straight = made(_urdf(_arm("left") + _arm("right")),
                    chains={side + "_arm": _chain(side) for side in ("left", "right")})
    expected = straight.limb_directions(_follow(straight, _bent()).positions)
    turned = [("turn", "root", "base", "0 0 0' rpy='0 0 2.0", "")]
    forward = [float(np.cos(2.0)), float(np.sin(2.0)), 0.0]
    model = made(_urdf(turned + _arm("left") + _arm("right")), forward=forward,
                 chains={side + "_arm": _chain(side) for side in ("left", "right")})
    result = _follow(model, _bent())
    np.testing.assert_allclose(model.limb_directions(result.positions), expected, atol=1e-3)
    assert model.points(result.positions)["left_arm_link_0"][1] == pytest.approx(0.2)


def test_joints_of_other_names_in_another_order_do_the_same():
    model = load_model("kagami")
    tree = ElementTree.fromstring(model.urdf)
    for reference in tree.findall("gazebo") + tree.findall("ros2_control"):
        tree.remove(reference)
    joints = tree.findall("joint")
    for joint in joints:
        tree.remove(joint)
    for joint in joints[::-1]:
        joint.set("name", "j_" + joint.get("name"))
        tree.append(joint)

    def renamed(names):
        return type(names)("j_" + name for name in names)

    profile = model.profile
    other = RobotModel(replace(
        profile, face={}, controllers={}, joint_limits={},
        rest={"j_" + name: value for name, value in profile.rest.items()},
        chains={key: replace(chain, joints=renamed(chain.joints))
                for key, chain in profile.chains.items()}),
        ElementTree.tostring(tree, encoding="unicode"))
    one, two = Retargeter(model), Retargeter(other)
    for share in np.linspace(0, 1, 15):
        posture = HumanPosture.standing()
        limbs = (1 - share) * posture.limbs + share * _bent().limbs
        posture.limbs[:] = limbs / np.linalg.norm(limbs, axis=1, keepdims=True)
        first = one.retarget(posture).positions[model.body]
        second = two.retarget(posture).positions
        np.testing.assert_allclose(first, second, atol=1e-6)


def test_a_mimic_joint_in_an_arm_moves_with_its_master(made):
    half = "<limit lower='-1.4' upper='1.4' effort='10' velocity='5'/>"
    arm = _arm("left", 4)
    arm[3] = ("left_arm_3", "left_arm_link_2", "left_mid", "0 0 -0.3", "y", half)
    arm.insert(4, ("left_follow", "left_mid", "left_arm_link_3", "0 0 0", "y",
                   half + "<mimic joint='left_arm_3' multiplier='1.0'/>"))
    model = made(_urdf(arm), chains={"left_arm": _chain("left", 4)})
    assert "left_follow" not in model.joint_names
    result = _follow(model, _bent())
    assert np.degrees(result.residual["left_forearm"]) < 0.5
    upper, fore = result.positions, model.limb_directions(result.positions)
    bend = np.arccos(fore[0] @ fore[1])
    assert abs(upper[model.index["left_arm_3"]]) == pytest.approx(bend / 2, abs=0.01)


def test_a_continuous_joint_has_limits_and_follows(made):
    free = "<limit effort='10' velocity='5'/>"
    text = _urdf([(*joint, free) if joint[0] == "left_arm_2" else joint
                  for joint in _arm("left")])
    text = text.replace("name='left_arm_2' type='revolute'", "name='left_arm_2' type='continuous'")
    model = made(text, chains={"left_arm": _chain("left")})
    assert np.isfinite(model.upper).all()
    assert np.degrees(_follow(model, _bent()).residual["left_forearm"]) < 0.5


def test_held_joints_stand_where_the_profile_says_and_may_not_be_in_a_chain(made):
    lift = [("lift", "root", "base", "0 0 0", "z",
             "<limit lower='0' upper='0.5' effort='1' velocity='1'/>")]
    text = _urdf(lift + _arm("left")).replace("name='lift' type='revolute'",
                                              "name='lift' type='prismatic'")
    chains = {"left_arm": _chain("left")}
    model = made(text, chains=chains, held={"lift": 0.25})
    assert model.points(model.rest)["left_arm_link_0"][2] == pytest.approx(0.75)
    with pytest.raises(ProfileError, match="held: 'left_arm_0' is not to be touched"):
        made(text, chains=chains, held={"left_arm_0": 0.0})
    with pytest.raises(ProfileError, match="no joint 'lfit'; did you mean 'lift'"):
        made(text, chains=chains, held={"lfit": 0.0})


def test_an_elbow_at_the_shoulder_is_refused_by_name(made):
    chain = _chain("left") | {"elbow": "left_arm_link_1"}
    with pytest.raises(ProfileError, match=r"left_arm: shoulder .* and elbow .* same place"):
        made(_urdf(_arm("left")), chains={"left_arm": chain})


def test_a_missing_mesh_does_not_matter_for_kinematics(made):
    mesh = ("<link name='decor'><visual><geometry><mesh filename='package://nowhere/x.stl'/>"
            "</geometry></visual><collision><geometry><mesh filename='nowhere.stl'/></geometry>"
            "</collision></link><joint name='d' type='fixed'><parent link='base'/>"
            "<child link='decor'/></joint>")
    model = made(_urdf(_arm("left"), mesh), chains={"left_arm": _chain("left")})
    result = Retargeter(model).retarget(_bent())
    assert np.isfinite(result.positions).all()


@pytest.mark.parametrize(("wrong", "says"), [
    ("<link name='base'/>", "link base is there twice"),
    ("<joint name='odd' type='hinge'><parent link='base'/><child link='left_hand_tip'/></joint>",
     "joint odd has the unknown type 'hinge'"),
    ("<joint name='odd' type='fixed'><parent link='base'/><child link='x'/><origin xyz='1 2'/>"
     "</joint>", "joint odd: <origin xyz='1 2'> is not three finite numbers"),
    ("<link name='x'><collision><geometry><cylinder radius='nan' length='1'/></geometry>"
     "</collision></link><joint name='odd' type='fixed'><parent link='base'/><child link='x'/>"
     "</joint>", "link x: its collision shape .*nan"),
])
def test_a_malformed_description_is_refused_with_the_element(made, wrong, says):
    with pytest.raises(DescriptionError, match=says):
        Retargeter(made(_urdf(_arm("left"), wrong), chains={"left_arm": _chain("left")}))


def test_smaller_and_larger_than_the_person(made):
    model = made(_urdf(_arm("left")), chains={"left_arm": _chain("left")})
    posture = HumanPosture.standing()
    posture.limbs[:] = [np.sin(0.8), 0.0, -np.cos(0.8)]
    posture.palms[:] = np.nan
    for amplitude in (0.5, 1.0, 1.5):
        shown = model.limb_directions(_follow(model, posture, amplitude=amplitude).positions)[0]
        assert np.arctan2(shown[0], -shown[2]) == pytest.approx(0.8 * amplitude, abs=0.01)
    with pytest.raises(ValueError, match="amplitude"):
        Retargeter(model, amplitude=-1.0)


@pytest.mark.parametrize("seed", range(3))
def test_noise_on_a_straight_arm_does_not_shake_the_shoulder(seed):
    model = load_model("kagami")
    retargeter = Retargeter(model)
    rng = np.random.default_rng(seed)
    posture = HumanPosture.standing()
    posture.palms[:] = np.nan
    last, largest = None, 0.0
    for frame in range(300):
        limbs = np.array([[1.0, 0.2, 0.0]] * 3 + [[1.0, -0.2, 0.0]] * 3) / np.hypot(1, 0.2)
        limbs = limbs + np.radians(0.5) * rng.normal(size=(6, 3))
        posture.limbs[:] = limbs / np.linalg.norm(limbs, axis=1, keepdims=True)
        q = retargeter.retarget(posture).positions[model.body]
        if frame > 60:
            largest = max(largest, np.abs(q - last).max())
        last = q
    assert np.degrees(largest) < 5


def test_clearances_of_many_postures_are_those_of_each():
    model = load_model("kagami")
    collision, rng = SelfCollision(model), np.random.default_rng(0)
    postures = rng.uniform(model.lower, model.upper, (200, len(model.rest)))
    each = np.array([collision.clearance(q) for q in postures])
    assert (each < 0.0).any() and (each > 0.005).any(), "else this would show little"
    np.testing.assert_allclose(collision.clearances(postures), np.minimum(each, AMPLE), atol=1e-9)


def test_how_arms_are_kept_clear_does_not_depend_on_where_they_were_before():
    model = load_model("kagami")
    rng, collision = np.random.default_rng(0), SelfCollision(model)
    postures = rng.uniform(model.lower, model.upper, (200, len(model.rest)))
    touching = postures[collision.clearances(postures) < -0.03]
    last, blocked = model.rest, 0
    for frame in range(60):
        wanted = last + np.clip(touching[frame // 15] - last, -0.15, 0.15)
        q = collision.limit(last, wanted)
        np.testing.assert_allclose(q, SelfCollision(model).limit(last, wanted), atol=1e-9)
        blocked += np.abs(q - wanted).max() > 1e-3
        last = q
    assert blocked > 5, "else this would show little"


def test_arms_crossed_through_the_chest_stop_before_it():
    model = load_model("kagami")
    retargeter, collision = Retargeter(model), SelfCollision(model)
    free = Retargeter(model, avoid_collisions=False)
    steps, last, blocked = [], None, False
    for share in np.linspace(0, 1, 60):
        posture = HumanPosture.standing()
        posture.palms[:] = np.nan
        into = np.array([[0.1, -0.5, -0.8], [-0.3, -0.9, 0.1], [-0.3, -0.9, 0.1]])
        limbs = (1 - share) * posture.limbs[:3] + share * into
        posture.limbs[:3] = limbs / np.linalg.norm(limbs, axis=1, keepdims=True)
        q = retargeter.retarget(posture).positions
        blocked |= collision.clearance(free.retarget(posture).positions) < -0.01
        assert collision.clearance(q) > -1e-3
        if last is not None:
            steps.append(np.abs(q - last)[model.body].max())
        last = q
    assert blocked, "the posture asked for would touch"
    assert max(steps) < 0.3


def test_an_arm_that_the_chest_stops_keeps_its_limbs_near_where_they_shall_point(monkeypatch):
    model = load_model("kagami")
    into = np.array([[0.3, -0.3, -0.9], [0.2, -1.0, 0.1], [0.2, -1.0, 0.1]])

    def missed() -> float:
        retargeter, angles = Retargeter(model), []
        for share in [*np.linspace(0, 1, 60), *[1.0] * 30]:
            posture = HumanPosture.standing()
            posture.palms[:] = np.nan
            limbs = (1 - share) * posture.limbs[:3] + share * into
            posture.limbs[:3] = limbs / np.linalg.norm(limbs, axis=1, keepdims=True)
            residual = retargeter.retarget(posture).residual
            angles.append([residual[f"left_{limb}"] for limb in ("upper_arm", "forearm", "hand")])
        return float(np.mean(angles))

    by_limbs = missed()
    monkeypatch.setattr(retargeting, "_ALIKE", 1e3)  # all joints count alike
    assert by_limbs < 0.5 * missed()


def test_capsules_hold_all_points_of_a_part():
    rng = np.random.default_rng(1)
    for size in ([0.1, 0.1, 0.4], [0.3, 0.1, 0.2], [0.2, 0.2, 0.2]):
        points = rng.uniform(-0.5, 0.5, (400, 3)) * size
        distance = np.full(len(points), np.inf)
        for start, end, radius in fit_capsules(points):
            along = end - start
            share = np.clip((points - start) @ along / max(along @ along, 1e-12), 0, 1)
            distance = np.minimum(distance, np.linalg.norm(
                points - start - share[:, None] * along, axis=1) - radius)
        assert (distance < 1e-6).all()


def test_a_robot_whose_joints_have_no_telling_names_is_found_by_its_shape(tmp_path):
    text = _urdf(_arm("left", 6) + _arm("right", 6))
    text = re.sub(r"(left|right)_(arm_link|arm|end|hand_tip)(_\d)?", lambda m: (
        "part" + m.group(0).encode().hex()), text)
    path = tmp_path / "plain.urdf"
    path.write_text(text)
    discovery = discover_profile(path)
    found = yaml.safe_load(discovery.profile_yaml)
    assert {"left_arm", "right_arm"} <= set(found["chains"])
    assert any("mirror each other" in note for note in discovery.notes)
    (tmp_path / "found.yaml").write_text(discovery.profile_yaml)
    model = load_model(tmp_path / "found.yaml")
    assert model.points(model.rest)[model.point("left_arm", "shoulder")][1] > 0


def test_a_description_without_limbs_is_refused_with_its_joints(tmp_path):
    path = tmp_path / "cart.urdf"
    path.write_text(_urdf([("front_wheel", "base", "wheel", "0 0 0", "y")]))
    with pytest.raises(DescriptionError, match=r"neither arms nor a head .* front_wheel"):
        discover_profile(path)


def test_an_mjcf_file_gives_the_same_places_as_mujoco(tmp_path):
    mujoco = pytest.importorskip("mujoco")
    path = tmp_path / "arm.xml"
    path.write_text("""<mujoco><worldbody><body name="base" pos="0 0 1"><freejoint/>
      <geom type="box" size=".1 .1 .1"/>
      <body name="upper" pos="0 .2 0" euler="10 20 30"><joint name="a" axis="0 1 0" pos="0 0 .05"
        range="-90 90"/><joint name="b" axis="1 0 0"/><geom type="capsule" size=".03 .1"/>
        <body name="lower" pos="0 0 -.3"><joint name="c" axis="0 1 0" range="-120 0"/>
          <geom type="sphere" size=".05"/></body></body></body></worldbody></mujoco>""")
    import pinocchio as pin
    tree = pin.buildModelFromXML(read_description(path).replace('type="continuous"',
                                                                'type="revolute"'))
    data, scene = tree.createData(), mujoco.MjModel.from_xml_path(str(path))
    state = mujoco.MjData(scene)
    q = np.array([0.4, -0.3, -0.9])
    state.qpos[:] = [0, 0, 0, 1, 0, 0, 0, *q]
    mujoco.mj_forward(scene, state)
    pin.framesForwardKinematics(tree, data, q)
    for body in ("upper", "lower"):
        np.testing.assert_allclose(
            data.oMf[tree.getFrameId(body, pin.FrameType.BODY)].translation,
            state.body(body).xpos, atol=1e-6)


def test_the_solid_shapes_of_an_mjcf_file_keep_their_kind_and_size(tmp_path):
    pytest.importorskip("mujoco")
    path = tmp_path / "shapes.xml"
    path.write_text("""<mujoco><worldbody><body name="base"><geom type="box" size=".1 .2 .3"/>
      <geom type="cylinder" size=".03 .1"/><geom type="capsule" size=".04 .1"/>
      <geom type="sphere" size=".05"/></body></worldbody></mujoco>""")
    shapes = ElementTree.fromstring(read_description(path)).findall(".//collision/geometry/*")
    told = [(shape.tag, {key: [float(n) for n in value.split()]
                         for key, value in shape.attrib.items()}) for shape in shapes]
    assert told == [("box", {"size": [0.2, 0.4, 0.6]}),
                    ("cylinder", {"radius": [0.03], "length": [0.2]}),
                    ("cylinder", {"radius": [0.04], "length": [0.28]}),  # with its caps
                    ("sphere", {"radius": [0.05]})]


def test_an_inertia_that_lies_across_a_limb_does_not_widen_it(made):
    across = ("<inertial><origin xyz='0 0 -0.1'/><mass value='1'/><inertia ixx='0.02' iyy='0.001'"
              " izz='0.02' ixy='0' ixz='0' iyz='0'/></inertial>")
    arm = _urdf(_arm("left", 4)).replace("<link name='left_arm_link_2'/>",
                                         f"<link name='left_arm_link_2'>{across}</link>")
    model = made(arm, chains={"left_arm": _chain("left", 4)})
    upper, = (capsule for capsule in capsules_of(model) if capsule.link == "left_arm_link_2")
    assert np.allclose(upper.end - upper.start, [0, 0, -0.3])


def test_the_profile_of_a_missing_package_says_how_to_get_it(tmp_path):
    path = tmp_path / "far.yaml"
    path.write_text("name: far\ndescription: {package: nowhere_to_be_found, file: a.urdf}\n"
                    "chains: {head: {joints: [a], link: b}}\n")
    with pytest.raises(ProfileError, match="is it installed"):
        load_profile(path)


_PALM = [("left_grip", "left_hand_tip", "left_claw", "0 0 0", "y",
          "<limit lower='0' upper='1' effort='1' velocity='1'/>"),
         ("left_point", "left_hand_tip", "left_pointer", "0 0 0", "y",
          "<limit lower='-1' upper='0' effort='1' velocity='1'/>")]
_FINGERS = {"left": {"left_grip": {"open": 0.9, "closed": 0.1},
                     "left_point": {"open": 0.0, "closed": -1.0, "follows": ["index"]}}}


def test_the_fingers_close_as_far_as_those_that_they_follow_are_curled(made):
    model = made(_urdf(_arm("left") + _PALM), chains={"left_arm": _chain("left")},
                 fingers=_FINGERS)
    curls = named_curls("left", np.array([1.0, 0.0, 1.0, 1.0, 1.0]))  # pointing
    positions = finger_positions(model, curls)
    assert positions[model.index["left_point"]] == pytest.approx(0.0)
    assert positions[model.index["left_grip"]] == pytest.approx(0.9 - 0.8 * 0.8)
    assert np.isnan(positions[model.body]).all()
    assert np.isnan(finger_positions(model, curls, mirror_image=True)).all()
    other = named_curls("right", np.ones(5))
    closed = finger_positions(model, other, mirror_image=True)
    assert closed[model.index["left_point"]] == pytest.approx(-1.0)


@pytest.mark.parametrize(("finger", "says"), [
    ({"open": 0.5}, r"fingers\.left\.left_grip\.closed is missing"),
    ({"open": 0.0, "closed": 3.0}, r"left_grip\.closed: 3\.0 is not within .* 0\.0 \.\. 1\.0"),
    ({"open": 0.0, "closed": 1.0, "follows": ["indx"]}, "no finger 'indx'; did you mean 'index'"),
])
def test_a_finger_that_makes_no_sense_is_refused_by_name(made, finger, says):
    with pytest.raises(ProfileError, match=says):
        made(_urdf(_arm("left") + _PALM), chains={"left_arm": _chain("left")},
             fingers={"left": {"left_grip": finger}})


def test_a_joint_may_be_in_one_chain_only(made):
    chain = _chain("left")
    with pytest.raises(ProfileError, match="'left_arm_0' is used twice"):
        made(_urdf(_arm("left")), chains={
            "left_arm": chain, "torso": {"joints": ["left_arm_0"], "link": "left_arm_link_0"}})
