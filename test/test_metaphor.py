# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Metaphors read from a body and laid upon movements; performing in a mood."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from mirror_robot.body.collision import SelfCollision
from mirror_robot.body.model import load_model
from mirror_robot.human.posture import HumanPosture
from mirror_robot.mirror.affect import (
    MOODS,
    Affect,
    BodyExpression,
    BodySense,
    ExplainedByActions,
    describe,
    face_of,
    feeling,
)
from mirror_robot.mirror.effort import EffortSense
from mirror_robot.mirror.manner import Manner, Performer
from mirror_robot.mirror.metaphor import MetaphorTableError, load_metaphors, metaphor_table
from mirror_robot.motor.repertoire import RepertoireError, load_repertoire
from mirror_robot.resources import share_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
import moods


@pytest.fixture(scope="module")
def performer() -> Performer:
    return Performer(load_repertoire(load_model("kagami")))


@pytest.fixture(scope="module")
def metaphors():
    return load_metaphors()


def _table() -> dict:
    return yaml.safe_load(share_file("config/metaphors.yaml").read_text(encoding="utf-8"))


# Reading

def test_a_sunken_slow_body_is_a_picture_of_down_or_heavy(metaphors):
    body = BodyExpression(head_pitch=0.5, torso_pitch=0.3, openness=0.0, raised=-0.9, speed=0.01,
                          strong=0.05, sudden=0.1)
    assert metaphors.picture(metaphors.read(body), feeling("sad")) in ("down", "heavy")


def test_leaning_near_with_level_eyes_is_toward_and_sinking_is_not(metaphors):
    near = metaphors.read(BodyExpression(torso_pitch=0.25, head_pitch=0.0))
    sunken = metaphors.read(BodyExpression(torso_pitch=0.25, head_pitch=0.6))
    assert near["away_toward"] > 0.7
    assert sunken["away_toward"] <= 0.0


def test_a_bow_that_is_recognised_is_no_picture(metaphors):
    body = BodyExpression(head_pitch=0.7, torso_pitch=0.6)
    assert metaphors.picture(metaphors.read(body)) == "down"
    explained = {"head_pitch": 0.9, "torso_pitch": 0.9}
    assert metaphors.picture(metaphors.read(body, explained)) == ""


def test_nothing_is_read_from_a_body_that_is_not_seen(metaphors):
    assert metaphors.read(BodyExpression()) == {}
    assert metaphors.picture({}) == ""


def test_a_picture_of_another_feeling_is_not_told(metaphors):
    body = BodyExpression(head_pitch=0.5, torso_pitch=0.3)
    assert metaphors.picture(metaphors.read(body), feeling("joyful")) in ("", "toward", "warm")


def test_what_a_unit_does_to_the_body_is_explained_by_it(performer):
    units = performer.repertoire.units
    explained = ExplainedByActions(performer.model, units)
    bowing = explained.explained(np.array([float(unit.name == "bow") for unit in units]))
    nothing = explained.explained(np.zeros(len(units)))
    assert bowing["head_pitch"] > 0.8 and bowing["torso_pitch"] > 0.8
    assert set(nothing.values()) == {0.0}
    waving = explained.explained(np.array([float(unit.name == "wave_left") for unit in units]))
    assert waving["head_pitch"] == 0.0, "a wave does not explain a bent head"


@pytest.mark.parametrize("mood", ["sad", "joyful", "angry", "afraid"])
def test_the_word_of_a_mood_stands_for_a_feeling_described_by_it(mood):
    assert describe(feeling(mood)).word == mood
    assert feeling(mood, 0.0).valence == 0.0


def test_an_unknown_mood_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="joyful"):
        feeling("joyfull")


# Effort

def _swing(rate: float, size: float, seconds: float = 4.0, square: float = 0.0):
    """Return the effort of an arm that swings, the more square the more suddenly."""
    sense = EffortSense()
    for stamp in np.arange(0.0, seconds, 0.04):
        wave = np.sin(2 * np.pi * rate * stamp)
        angle = size * (np.tanh(square * wave) if square else wave)
        posture = HumanPosture.standing()
        posture.limbs[:3] = [np.sin(angle), 0.0, -np.cos(angle)]
        effort = sense.update(stamp, posture)
    return effort


