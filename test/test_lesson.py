# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Lessons: counted down, watched, learnt from, kept; and taken up while the robot runs."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from made_people import body

from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.human.posture import HumanPosture
from mirror_robot.mirror.lesson import (
    COUNTING,
    OVER,
    SHOWING,
    WAITING,
    Lesson,
    LessonError,
    keep,
    learn,
)
from mirror_robot.mirror.live import LiveRepertoire
from mirror_robot.mirror.system import MirrorSystem, MirrorUnits
from mirror_robot.motor.repertoire import load_repertoire
from mirror_robot.motor.script import RepertoireError
from mirror_robot.motor.shown import Shown, change_shown, cut, load_shown

RATE = 20.0


def swing(turns: int = 1, rest: float = 1.4, seed: int = 0) -> list[HumanPosture]:
    """Return the postures of somebody who draws the right forearm up before the chest."""
    random = np.random.default_rng(seed)
    still = np.zeros(int(rest * RATE))
    lifts = np.concatenate([still, *[np.concatenate(
        [0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, 36)), still])] * turns])
    postures = []
    for number, lift in enumerate(lifts):
        posture = HumanPosture.standing(number / RATE)
        a, b = np.array([0.0, 2.0]) + [1.2 * lift - 0.2, 0.4 * lift - 2.0] + (
            0.004 * random.standard_normal(2))
        posture.limbs[3] = [np.sin(a), -0.3 * lift, -np.cos(a)]
        posture.limbs[4:] = [0.3 * lift, np.sin(2.2 * lift), -np.cos(2.2 * lift) + b * 0.1]
        posture.limbs[3:] /= np.linalg.norm(posture.limbs[3:], axis=1, keepdims=True)
        postures.append(posture)
    return postures


@pytest.fixture(scope="module")
def model() -> RobotModel:
    return load_model("kagami")


@pytest.fixture(scope="module")
def built_in(model):
    return load_repertoire(model, taught=())


def attend(lesson: Lesson, postures: list[HumanPosture], start: float = 0.0) -> list[str]:
    """Let a lesson see postures as time passes; return what it said."""
    said = []
    for posture in postures:
        lesson.see(posture)
        said += lesson.update(start + posture.stamp)
    return said


def test_a_lesson_waits_counts_down_and_ends_by_itself_when_enough_was_shown():
    lesson = Lesson("swing", repetitions=2, countdown=2)
    assert lesson.update(0.0) == ["lesson swing: I am looking for somebody"]
    assert lesson.state == WAITING
    lesson.see(HumanPosture.standing())
    said = lesson.update(1.0)
    assert lesson.state == COUNTING and said[-1] == "2 ..."
    assert lesson.update(2.1) == ["1 ..."]
    assert lesson.update(3.1) == ["now: show it 2 times, with a rest after each"]
    assert lesson.state == SHOWING
    said = attend(lesson, swing(2), start=4.0)
    assert [text.split(" (")[0] for text in said] == ["seen 1 of 2", "seen 2 of 2"]
    assert lesson.state == OVER and len(lesson.shown) == 2


def test_a_repetition_counts_only_once_it_is_complete():
    lesson = Lesson("swing", repetitions=1, countdown=0)
    attend(lesson, [HumanPosture.standing()])
    half = swing()[:46]  # still moving
    assert attend(lesson, half, start=1.0) == []
    assert lesson.state == SHOWING


def test_what_happens_before_the_countdown_is_over_is_not_learnt():
    lesson = Lesson("swing", repetitions=1, countdown=30)
    attend(lesson, [HumanPosture.standing()])
    attend(lesson, swing(), start=1.0)
    assert lesson.state == COUNTING and not lesson.shown


def test_nobody_seen_and_too_long_end_a_lesson():
    lesson = Lesson("swing", patience=5.0)
    lesson.update(0.0)
    assert "nobody was seen" in lesson.update(5.1)[0]
    assert lesson.state == OVER
    lesson = Lesson("swing", repetitions=3, countdown=0, longest=4.0)
    attend(lesson, [HumanPosture.standing()])
    said = attend(lesson, swing(1, rest=1.5), start=0.5)
    assert "lesson swing ends after 1 repetition" in said
    assert lesson.state == OVER and len(lesson.shown) == 1


def test_whoever_ends_a_lesson_keeps_what_was_shown_and_whoever_cancels_it_nothing():
    lesson = Lesson("swing", repetitions=3, countdown=0)
    attend(lesson, [HumanPosture.standing()])
    attend(lesson, swing()[:-20], start=1.0)  # no rest follows
    assert not lesson.shown
    assert lesson.end() == ["lesson swing ends after 1 repetition"]
    assert len(lesson.shown) == 1
    assert "nothing is kept" in lesson.cancel()[0]
    assert not lesson.shown


def test_a_bad_name_or_count_is_refused_before_anybody_moves():
    with pytest.raises(RepertoireError, match="lower-case"):
        Lesson("Two Words")
    with pytest.raises(ValueError, match="at least once"):
        Lesson("swing", repetitions=0)


