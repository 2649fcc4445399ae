# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Answering instead of copying, selective copying, and who wins: copy, answer or performance."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from mirror_robot.body.model import load_model
from mirror_robot.mirror.acting import Acting
from mirror_robot.mirror.affect import EMOTIONS, Affect
from mirror_robot.mirror.intention import Intention, load_intentions
from mirror_robot.mirror.manner import Performer
from mirror_robot.mirror.metaphor import load_metaphors
from mirror_robot.mirror.narration import Understanding
from mirror_robot.mirror.recognition import Prediction
from mirror_robot.mirror.response import (
    Responder,
    ResponseTableError,
    load_responses,
    response_table,
)
from mirror_robot.mirror.words import Vocabulary, WordsError
from mirror_robot.motor.repertoire import load_repertoire
from mirror_robot.resources import share_file


@pytest.fixture(scope="module")
def performer() -> Performer:
    return Performer(load_repertoire(load_model("kagami")))


def _acting(performer: Performer, **options) -> Acting:
    return Acting(performer, load_metaphors(), Vocabulary(performer.repertoire.names),
                  Responder(), **options)


def _understood(stamp: float, intention: str = "none", emotion: str = "neutral") -> Understanding:
    emotions = {name: 0.9 if name == emotion else 0.1 / (len(EMOTIONS) - 1) for name in EMOTIONS}
    meant = Intention(stamp, intention, 0.9, {intention: 0.9})
    return Understanding(stamp, "anna", "", 0.0, meant,
                         Affect(stamp, 0.0, 0.0, 0.0, 0.8, emotions))


def _answered(responder: Responder, seconds: float = 1.0, begin: float = 0.0, **what):
    names = []
    for stamp in np.arange(begin, begin + seconds, 0.04):
        response, begins = responder.update(_understood(float(stamp), **what))
        if begins:
            names.append(response.name)
    return names


@pytest.mark.parametrize(("what", "name"), [
    ({"intention": "greet"}, "greet_back"), ({"intention": "take_leave"}, "say_goodbye"),
    ({"intention": "agree"}, "nod_along"), ({"intention": "point_out"}, "look_there"),
    ({"emotion": "weeping"}, "come_near"), ({"emotion": "anger"}, "step_back"),
    ({"emotion": "joy"}, "smile_back"), ({}, "attend"),
    ({"intention": "greet", "emotion": "weeping"}, "come_near"),
])
def test_the_table_answers(what, name):
    assert _answered(Responder(), **what) == [name]


def test_a_flicker_is_not_answered():
    responder = Responder()
    _answered(responder, 2.0)
    for number in range(30):
        stamp = 2.0 + 0.1 * number
        assert not responder.update(_understood(
            stamp, intention="greet" if number % 2 else "none"))[1]


def test_a_greeting_that_goes_on_is_returned_once():
    responder = Responder()
    names = _answered(responder, 3.0, intention="greet")
    names += _answered(responder, 2.0, 3.0, intention="none")
    names += _answered(responder, 1.0, 5.0, intention="greet")
    assert names.count("greet_back") == 1


def test_every_intention_of_the_table_exists_and_every_reason_is_told_in_both_languages():
    intentions = set(load_intentions().intentions)
    for response in load_responses().responses:
        assert response.intentions <= intentions
        assert {"en", "de"} <= set(response.because)


@pytest.mark.parametrize(("change", "told"), [
    (lambda t: t["responses"]["come_near"]["to"].update(emotion=["joi"]), "joi.*joy"),
    (lambda t: t["responses"]["greet_back"].update(mood="joyfull"), "joyful"),
    (lambda t: t["responses"]["greet_back"].pop("because"), "because"),
    (lambda t: t["responses"]["greet_back"].update(doo="wave"), "doo.*do"),
    (lambda t: t["responses"]["come_near"]["stance"].update(chest=4), "from -0.6 to 0.6"),
    (lambda t: t["spare"].update(joy={"sadness": 2.0}), "spare.joy.sadness"),
])
def test_a_mistake_in_the_table_is_refused_with_the_place(change, told):
    table = yaml.safe_load(share_file("config/responses.yaml").read_text(encoding="utf-8"))
    change(table)
    with pytest.raises(ResponseTableError, match=told):
        response_table(table)


# Copying

def _face(performer, corner):
    positions = np.full(len(performer.model.joint_names), np.nan)
    positions[performer.model.index["left_mouth_corner"]] = corner
    return positions


def test_a_copy_is_passed_on_at_once_with_its_stamp(performer):
    wanted = _acting(performer).copy(1.5, _face(performer, 0.3))
    assert wanted.stamp == 1.5
    assert wanted.positions[performer.model.index["left_mouth_corner"]] == 0.3


def test_the_smile_is_matched_and_the_tears_are_not(performer):
    acting = _acting(performer, selective=True)
    corner = performer.model.index["left_mouth_corner"]
    acting.answer(_understood(0.0, emotion="joy"), 0.0, performer.model.rest)
    smile = _face(performer, 0.3)
    assert acting.copy(0.1, smile).positions[corner] == pytest.approx(0.3, abs=0.02)
    acting.answer(_understood(0.2, emotion="weeping"), 0.2, performer.model.rest)
    assert acting.copy(0.3, _face(performer, 0.3)).positions[corner] < 0.05