def test_wide_swings_are_stronger_and_jerks_are_more_sudden():
    assert _swing(0.5, 0.8).strong > 1.5 * _swing(0.5, 0.4).strong
    assert _swing(0.5, 0.4, square=6.0).sudden > 1.3 * _swing(0.5, 0.4).sudden


def test_a_way_that_goes_on_is_direct_and_to_and_fro_is_not():
    assert _swing(0.04, 1.5, seconds=3.0).direct > 0.8
    assert _swing(1.5, 0.3).direct < 0.4


def test_somebody_who_stands_still_shows_no_effort():
    sense = EffortSense()
    for stamp in np.arange(0.0, 1.0, 0.04):
        effort = sense.update(stamp, HumanPosture.standing())
    assert np.isnan(effort.strong)


# Showing

def _seen(model, trajectory):
    sense = BodySense(model)
    rows = [model.index[name] for name in trajectory.joint_names]
    bodies = []
    for stamp, positions in zip(trajectory.times[::2], trajectory.positions[::2]):
        whole = model.rest.copy()
        whole[rows] = positions
        bodies.append(sense.update(float(stamp), whole))
    return bodies


def test_a_sad_wave_is_lower_slower_and_smaller_than_a_delighted_one(performer, metaphors):
    sad = performer.perform("wave_left", metaphors.manner(feeling("sad")))
    glad = performer.perform("wave_left", metaphors.manner(feeling("joyful")))
    assert sad.times[-1] > 1.3 * glad.times[-1]
    seen_sad, seen_glad = _seen(performer.model, sad), _seen(performer.model, glad)
    assert max(b.raised for b in seen_sad) < max(b.raised for b in seen_glad) - 0.2
    middle_sad, middle_glad = seen_sad[len(seen_sad) // 2], seen_glad[len(seen_glad) // 2]
    assert middle_sad.head_pitch > middle_glad.head_pitch + 0.2


def test_what_is_shown_is_read_again(performer, metaphors):
    for mood, picture in (("sad", {"down", "heavy"}), ("joyful", {"up", "open", "light", "warm"})):
        bodies = _seen(performer.model, performer.perform(
            "wave_left", metaphors.manner(feeling(mood))))
        read = [metaphors.read(body) for body in bodies[20:]]
        places = {name: float(np.nanmean([r[name] for r in read if name in r]))
                  for name in read[0]}
        assert metaphors.picture(places, feeling(mood)) in picture


@pytest.mark.parametrize("mood", ["sad", "joyful", "angry", "afraid", "excited"])
@pytest.mark.parametrize("unit", ["wave_both", "bow", "clap", "smile", "raise_hand_right"])
def test_every_mood_keeps_the_limits(performer, metaphors, unit, mood):
    trajectory = performer.perform(unit, metaphors.manner(feeling(mood)), face=face_of(mood))
    assert moods.limits_hold(performer.model, trajectory)
    assert np.isfinite(trajectory.positions).all() and (np.diff(trajectory.times) > 0).all()


def test_a_mood_is_felt_from_the_body_while_the_face_is_hidden(performer, metaphors):
    def felt(mood):
        return moods.felt(performer.model, performer.perform(
            "raise_hand_right", metaphors.manner(feeling(mood))), 0.02, np.random.default_rng(0))

    sad, calm, joyful = (felt(mood) for mood in ("sad", "calm", "joyful"))
    assert sad[0] < min(-0.05, calm[0]) and joyful[0] > calm[0]
    assert sad[1] < calm[1] < joyful[1]


def test_a_movement_sets_out_from_where_the_robot_is(performer, metaphors):
    start = performer.model.rest.copy()
    start[performer.model.index["left_elbow"]] = -1.2
    trajectory = performer.perform("wave_left", metaphors.manner(feeling("angry")), start=start)
    column = trajectory.joint_names.index("left_elbow")
    assert trajectory.positions[0, column] == pytest.approx(-1.2, abs=0.02)


def test_the_arms_of_a_wide_delighted_clap_do_not_go_through_the_body(performer, metaphors):
    model = performer.model
    trajectory = performer.perform("hands_on_face", metaphors.manner(feeling("sad")))
    rows = [model.index[name] for name in trajectory.joint_names]
    collision = SelfCollision(model)
    for positions in trajectory.positions[::10]:
        whole = model.rest.copy()
        whole[rows] = positions
        assert collision.clearance(whole) > -0.03


def test_the_face_goes_with_the_mood_unless_the_unit_moves_it(performer):
    trajectory = performer.perform("wave_left", face=face_of("joyful"))
    corner = trajectory.positions[-1, trajectory.joint_names.index("left_mouth_corner")]
    assert corner > 0.1
    cry = performer.perform("cry", face=face_of("joyful"))
    alone = performer.perform("cry")
    lid = "left_lid"
    assert np.ptp(cry.positions[:, cry.joint_names.index(lid)]) == pytest.approx(
        np.ptp(alone.positions[:, alone.joint_names.index(lid)]), abs=0.02)


def test_a_stance_turns_the_head_and_leaves_the_arms_free(performer):
    model = performer.model
    stance = performer.stance(Manner(head=0.2, chest=0.1), gaze=(0.4, 0.0))
    shown = model.human_posture(stance)
    assert np.arctan2(shown.head[1, 0], shown.head[0, 0]) == pytest.approx(0.4, abs=0.1)
    assert np.isnan(stance[model.columns("left_arm")]).all()


def test_an_unknown_unit_is_answered_with_the_nearest(performer):
    with pytest.raises(RepertoireError, match="wave_left"):
        performer.perform("wave_lef")


def test_four_moods_are_told_apart_blindly():
    """The whole figure, over all units and trials, is benchmarks/moods.py."""
    features, labels, of_unit, _, broken = moods.performances(
        "kagami", 2, 0.02, ("wave_left", "raise_hand_right", "clap"))
    told = np.zeros(len(labels), bool)
    for number in range(3):
        out = of_unit == number
        told[out] = moods.nearest(features[~out], labels[~out], features[out]) == labels[out]
    assert told.mean() >= 0.95
    assert broken == 0


# The table

def test_every_scale_of_the_package_has_a_source_and_words_in_every_language(metaphors):
    for language in ("en", "de"):
        words = yaml.safe_load(share_file(f"config/narration/{language}.yaml").read_text(
            encoding="utf-8"))["feels"]["pictures"]
        for metaphor in metaphors:
            assert metaphor.source
            assert set(metaphor.name.split("_")) <= set(words)


def test_no_feeling_changes_nothing(metaphors):
    manner = metaphors.manner(Affect(0.0, 0.0, 0.0, 0.0, 1.0))
    assert (manner.head, manner.tempo, manner.size) == (0.0, 1.0, 1.0)
    assert set(MOODS) >= {"calm"} and metaphors.manner(feeling("calm")).tempo == 1.0


@pytest.mark.parametrize(("change", "told"), [
    (lambda t: t["down_up"].pop("source"), "lacks its source"),
    (lambda t: t["down_up"]["feeling"].update(valance=1.0), "valance.*valence"),
    (lambda t: t["down_up"]["seen"].update(head_pitch=[0, 1]), "list of 3 numbers"),
    (lambda t: t["down_up"]["seen"].update(head_pitch=[0, 1, 0.5]), "between the poles"),
    (lambda t: t["down_up"]["shown"].update(hight=[0, 1]), "hight.*height"),
    (lambda t: t["down_up"]["shown"].update(tempo=[0.0, 1]), "from 0.2 to 3"),
    (lambda t: t.update(up={}), "named after its poles"),
])
def test_a_mistake_in_the_table_is_refused_with_the_place(change, told):
    table = _table()
    change(table["metaphors"])
    with pytest.raises(MetaphorTableError, match=told):
        metaphor_table(table)
