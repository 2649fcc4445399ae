# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Answers instead of copies: which behaviour goes with what somebody intends and feels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from mirror_robot.mirror.affect import EMOTIONS, MOODS, expression
from mirror_robot.mirror.narration import Understanding
from mirror_robot.resources import share_file
from mirror_robot.tables import Checks, choices

_CLEAR = 0.45
"""Probability from which an emotion is answered ..."""

_FADED = 0.30
"""... and below which it no longer is."""

_SURE = 0.4
"""Confidence of what is felt below which its probability counts for less in proportion."""


class ResponseTableError(ValueError):
    """A table of responses that cannot be used; says where, and what would be right."""


_check = Checks(ResponseTableError)
_mapping, _number, _names = _check.mapping, _check.number, _check.names


@dataclass(frozen=True)
class Response:
    """One way to answer.

    Attributes
    ----------
    name : str
    intentions, emotions : frozenset of str
        What is answered; empty where it does not matter.
    unit : str
        A movement, with or without its side; empty for none.
    mood : str
        In which it is made.
    head, chest : float
        Pitch [rad].
    look : bool
        Whether to look where the person points.
    face : mapping emotion -> 0..1
    because : mapping language -> str
    """

    name: str
    intentions: frozenset[str] = frozenset()
    emotions: frozenset[str] = frozenset()
    unit: str = ""
    mood: str = "calm"
    head: float = 0.0
    chest: float = 0.0
    look: bool = False
    face: Mapping[str, float] = field(default_factory=dict)
    because: Mapping[str, str] = field(default_factory=dict)

    def action_units(self) -> dict[str, float]:
        """Return the action units of the face."""
        return blended(self.face)

    def reason(self, language: str) -> str:
        """Return why, in a language, or else in English."""
        return self.because.get(language, self.because.get("en", self.name.replace("_", " ")))

    def answers(self, understanding: Understanding, clear: float = _CLEAR) -> bool:
        """Return whether all conditions hold."""
        if self.intentions and (understanding.intention is None
                                or understanding.intention.label not in self.intentions):
            return False
        if self.emotions:
            felt = understanding.affect
            if felt is None:
                return False
            chance = sum(felt.emotions.get(emotion, 0.0) for emotion in self.emotions)
            # What is felt from a face that is far away must be the clearer.
            return chance * min(felt.confidence / _SURE, 1.0) >= clear
        return True


@dataclass(frozen=True)
class ResponseTable:
    """The responses, first come first served, and what selective mimicry spares.

    Attributes
    ----------
    responses : tuple of Response
    spare : mapping emotion -> {emotion shown instead: 0..1}
    """

    responses: tuple[Response, ...]
    spare: Mapping[str, Mapping[str, float]]

    def spared(self, emotions: Mapping[str, float]) -> tuple[float, dict[str, float]]:
        """Return how far the face is not to be copied, 0..1, and the action units instead.

        Parameters
        ----------
        emotions : mapping emotion -> probability
            What is felt with the person.
        """
        weights = {emotion: emotions.get(emotion, 0.0) for emotion in self.spare}
        total = sum(weights.values())
        if total <= 0.0:
            return 0.0, {}
        instead: dict[str, float] = {}
        for emotion, weight in weights.items():
            for unit, value in blended(self.spare[emotion]).items():
                instead[unit] = instead.get(unit, 0.0) + weight / total * value
        # A doubt copies on; from even odds the expression is no longer copied.
        return min(max((total - 0.25) / 0.25, 0.0), 1.0), instead


def blended(face: Mapping[str, float]) -> dict[str, float]:
    """Return the action units of a face that shows some emotions at once."""
    units: dict[str, float] = {}
    for emotion, intensity in face.items():
        for unit, value in expression(emotion, intensity).items():
            units[unit] = max(units.get(unit, 0.0), value)
    return units