def test_a_delayed_copy_comes_later_in_order_and_is_stamped_for_then(performer):
    acting = _acting(performer, delay=0.3)
    for number in range(5):
        assert acting.copy(1.0 + 0.04 * number, _face(performer, 0.1 * number)) is None
    assert acting.late(1.29) == []
    due = acting.late(1.36)
    assert [round(wanted.stamp, 2) for wanted in due] == [1.3, 1.34]
    assert len(acting.late(2.0)) == 3


def test_an_anticipating_copy_is_where_the_prediction_will_be(performer):
    acting, model = _acting(performer, delay=-0.2), performer.model
    mean = np.tile(_face(performer, 0.0), (5, 1))
    mean[:, model.index["left_mouth_corner"]] = np.linspace(0.1, 0.5, 5)
    prediction = Prediction("smile", model.joint_names, np.linspace(0.1, 0.5, 5), mean, mean)
    wanted = acting.copy(1.0, _face(performer, 0.0), prediction)
    assert wanted.positions[model.index["left_mouth_corner"]] == pytest.approx(0.16, abs=0.02)


# Performing

def test_what_is_asked_for_wins_over_the_copy_and_leaves_the_rest_to_it(performer):
    acting, model = _acting(performer), performer.model
    assert acting.ask("wave with the left hand", 10.0, model.rest) == "I wave."
    body = np.where(model.body, 0.1, np.nan)
    assert acting.copy(10.0, body) is None
    wanted = acting.wanted(10.9)
    elbow, other = model.index["left_elbow"], model.index["right_elbow"]
    assert wanted.stamp == 10.9
    assert wanted.positions[elbow] < -0.5
    acting.copy(10.88, body)
    assert acting.wanted(10.92).positions[other] == pytest.approx(0.1)


def test_a_performance_begins_where_the_robot_is_and_ends_by_itself(performer):
    acting, model = _acting(performer), performer.model
    acting.ask("wave sadly", 10.0, model.rest)
    first = acting.wanted(10.0).positions
    moved = np.isfinite(first)
    assert np.abs(first - model.rest)[moved & model.body].max() < 0.05
    while acting.performing:
        last = acting.wanted(12.0 + 0.5)
        last = acting.wanted(30.0)
    assert last is not None and acting.wanted(30.1) is None
    assert acting.copy(30.2, np.where(model.body, 0.1, np.nan)) is not None


def test_stop_ends_a_performance_and_an_unknown_word_does_not(performer):
    acting, model = _acting(performer), performer.model
    acting.ask("wave", 10.0, model.rest)
    with pytest.raises(WordsError, match="bow"):
        acting.ask("boww", 10.5, model.rest)
    assert acting.performing
    assert acting.ask("stop", 11.0, model.rest) == "I stop."
    assert not acting.performing


# Answering

def test_in_respond_mode_nothing_is_copied_and_the_sad_are_leant_to(performer):
    acting, model = _acting(performer, mode="respond"), performer.model
    assert acting.copy(0.0, np.where(model.body, 0.1, np.nan)) is None
    given = []
    for stamp in np.arange(0.0, 3.0, 0.04):
        response = acting.answer(_understood(float(stamp), emotion="weeping"), stamp, model.rest)
        if response:
            given.append(response.name)
        wanted = acting.wanted(float(stamp))
    assert given == ["come_near"]
    assert wanted.positions[model.index["torso_pitch"]] > 0.1
    assert wanted.positions[model.index["left_brow_tilt"]] > 0.0


def test_in_respond_mode_a_greeting_is_waved_back_smiling(performer):
    acting, model = _acting(performer, mode="respond"), performer.model
    for stamp in np.arange(0.0, 1.6, 0.04):
        acting.answer(_understood(float(stamp), intention="greet"), stamp, model.rest)
        wanted = acting.wanted(float(stamp))
    assert acting.performing
    assert wanted.positions[model.index["right_elbow"]] < -0.5
    assert wanted.positions[model.index["left_mouth_corner"]] > 0.05


def test_the_robot_looks_where_somebody_points(performer):
    acting, model = _acting(performer, mode="respond"), performer.model
    for stamp in np.arange(0.0, 3.0, 0.04):
        acting.answer(_understood(float(stamp), intention="point_out"), stamp, model.rest,
                      (0.7, 0.0))
        wanted = acting.wanted(float(stamp))
    assert wanted.positions[model.index["neck_yaw"]] > 0.4


def test_what_is_felt_from_a_face_far_away_must_be_the_clearer_to_be_answered():
    def answered(chance: float, confidence: float) -> str:
        responder = Responder()
        for frame in range(30):
            affect = Affect(frame / 30, -0.3, 0.3, 0.2, confidence,
                            {"anger": chance, "neutral": 1.0 - chance})
            current, _ = responder.update(Understanding(frame / 30, "1", affect=affect))
        return current.name

    assert answered(0.55, 0.9) == "step_back"
    assert answered(0.55, 0.2) == "attend"
    assert answered(0.95, 0.2) == "step_back"


def test_who_feels_nothing_that_is_known_is_attended_to():
    responder = Responder()
    for frame in range(30):
        current, _ = responder.update(Understanding(frame / 30, "1"))
    assert current.name == "attend"
