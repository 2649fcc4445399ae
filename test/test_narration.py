# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Narration: one clear sentence when the understanding changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from mirror_robot.mirror.affect import Affect
from mirror_robot.mirror.intention import Intention, load_intentions
from mirror_robot.mirror.narration import (
    NarrationError,
    Narrator,
    Understanding,
    known_languages,
    load_words,
    parse_name,
)
from mirror_robot.resources import share_file

JOY = {"joy": 0.9, "neutral": 0.1}
WEEPING = {"weeping": 0.8, "neutral": 0.2}


def _affect(stamp, valence, arousal=0.2, dominance=0.0, emotions=None):
    return Affect(stamp, valence, arousal, dominance, 0.9, emotions or {})


def _understanding(stamp, action="", label="none", affect=None, person="1"):
    return Understanding(
        stamp, person, action, 0.9 if action else 0.0, Intention(stamp, label, 0.6, {}),
        affect or _affect(stamp, 0.0, 0.0))


def _tell(narrator, start, end, **what):
    sentences = []
    stamp = start
    while stamp < end:
        if sentence := narrator.update(_understanding(stamp, **what)):
            sentences.append(sentence)
        stamp += 1 / 30
    return sentences


def test_a_wave_is_told_once_with_who_what_why_feeling_and_certainty():
    affect = _affect(0.0, 0.55, 0.35, 0.25)
    sentences = _tell(Narrator(), 0.0, 6.0, action="wave_left", label="greet", affect=affect)
    assert sentences == ["Person 1 waves with the left hand, probably as a greeting, "
                         "and seems very joyful - I am fairly sure."]


@pytest.mark.parametrize(("language", "waves", "gone", "gone_id"), [
    ("en", "Anna waves with the left hand, probably as a greeting, and seems very joyful - "
     "I am fairly sure.", "Anna is no longer there.", "Person 1 is no longer there."),
    ("de", "Anna winkt mit der linken Hand, wohl zum Gruß, und wirkt sehr fröhlich - "
     "ziemlich sicher.", "Anna ist nicht mehr da.", "Person 1 ist nicht mehr da."),
])
def test_who_has_a_name_is_called_by_it(language, waves, gone, gone_id):
    affect = _affect(0.0, 0.55, 0.35, 0.25)
    named = {"action": "wave_left", "label": "greet", "affect": affect}
    narrator = Narrator(language)
    said = [narrator.update(replace(_understanding(frame / 30, **named), name="Anna"))
            for frame in range(90)]
    assert [sentence for sentence in said if sentence] == [waves]
    assert narrator.gone("1") == gone
    assert not [s for s in _tell(narrator, 10.0, 13.0, **named) if "Anna" in s]
    assert narrator.gone("1") == gone_id


def test_a_name_is_one_line_and_not_long():
    assert parse_name("  Anna {id} Müller ") == "Anna {id} Müller"
    for text in ("x" * 100, "a\nb"):
        with pytest.raises(ValueError, match="one line of at most 80"):
            parse_name(text)


def test_in_a_mirror_the_robots_left_is_the_persons_right():
    sentence, = _tell(Narrator(mirror_image=True), 0.0, 2.0, action="wave_left", label="greet")
    assert "right hand" in sentence


def test_a_variant_may_have_words_of_its_own():
    sentence, = _tell(Narrator(mirror_image=True), 0.0, 2.0, action="raise_hand_left")
    assert sentence.startswith("Person 1 raises the right hand")


def test_somebody_who_weeps_with_raised_mouth_corners_is_not_said_to_smile():
    affect = _affect(0.0, -0.45, 0.2, -0.3, WEEPING)
    sentence, = _tell(Narrator(), 0.0, 2.0, action="smile", label="unknown", affect=affect)
    assert "weeps" in sentence and "distressed" in sentence
    assert "smile" not in sentence


def test_laughter_is_told_once_in_a_sentence():
    joy = _affect(0.0, 0.6, 0.4, 0.2, JOY)
    sentence, = _tell(Narrator(), 0.0, 2.0, action="laugh", affect=joy)
    assert sentence.count("laughs") == 1


def test_a_change_from_weeping_to_laughter_is_told():
    narrator = Narrator()
    first = _tell(narrator, 0.0, 5.0, affect=_affect(0.0, -0.45, 0.2, -0.3, WEEPING))
    second = _tell(narrator, 5.0, 10.0, affect=_affect(0.0, 0.6, 0.4, 0.3, JOY))
    assert len(first) == 1 and len(second) == 1
    assert "laughs" in second[0] and "joyful" in second[0]