def test_nothing_shown_and_nothing_to_move_it_with_are_explained(model, built_in):
    with pytest.raises(LessonError, match="from rest to rest"):
        learn("swing", (), model, built_in.units)
    nods = []
    for number in range(60):
        angle = 0.5 * np.sin(np.pi * max(number - 15, 0) / 30) * (15 <= number < 45)
        c, s = np.cos(angle), np.sin(angle)
        head = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        nods.append(HumanPosture.standing(number / RATE).with_head(head))
    headless = RobotModel.from_profile(replace(model.profile, chains={
        name: chain for name, chain in model.profile.chains.items() if name != "head"}))
    with pytest.raises(LessonError, match="no joint for what moved"):
        learn("bob", cut(nods), headless, ())


def test_a_movement_like_one_that_is_known_is_said_to_be_confused_with_it(model, built_in):
    first = learn("swing", cut(swing(2)), model, built_in.units)
    again = learn("swing_again", cut(swing(2, seed=1)), model,
                  built_in.with_units([first.unit]).units)
    assert first.own > 0.4
    assert "swing" in again.rivals
    assert any("confused with" in text and "swing" in text for text in again.sentences())


@pytest.mark.parametrize("mirror_image", [True, False])
def test_what_was_shown_is_recognised_when_it_is_done_again(model, built_in, mirror_image):
    unit = learn("swing", cut(swing(3)), model, built_in.units).unit
    mirror = MirrorSystem(built_in.with_units([unit]), mirror_image=mirror_image)
    fired, told = [], []
    for posture in swing(2, seed=7):
        mirror.see_body(body(10.0 + posture.stamp, posture))
        reading = mirror.understand(10.0 + posture.stamp)
        fired.append(reading.activation["swing"])
        told.append(reading.sentence or "")
    assert max(fired) > 0.8
    assert any("makes the movement 'swing'" in text for text in told)


def test_two_who_change_the_file_at_once_lose_nothing(tmp_path):
    path, movement = tmp_path / "taught.npz", Shown("swing", tuple(cut(swing())))
    inside = []

    def slowly(kept):
        inside.append(len(kept))
        time.sleep(0.3)
        return [*kept, movement]

    with ThreadPoolExecutor(1) as other:
        first = other.submit(change_shown, path, slowly)
        while not inside:
            time.sleep(0.01)
        keep(replace(movement, name="other"), path)
        first.result()
    assert {one.name for one in load_shown(path)} == {"swing", "other"}


# While the robot runs

def wait(live: LiveRepertoire, seconds: float = 20.0):
    """Poll until something is to be taken up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (units := live.poll()) is not None:
            return units
        if live.problem and not live.busy:
            return None
        time.sleep(0.02)
    raise AssertionError("nothing came")


def names_of(repertoire):
    return set(repertoire.names)


def test_a_running_robot_follows_the_file_whoever_changes_it(model, tmp_path):
    path = tmp_path / "taught.npz"
    live = LiveRepertoire(model, None, path, copy)
    assert "swing" not in names_of(live.first()) and live.poll() is None
    movement = Shown("swing", tuple(cut(swing())))
    keep(movement, path)
    assert "swing" in names_of(wait(live)) and live.taught == ("swing",)
    change_shown(path, lambda kept: [replace(kept[0], name="sway")])
    renamed = names_of(wait(live))
    assert "sway" in renamed and "swing" not in renamed
    change_shown(path, lambda kept: [])
    assert not names_of(wait(live)) & {"sway", "swing"}


def test_a_damaged_file_is_told_and_what_is_in_use_stays(model, tmp_path):
    path = tmp_path / "taught.npz"
    keep(Shown("swing", tuple(cut(swing()))), path)
    live = LiveRepertoire(model, None, path, copy)
    live.first()
    good = path.read_bytes()
    path.write_bytes(good[:200])
    assert wait(live) is None
    assert "taught.npz is no usable file" in live.problem and live.taught == ("swing",)
    path.write_bytes(good)
    assert "swing" in names_of(wait(live)) and not live.problem


def test_a_robot_starts_with_what_is_built_in_when_nothing_that_was_taught_can_be_read(
        model, tmp_path):
    path = tmp_path / "taught.npz"
    path.write_bytes(b"no archive")
    live = LiveRepertoire(model, None, path, copy)
    assert "wave_left" in names_of(live.first())
    assert "taught.npz" in live.problem and live.taught == ()


def test_units_that_stay_go_on_where_they_are_when_another_is_taken_up(model, built_in):
    postures = swing(1)
    unit = learn("swing", cut(swing(2)), model, built_in.units).unit
    with_swing = built_in.with_units([unit])
    more = with_swing.with_units([replace(unit, name="copycat", action="copycat")])
    mirror, other = MirrorSystem(with_swing), MirrorSystem(with_swing)
    units = MirrorUnits.of(more)
    for number, posture in enumerate(postures):
        stamp = 10.0 + posture.stamp
        for one in (mirror, other):
            one.see_body(body(stamp, posture))
        before, reference = mirror.understand(stamp), other.understand(stamp)
        if number == 52:
            assert before.activation["swing"] > 0.4
            mirror.take_up(units)
        if number == 53:
            assert before.activation["swing"] + before.activation["copycat"] > 0.8 * (
                reference.activation["swing"])
            assert before.activation.phase[before.activation.names.index("swing")] == (
                pytest.approx(reference.activation.phase[
                    reference.activation.names.index("swing")], abs=0.1))
