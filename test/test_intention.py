# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Intentions: from activations in a context to what is probably meant."""

from __future__ import annotations

import copy
import itertools

import pytest
import yaml

from mirror_robot.mirror.affect import Affect
from mirror_robot.mirror.intention import (
    NONE,
    UNKNOWN,
    IntentionReader,
    IntentionTableError,
    intention_table,
    load_intentions,
)
from mirror_robot.resources import share_file

IDLE = {"body": {"rest": 0.95}, "head": {"head_still": 0.95}, "face": {"face_neutral": 0.95}}


def _content():
    return yaml.safe_load(share_file("config/intentions.yaml").read_text(encoding="utf-8"))


def _settle(reader, activation, start=0.0, **context):
    for frame in range(60):
        intention = reader.update(start + frame / 30, activation, **context)
    return intention


def _affect(valence, dominance=0.0):
    return Affect(0.0, valence, 0.2, dominance, 0.9)


@pytest.mark.parametrize(("unit", "channel", "label"), [
    ("wave_left", "body", "greet"), ("wave_both", "body", "greet"),
    ("raise_hand_right", "body", "ask_for_attention"), ("point_left", "body", "point_out"),
    ("nod", "head", "agree"), ("shake_head", "head", "refuse"), ("clap", "body", "applaud"),
    ("arms_open", "body", "welcome"), ("bow", "body", "show_respect"),
    ("shrug", "body", "not_knowing"), ("smile", "face", "share_joy"),
    ("frown", "face", "disapprove"), ("surprise", "face", "be_astonished"),
    ("hands_on_face", "body", "grieve"), ("beckon_right", "body", "call_over"),
    ("celebrate", "body", "celebrate"), ("offer_left", "body", "offer"),
    ("plead", "body", "request"), ("stop_right", "body", "hold_off"),
    ("think_left", "body", "consider"), ("cry", "face", "grieve"),
])
def test_a_clear_unit_is_read_as_what_it_mostly_means(unit, channel, label):
    intention = _settle(IntentionReader(), {**IDLE, channel: {unit: 0.9}})
    assert intention.label == label
    assert intention.probability > 0.4
    assert sum(intention.distribution.values()) == pytest.approx(1.0)


def test_every_action_of_the_repertoire_stands_in_the_table():
    repertoire = yaml.safe_load(share_file("config/repertoire.yaml").read_text(encoding="utf-8"))
    table = load_intentions()
    for name, unit in repertoire["units"].items():
        if unit.get("background"):
            assert name in table.background
        else:
            assert name in table.units


def test_nothing_but_background_means_nothing():
    assert _settle(IntentionReader(), IDLE).label == NONE


def test_thin_evidence_is_unknown():
    reader = IntentionReader()
    assert _settle(reader, {"body": {"wave_left": 0.25, "point_left": 0.2, "nod": 0.1}}
                   ).label == UNKNOWN
    assert _settle(reader, {"body": {"a_unit_learnt_today": 0.95}}, 5.0).label == UNKNOWN
    assert _settle(reader, {}, 10.0).label == UNKNOWN


def test_a_smile_makes_a_wave_more_of_a_greeting_and_no_wave_makes_it_joy():
    wave = {**IDLE, "body": {"wave_left": 0.9}}
    both = {**wave, "face": {"smile": 0.9}}
    smile = {**IDLE, "face": {"smile": 0.9}}
    assert _settle(IntentionReader(), both).label == "greet"
    assert _settle(IntentionReader(), smile).label == "share_joy"
    assert (_settle(IntentionReader(), both).distribution["share_joy"]
            > _settle(IntentionReader(), wave).distribution["share_joy"])


def test_hands_on_the_face_of_somebody_sad_is_more_surely_grief():
    covered = {**IDLE, "body": {"hands_on_face": 0.9}}
    alone = _settle(IntentionReader(), covered)
    sad = _settle(IntentionReader(), covered, affect=_affect(-0.5, -0.3))
    glad = _settle(IntentionReader(), covered, affect=_affect(0.5))
    assert (sad.distribution["grieve"] > alone.distribution["grieve"]
            > glad.distribution["grieve"])


def test_a_wave_after_a_greeting_turns_toward_farewell():
    reader = IntentionReader()
    wave = {**IDLE, "body": {"wave_left": 0.9}}
    first = _settle(reader, wave)
    _settle(reader, IDLE, 2.0)
    second = _settle(reader, wave, 4.0)
    assert first.label == "greet"
    assert second.distribution["take_leave"] > 1.5 * first.distribution["take_leave"]


def test_every_intention_that_people_are_known_by_can_be_read():
    wanted = {"greet", "take_leave", "agree", "refuse", "ask_for_attention", "call_over",
              "point_out", "offer", "request", "take", "celebrate", "despair"}
    table = load_intentions()
    assert wanted <= set(table.intentions)
    for name in wanted:
        column = table.intentions.index(name)
        assert max(meaning[column] for meaning in table.units.values()) >= 0.2, name