def test_an_action_of_an_instant_is_not_worth_a_sentence():
    narrator = Narrator()
    _tell(narrator, 0.0, 3.0)
    assert _tell(narrator, 3.0, 3.3, action="nod", label="agree") == []


def test_understanding_that_changes_every_second_does_not_make_it_chatter():
    narrator = Narrator(interval=3.0)
    sentences = []
    for second in range(30):
        action, label = (("nod", "agree"), ("shake_head", "refuse"))[second % 2]
        sentences += _tell(narrator, float(second), second + 1.0, action=action, label=label)
    assert 5 <= len(sentences) <= 11


def test_a_change_that_the_words_do_not_tell_gives_no_second_sentence_alike():
    narrator = Narrator()
    emotions = {"sadness": 0.9, "neutral": 0.1}
    sad = _affect(0.0, -0.5, -0.2, -0.3, emotions)
    first = _tell(narrator, 0.0, 4.0, action="smile", affect=sad)
    # The felt face takes the place of the unit in the sentence: only the unit has changed.
    second = _tell(narrator, 4.0, 12.0, action="frown", affect=sad)
    assert len(first) == 1 and second == []


def test_the_end_of_an_action_alone_is_not_told():
    narrator = Narrator()
    assert len(_tell(narrator, 0.0, 3.0, action="nod", label="agree")) == 1
    assert _tell(narrator, 3.0, 10.0) == []


def test_several_people_are_told_of_independently():
    narrator = Narrator()
    assert _tell(narrator, 0.0, 1.0, action="nod", label="agree", person="1")
    assert _tell(narrator, 1.0, 2.0, action="nod", label="agree", person="2")
    assert narrator.gone("2") == "Person 2 is no longer there."
    assert narrator.gone("3") is None


def test_a_clock_that_jumps_back_does_not_silence_it():
    narrator = Narrator()
    assert _tell(narrator, 100.0, 102.0, action="nod", label="agree")
    assert _tell(narrator, 0.0, 2.0, action="clap", label="applaud")


def test_a_unit_learnt_today_is_told_by_its_name():
    sentence, = _tell(Narrator(), 0.0, 2.0, action="moon_walk", label="unknown")
    assert "moon walk" in sentence


@pytest.mark.parametrize("language", known_languages())
def test_every_language_has_words_for_all_units_and_intentions(language):
    words = load_words(language)
    table = load_intentions()
    repertoire = yaml.safe_load(share_file("config/repertoire.yaml").read_text(encoding="utf-8"))
    actions = {n for n, unit in repertoire["units"].items() if not unit.get("background")}
    assert actions <= set(words["actions"])
    assert set(table.intentions) <= set(words["why"]["intentions"])


def test_german_is_spoken_too():
    affect = _affect(0.0, -0.45, 0.2, -0.3, WEEPING)
    sentence, = _tell(Narrator("de"), 0.0, 2.0, affect=affect)
    assert sentence.startswith("Person 1 weint und wirkt verzweifelt")


def test_an_unknown_language_is_answered_with_the_known_ones():
    with pytest.raises(NarrationError, match=r"no language 'eng'.*de.*en"):
        Narrator("eng")


def test_words_that_are_missing_or_cannot_be_filled_in_are_named(tmp_path):
    words = dict(load_words("en"))
    del words["gone"]
    words["sentence"] = "{who} {dose}."
    words["sure"] = ["yes"]
    words["hand"] = {"left": "l", "right": "r"}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(words), encoding="utf-8")
    with pytest.raises(NarrationError) as error:
        load_words(path)
    for text in ("gone is missing", "dose cannot be filled in", "sure must be a list of 3",
                 "hand lacks both"):
        assert text in str(error.value)


def test_a_guess_waits_twice_as_long_and_has_no_picture():
    guess = replace(_affect(0.0, 0.5, 0.4, emotions=JOY), confidence=0.2)
    sure = replace(guess, confidence=0.9)
    for affect, spoken in ((sure, 2), (guess, 1)):
        narrator, said = Narrator(), []
        for frame in range(120):  # 4 s: something is done, then something else
            what = _understanding(frame / 30, "wave_left" if frame < 30 else "clap", affect=affect)
            said.append(narrator.update(replace(what, picture="up")))
        said = [sentence for sentence in said if sentence]
        assert len(said) == spoken
        assert ("in high spirits" in said[0]) == (affect is sure)


@pytest.mark.parametrize(("language", "says"), [
    ("en", "Person 1 cries, probably out of grief - I am fairly sure."),
    ("de", "Person 1 weint, wohl vor Kummer - ziemlich sicher.")])
def test_who_cries_is_not_said_to_seem_calm(language, says):
    assert _tell(Narrator(language), 0.0, 2.0, action="cry", label="grieve") == [says]
