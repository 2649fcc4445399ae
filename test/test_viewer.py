# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What the live page shows and who may see it; without ROS and without a browser."""

from __future__ import annotations

import dataclasses
import http.client
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import viser
from watcher import Watcher
from websockets.exceptions import InvalidStatus

from mirror_robot.body.model import load_model
from mirror_robot.viewer import drawings
from mirror_robot.viewer.gate import is_local
from mirror_robot.viewer.page import AUTOMATIC, Controls, Page
from mirror_robot.viewer.robot import RobotScene, RobotTree, coarse, quaternion
from mirror_robot.viewer.state import FRESH, Lane, Rows, State, firing, is_action

UNITS = {"rest": 0.05, "wave_left": 0.02, "wave_right": 0.9, "smile": 0.6, "laugh": 0.1}


@pytest.fixture(scope="module")
def kagami():
    return load_model("kagami")


@pytest.fixture(scope="module")
def tree(kagami):
    return RobotTree(kagami.urdf, kagami.profile.description)


def waving() -> State:
    """Return what is known while somebody waves."""
    state = State()
    for step in range(100):
        state.at(10.0 + 0.1 * step)
        state.hear_activation("body_ab", UNITS)
        state.hear_activation("self", {**UNITS, "wave_right": 0.4})
        state.hear_intention("greet")
        state.hear_intentions({"greet": 0.7})
        state.hear_affect(0.006 * step, 0.3, 0.1)
    state.hear_sentence("Person ab waves.")
    return state


# What is known

def test_what_is_no_longer_heard_of_is_no_longer_the_present():
    state = waving()
    state.hear_ghost("prediction", "wave", {"left_elbow": -1.0})
    state.hear_goal((0.1, 0.2, 0.3))
    assert firing(state.seen) == ("wave_right", 0.9) and state.intention_probability == 0.7
    state.at(state.now + FRESH + 0.1)
    assert not state.seen and not state.own and not state.person and not state.ghost
    assert state.goal is None and state.affect is None and state.mood == ""
    assert state.intention == "none" and state.intention_probability == 0.0
    assert state.sentence == "Person ab waves."  # the last one stays to be read


def test_a_sentence_holds_while_what_it_told_goes_on_and_is_marked_as_past_after_that():
    state = waving()
    assert state.sentence_holds and "before:" not in drawings.sentence(state)
    state.hear_activation("body_ab", {"laugh": 0.9, "wave_right": 0.1})
    assert state.sentence_holds  # still means the same
    state.hear_intention("share_joy")
    assert "before:" in drawings.sentence(state)
    state.hear_sentence("Person ab laughs.")
    assert "before:" not in drawings.sentence(state)
    state.hear_activation("body_ab", {"laugh": 0.9, "smile": 0.95})
    assert state.sentence_holds  # more is done now, and still that
    state.hear_intention("none")
    state.hear_activation("body_ab", {"rest": 0.9})
    assert not state.sentence_holds

    state = waving()
    for _ in range(60):
        state.at(state.now + 0.1)
        state.hear_activation("body_ab", UNITS)
    assert state.sentence_holds  # is told once, and goes on
    quiet = State()
    assert "before:" not in drawings.sentence(quiet)
    quiet.hear_sentence("Nobody is there any more.")
    assert quiet.sentence_holds
    quiet.at(6.0)
    assert not quiet.sentence_holds


def test_a_clock_that_is_set_back_leaves_nothing_of_the_future():
    state = waving()
    state.at(1.0)
    assert not state.seen and not state.trail
    state.hear_activation("body_ab", UNITS)
    state.at(1.1)
    assert [segment.begin for segment in state.lanes["sees"].segments] == [1.1]


def test_a_preview_wins_over_a_prediction_until_it_ends():
    state = State()
    state.at(1.0)
    state.hear_ghost("preview", "preview", {"a": 1.0})
    state.hear_ghost("prediction", "wave", {"a": 2.0})
    assert state.ghost == {"a": 1.0}
    state.at(2.0)
    state.hear_ghost("prediction", "wave", {"a": 2.0})
    assert state.ghost == {"a": 2.0} and state.ghost_of == "wave"


def test_a_feeling_that_is_no_number_is_not_felt():
    state = State()
    state.hear_affect(float("nan"), 0.0, 0.0)
    assert state.affect is None and not state.trail


