# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Words that ask for movements, in every language."""

from __future__ import annotations

import pytest
import yaml

from mirror_robot.mirror.intention import base_name
from mirror_robot.mirror.metaphor import load_metaphors
from mirror_robot.mirror.narration import NarrationError, known_languages
from mirror_robot.mirror.words import Order, Vocabulary, WordsError
from mirror_robot.motor.script import read_scripts
from mirror_robot.resources import share_file

UNITS = tuple(script.name for script in read_scripts(share_file("config/repertoire.yaml")))


@pytest.fixture(scope="module")
def english() -> Vocabulary:
    return Vocabulary((*UNITS, "moonwalk", "high_five_left"))


@pytest.mark.parametrize(("text", "unit", "mood"), [
    ("wave sadly", "wave_right", "sad"), ("wave", "wave_right", "calm"),
    ("Wave with the left hand, please!", "wave_left", "calm"),
    ("say hello with both hands, very happily", "wave_both", "joyful"),
    ("wave with a heavy heart", "wave_right", "sad"),
    ("shake your head angrily", "shake_head", "angry"),
    ("raise_hand_left", "raise_hand_left", "calm"), ("raise your left hand", None, None),
    ("bow a little shyly", "bow", "afraid"), ("moonwalk", "moonwalk", "calm"),
    ("high five", "high_five_left", "calm"), ("nod twice", "nod", "calm"),
])
def test_a_sentence_names_unit_and_mood(english, text, unit, mood):
    if unit is None:
        with pytest.raises(WordsError, match="raise"):
            english.parse(text)
    else:
        order = english.parse(text)
        assert (order.unit, order.mood) == (unit, mood)


def test_number_tempo_size_and_degree_are_understood(english):
    assert english.parse("wave twice").times == 2
    assert english.parse("wave 7 times").times == 7
    assert english.parse("wave 999999999 times").times <= 20
    assert english.parse("wave slowly").tempo < 1 < english.parse("wave fast").tempo
    assert english.parse("wave very sadly").intensity > english.parse("wave sadly").intensity
    assert english.parse("big wave").size > 1


def test_a_word_that_is_misspelt_is_answered_with_the_nearest(english):
    with pytest.raises(WordsError, match=r"'wvae'.*'wave'"):
        english.parse("wvae sadly")
    with pytest.raises(WordsError, match=r"'sady'.*'sad"):
        english.parse("wave sady")


def test_a_word_like_no_other_is_answered_with_what_can_be_asked(english):
    with pytest.raises(WordsError, match=r"xylophone.*wave.*clap"):
        english.parse("xylophone")


@pytest.mark.parametrize("text", ["", "please", "sadly", "!?", "  "])
def test_a_sentence_that_names_nothing_to_do_is_answered_with_what_there_is(english, text):
    with pytest.raises(WordsError, match="wave"):
        english.parse(text)


def test_stop_stops(english):
    assert english.parse("please stop").unit == ""
    assert english.answer(Order("")) == "I stop."


def test_the_answer_tells_what_is_done_and_how(english):
    assert english.answer(english.parse("wave sadly")) == "I wave as if I were sad."


def test_a_unit_that_this_robot_lacks_is_named():
    with pytest.raises(WordsError, match="bow"):
        Vocabulary(("wave_left",)).parse("bow")


@pytest.mark.parametrize("language", known_languages())
def test_every_action_and_mood_can_be_asked_for_in_every_language(language):
    vocabulary = Vocabulary(UNITS, language)
    words = yaml.safe_load(share_file(f"config/narration/{language}.yaml").read_text(
        encoding="utf-8"))["commands"]
    for unit in {base_name(name) for name in UNITS} & set(words["units"]):
        for phrase in words["units"][unit]:
            assert base_name(vocabulary.parse(phrase).unit) == unit, phrase
    some = words["units"]["wave"][0]
    for mood, phrases in words["moods"].items():
        for phrase in phrases:
            order = vocabulary.parse(f"{some} {phrase}")
            assert order.mood == mood and order.unit.startswith("wave")
        assert vocabulary.answer(order)


def test_german_words_are_obeyed():
    order = Vocabulary(UNITS, "de").parse("Winke bitte sehr traurig mit der linken Hand")
    assert (order.unit, order.mood, order.intensity) == ("wave_left", "sad", 1.0)


def test_a_mood_slows_what_is_asked_for_and_fast_hastens_it(english):
    metaphors = load_metaphors()
    assert english.parse("wave sadly").manner(metaphors).tempo < 1
    assert (english.parse("wave sadly fast").manner(metaphors).tempo
            > english.parse("wave sadly").manner(metaphors).tempo)


def test_a_language_without_commands_is_refused(tmp_path):
    words = yaml.safe_load(share_file("config/narration/en.yaml").read_text(encoding="utf-8"))
    words["commands"]["moods"]["gloomy"] = ["gloomily"]
    del words["commands"]["answers"]["does"]
    path = tmp_path / "words.yaml"
    path.write_text(yaml.safe_dump(words), encoding="utf-8")
    with pytest.raises(NarrationError, match=r"moods.gloomy.*answers.does"):
        Vocabulary(UNITS, path)
