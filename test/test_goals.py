# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Which object a hand reaches for: early, with probabilities, and honestly none."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from made_people import body

from mirror_robot.human.posture import HumanPosture
from mirror_robot.mirror.goals import NONE, GoalReader, Reach, hand_positions
from mirror_robot.nodes.frames import Frames
from mirror_robot.nodes.objects import Objects

NAMES = ("cup", "book", "lamp")
PLACES = np.array([[0.5, -0.1, 0.2], [0.4, 0.3, 0.2], [0.2, -0.5, 0.5]])
START = np.array([0.1, -0.25, -0.1])
RATE = 30.0


def reach_to(goal, seconds=0.8, before=12, after=6, noise=0.004, seed=0, start=START):
    """Return a hand's course (t, 3) to a goal: minimum jerk, seen with noise."""
    u = np.concatenate([np.zeros(before), np.linspace(0, 1, round(seconds * RATE)),
                        np.ones(after)])[:, None]
    course = start + (10 * u**3 - 15 * u**4 + 6 * u**5) * (np.asarray(goal) - start)
    return course + noise * np.random.default_rng(seed).standard_normal(course.shape)


def watch(course, reader=None, names=NAMES, places=PLACES, side=1, begin=0.0) -> list[Reach]:
    """Return what is told in each frame."""
    reader, told = reader or GoalReader(), []
    for frame, place in enumerate(course):
        hands = np.full((2, 3), np.nan)
        hands[side] = place
        told.append(reader.update(begin + frame / RATE, hands, names, places))
    return told


@pytest.mark.parametrize("goal", range(3))
@pytest.mark.parametrize("seconds", [0.5, 0.8, 1.3])
def test_the_object_is_known_before_the_hand_is_there(goal, seconds):
    told = watch(reach_to(PLACES[goal], seconds))
    right = [reach.target() == NAMES[goal] for reach in told]
    assert not any(reach.target() not in ("", NAMES[goal]) for reach in told)
    assert right.index(True) < 12 + 0.75 * seconds * RATE
    assert right[-1]
    assert told[-1].hand == "right"


def test_a_hand_at_rest_reaches_for_nothing_even_beside_an_object():
    course = reach_to(START, before=60) + (PLACES[0] - START)
    assert {reach.distribution[NONE] for reach in watch(course)} == {1.0}


def test_a_hand_that_goes_where_no_object_is_reaches_for_none():
    told = watch(reach_to([-0.3, -0.6, 0.1]))
    assert told[-1].distribution[NONE] > 0.8
    assert not any(reach.target() for reach in told)


def test_the_distribution_sums_to_one_and_names_every_object():
    for reach in watch(reach_to(PLACES[1])):
        assert set(reach.distribution) == {*NAMES, NONE}
        assert sum(reach.distribution.values()) == pytest.approx(1.0)


def test_two_objects_in_one_line_are_told_apart_by_where_the_hand_stops():
    line = PLACES[0] - START
    places = np.array([START + 0.6 * line, START + 1.3 * line])
    near = watch(reach_to(places[0]), names=("near", "far"), places=places)
    far = watch(reach_to(places[1]), names=("near", "far"), places=places)
    assert near[-1].target() == "near" and far[-1].target() == "far"


def test_a_reach_that_follows_another_is_for_the_second_object():
    reader = GoalReader()
    first = watch(reach_to(PLACES[0], after=12), reader)
    second = watch(reach_to(PLACES[1], start=PLACES[0]), reader, begin=len(first) / RATE)
    assert first[-1].target() == "cup" and second[-1].target() == "book"


def test_what_was_reached_for_is_told_for_a_moment_and_then_no_more():
    told = watch(reach_to(PLACES[0], after=60))
    assert told[45].target() == "cup" and told[-1].distribution[NONE] == 1.0


def test_an_object_whose_place_is_unknown_is_never_reached_for():
    places = PLACES.copy()
    places[0] = np.nan
    told = watch(reach_to(PLACES[0]), places=places)
    assert {reach.distribution["cup"] for reach in told} == {0.0}
    assert all(np.isfinite(list(reach.distribution.values())).all() for reach in told)


def test_a_clock_that_jumps_back_and_a_hand_that_vanishes_do_no_harm():
    reader = GoalReader()
    watch(reach_to(PLACES[0])[:20], reader, begin=100.0)
    told = watch(reach_to(PLACES[1]), reader)
    assert told[-1].target() == "book"
    gone = reader.update(50.0, np.full((2, 3), np.nan), NAMES, PLACES)
    assert gone.distribution[NONE] == 1.0