def test_grief_without_any_power_turns_toward_despair():
    covered = {**IDLE, "body": {"hands_on_face": 0.9}, "face": {"cry": 0.9}}
    sad = _settle(IntentionReader(), covered, affect=_affect(-0.4, -0.1))
    lost = _settle(IntentionReader(), covered, affect=_affect(-0.8, -0.6))
    assert sad.label == "grieve"
    assert lost.label == "despair"


def test_who_called_somebody_over_and_holds_out_a_hand_asks_rather_than_offers():
    hand = {**IDLE, "body": {"offer_right": 0.9}}
    alone = _settle(IntentionReader(), hand)
    reader = IntentionReader()
    _settle(reader, {**IDLE, "body": {"beckon_right": 0.9}})
    _settle(reader, IDLE, 2.0)
    after = _settle(reader, hand, 4.0)
    assert alone.label == "offer"
    assert after.distribution["request"] > 1.3 * alone.distribution["request"]


def test_a_hand_that_goes_for_an_object_wants_to_take_it():
    reach = {**IDLE, "goal": {"reach": 0.9, "no_reach": 0.1}}
    assert _settle(IntentionReader(), reach).label == "take"
    assert _settle(IntentionReader(), {**IDLE, "goal": {"no_reach": 1.0}}).label == NONE


def test_somebody_turned_away_hardly_greets_the_robot():
    wave = {**IDLE, "body": {"wave_left": 0.9}}
    assert (_settle(IntentionReader(), wave, facing=False).distribution["greet"]
            < 0.75 * _settle(IntentionReader(), wave, facing=True).distribution["greet"])


def test_labels_do_not_flicker_when_two_units_are_equally_likely():
    reader = IntentionReader()
    labels = []
    for frame in range(300):
        share = 0.5 + (0.05 if frame // 3 % 2 else -0.05)
        activation = {**IDLE, "body": {"clap": share, "point_left": 0.98 - share}}
        labels.append(reader.update(frame / 30, activation).label)
    changes = sum(a != b for a, b in itertools.pairwise(labels))
    assert changes <= 2


def test_the_distribution_does_not_depend_on_the_frame_rate():
    wave = {**IDLE, "body": {"wave_left": 0.9}}
    slow, fast = IntentionReader(), IntentionReader()
    slow.update(0.0, IDLE)
    fast.update(0.0, IDLE)
    for frame in range(1, 4):
        seen_slow = slow.update(frame / 10, wave)
    for frame in range(1, 13):
        seen_fast = fast.update(frame / 40, wave)
    assert seen_slow.distribution["greet"] == pytest.approx(
        seen_fast.distribution["greet"], abs=0.01)


def test_a_clock_that_jumps_back_starts_over():
    reader = IntentionReader()
    _settle(reader, {**IDLE, "body": {"wave_left": 0.9}}, 100.0)
    assert reader.update(3.0, IDLE).label == NONE


@pytest.mark.parametrize(("change", "message"), [
    (lambda c: c["units"].update(wave={"gret": 0.5}), "did you mean 'greet'"),
    (lambda c: c["units"].update(wave={"greet": 0.8, "agree": 0.4}), "sum to 1.2"),
    (lambda c: c["units"].update(wave={"greet": -0.1}), "units.wave.greet"),
    (lambda c: c["units"].update(wave={"greet": True}), "units.wave.greet"),
    (lambda c: c["units"].update(wave=0.3), "must be a mapping"),
    (lambda c: c["units"].update(rest={"greet": 0.5}), "either background"),
    (lambda c: c["intentions"].update(unknown="?"), "exists by itself"),
    (lambda c: c.update(contxt=[]), "did you mean 'context'"),
    (lambda c: c.update(format=2), "format must be 1"),
    (lambda c: c["context"].append({"when": {"face": 1}, "factors": {}}), "no key 'face'"),
    (lambda c: c["context"].append({"when": {}, "factors": {}}), "no condition"),
    (lambda c: c["context"].append({"when": {"valence": [1, 0]}, "factors": {}}), "from, to"),
    (lambda c: c["context"].append({"when": {"after": ["greeet"]}, "factors": {}}), "'greet'"),
    (lambda c: c["context"].append({"when": {"facing": "yes"}, "factors": {}}), "true or false"),
])
def test_a_mistake_in_the_table_is_refused_with_an_explanation(change, message):
    content = copy.deepcopy(_content())
    change(content)
    with pytest.raises(IntentionTableError, match=message):
        intention_table(content)


def test_a_table_that_is_not_there_or_no_yaml_is_one_clear_error(tmp_path):
    with pytest.raises(IntentionTableError, match="cannot read"):
        load_intentions(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("units: [", encoding="utf-8")
    with pytest.raises(IntentionTableError, match="not valid YAML"):
        load_intentions(broken)
