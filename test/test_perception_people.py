# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Several people: found in crops, kept apart, attended to, given their faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mirror_robot.perception.people import (
    Attention,
    People,
    SeenPerson,
    looks_at_camera,
    match_faces,
    salience,
)
from mirror_robot.perception.pose_finder import PoseFinder, PromptVisibility
from mirror_robot.perception.tracking import BodyTracker
from mirror_robot.perception.wire import FaceLandmarks, PoseLandmarks

SHAPE = (480, 640, 3)


def _rows(x: float, y: float = 0.5, tall: float = 0.6) -> np.ndarray:
    """Return a body of 33 landmarks around (x, y), shares of the image."""
    random = np.random.default_rng(1)
    rows = np.ones((33, 8), np.float32)
    rows[:, 0] = x + 0.05 * random.uniform(-1, 1, 33)
    rows[:, 1] = y + 0.5 * tall * np.linspace(-1, 1, 33)
    return rows


def _pose(x: float, **options) -> PoseLandmarks:
    rows = _rows(x, **options).astype(float)
    world = np.random.default_rng(2).normal(size=(33, 3)) * 0.3
    return PoseLandmarks(rows[:, :3], world, np.ones(33), np.ones(33))


class _World:
    """People who stand in an image, and landmarkers that see the one nearest to the middle."""

    def __init__(self, *places: float):
        self.places = list(places)

    def image(self) -> np.ndarray:
        image = np.zeros(SHAPE, np.uint8)
        for number, place in enumerate(self.places):
            image[100:380, int(640 * place) - 40:int(640 * place) + 40] = 200 + number
        return image

    def find(self, image: np.ndarray, stamp: float = 0.0) -> list[np.ndarray]:
        counts = [(image[..., 0] == 200 + number).sum() for number in range(len(self.places))]
        if max(counts, default=0) < 500:
            return []
        rows, columns = np.nonzero(image[..., 0] == 200 + int(np.argmax(counts)))
        height, width = image.shape[:2]
        return [_rows(columns.mean() / width, rows.mean() / height, np.ptp(rows) / height)]


def test_a_second_person_is_found_and_followed_and_given_up_when_gone():
    world = _World(0.25, 0.75)
    finder = PoseFinder(lambda: world.find, world.find, people=2)
    found = [finder(world.image(), number / 30) for number in range(5)]
    assert all(len(one) == 2 for one in found)
    world.places[1] = 0.7
    assert sorted(round(float(rows[:, 0].mean()), 1) for rows in finder(world.image(), 0.2)) == [
        0.2, 0.7]
    del world.places[1]
    counts = [len(finder(world.image(), 0.3 + number / 30)) for number in range(20)]
    assert counts[-1] == 1


def test_with_one_person_asked_for_nobody_is_searched():
    world = _World(0.25, 0.75)
    finder = PoseFinder(lambda: world.find)
    assert len(finder(world.image(), 0.0)) == 1


def test_what_vanishes_is_told_at_once_although_the_library_smooths_it():
    prompt, smooth, told = PromptVisibility(), 1.0, []
    for number in range(20):
        seen = 1.0 if number < 10 else 0.1
        smooth = seen if number == 0 else 0.9 * smooth + 0.1 * seen
        rows = _rows(0.5)
        rows[:, 3] = smooth
        told.append(float(prompt([rows])[0][0, 3]))
    np.testing.assert_allclose(told, [1.0] * 10 + [0.1] * 10, atol=1e-4)
    assert prompt([]) == []


def _people(count: int = 2) -> People:
    return People(BodyTracker, count)


def _ids(people: People, stamp: float, *poses: PoseLandmarks) -> list[str]:
    seen = people(stamp, poses)
    return [one.body.observation.id for one in seen]


def test_ids_do_not_depend_on_the_order_in_which_bodies_are_found():
    people = _people()
    first, second = _ids(people, 0.0, _pose(0.3), _pose(0.7))
    assert first != second
    assert _ids(people, 0.03, _pose(0.7), _pose(0.3)) == [second, first]


