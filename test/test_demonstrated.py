# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Learning from demonstrations: few suffice, probabilities are honest, gaps do little harm."""

from __future__ import annotations

import numpy as np
import pytest

from mirror_robot.body.model import load_model
from mirror_robot.mirror.demonstrated import Demonstrated, Listener, Onlooker
from mirror_robot.mirror.evaluation import (
    Recording,
    accuracy,
    auroc,
    calibration_error,
    followed,
)
from mirror_robot.mirror.features import RobotPoints
from mirror_robot.motor.primitive import resampled

LABELS = ("circle", "lift", "push", "sweep")


def course(label, seed):
    """Return the points (t, 3, 3) of a hand that moves, as somebody of their own would."""
    random = np.random.default_rng(seed)
    length = random.integers(22, 40)
    u = np.linspace(0, 1, length)
    bell = np.sin(np.pi * u) ** 2
    path = {"lift": np.stack([0 * u, 0 * u, 0.6 * bell], 1),
            "push": np.stack([0.5 * bell, 0 * u, 0.2 * bell], 1),
            "sweep": np.stack([0.2 * bell, 0.5 * np.sin(2 * np.pi * u), 0.1 * bell], 1),
            "circle": np.stack([0.2 * bell, 0.3 * np.sin(2 * np.pi * u),
                                0.3 - 0.3 * np.cos(2 * np.pi * u)], 1)}[label]
    hand = random.uniform(0.8, 1.25) * path + 0.03 * random.standard_normal(3)
    shoulder = np.array([[0, 0.2, 1], [0, 0.2, 0.8], [0, 0.2, 0.6]])
    points = np.stack([0 * hand, 0.5 * hand, hand], axis=1) + shoulder
    return points + 0.004 * random.standard_normal(points.shape)


@pytest.fixture(scope="module")
def learnt():
    return Demonstrated([(label, course(label, 10 * i + n)) for i, label in enumerate(LABELS)
                         for n in range(5)])


@pytest.fixture(scope="module")
def test_set():
    return [Recording(label, 2, course(label, 1000 + 10 * i + n))
            for i, label in enumerate(LABELS) for n in range(5)]


def test_other_people_are_recognised_before_they_have_finished(learnt, test_set):
    right, _, confusion = accuracy(followed(learnt, test_set), test_set)
    assert right[2:].min() > 0.85
    assert confusion.sum() == len(test_set)


def test_one_example_of_each_is_enough_to_begin_with(test_set):
    once = Demonstrated([(label, course(label, 7 + i)) for i, label in enumerate(LABELS)])
    right, _, _ = accuracy(followed(once, test_set), test_set)
    assert right[-1] > 0.7


def test_gaps_are_filled_by_what_postures_go_together(learnt, test_set):
    random = np.random.default_rng(0)
    gaps = [Recording(r.label, r.person, np.where(
        random.random((*r.frames.shape[:2], 1)) < 0.3, np.nan, r.frames)) for r in test_set]
    right, _, _ = accuracy(followed(learnt, gaps), gaps)
    assert right[-1] > 0.8


def test_nothing_known_at_all_is_still_a_probability(learnt):
    listener = Listener(learnt)
    for _ in range(30):
        heard = listener.hear(np.full((3, 3), np.nan))
    assert heard.probability.sum() == pytest.approx(1.0)
    assert np.isfinite(heard.probability).all() and 0 <= heard.strange <= 1


def test_the_longer_a_movement_the_surer_but_never_without_bound(learnt):
    listener = Listener(learnt)
    for _ in range(8):
        for points in course("lift", 99):
            heard = listener.hear(points)
    assert np.isfinite(heard.exemplar).all()
    assert 0 < heard.probability.max() <= 1


def test_what_was_never_shown_is_stranger_than_what_was(test_set):
    known = Demonstrated([(label, course(label, 10 * i + n))
                          for i, label in enumerate(LABELS[1:]) for n in range(5)])
    heard = followed(known, test_set, (1.0,))
    score = heard.strange[:, 0]
    hidden = np.array([recording.label == "circle" for recording in test_set])
    assert auroc(score, hidden) > 0.8


def reach(direction, seed):
    """Return the points (t, 3, 3) of a hand that goes one of ten ways and comes back."""
    random = np.random.default_rng(seed)
    bell = np.sin(np.pi * np.linspace(0, 1, random.integers(22, 40))) ** 2
    angle = np.radians(36 * direction) + 0.08 * random.standard_normal()
    way = random.uniform(0.4, 0.6) * np.array([0.3, np.cos(angle), np.sin(angle)])
    hand = bell[:, None] * way + 0.02 * random.standard_normal(3)
    points = np.stack([0 * hand, 0.5 * hand, hand], axis=1)
    points += np.array([[0, 0.2, 1], [0, 0.2, 0.8], [0, 0.2, 0.6]])
    return points + 0.004 * random.standard_normal(points.shape)


