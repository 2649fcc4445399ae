# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The objects that somebody may reach for: a list of places, and TF frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mirror_robot.nodes.frames import Frames


def parse_objects(texts: Sequence[str]) -> Mapping[str, np.ndarray]:
    """Return the places (3,) [m] by name of texts such as ``cup 0.4 -0.2 0.9``.

    Raises
    ------
    ValueError
        If a text is none of that form, or two objects have one name.
    """
    places: dict[str, np.ndarray] = {}
    for text in texts:
        words = text.split()
        if not words:
            continue
        try:
            place = np.array([float(word) for word in words[1:]])
        except ValueError:
            place = np.zeros(0)
        if place.shape != (3,) or not np.isfinite(place).all():
            raise ValueError(f"{text!r} is no object: a name and x y z in metres, such as "
                             "'cup 0.6 -0.2 1.0'")
        if words[0] in places:
            raise ValueError(f"two objects are called {words[0]!r}")
        places[words[0]] = place
    return places


def parse_place(text: str) -> np.ndarray:
    """Return the place (3,) [m] that a text such as ``1.2 0 0.95`` says.

    Raises
    ------
    ValueError
        If it says none.
    """
    try:
        place = np.array([float(word) for word in text.split()])
    except ValueError:
        place = np.zeros(0)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise ValueError(f"{text!r} is no place: x y z in metres, such as '1.2 0 0.95'")
    return place


class Objects:
    """Knows where the objects are, as the person sees them.

    Parameters
    ----------
    root : str
        The robot's root frame, in which listed places are given.
    frames : Frames, optional
        What TF tells; None where it cannot be heard.
    """

    def __init__(self, root: str, frames: Frames | None) -> None:
        self._root, self._frames = root, frames
        self.listed: Mapping[str, np.ndarray] = {}
        self.tracked: tuple[str, ...] = ()
        self.person_at = np.zeros(3)
        self.lost: tuple[str, ...] = ()
        """Frames of `tracked` of which nothing was known at the last look."""

    def __len__(self) -> int:
        return len(self.listed) + len(self.tracked)

    def seen_from(self, person: str, heading: float) -> tuple[tuple[str, ...], np.ndarray,
                                                              np.ndarray]:
        """Return names, places in the person's body frame and in the robot's root frame (k, 3).

        Parameters
        ----------
        person : str
            Identity of the body.
        heading : float
            Where the body faces [rad]: 0 at the robot, positive to the person's left.
        """
        names = (*self.listed, *self.tracked)
        body = f"body_{person}"
        known = self._between(body, self._root)
        if known is None:
            # Who stands there and faces the robot has the opposite front.
            c, s = np.cos(heading + np.pi), np.sin(heading + np.pi)
            turned = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
            known = turned.T, -turned.T @ self.person_at
        rotation, shift = known
        in_root = np.full((len(names), 3), np.nan)
        in_root[:len(self.listed)] = np.array(list(self.listed.values())).reshape(-1, 3)
        in_body = in_root @ rotation.T + shift
        lost = []
        for row, frame in enumerate(self.tracked, start=len(self.listed)):
            here, there = self._between(self._root, frame), self._between(body, frame)
            if here is None and there is None:
                lost.append(frame)
                continue
            in_root[row] = rotation.T @ (there[1] - shift) if here is None else here[1]
            in_body[row] = rotation @ here[1] + shift if there is None else there[1]
        self.lost = tuple(lost)
        return names, in_body, in_root

    def _between(self, target: str, source: str) -> tuple[np.ndarray, np.ndarray] | None:
        return None if self._frames is None else self._frames.between(target, source)
