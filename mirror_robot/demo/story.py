# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What is understood at a moment of a run, and a line whenever that changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mirror_robot.demo.recording import Recording

_FRESH = 1.5  # [s] after which what was heard is no longer taken for the present
_HELD = 0.3  # [s] that a change must last to be told
_FIRING = 0.3  # activation from which a unit of the robot's own is worth mentioning
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Understanding:
    """What the loop says at one moment.

    Attributes
    ----------
    person : str
        Transient id, ``body_<id>`` or ``face_<id>``; empty when nobody is seen.
    action : str
        The most likely intention, `UNKNOWN` where there is none.
    probability : float
        Of the action, 0..1; 0 when it is unknown.
    valence, arousal : float
        -1..1.
    sentence : str
    robot : str
        What the robot does, in a few words.
    seen, own : mapping unit -> 0..1
        Activation of the motor units by the person and by the robot's own movement.
    """

    person: str = ""
    action: str = UNKNOWN
    probability: float = 0.0
    valence: float = 0.0
    arousal: float = 0.0
    sentence: str = ""
    robot: str = ""
    seen: Mapping[str, float] = field(default_factory=dict)
    own: Mapping[str, float] = field(default_factory=dict)

    @property
    def mood(self) -> str:
        """The quadrant of valence and arousal, in a word."""
        if abs(self.valence) < 0.2:
            return "alert" if self.arousal > 0.4 else "even"
        if self.valence > 0:
            return "joyful" if self.arousal > 0.2 else "content"
        return "distressed" if self.arousal > 0.2 else "sad"


def understanding_at(recording: Recording, time: float) -> Understanding:
    """Return what had been understood by `time` [s]: by what had arrived then, not later."""
    tracks = recording.tracks
    body = tracks["body"].known_at(time, _FRESH)
    face = tracks["face"].known_at(time, _FRESH)
    person = f"body_{body.id}" if body else face[0] if face else ""
    _, seen = tracks["seen"].known_at(time, _FRESH) or ("", {})
    _, own = tracks["self"].known_at(time, _FRESH) or ("", {})
    action = tracks["intention"].known_at(time) or UNKNOWN
    valence, arousal, _ = tracks["affect"].known_at(time, _FRESH) or (0.0, 0.0, 0.0)
    state = (tracks["command"].known_at(time, _FRESH) or ("", {}))[0] or "does not move"
    strongest = max(own, key=own.get, default="")
    if strongest and own[strongest] >= _FIRING and strongest != UNKNOWN:
        state += f", feels itself {strongest.replace('_', ' ')}"
    return Understanding(
        person=person, action=action, probability=seen.get(action, 0.0), valence=valence,
        arousal=arousal, sentence=tracks["narration"].known_at(time) or "", robot=state,
        seen=seen, own=own)


class Story:
    """Gives a line whenever the understanding has changed for good."""

    def __init__(self, begin: float) -> None:
        self._begin = begin
        self._told: tuple[str, ...] | None = None
        self._candidate: tuple[str, ...] | None = None
        self._since = begin

    def line(self, recording: Recording, now: float) -> str | None:
        """Return a line for people if there is something new at `now` [s], else None."""
        present = understanding_at(recording, now)
        what = present.person, present.action, present.mood, present.robot
        if what != self._candidate:
            self._candidate, self._since = what, now
        if what == self._told or now - self._since < _HELD:
            return None
        self._told = what
        return format_line(self._since - self._begin, present)


def format_line(time: float, present: Understanding) -> str:
    """Return the line for what is understood `time` [s] after the clip's begin."""
    action = present.action.replace("_", " ")
    chance = f"{100 * present.probability:3.0f} %" if present.action != UNKNOWN else "     "
    return (f"{time:6.1f} s  {present.person or 'nobody':<8} {action:<14} {chance}  "
            f"{present.mood:<10} v {present.valence:+.2f} a {present.arousal:+.2f}  "
            f"robot: {present.robot}" + (f"  | {present.sentence}" if present.sentence else ""))
