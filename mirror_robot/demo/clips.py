# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The clips that the demo plays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2

from mirror_robot.perception.assets import asset

SAMPLES = {
    "single_face": "single_face.mp4",
    "WolfgangLanger": "WolfgangLanger_Pexels.mp4",
    "dancer": "dancer.avi",
}
"""Sample clips by the name that the demo's option takes: a smile, tears and laughter, a dance."""


@dataclass(frozen=True)
class Clip:
    """A video file.

    Attributes
    ----------
    name : str
    path : Path
    rate : float
        Frames per second [Hz].
    frames : int
        Number of frames to play.
    """

    name: str
    path: Path
    rate: float
    frames: int

    @property
    def duration(self) -> float:
        """How long it plays [s]."""
        return self.frames / self.rate


def open_clip(name: str, duration: float | None = None) -> Clip:
    """Return a sample clip by name, fetched on first use, or a video file by path.

    Parameters
    ----------
    name : str
    duration : float, optional
        Only the first so many seconds.

    Raises
    ------
    ValueError
        If it is neither, cannot be read, or `duration` is not positive.
    """
    if duration is not None and not duration > 0:
        raise ValueError(f"a duration of {duration} s: it must be positive")
    path = asset(SAMPLES[name]) if name in SAMPLES else Path(name).expanduser()
    if not path.is_file():
        raise ValueError(f"no clip {name!r}; valid: {', '.join(SAMPLES)}, or a video file")
    capture = cv2.VideoCapture(str(path))
    rate, count = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    if count < 1 or not 1.0 <= rate <= 1000.0:
        raise ValueError(f"{path} cannot be read as a video")
    frames = count if duration is None else min(count, max(1, round(duration * rate)))
    return Clip(name if name in SAMPLES else path.stem, path, rate, frames)