def test_who_was_shown_many_actions_finds_others_strange():
    known = Demonstrated([(f"way {way}", reach(way, 10 * way + n))
                          for way in range(10) for n in range(5)])
    shown = [Recording(f"way {way}", 2, reach(way, 1000 + 10 * way + n))
             for way in range(10) for n in range(3)]
    others = [Recording(label, 2, course(label, 2000 + n))
              for label in ("circle", "sweep") for n in range(8)]
    assert accuracy(followed(known, shown), shown)[0][-1] > 0.9
    heard = followed(known, [*shown, *others], (1.0,))
    assert auroc(heard.strange[:, 0], np.arange(len(heard.strange)) >= len(shown)) > 0.85


def test_the_hand_is_foreseen_better_than_by_holding_still(learnt):
    points = course("lift", 555)
    listener, frames = Listener(learnt), 4
    foreseen, held = [], []
    for now in range(len(points) - frames):
        listener.hear(points[now])
        truth = points[now + frames, 2]
        foreseen.append(np.linalg.norm(listener.forecast(frames / 15.0)[2] - truth))
        held.append(np.linalg.norm(points[now, 2] - truth))
    assert np.mean(foreseen) < 0.8 * np.mean(held)


@pytest.mark.parametrize("bad, match", [
    ([], "nothing to learn"), ([("a", np.zeros((1, 2, 3)))], "two frames"),
    ([("a", np.zeros((5, 2, 3))), ("b", np.zeros((5, 3, 3)))], "same points")])
def test_demonstrations_that_cannot_serve_are_refused(bad, match):
    with pytest.raises(ValueError, match=match):
        Demonstrated(bad)


def test_points_that_unknown_joints_carry_are_unknown():
    model = load_model("kagami")
    positions = np.tile(model.rest, (2, 1))
    positions[1, model.index["left_elbow"]] = np.nan
    points = RobotPoints(model)(positions)
    assert np.isfinite(points[0]).all()
    unknown = ~np.isfinite(points[1]).all(axis=1)
    assert 1 <= unknown.sum() <= 2


def test_streams_of_any_rate_are_compared_at_one():
    times = np.arange(0.0, 2.0, 0.01)
    np.testing.assert_allclose(resampled(times, times[:, None])[:, 0],
                               np.arange(0.0, 1.991, 1 / 15), atol=1e-9)


def test_calibration_error_is_zero_when_confidence_is_true():
    right = np.arange(1000) % 10 < 8
    assert calibration_error(np.full(1000, 0.8), right) == pytest.approx(0.0, abs=1e-9)
    assert calibration_error(np.full(1000, 1.0), right) == pytest.approx(0.2)


def stream(*parts, rate=15.0):
    """Return times and points of courses and, for numbers, of seconds of standing still."""
    out = []
    for part in parts:
        still = out[-1] if out else course("lift", 3)[0]
        out += list(np.repeat(still[None], round(part * 15), axis=0)
                    if isinstance(part, float) else part)
    points = np.array(out)
    times = np.arange(len(points)) / 15.0
    at = np.arange(0.0, times[-1], 1.0 / rate)
    flat = points.reshape(len(points), -1)
    return at, np.array([np.interp(at, times, column) for column in flat.T]).T.reshape(
        -1, *points.shape[1:])


@pytest.mark.parametrize("rate", [15.0, 30.0, 11.0])
def test_a_movement_is_found_between_rests_at_any_rate(learnt, rate):
    onlooker = Onlooker(learnt)
    begins, ends = 2.0, 2.0 + len(course("sweep", 42)) / 15.0
    heard = [(time, onlooker.look(time, points))
             for time, points in zip(*stream(2.0, course("sweep", 42), 2.0, rate=rate))]
    assert all(one is None for time, one in heard if 1.0 < time < begins - 0.2)
    late = [one for time, one in heard if begins + 0.6 * (ends - begins) < time < ends]
    assert all(one is not None for one in late)
    assert learnt.names[late[-1].probability.argmax()] == "sweep"
    assert heard[-1][1] is None


def test_what_follows_after_a_rest_is_not_what_went_before(learnt):
    onlooker, told = Onlooker(learnt), []
    for time, points in zip(*stream(1.5, course("lift", 42), 1.5, course("circle", 43), 0.3)):
        one = onlooker.look(time, points)
        told.append(None if one is None else learnt.names[one.probability.argmax()])
    assert told[-4] == "circle"
    assert "lift" in told