def test_a_lane_tells_what_followed_what_and_forgets():
    lane = Lane()
    for step in range(30):
        lane.tell(0.1 * step, "wave" if step < 10 else "" if step < 20 else "bow")
    assert [(segment.label, round(segment.begin, 1)) for segment in lane.segments] == [
        ("wave", 0.0), ("bow", 2.0)]
    lane.tell(100.0, "")
    assert not lane.segments


def test_what_the_robot_answers_is_told_once_in_order_and_forgotten():
    state = State()
    state.at(1.0)
    for line in ("stand so that I see your arms", "3 ...", "2 ...", "1 ...", "now: show it",
                 "cancelled", "cancelled"):
        state.hear_answer(line)
    assert list(state.answers) == ["stand so that I see your arms", "now: show it", "cancelled"]
    told = drawings.answers(state)
    assert told.index("cancelled") < told.index("show it") < told.index("stand")
    state.at(10.0)
    state.hear_answer("cancelled")  # the next lesson too
    assert list(state.answers)[-2:] == ["cancelled"] * 2
    state.at(71.0)
    assert not state.answers and not drawings.answers(state)


def test_in_a_mirror_the_person_does_with_the_other_side_what_the_robot_does():
    state = waving()
    assert state.by_person("wave_right") == "wave_right"
    state.mirror_image = True
    assert state.by_person("wave_right") == "wave_left" and state.by_person("bow") == "bow"
    assert ">wave left<" in drawings.sentence(state)
    assert "wave right" in drawings.bars(state)  # the unit is the robot's own, which is said
    assert "robot's left, right" in drawings.bars(state)


def test_how_strange_a_movement_is_takes_no_row():
    state = waving()
    state.hear_activation("body_ab", {**UNITS, "unknown_body": 0.97})
    text = drawings.bars(state)
    assert "unknown_body" not in state.rows.shown
    assert "none of them: body 97 %" in text


def test_a_unit_keeps_its_row_until_another_deserves_it_more():
    rows = Rows(2)
    assert rows.update(0.0, [{"a": 0.9, "b": 0.5, "c": 0.1}]) == ["a", "b"]
    assert rows.update(0.1, [{"a": 0.1, "b": 0.5, "c": 0.6}]) == ["a", "c"]
    assert rows.update(0.2, [{"a": 0.1, "b": 0.6, "c": 0.6}]) == ["a", "c"]
    assert rows.update(60.0, [{"a": 0.0, "b": 0.6, "c": 0.5}]) == ["b", "c"]


def test_rest_and_the_unknown_are_no_actions():
    assert is_action("wave_left") and not is_action("rest") and not is_action("unknown_body")


# How it is shown

def widths(svg: str, colour: str) -> list[float]:
    return [float(width) for width in re.findall(
        rf'width="([\d.]+)" height="12" rx="2" fill="{colour}"', svg)]


def test_bars_grow_with_what_is_seen_and_felt_side_by_side():
    state = waving()
    text = drawings.bars(state)
    assert max(widths(text, drawings.SEEN)) == pytest.approx(0.9 * 112, abs=0.1)
    assert max(widths(text, drawings.OWN)) == pytest.approx(0.6 * 112, abs=0.1)  # the smile
    assert "wave right" in text
    assert text.count("h18v9") == len(UNITS)  # a lamp for every unit ...
    assert text.count("<title>") == 4  # ... and lit are those that fire at all


def test_every_picture_is_well_formed_whatever_is_known():
    for state in (State(), waving()):
        for draw in (drawings.sentence, drawings.bars, drawings.timeline, drawings.mood,
                     drawings.health, drawings.answers):
            ElementTree.fromstring(draw(state) or "<p/>")


def test_what_comes_from_a_topic_cannot_run_in_the_browser():
    evil, state = "<img src=x onerror=alert(1)>", State()
    state.at(1.0)
    state.sentence = state.robot = evil
    state.hear_answer(evil)
    for _ in range(20):
        state.at(state.now + 0.1)
        state.hear_activation(evil, {evil: 0.9})
        state.hear_activation("self", {evil: 0.9})
        state.hear_intention(evil)
    state.hear_health(evil, 0, evil, {evil: evil})
    shown = "".join(draw(state) for draw in (
        drawings.sentence, drawings.bars, drawings.timeline, drawings.mood, drawings.health,
        drawings.answers))
    assert "&lt;img" in shown and "<img" not in shown


