# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Says in a sentence what was understood, when the understanding changes; never chatters."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from mirror_robot.mirror.affect import EMOTIONS, MOODS, Affect, Mood, describe
from mirror_robot.mirror.intention import NONE, UNKNOWN, Intention, base_name
from mirror_robot.resources import share_folders
from mirror_robot.tables import choices

_SIDES = {"left": "right", "right": "left", "both": "both"}
_FIELDS: Mapping[str, frozenset[str]] = {
    "who": frozenset({"id"}), "gone": frozenset({"who"}), "other": frozenset({"unit"}),
    "sentence": frozenset({"who", "does", "why", "feels", "sure"}),
    "why.sentence": frozenset({"intention"}), "feels.sentence": frozenset({"degree", "mood"}),
    "feels.picture": frozenset({"picture"}), "reaches": frozenset({"object"}),
}
_LISTS = {"feels.degrees": 3, "sure": 3}
_MAPPINGS = {
    "hand": ("left", "right", "both"), "faces": tuple(e for e in EMOTIONS if e != "neutral"),
    "feels.moods": MOODS, "feels.pictures": (), "actions": (), "why.intentions": (),
}
_TEXTS = ("language", "still", "and")

_FACES = ("smile", "laugh", "cry", "frown", "sad_face", "disgust", "surprise", "close_eyes")
"""Units of the face, which the felt emotion tells better."""

_DEGREE_FROM = (0.35, 0.60)
"""Intensity of a mood from which it is told plainly, and from which as strong."""

_LONGEST_NAME = 80

_SURE_FROM = (0.45, 0.70)
"""Probability from which the robot is fairly sure, and from which it is sure."""


class NarrationError(ValueError):
    """A language that does not exist, or words that are incomplete; says what is missing."""


@dataclass(frozen=True)
class Understanding:
    """What is understood of one person at one instant.

    Attributes
    ----------
    stamp : float
        Acquisition time [s].
    person : str
        Who; the identity that the tracking gave, new for each appearance.
    action : str
        Name of the unit that fires, of body or head before face; empty for none.
    action_probability : float
        0..1.
    intention : Intention, optional
    affect : Affect, optional
    picture : str
        Pole of the metaphor that the body is a picture of, such as ``heavy``; empty for none.
    target : str
        The object that is reached for; empty for none.
    target_probability : float
        0..1.
    name : str
        What the person is called, by which they are told and remembered; empty if not known.
    """

    stamp: float
    person: str
    action: str = ""
    action_probability: float = 0.0
    intention: Intention | None = None
    affect: Affect | None = None
    picture: str = ""
    target: str = ""
    target_probability: float = 0.0
    name: str = ""


def parse_name(text: str) -> str:
    """Return what somebody is called, without spaces around it; empty for not known.

    Raises
    ------
    ValueError
        If it is no name that a sentence can hold.
    """
    name = text.strip()
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise ValueError(f"a name is one line of at most {_LONGEST_NAME} characters")
    return name


def known_languages() -> tuple[str, ...]:
    """Return the codes of the languages that there are words in."""
    for folder in share_folders():
        if names := sorted(path.stem for path in (folder / "config/narration").glob("*.yaml")):
            return tuple(names)
    return ()