class Responder:
    """Chooses the response that fits, steadily.

    Parameters
    ----------
    table : ResponseTable, optional
        By default that of the package.
    settle : float
        How long the conditions must hold [s].
    hold : float
        How long a response lasts at least [s].
    again : float
        After how long a movement may be made once more while its cause goes on [s].
    """

    def __init__(
        self, table: ResponseTable | None = None, settle: float = 0.3, hold: float = 1.5,
        again: float = 8.0,
    ) -> None:
        self.table = table or load_responses()
        self._settle, self._hold, self._again = settle, hold, again
        self.reset()

    def reset(self) -> None:
        """Forget the person."""
        self.current: Response | None = None
        self._since = 0.0
        self._candidate: Response | None = None
        self._candidate_since = 0.0
        self._made: dict[str, float] = {}
        self._stamp: float | None = None

    def update(self, understanding: Understanding) -> tuple[Response | None, bool]:
        """Return the response that goes with `understanding`, and whether it begins now."""
        stamp = understanding.stamp
        if self._stamp is not None and stamp < self._stamp:
            self.reset()
        self._stamp = stamp
        # The one that is given stays a little longer, so that it does not flicker.
        fitting = next((response for response in self.table.responses if response.answers(
            understanding, _FADED if response is self.current else _CLEAR)), None)
        if fitting is not self._candidate:
            self._candidate, self._candidate_since = fitting, stamp
        if fitting is self.current or stamp - self._candidate_since < self._settle or (
                self.current is not None and stamp - self._since < self._hold):
            return self.current, False
        self.current, self._since = fitting, stamp
        if fitting is not None and fitting.unit:
            made = self._made.get(fitting.name)
            if made is not None and stamp - made < self._again:
                return fitting, False
            self._made[fitting.name] = stamp
        return fitting, fitting is not None


def load_responses(path: str | Path | None = None) -> ResponseTable:
    """Read a table of responses, by default that of the package.

    Raises
    ------
    ResponseTableError
        If the file cannot be read or anything in it is not as it should be.
    """
    path = share_file("config/responses.yaml") if path is None else Path(path).expanduser()
    try:
        return response_table(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ResponseTableError(f"cannot read {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ResponseTableError(f"{path} is not valid YAML: {error}") from error
    except ResponseTableError as error:
        raise ResponseTableError(f"{path}: {error}") from None


def response_table(content: Any) -> ResponseTable:
    """Return the table that the content of a file describes.

    Raises
    ------
    ResponseTableError
        If anything in it is not as it should be.
    """
    content = _mapping(content, "the table", ("format", "responses", "spare"))
    if content.get("format") != 1:
        raise ResponseTableError(f"format must be 1, not {content.get('format')!r}")
    responses = tuple(_response(str(name), entry) for name, entry in
                      _mapping(content.get("responses"), "responses").items())
    spare = {str(emotion): MappingProxyType(_face(face, f"spare.{emotion}")) for emotion, face in
             _mapping(content.get("spare") or {}, "spare", EMOTIONS).items()}
    return ResponseTable(responses, MappingProxyType(spare))


def _response(name: str, entry: Any) -> Response:
    where = f"responses.{name}"
    entry = _mapping(entry, where, ("to", "do", "mood", "stance", "face", "because"))
    to = _mapping(entry.get("to"), f"{where}.to", ("intention", "emotion"))
    emotions = _names(to.get("emotion", []), f"{where}.to.emotion")
    for emotion in emotions:
        if emotion not in EMOTIONS:
            raise ResponseTableError(
                f"{where}.to.emotion: no emotion {emotion!r}; {choices(emotion, EMOTIONS)}")
    mood = str(entry.get("mood", "calm"))
    if mood not in MOODS:
        raise ResponseTableError(f"{where}.mood: no mood {mood!r}; {choices(mood, MOODS)}")
    stance = _mapping(entry.get("stance") or {}, f"{where}.stance", ("head", "chest", "look"))
    if stance.get("look", "there") != "there":
        raise ResponseTableError(f"{where}.stance.look can only be 'there'")
    because = _mapping(entry.get("because"), f"{where}.because")
    if not because:
        raise ResponseTableError(f"{where} lacks its reason (because)")
    return Response(
        name, frozenset(_names(to.get("intention", []), f"{where}.to.intention")),
        frozenset(emotions), str(entry.get("do") or ""), mood,
        _number(stance.get("head", 0.0), f"{where}.stance.head", -0.6, 0.6),
        _number(stance.get("chest", 0.0), f"{where}.stance.chest", -0.6, 0.6),
        "look" in stance, MappingProxyType(_face(entry.get("face") or {}, f"{where}.face")),
        MappingProxyType({str(key): str(text) for key, text in because.items()}))


def _face(value: Any, where: str) -> dict[str, float]:
    return {str(emotion): _number(number, f"{where}.{emotion}", 0.0, 1.0)
            for emotion, number in _mapping(value, where, EMOTIONS).items()}