def test_two_who_cross_keep_their_ids_though_one_is_hidden_meanwhile():
    people, ways = _people(), {}
    for number in range(61):
        share = number / 60
        a, b = 0.2 + 0.6 * share, 0.8 - 0.6 * share
        hidden = abs(a - b) < 0.08
        found = [_pose(a)] if hidden else [_pose(b), _pose(a)][::1 if number % 2 else -1]
        for one in people(number / 30, found):
            ways.setdefault(one.body.observation.id, []).append(one.pose.image[:, 0].mean())
    assert len(ways) == 2
    starts_and_ends = sorted((round(way[0], 1), round(way[-1], 1)) for way in ways.values())
    assert starts_and_ends == [(0.2, 0.8), (0.8, 0.2)]


def test_with_one_person_to_follow_a_jump_loses_nobody():
    people = _people(1)
    first = _ids(people, 0.0, _pose(0.2, tall=0.2))
    assert _ids(people, 0.03, _pose(0.9, tall=0.2)) == first


def test_who_comes_back_soon_is_the_same_and_who_comes_later_is_new():
    people = _people()
    one, other = _ids(people, 0.0, _pose(0.3), _pose(0.7))
    assert _ids(people, 0.5, _pose(0.3)) == [one]
    assert _ids(people, 0.9, _pose(0.3), _pose(0.72))[1] == other
    _ids(people, 1.5, _pose(0.3))
    assert _ids(people, 2.5, _pose(0.3), _pose(0.7))[1] not in (one, other)


def test_attention_stays_unless_somebody_is_clearly_more_salient_for_a_while():
    attention = Attention(advantage=0.3, patience=0.5)
    assert attention(0.0, {"a": 1.0, "b": 0.5}) == "a"
    assert attention(1.0, {"a": 1.0, "b": 1.2}) == "a"
    assert attention(1.1, {"a": 1.0, "b": 1.6}) == "a"
    assert attention(1.3, {"a": 1.0, "b": 0.9}) == "a"
    assert attention(1.4, {"a": 1.0, "b": 1.6}) == "a"
    assert attention(2.0, {"a": 1.0, "b": 1.6}) == "b"
    assert attention(2.5, {"a": 1.0}) == "b"  # out of sight for a moment
    assert attention(3.5, {"a": 1.0}) == "a"
    assert attention(9.0, {}) == ""


def _somebody(heading: float = 0.0, tall: float = 0.6) -> SeenPerson:
    pose = _pose(0.5, tall=tall)
    body = BodyTracker()(0.0, [pose])
    return SeenPerson(replace(body, heading=heading), pose)


def test_who_is_near_who_faces_and_who_looks_at_the_camera_draws_attention():
    plain = salience(_somebody(1.2, 0.3))
    assert salience(_somebody(1.2, 0.6)) > plain + 0.1
    assert salience(_somebody(0.0, 0.3)) > plain + 0.3
    assert salience(_somebody(1.2, 0.3), looking=1.0) > plain + 0.3  # enough to be turned to


@pytest.mark.parametrize(("degrees", "looks"), [
    (0.0, 1.0), (20.0, 0.5), (45.0, 0.0), (180.0, 0.0)])
def test_looking_at_the_camera_fades_with_the_angle_past_it(degrees, looks):
    angle = np.radians(degrees)
    gaze = np.array([np.cos(angle), np.sin(angle), 0.0])
    assert looks_at_camera(gaze) == pytest.approx(looks, abs=1e-6)


def test_who_is_asked_for_is_attended_to():
    attention = Attention()
    attention.wanted = "b"
    assert attention(0.0, {"a": 2.0}) == "a"
    assert attention(0.1, {"a": 2.0, "b": 0.1}) == "b"


def _face(x: float) -> FaceLandmarks:
    mesh = np.full((478, 3), 0.3)
    mesh[:, 0] = x
    mesh[33, 0], mesh[263, 0] = x - 0.03, x + 0.03
    return FaceLandmarks(mesh, np.zeros(52), np.eye(4))


@pytest.mark.parametrize("order", [1, -1])
def test_each_face_goes_to_the_body_whose_nose_is_there(order):
    noses = {"a": np.array([0.31, 0.3]), "b": np.array([0.7, 0.3]), "c": np.array([0.5, 0.3])}
    places = [0.3, 0.69][::order]
    matched = match_faces([_face(x) for x in places], noses, (640, 480))
    assert set(matched) == {"a", "b"}
    assert places[matched["a"][0]] == 0.3 and matched["a"][1] > 0.8