def load_words(language: str | Path = "en") -> Mapping[str, Any]:
    """Read the words of a language, by its code or from a file of one's own.

    Raises
    ------
    NarrationError
        If there is no such language or file, or something in it is missing or wrong.
    """
    path = Path(language).expanduser()
    if path.suffix not in (".yaml", ".yml"):
        known = known_languages()
        if str(language) not in known:
            raise NarrationError(f"no language {str(language)!r}; "
                                 f"{choices(str(language), known)}, or a .yaml file of words")
        path = next(file for folder in share_folders()
                    if (file := folder / f"config/narration/{language}.yaml").is_file())
    try:
        words = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NarrationError(f"cannot read {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise NarrationError(f"{path} is not valid YAML: {error}") from error
    if problems := list(_problems(words)):
        raise NarrationError(f"{path}: {'; '.join(problems)}")
    return words


def _at(words: Any, where: str) -> Any:
    for key in where.split("."):
        words = words.get(key) if isinstance(words, Mapping) else None
    return words


def _problems(words: Any) -> list[str]:
    """Return what is missing or wrong in the words of a language."""
    problems = []
    for where in (*_TEXTS, *_FIELDS):
        text = _at(words, where)
        if not isinstance(text, str):
            problems.append(f"{where} is missing or no text")
        elif where in _FIELDS and (wrong := _fields(text) - _FIELDS[where]):
            problems.append(f"{where}: {', '.join(sorted(wrong))} cannot be filled in; valid: "
                            f"{', '.join(sorted(_FIELDS[where]))}")
    for where, length in _LISTS.items():
        found = _at(words, where)
        if not isinstance(found, Sequence) or isinstance(found, str) or len(found) != length:
            problems.append(f"{where} must be a list of {length} texts")
    for where, needed in _MAPPINGS.items():
        found = _at(words, where)
        if not isinstance(found, Mapping):
            problems.append(f"{where} is missing")
        elif missing := [name for name in needed if not isinstance(found.get(name), str)]:
            problems.append(f"{where} lacks {', '.join(missing)}")
    for unit, text in (_at(words, "actions") or {}).items():
        if not isinstance(text, str) or _fields(text) - {"hand"}:
            problems.append(f"actions.{unit} may only have {{hand}} to be filled in")
    return problems


def _fields(text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        return {"a brace that is not closed"}


@dataclass(frozen=True)
class _Said:
    """What a sentence is about; a new sentence needs another of these."""

    action: str
    face: str
    intention: str
    mood: str
    target: str = ""


class Narrator:
    """Tells in sentences what is understood of people.

    A change must last before it is worth saying, and after a sentence there is silence for a
    while: for a mere shift of mood twice as long as for something done, and for what is only a
    guess twice as long as for what is not.

    Parameters
    ----------
    language : str or Path
        Code of a language (`known_languages`) or a file of words.
    mirror_image : bool
        Whether the robot moves as in a mirror: then its left unit is the person's right hand.
    settle : float
        How long a change must last [s].
    interval : float
        Least time between two sentences about one person [s].

    Attributes
    ----------
    meanings : mapping unit -> str
        What units do that the language has no words for, such as those that were taught.
    """

    def __init__(
        self, language: str | Path = "en", mirror_image: bool = False, settle: float = 0.5,
        interval: float = 2.5,
    ) -> None:
        self._words = load_words(language)
        self.mirror_image, self._settle, self._interval = mirror_image, settle, interval
        self.meanings: Mapping[str, str] = {}
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._said: dict[str, tuple[float, _Said]] = {}
        self._candidate: dict[str, tuple[float, _Said]] = {}
        self._last: dict[str, float] = {}
        self._sentences: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def update(self, understanding: Understanding) -> str | None:
        """Return the sentence that is due now, or None."""
        stamp, person = understanding.stamp, understanding.person
        if stamp < self._last.get(person, stamp):  # a bag that loops, a clock that jumps back
            self._forget(person)
        self._last[person], self._names[person] = stamp, understanding.name
        mood = describe(understanding.affect) if understanding.affect else Mood("calm", 0.0)
        about = _Said(understanding.action, self._face(understanding.affect),
                      understanding.intention.label if understanding.intention else NONE,
                      mood.word, understanding.target)
        since, candidate = self._candidate.get(person, (stamp, about))
        if candidate != about:
            since = stamp
        self._candidate[person] = (since, about)
        if stamp - since < self._settle:
            return None
        if person in self._said:
            when, before = self._said[person]
            only_mood = about == replace(before, mood=about.mood)
            guess = self._certainty(understanding, about) < _SURE_FROM[0]
            if about == before or stamp - when < self._interval * (1 + only_mood) * (1 + guess):
                return None
            # An end is told by what comes next; only a face and mood that calm down are told.
            idle = not (about.action or about.target)
            if idle and about.face == before.face and about.mood == before.mood:
                return None
        sentence = self._sentence(understanding, about, mood)
        # What changed may be something that the words do not tell.
        told = sentence != self._sentences.get(person)
        self._said[person], self._sentences[person] = (stamp, about), sentence
        return sentence if told else None

    def gone(self, person: str) -> str | None:
        """Return the sentence that a person has gone; None if nothing was said of them."""
        spoken, who = person in self._said, self._who(person)
        self._forget(person)
        return self._words["gone"].format(who=who) if spoken else None

    def _forget(self, person: str) -> None:
        for memory in (self._said, self._candidate, self._last, self._sentences, self._names):
            memory.pop(person, None)

    def _who(self, person: str) -> str:
        return self._names.get(person) or self._words["who"].format(id=person)

    def _face(self, affect: Affect | None, clear: float = 0.5) -> str:
        """Return the emotion that shows in the face, or an empty string."""
        if affect is None or not affect.emotions:
            return ""
        emotion = max(affect.emotions, key=lambda name: affect.emotions[name])
        shows = emotion in self._words["faces"] and affect.emotions[emotion] >= clear
        return emotion if shows and describe(affect).word != "calm" else ""

    def _sentence(self, understanding: Understanding, about: _Said, mood: Mood) -> str:
        words = self._words
        done = []
        # The unit of a face says how the face moves, the felt emotion what that is: weeping moves
        # the corners of the mouth like a smile.
        if about.target:
            done.append(words["reaches"].format(object=about.target.replace("_", " ")))
        elif about.action and not (about.face and about.action in _FACES):
            done.append(self._action(about.action))
        if about.face:
            done.append(words["faces"][about.face])
        why = feels = ""
        intention = understanding.intention
        if done and intention and intention.label not in (NONE, UNKNOWN):
            meant = words["why"]["intentions"].get(
                intention.label, intention.label.replace("_", " "))
            why = words["why"]["sentence"].format(intention=meant)
        sure = _level(self._certainty(understanding, about), _SURE_FROM)
        # Who cries is not said to seem calm, only because the feeling in it was not clear.
        shown = mood.word == "calm" and about.action in _FACES and not about.target
        if understanding.affect and not shown:
            degree = words["feels"]["degrees"][_level(mood.intensity, _DEGREE_FROM)]
            feels = words["feels"]["sentence"].format(
                degree="" if mood.word == "calm" else degree,
                mood=words["feels"]["moods"][mood.word])
            # A language may have no picture for it, and one does not paint what one guesses.
            picture = words["feels"].get("pictures", {}).get(understanding.picture)
            if picture and sure:
                feels += words["feels"]["picture"].format(picture=picture)
        if not feels:
            why = why.rstrip(",")  # that parted it from the feeling
        text = words["sentence"].format(
            who=self._who(understanding.person), does=words["and"].join(done) or words["still"],
            why=why, feels=feels, sure=words["sure"][sure])
        return text[0].upper() + text[1:]

    def _action(self, unit: str) -> str:
        actions, base = self._words["actions"], base_name(unit)
        side = unit.removeprefix(base).lstrip("_")
        if side and self.mirror_image:
            side = _SIDES[side]
        text = actions.get(f"{base}_{side}", actions.get(base))
        if text is None:
            if meaning := self.meanings.get(unit):
                return meaning
            return self._words["other"].format(unit=unit.replace("_", " "))
        return text.format(hand=self._words["hand"].get(side, ""))

    @staticmethod
    def _certainty(understanding: Understanding, about: _Said) -> float:
        """Return the least of the certainties of what the sentence says."""
        certain = []
        if about.target:
            certain.append(understanding.target_probability)
        elif about.action:
            certain.append(understanding.action_probability)
        if about.intention not in (NONE, UNKNOWN) and understanding.intention:
            certain.append(understanding.intention.probability)
        if understanding.affect:
            certain.append(understanding.affect.confidence)
        return min(certain, default=0.0)


def _level(value: float, borders: Sequence[float]) -> int:
    """Return how many of the ascending `borders` the value reaches."""
    return sum(value >= border for border in borders)