def test_the_mood_stands_where_it_is_felt():
    places = {}
    for valence, arousal in ((0.8, 0.5), (-0.8, -0.5)):
        state = State()
        state.at(1.0)
        state.hear_affect(valence, arousal, 0.0)
        found = re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="6"', drawings.mood(state))
        places[valence] = float(found[1]), float(found[2])
    assert places[0.8][0] > 180 > places[-0.8][0]  # pleasant is to the right
    assert places[0.8][1] < 95 < places[-0.8][1]  # aroused is up


def test_the_timeline_names_what_was_done_and_meant():
    text = drawings.timeline(waving())
    assert text.count("wave right") >= 2 and "greet" in text


def test_rates_and_delays_are_told_and_silence_is_noticed():
    state = State()
    state.at(10.0)
    state.hear_health("perception_node", 0, "running",
                      {"image rate [Hz]": "24.5", "ids": "ab, cd"})
    state.hear_health("actuation_node", 1, "following", {
        "latency_p50 [s]": "0.0642", "latency_p95 [s]": "nan", "state": "following"})
    text = drawings.health(state)
    assert "24.5 /s" in text and "64 ms" in text and "following" in text
    assert state.people == ("ab", "cd") and state.robot == "following"
    state.at(20.0)
    assert "silent for 10 s" in drawings.health(state)


# The robot

def test_links_are_where_the_robots_own_kinematics_puts_them(kagami, tree):
    q = kagami.clip(np.random.default_rng(1).normal(size=len(kagami.joint_names)))
    placed = tree.placements(dict(zip(kagami.joint_names, q)))
    for link, point in kagami.points(q).items():
        np.testing.assert_allclose(placed[link][:3, 3], point, atol=1e-9)


def test_a_joint_that_mimics_another_moves_with_it(tmp_path):
    links = "".join(f'<link name="{name}"/>' for name in "abc")
    urdf = f"""<robot name="r">{links}
      <joint name="one" type="revolute"><parent link="a"/><child link="b"/><axis xyz="0 0 1"/>
        <limit lower="-1" upper="1" effort="1" velocity="1"/></joint>
      <joint name="two" type="prismatic"><parent link="b"/><child link="c"/><axis xyz="1 0 0"/>
        <limit lower="-1" upper="1" effort="1" velocity="1"/>
        <mimic joint="one" multiplier="2" offset="0.1"/></joint></robot>"""
    small = RobotTree(urdf, tmp_path / "r.urdf")
    assert small.complete({"one": 0.2, "other": 1.0, "two": float("nan")}) == {
        "one": 0.2, "two": pytest.approx(0.5)}
    np.testing.assert_allclose(
        small.placements({"one": 0.2})["c"][:3, 3], [0.5 * np.cos(0.2), 0.5 * np.sin(0.2), 0])


def test_sticks_stand_for_links_whose_meshes_are_lost(tmp_path):
    urdf = """<robot name="r"><link name="a"><visual><geometry><mesh filename="gone.stl"/>
      </geometry></visual></link><link name="b"/><joint name="j" type="fixed"><parent link="a"/>
      <child link="b"/><origin xyz="0 0.3 0"/></joint></robot>"""
    small = RobotTree(urdf, tmp_path / "r.urdf")
    (stick,) = small.shapes("a")
    assert stick["length"] == pytest.approx(0.3) and small.missing == {"gone.stl"}
    low, high = small.bounds({})
    assert high[1] > 0.29 and low[1] > -0.1


def test_a_coarse_mesh_keeps_its_shape():
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=6, radius=0.5)
    vertices, faces = coarse(np.asarray(ball.vertices), np.asarray(ball.faces), 5000)
    assert 500 < len(faces) <= 5000
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), 0.5, atol=0.02)
    volume = trimesh.Trimesh(vertices, faces, process=False).volume
    assert volume == pytest.approx(ball.volume, rel=0.05)


def test_a_quaternion_turns_as_its_matrix_does():
    for seed in range(20):
        matrix = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
        matrix *= np.linalg.det(matrix)
        w, x, y, z = quaternion(matrix)
        turned = viser.transforms.SO3(np.array([w, x, y, z])).as_matrix()
        np.testing.assert_allclose(turned, matrix, atol=1e-9)