def test_the_left_hand_counts_as_much_and_no_objects_are_no_error():
    assert watch(reach_to(PLACES[1]), side=0)[-1].hand == "left"
    empty = GoalReader().update(0.0, np.zeros((2, 3)), (), np.zeros((0, 3)))
    assert empty.distribution == {NONE: 1.0} and empty.target() == ""


def test_a_hand_is_where_wrist_and_knuckles_are_or_the_wrist_alone():
    seen = body(0.0, HumanPosture.standing())
    whole = hand_positions(seen)
    assert whole[0, 1] > 0 > whole[1, 1]
    seen.landmarks[18] = np.nan
    assert hand_positions(seen)[1] == pytest.approx(seen.landmarks[16])


# Where the objects are

def _transform(parent, child, place, turn=0.0):
    x, y, z = place
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=parent), child_frame_id=child,
        transform=SimpleNamespace(
            translation=SimpleNamespace(x=x, y=y, z=z),
            rotation=SimpleNamespace(x=0.0, y=0.0, z=np.sin(turn / 2), w=np.cos(turn / 2))))


def _frames(*transforms) -> Frames:
    node = SimpleNamespace(create_subscription=lambda *arguments: None)
    frames = Frames(node, SimpleNamespace(TFMessage=None))
    frames.hear(SimpleNamespace(transforms=transforms))
    return frames


def test_transforms_are_chained_up_and_down():
    frames = _frames(_transform("base", "camera", (0.0, 0.0, 1.5)),
                     _transform("camera", "body_anna", (2.0, 0.0, -0.5), np.pi),
                     _transform("base", "cup", (1.5, 0.2, 1.0)))
    rotation, shift = frames.between("body_anna", "cup")
    assert shift == pytest.approx([0.5, -0.2, 0.0])
    assert rotation @ [1, 0, 0] == pytest.approx([-1, 0, 0], abs=1e-9)
    assert frames.between("body_anna", "nowhere") is None


def test_a_circle_of_frames_and_a_broken_rotation_do_no_harm():
    frames = _frames(_transform("a", "b", (1.0, 0, 0)), _transform("b", "a", (1.0, 0, 0)))
    assert frames.between("a", "c") is None
    broken = _transform("base", "cup", (0.0, 0.0, 0.0))
    broken.transform.rotation.w = 0.0
    assert _frames(broken).between("base", "cup") is None


def test_what_moves_and_is_not_heard_of_any_more_is_nowhere(monkeypatch):
    frames = _frames(_transform("base", "cup", (1.0, 0, 0)))
    assert frames.between("base", "cup") is not None
    import mirror_robot.nodes.frames as module
    later = module.time.monotonic() + 10.0
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    assert frames.between("base", "cup") is None


def test_objects_of_a_list_and_of_tf_are_seen_from_where_the_person_is():
    objects = Objects("base", _frames(
        _transform("base", "body_anna", (2.0, 0.0, 0.9), np.pi),
        _transform("base", "cup", (1.4, 0.3, 1.1))))
    objects.listed, objects.tracked = {"box": np.array([1.5, 0.0, 0.9])}, ("cup", "lost")
    names, seen, root = objects.seen_from("anna", 0.0)
    assert names == ("box", "cup", "lost") and objects.lost == ("lost",)
    assert seen[:2] == pytest.approx(np.array([[0.5, 0.0, 0.0], [0.6, -0.3, 0.2]]))
    assert root[:2] == pytest.approx(np.array([[1.5, 0.0, 0.9], [1.4, 0.3, 1.1]]))
    assert np.isnan(seen[2]).all()


def test_without_tf_the_person_stands_where_the_parameter_says_turned_as_they_are_seen():
    objects = Objects("base", None)
    objects.listed, objects.person_at = {"box": np.array([0.7, 0.0, 0.9])}, np.array([1.2, 0, 0.9])
    assert objects.seen_from("anna", 0.0)[1] == pytest.approx(np.array([[0.5, 0.0, 0.0]]))
    # Turned to their left by a quarter, they have the robot on their right.
    assert objects.seen_from("anna", np.pi / 2)[1] == pytest.approx(
        np.array([[0.0, -0.5, 0.0]]), abs=1e-9)
