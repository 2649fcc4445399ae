# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What is understood at a moment of a run, and a line whenever that changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mirror_robot.demo.recording import Recording
from mirror_robot.mirror.affect import Affect, describe
from mirror_robot.mirror.intention import NONE, UNKNOWN
from mirror_robot.viewer.state import firing, is_action, spoken

__all__ = ["Story", "Understanding", "firing", "format_line", "is_action", "meaning", "spoken",
           "understanding_at"]

_FRESH = 1.5  # [s] after which what was heard is no longer taken for the present
_HELD = 0.3  # [s] that a change must last to be told ...
_WAVERING = 1.5  # [s] ... unless it wavers: then it is told as it stands, this often


@dataclass(frozen=True)
class Understanding:
    """What the loop says at one moment.

    Attributes
    ----------
    person : str
        Transient id, ``body_<id>`` or ``face_<id>``; empty when nobody is seen.
    action, action_probability
        The motor unit that fires for the person; empty and 0 where none does.
    intention, intention_probability
        What is probably meant; `UNKNOWN` or `NONE` where nothing is.
    valence, arousal : float
        -1..1.
    mood : str
        The same as a word.
    sentence : str
    state : str
        Of the actuation: ``following``, ``holding`` and the like.
    robot : str
        What the robot does, in a few words.
    seen, own : mapping unit -> 0..1
        Activation of the motor units by the person and by the robot's own movement.
    """

    person: str = ""
    action: str = ""
    action_probability: float = 0.0
    intention: str = NONE
    intention_probability: float = 0.0
    valence: float = 0.0
    arousal: float = 0.0
    mood: str = ""
    sentence: str = ""
    response: str = ""
    state: str = ""
    robot: str = ""
    seen: Mapping[str, float] = field(default_factory=dict)
    own: Mapping[str, float] = field(default_factory=dict)


def understanding_at(recording: Recording, time: float) -> Understanding:
    """Return what had been understood by `time` [s]: by what had arrived then, not later."""
    tracks = recording.tracks
    body = tracks["body"].known_at(time, _FRESH)
    face = tracks["face"].known_at(time, _FRESH)
    _, seen = tracks["seen"].known_at(time, _FRESH) or ("", {})
    _, own = tracks["self"].known_at(time, _FRESH) or ("", {})
    intention = tracks["intention"].known_at(time, _FRESH) or NONE
    intentions = tracks["intentions"].known_at(time, _FRESH) or {}
    feeling = tracks["affect"].known_at(time, _FRESH)
    action, probability = firing(seen)
    state = (tracks["command"].known_at(time, _FRESH) or ("still", {}))[0]
    own_action, _ = firing(own)
    return Understanding(
        person=f"body_{body.id}" if body else face[0] if face else "",
        action=action, action_probability=probability,
        intention=intention, intention_probability=intentions.get(intention, 0.0),
        valence=feeling[0] if feeling else 0.0, arousal=feeling[1] if feeling else 0.0,
        mood=describe(Affect(time, *feeling, confidence=1.0)).word if feeling else "",
        sentence=tracks["narration"].known_at(time) or "",
        response=tracks["response"].known_at(time) or "",
        state=state, robot=f"{state}, does {spoken(own_action)}" if own_action else state,
        seen=seen, own=own)


def meaning(present: Understanding) -> str:
    """Return what is probably meant, with the probability, or a dash."""
    if present.intention in (NONE, UNKNOWN):
        return "-" if present.intention == NONE else UNKNOWN
    return f"{spoken(present.intention)} {100 * present.intention_probability:.0f} %"


class Story:
    """Gives a line whenever the understanding has changed for good.

    Parameters
    ----------
    begin : float
        Of the clip [s]; lines tell the time since then.
    """

    def __init__(self, begin: float) -> None:
        self._begin = begin
        self._told: tuple[str, ...] | None = None
        self._told_at = begin
        self._sentence = self._response = ""
        self._candidate: tuple[str, ...] | None = None
        self._since = begin

    def line(self, recording: Recording, now: float) -> str | None:
        """Return a line for people if there is something new at `now` [s], else None."""
        present = understanding_at(recording, now)
        what = (present.person, present.action, present.intention, present.mood, present.state,
                present.sentence, present.response)
        if what != self._candidate:
            self._candidate, self._since = what, now
        if what == self._told or (
                now - self._since < _HELD and now - self._told_at < _WAVERING):
            return None
        self._told, self._told_at = what, now
        line = format_line(self._since - self._begin, present)
        if present.sentence != self._sentence:
            self._sentence = present.sentence
            line += f"\n{'':10}\"{present.sentence}\""
        if present.response != self._response:
            self._response = present.response
            line += f"\n{'':10}answers: {present.response}"
        return line


def format_line(time: float, present: Understanding) -> str:
    """Return the line for what is understood `time` [s] after the clip's begin."""
    action = f"{spoken(present.action)} {100 * present.action_probability:.0f} %"
    return (
        f"{time:6.1f} s  {present.person or 'nobody':<11} {action if present.action else '-':<20} "
        f"means {meaning(present):<22} feels {present.mood or '-':<10} "
        f"({present.valence:+.2f}, {present.arousal:+.2f})  robot {present.robot}")