# The page

@pytest.fixture
def asked():
    return []


@pytest.fixture
def make_page(tree, kagami, asked):
    pages = []

    def make(**options) -> Page:
        controls = Controls(**{
            field.name: lambda *values, name=field.name: asked.append((name, *values))
            for field in dataclasses.fields(Controls)})
        page = Page(tree, dict(zip(kagami.joint_names, kagami.rest)), controls,
                    **{"port": 8600, **options})
        pages.append(page)
        return page

    yield make
    for page in pages:
        page.close()


def fetch(page: Page, path: str = "/", **headers: str) -> http.client.HTTPResponse:
    port = int(re.search(r":(\d+)/", page.address)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.body = answer.read()
    connection.close()
    return answer


def test_programs_on_this_machine_get_the_page_and_other_sites_do_not(make_page):
    page = make_page()
    assert page.address.startswith("http://localhost:86") and "token" not in page.address
    assert fetch(page).status == 200
    port = re.search(r":(\d+)/", page.address)[1]
    for headers in ({"Host": f"evil.example:{port}"}, {"Origin": "http://evil.example"},
                    {"Origin": f"http://localhost:{int(port) + 1}"}):
        answer = fetch(page, **headers)
        assert answer.status == 403 and len(answer.body) < 100
    with pytest.raises(InvalidStatus):
        Watcher(page.address, origin="http://evil.example")
    with Watcher(page.address, origin=page.address.rstrip("/")) as watcher:
        assert watcher.until(lambda: page.watchers == 1)


def test_on_the_network_nothing_is_given_without_the_token(make_page):
    page = make_page(host="0.0.0.0")
    token = re.search(r"token=([\w-]{20,})$", page.address)[1]
    for path in ("/", "/index.html", "/?token=", "/?token=" + token[:-1], "/?token=%C3%A9",
                 "/?Token=" + token):
        answer = fetch(page, path)
        assert answer.status == 401 and len(answer.body) < 100, path
    for headers in ({}, {"Cookie": f"token={token}"}):
        with pytest.raises(InvalidStatus):
            Watcher(page.address, additional_headers=headers)

    answer = fetch(page, "/?token=" + token)
    assert answer.status == 303 and not answer.body and answer.getheader("Location") == "./"
    cookie = answer.getheader("Set-Cookie")
    assert "HttpOnly" in cookie and "SameSite" in cookie
    carried = {"Cookie": cookie.partition(";")[0]}
    assert fetch(page, "/", **carried).status == 200
    with Watcher(page.address, additional_headers=carried) as watcher:
        assert watcher.until(lambda: page.watchers == 1)
    with pytest.raises(InvalidStatus):
        Watcher(page.address, additional_headers={**carried, "Origin": "http://evil.example"})


def test_a_token_is_asked_for_on_this_machine_too_where_one_was_given(make_page):
    page = make_page(token="secret")
    assert page.address.endswith("/?token=secret")
    assert fetch(page).status == 401


def test_a_page_on_the_network_has_another_token_every_time(make_page):
    assert len({make_page(host="0.0.0.0").address.partition("=")[2] for _ in range(2)}) == 2


def test_the_browser_is_told_to_fetch_nothing_from_elsewhere(make_page):
    answer = fetch(make_page())
    policy = answer.getheader("Content-Security-Policy")
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "http" not in policy and "*" not in policy
    assert answer.getheader("X-Frame-Options") == "DENY"


def test_an_address_that_is_not_of_this_machine_is_refused():
    assert is_local("localhost") and is_local("127.0.0.1") and not is_local("0.0.0.0")
    for host in ("192.0.2.77", "no.such.host.invalid"):
        with pytest.raises(ValueError, match="no address of this machine"):
            is_local(host)


def test_a_port_that_is_taken_is_not_taken_again(make_page):
    assert make_page().address != make_page().address


def test_the_picture_is_passed_on_as_it_came(make_page):
    page, state = make_page(), State()
    state.at(1.0)
    state.hear_image(b"\xff\xd8 a picture")
    page.show(state)
    assert page._image._data == b"\xff\xd8 a picture"
    state.at(9.0)
    page.show(state)
    assert page._image._data != b"\xff\xd8 a picture"  # an old picture is not the present


def test_what_a_user_presses_is_asked_of_the_robot(make_page, asked):
    page = make_page()
    with Watcher(page.address) as watcher:
        assert watcher.until(lambda: page.watchers == 1)
        for handle, value, wanted in (
                (page._mode, "respond", ("mode", "respond")),
                (page._mirror_image, False, ("mirror_image", False)),
                (page._speed, 0.5, ("speed", 0.5)), (page.stop, True, ("stop",)),
                (page.arm, True, ("arm",)), (page.perform, True, ("perform", "wave")),
                (page.lesson, "Start", ("teach", "my_wave")), (page.lesson, "Finish",
                                                              ("end_lesson",)),
                (page.lesson, "Cancel", ("cancel_lesson",))):
            watcher.choose(handle, value)
            assert watcher.until(lambda wanted=wanted: wanted in asked), wanted


def test_people_who_are_seen_can_be_chosen(make_page, asked):
    page, state = make_page(), State()
    state.at(1.0)
    state.hear_health("perception_node", 0, "", {"ids": "ab, cd"})
    page.show(state)
    assert page._person.options == (AUTOMATIC, "ab", "cd")
    with Watcher(page.address) as watcher:
        assert watcher.until(lambda: page.watchers == 1)
        watcher.choose(page._person, "cd")
        assert watcher.until(lambda: ("person", "cd") in asked)
        state.people = ()  # gone for a moment: still whom the user wants
        page.show(state)
        assert page._person.value == "cd"
        watcher.choose(page._person, AUTOMATIC)
        assert watcher.until(lambda: ("person", "") in asked)


def test_what_is_set_elsewhere_is_shown_and_not_asked_for_again(make_page, asked):
    page = make_page()
    page.settings(mode="respond", mirror_image=False, speed=0.3, person="xy")
    assert (page._mode.value, page._mirror_image.value, page._speed.value) == (
        "respond", False, 0.3)
    assert page._person.value == "xy"
    with Watcher(page.address) as watcher:
        assert watcher.until(lambda: page.watchers == 1)
    assert not asked


def test_the_ghost_is_shown_only_where_it_is_apart_from_the_robot(make_page, kagami):
    page, state = make_page(), State()
    state.at(1.0)
    state.hear_joints(dict(zip(kagami.joint_names, kagami.rest)))
    page.show(state)
    assert page.ghost.show_apart(page.robot) == set()
    state.at(1.5)
    state.hear_ghost("prediction", "wave", {"left_elbow": -1.5})
    page.show(state)
    apart = page.ghost.show_apart(page.robot)
    state.at(2.0)
    state.hear_ghost("prediction", "nod", {"neck_pitch": 0.3, "left_elbow": -1.5})
    page.show(state)
    assert page.ghost.show_apart(page.robot, "neck_yaw_link") == apart
    assert "head_link" in page.ghost.show_apart(page.robot)
    assert "left_forearm_link" in apart and "left_hand_link" in apart
    assert "left_upper_arm_link" not in apart and "head_link" not in apart


def test_a_robot_that_stands_still_costs_no_messages(make_page, kagami):
    page = make_page()
    rest = dict(zip(kagami.joint_names, kagami.rest))
    page.robot.move(rest)
    assert page.robot.move(rest) == 0
    assert page.robot.move({**rest, "jaw": rest["jaw"] + 0.1}) == 1


@pytest.mark.parametrize("robot", ["g1", "nao", "reachy_mini"])
def test_real_robots_are_drawn(robot):
    try:
        model = load_model(robot)
    except ValueError as error:
        pytest.skip(f"its description is not installed: {error}")
    tree = RobotTree(model.urdf, model.profile.description)
    rest = dict(zip(model.joint_names, model.rest))
    low, high = tree.bounds(rest)
    assert 0.2 < np.max(high - low) < 3.0
    assert set(model.joint_names) <= set(tree.moving)
    server = viser.ViserServer(host="127.0.0.1", port=8650, verbose=False)
    try:
        scene = RobotScene(server.scene, "/robot", tree, rest, base=model.base)
        assert scene.move({name: value + 0.1 for name, value in rest.items()}) >= len(rest)
    finally:
        server.stop()
