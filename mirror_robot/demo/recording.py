# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What was on the topics while a clip was played, as plain data."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mirror_robot.demo.clips import Clip


class Track:
    """The messages of one topic in the order of their arrival.

    Attributes
    ----------
    arrivals : list of float
        When each was received [s].
    stamps : list of float
        The acquisition time that each carries [s]; its arrival where it carries none.
    values : list
        What each says.
    """

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self.stamps: list[float] = []
        self.values: list[Any] = []

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self.values)

    def __iter__(self) -> Iterator[tuple[float, float, Any]]:
        """Yield (arrival, stamp, value) of each message."""
        return zip(list(self.arrivals), list(self.stamps), list(self.values))

    def add(self, arrival: float, stamp: float, value: Any) -> None:
        """Append a message; a stamp of 0 counts as none."""
        self.stamps.append(stamp or arrival)
        self.values.append(value)
        self.arrivals.append(arrival)

    def known_at(self, time: float, max_age: float = float("inf")) -> Any | None:
        """Return what had last been heard at `time` [s], None if nothing within `max_age` [s]."""
        row = bisect.bisect_right(self.arrivals, time) - 1
        if row < 0 or time - self.arrivals[row] > max_age:
            return None
        return self.values[row]

    def stamped_at(self, time: float, max_age: float = float("inf")) -> Any | None:
        """Return what is said of the moment `time` [s]: the last value with a stamp up to it."""
        row = bisect.bisect_right(self.stamps, time) - 1
        if row < 0 or time - self.stamps[row] > max_age:
            return None
        return self.values[row]


@dataclass
class Recording:
    """One clip's run.

    Attributes
    ----------
    tracks : mapping name -> Track
        ``body``: `BodyObservation`; ``face``, ``seen``, ``self``, ``command``: (frame, values by
        name), where ``seen`` and ``self`` are the motor units' activations; ``joints``: positions
        by name; ``intentions``: probabilities by name; ``intention``, ``narration``,
        ``response``: text;
        ``affect``: (valence, arousal, dominance); ``pixels`` (33, 3): landmarks in the image,
        shares of its width and height, and visibility.
    status : mapping node -> {name: text}
        The last diagnostics of each node.
    statuses : list of (arrival, node, level, message)
        How the state of each node changed.
    """

    tracks: Mapping[str, Track] = field(default_factory=lambda: defaultdict(Track))
    status: dict[str, Mapping[str, str]] = field(default_factory=dict)
    statuses: list[tuple[float, str, int, str]] = field(default_factory=list)

    def hear(self, track: str, arrival: float, stamp: float, value: Any) -> None:
        """Append a message to a track; ``activation`` is parted into ``self`` and ``seen``."""
        if track == "activation":  # the same units, driven by the robot or by the person
            track = "self" if value[0] == "self" else "seen"
        self.tracks[track].add(arrival, stamp, value)

    def hear_status(
        self, arrival: float, node: str, level: int, message: str, values: Mapping[str, str],
    ) -> None:
        """Take in the diagnostics of a node."""
        if self.status.get(node, {}).get("message") != message:
            self.statuses.append((arrival, node, level, message))
        self.status[node] = {"message": message, **values}

    def joint_positions(self, times: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
        """Return the robot's own positions (len(times), len(names)) [rad or m] at `times` [s].

        Linear between two joint states; NaN for joints that were never told.
        """
        track = self.tracks["joints"]
        found = np.full((len(times), len(names)), np.nan)
        if not len(track):
            return found
        stamps = np.array(track.stamps)
        for column, name in enumerate(names):
            values = np.array([value.get(name, np.nan) for value in track.values])
            known = np.isfinite(values)
            if known.any():
                found[:, column] = np.interp(times, stamps[known], values[known])
        return found


@dataclass(frozen=True)
class Run:
    """One clip and what was recorded while it was played.

    Attributes
    ----------
    clip : Clip
    recording : Recording
    begin : float
        When the clip's first frame was taken [s], on the clock of the stamps.
    """

    clip: Clip
    recording: Recording
    begin: float


def response_times(recording: Recording) -> np.ndarray:
    """Return how long after its acquisition [s] each image first led to a command.

    Commands that follow no image (a robot that holds or rests) carry the time they were sent at
    and do not count.
    """
    images = {_key(stamp) for name in ("body", "face") for stamp in recording.tracks[name].stamps}
    delays: dict[int, float] = {}
    for arrival, stamp, _ in recording.tracks["command"]:
        if _key(stamp) in images:
            delays.setdefault(_key(stamp), arrival - stamp)
    return np.array(list(delays.values()))


def _key(stamp: float) -> int:
    # A stamp may lose its last digits between nanoseconds and a float.
    return round(stamp * 1e5)


def rate(track: Track) -> float:
    """Return distinct stamps per second [Hz] of a track, NaN with fewer than two."""
    stamps = sorted(set(track.stamps))
    if len(stamps) < 2:
        return float("nan")
    return (len(stamps) - 1) / (stamps[-1] - stamps[0])
