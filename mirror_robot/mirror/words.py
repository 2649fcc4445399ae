# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Words the other way round: "wave sadly, twice" to a unit and the manner in which to make it.

The words are those of the narration's language (`commands` in config/narration/<language>.yaml);
the names of units always count as words, so that what was learnt today can be asked for at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mirror_robot.mirror.affect import MOODS, face_of, feeling
from mirror_robot.mirror.intention import base_name
from mirror_robot.mirror.manner import Manner
from mirror_robot.mirror.metaphor import Metaphors
from mirror_robot.mirror.narration import NarrationError, load_words

_KINDS: Mapping[str, tuple[str, ...]] = {
    "moods": MOODS, "sides": ("left", "right", "both"), "tempo": ("slow", "fast"),
    "size": ("small", "large"), "degree": ("weak", "strong"),
}
_ANSWERS = ("does", "as_mood", "stops", "unknown", "nearest", "ask", "nothing", "lacks")
_TEMPO = {"": 1.0, "slow": 0.65, "fast": 1.4}
_SIZE = {"": 1.0, "small": 0.6, "large": 1.25}
_DEGREE = {"": 0.85, "weak": 0.5, "strong": 1.0}
_MOST_TIMES = 20


class WordsError(ValueError):
    """Words that cannot be understood; the message says which, and names the nearest known."""


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Attributes
    ----------
    unit : str
        Name of a unit; empty for stopping what is being done.
    mood : str
        One of `MOODS`.
    intensity : float
        Of the mood, 0..1.
    tempo, size : float
        Factors.
    times : int
        Of a movement that repeats.
    """

    unit: str
    mood: str = "calm"
    intensity: float = 0.85
    tempo: float = 1.0
    size: float = 1.0
    times: int = 3

    def manner(self, metaphors: Metaphors) -> Manner:
        """Return the manner in which it is to be made."""
        manner = metaphors.manner(feeling(self.mood, self.intensity))
        return replace(manner, tempo=manner.tempo * self.tempo, size=manner.size * self.size)

    def face(self) -> dict[str, float]:
        """Return the action units of the face that goes with it; empty for no expression."""
        return face_of(self.mood, self.intensity)


class Vocabulary:
    """The words that the robot obeys.

    Parameters
    ----------
    units : sequence of str
        Names of the units that it can perform.
    language : str or Path
        As for `Narrator`.

    Raises
    ------
    NarrationError
        If the language's ``commands`` are missing or wrong.
    """

    def __init__(self, units: Sequence[str], language: str | Path = "en") -> None:
        words = load_words(language)
        self._units = tuple(units)
        self._words = commands = words.get("commands")
        self._moods = words["feels"]["moods"]
        if problems := _problems(commands):
            raise NarrationError(f"language {language}: {'; '.join(problems)}")
        # Phrase as a tuple of words -> (kind, what it stands for).
        self._phrases: dict[tuple[str, ...], tuple[str, Any]] = {}
        bases = list(dict.fromkeys(base_name(unit) for unit in units))
        for word in commands["ignored"]:
            self._add(word, "ignored", "")
        for kind in ("times", *_KINDS):
            for meaning, phrases in commands[kind].items():
                for phrase in phrases:
                    self._add(phrase, kind, meaning)
        for unit, phrases in commands["units"].items():
            for phrase in phrases:
                self._add(phrase, "unit", unit)
        for unit in (*bases, *units):  # whatever the language says, a name is a name
            self._add(unit, "unit", unit)
            self._add(unit.replace("_", " "), "unit", unit)
        for phrase in commands["stop"]:  # ... but to stop the robot is more than any name
            self._add(phrase, "stop", "")
        self._longest = max(map(len, self._phrases))
        self._asked = [self._first_phrase(base) for base in bases]

    def _add(self, phrase: str, kind: str, meaning: Any) -> None:
        self._phrases[_tokens(str(phrase))] = (kind, meaning)

    def _first_phrase(self, unit: str) -> str:
        phrases = self._words["units"].get(unit)
        return phrases[0] if phrases else unit.replace("_", " ")

    def parse(self, text: str) -> Order:
        """Return what a sentence asks for.

        Raises
        ------
        WordsError
            If a word is not known, or nothing to do is named; the message says what is known.
        """
        tokens = _tokens(text)
        answers = self._words["answers"]
        found: dict[str, Any] = {}
        at = 0
        while at < len(tokens):
            for length in range(min(self._longest, len(tokens) - at), 0, -1):
                if entry := self._phrases.get(tokens[at:at + length]):
                    break
            else:
                if tokens[at].isdecimal():
                    entry, length = ("times", int(tokens[at][:4])), 1
                else:
                    raise WordsError(self._unknown(tokens[at]))
            kind, meaning = entry
            if kind == "stop":
                return Order("")
            if kind == "unit" and kind in found and found[kind] != meaning:
                # "shake head sadly" may end in a word that is a unit by itself; the first counts.
                meaning = found[kind]
            found[kind] = meaning
            at += length
        if "unit" not in found:
            raise WordsError(answers["nothing"].format(words=", ".join(self._asked)))
        mood = found.get("moods", "calm")
        return Order(
            self._variant(found["unit"], found.get("sides", "")), mood,
            _DEGREE[found.get("degree", "")], _TEMPO[found.get("tempo", "")],
            _SIZE[found.get("size", "")],
            min(max(int(found.get("times", 3)), 1), _MOST_TIMES))

    def _variant(self, unit: str, side: str) -> str:
        """Return the name of the unit that is made with that side."""
        if unit in self._units and not side:
            return unit
        base = base_name(unit)
        # Most people are right-handed, and so is a robot that is not told otherwise.
        for name in (f"{base}_{side}", f"{base}_right", f"{base}_left", base):
            if name in self._units:
                return name
        raise WordsError(self._words["answers"]["lacks"].format(unit=unit))

    def _unknown(self, word: str) -> str:
        answers = self._words["answers"]
        said = {" ".join(phrase): meaning for phrase, meaning in self._phrases.items()
                if meaning[0] != "ignored"}
        near = difflib.get_close_matches(word, said, n=3, cutoff=0.6)
        if near:
            known = answers["nearest"].format(words=", ".join(f"'{phrase}'" for phrase in near))
        else:
            known = answers["ask"].format(words=", ".join(self._asked))
        return answers["unknown"].format(word=word, known=known)

    def answer(self, order: Order) -> str:
        """Return the sentence that says what is going to be done."""
        answers = self._words["answers"]
        if not order.unit:
            return answers["stops"]
        how = "" if order.mood == "calm" else answers["as_mood"].format(
            mood=self._moods[order.mood])
        return answers["does"].format(what=self._first_phrase(base_name(order.unit)), how=how)


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[\w']+", text.lower()))


def _problems(commands: Any) -> list[str]:
    """Return what is missing or wrong in the commands of a language."""
    if not isinstance(commands, Mapping):
        return ["commands is missing"]
    problems = []
    for kind in ("units", "times", *_KINDS):
        table = commands.get(kind)
        if not isinstance(table, Mapping):
            problems.append(f"commands.{kind} is missing")
            continue
        valid = _KINDS.get(kind)
        for meaning, phrases in table.items():
            where = f"commands.{kind}.{meaning}"
            if valid and meaning not in valid:
                problems.append(f"{where}: valid are {', '.join(valid)}")
            if kind == "times" and not isinstance(meaning, int):
                problems.append(f"{where} must be a whole number")
            if not _texts(phrases):
                problems.append(f"{where} must be a list of texts, not {phrases!r}")
    problems += [f"commands.{key} must be a list of texts" for key in ("stop", "ignored")
                 if not _texts(commands.get(key))]
    answers = commands.get("answers")
    problems += [f"commands.answers.{key} is missing" for key in _ANSWERS
                 if not isinstance(answers, Mapping) or not isinstance(answers.get(key), str)]
    return problems


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
