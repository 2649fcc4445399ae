# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Where images come from: webcam, video file, image folder, stream; one way to read them all."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from mirror_robot.perception.assets import ASSETS, asset

# A missing camera or a broken file is told once and in our words.
_set_log_level = cv2.setLogLevel if hasattr(cv2, "setLogLevel") else (  # OpenCV 4
    cv2.utils.logging.setLogLevel)  # OpenCV 5
_set_log_level(0)  # silent
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read when OpenCV first uses FFmpeg

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""What counts as an image in a folder."""

FORMS = (
    "a camera number (0), a camera device (/dev/video0), a video or image file, a folder of "
    "images, a stream URL (rtsp://...), sample:NAME, or topic:NAME")
"""What a source may be, for people."""

_OPEN_TIMEOUT, _READ_TIMEOUT = 5000, 3000
# [ms] a stream or camera may stay silent


class SourceError(OSError):
    """A source that cannot be read and will not get better by itself."""


class SourceLost(SourceError):
    """A camera or stream that is not there now; worth another try."""


@dataclass(frozen=True)
class Frame:
    """One image.

    Attributes
    ----------
    stamp : float
        Acquisition time [s] on the clock that the source was given.
    image : ndarray (h, w, 3) uint8
        BGR; nobody writes into it.
    index : int
        Which one of the source it is, from 0; skipped ones are counted.
    """

    stamp: float
    image: np.ndarray
    index: int


class Source(Protocol):
    """What can be read frame by frame, by one thread.

    Attributes
    ----------
    name : str
        For people.
    live : bool
        Whether it goes on by itself (camera, stream): then a loss is worth another try.
    """

    name: str
    live: bool

    def open(self) -> None:
        """Begin, from the start; raise `SourceError` where that fails."""

    def read(self) -> Frame | None:
        """Wait for the next frame; None when there will be no more.

        Raises
        ------
        SourceError
            If there is no way to go on; `SourceLost` where opening again may help.
        """

    def close(self) -> None:
        """Let go of the device or file; may be called twice, and is called by the reader."""


def make_source(
    text: str, clock: Callable[[], float] = time.time, *, loop: bool = False,
    playback_rate: float = 1.0, folder_rate: float = 25.0, width: int = 0, height: int = 0,
) -> Source:
    """Return the source that `text` names; it is not opened yet.

    Parameters
    ----------
    text : str
        See `FORMS`; topics are not among the sources made here.
    clock : callable
        Gives the time [s] that frames are stamped with.
    loop : bool
        Start a file or folder anew at its end.
    playback_rate : float
        Speed of a file or folder, as a multiple of its own.
    folder_rate : float
        Images per second of a folder [Hz].
    width, height : int
        Asked of a camera [pixels]; 0 leaves it to the camera.

    Raises
    ------
    SourceError
        If it is none of these, or there is no such file.
    """
    if re.fullmatch(r"\d+", text) or text.startswith("/dev/"):
        return Camera(text, clock, width, height)
    if re.match(r"[a-z][a-z0-9+.-]+://", text, re.IGNORECASE):
        return Stream(text, clock)
    if text.startswith("sample:"):
        path = asset(text.removeprefix("sample:"))
    else:
        path = Path(text).expanduser()
    if not text or not path.exists():
        samples = ", ".join(name for name in ASSETS if not name.endswith(".task"))
        raise SourceError(
            f"source {text!r}: there is no such file or folder. A source is {FORMS}. "
            f"Samples: {samples}")
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return Folder(path, clock, loop, folder_rate * playback_rate)
    return Video(path, clock, loop, playback_rate)


class _Pace:
    """Says when which frame of a recording is due, on the steady clock."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._start = time.monotonic()

    def wait(self, index: int) -> int:
        """Wait for frame `index`; return the frame that is due then, later if time has passed."""
        ahead = self._start + index / self._rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
            return index
        return max(index, int((time.monotonic() - self._start) * self._rate))


class Video:
    """A video file in real time: a reader that is late gets the frame that is due by now."""

    live = False

    def __init__(self, path: Path, clock: Callable[[], float], loop: bool, rate: float) -> None:
        self.name = str(path)
        self._clock, self._loop, self._rate = clock, loop, rate
        self._capture: cv2.VideoCapture | None = None

    def open(self) -> None:
        """Open the file and see that a picture can be had from it."""
        self.close()
        capture = cv2.VideoCapture(self.name, cv2.CAP_FFMPEG)
        # A truncated or foreign file may open all the same and then have no picture.
        if not capture.isOpened() or not capture.grab():
            capture.release()
            raise SourceError(
                f"{self.name} cannot be read as a video: it is damaged, truncated, or of a format "
                "that OpenCV does not know")
        rate = capture.get(cv2.CAP_PROP_FPS)
        self._announced = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._capture, self._next, self._base = capture, 0, 0
        # Some containers carry no rate or nonsense.
        self._pace = _Pace((rate if 1.0 <= rate <= 1000.0 else 25.0) * self._rate)

    def read(self) -> Frame | None:
        """Return the frame that is due, waiting for it."""
        if self._capture is None:
            return None
        index = self._next
        # Decoded before it is due, as a camera does: what that takes makes no image older.
        there = self._reach(index)
        image = self._capture.retrieve()[1] if there else None
        due = self._pace.wait(index) if there else index
        stamp = self._clock()
        if due > index:
            while there and index < due:  # skipped frames are decoded but not converted
                index += 1
                there = self._reach(index)
            image = self._capture.retrieve()[1] if there else None
        if image is not None:
            self._next = index + 1
            return Frame(stamp, image, index)
        played = index - self._base
        if played < 0.9 * self._announced:
            raise SourceError(
                f"{self.name} ended early, after {played} of {self._announced} frames: "
                "the file is damaged or truncated")
        if not self._loop:
            return None
        self._capture.release()
        self._capture = cv2.VideoCapture(self.name, cv2.CAP_FFMPEG)
        if not self._capture.grab():
            raise SourceError(f"{self.name} can no longer be read")
        self._next = self._base = index
        return self.read()

    def _reach(self, index: int) -> bool:
        # The first frame was grabbed on opening.
        return index == self._base or self._capture.grab()

    def close(self) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


class Folder:
    """The images of a folder in the order of their names, or one image."""

    live = False

    def __init__(self, path: Path, clock: Callable[[], float], loop: bool, rate: float) -> None:
        self.name = str(path)
        self._path, self._clock, self._loop, self._rate = path, clock, loop, rate
        self._images: list[Path] = []

    def open(self) -> None:
        """List the images."""
        found = [self._path] if self._path.is_file() else sorted(
            path for path in self._path.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        if not found:
            raise SourceError(
                f"folder {self.name} holds no image ({' '.join(IMAGE_SUFFIXES)})")
        self._images, self._next, self._good = found, 0, 0
        self._pace = _Pace(self._rate)

    def read(self) -> Frame | None:
        """Return the image that is due, waiting for it; what is no image is passed over."""
        while self._images and (self._loop or self._next < len(self._images)):
            due = self._pace.wait(self._next)
            if not self._loop:
                due = min(due, len(self._images) - 1)
            self._next = due + 1
            stamp = self._clock()
            image = cv2.imread(str(self._images[due % len(self._images)]), cv2.IMREAD_COLOR)
            if image is not None:
                self._good += 1
                return Frame(stamp, image, due)
            if self._next >= len(self._images) and not self._good:
                raise SourceError(f"no image of {self.name} can be decoded")
        return None

    def close(self) -> None:
        """Forget the list."""
        self._images = []


class _Capture:
    """What cameras and streams share: always the newest picture, stamped when it arrives."""

    live = True

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.name, self._clock = name, clock
        self._capture: cv2.VideoCapture | None = None

    def _started(self, capture: cv2.VideoCapture, problem: str) -> None:
        if not capture.isOpened():
            capture.release()
            raise SourceLost(problem)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # where the backend knows it: no queue
        self._capture, self._index = capture, 0

    def read(self) -> Frame | None:
        """Wait for the next picture."""
        if self._capture is None:
            raise SourceLost(f"{self.name} is not open")
        if not self._capture.grab():
            self.close()
            raise SourceLost(f"{self.name} gives no more images (unplugged or stalled)")
        stamp = self._clock()
        good, image = self._capture.retrieve()
        if not good or image is None or image.size == 0:
            self.close()
            raise SourceLost(f"{self.name} gives images that cannot be decoded")
        self._index += 1
        return Frame(stamp, image, self._index - 1)

    def close(self) -> None:
        """Release the device or connection."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


class Camera(_Capture):
    """A webcam by number or device path."""

    def __init__(self, text: str, clock: Callable[[], float], width: int, height: int) -> None:
        super().__init__(f"camera {text}", clock)
        self._device = Path(text if text.startswith("/") else f"/dev/video{text}")
        self._size = width, height

    def open(self) -> None:
        """Open the device."""
        self.close()
        if not self._device.exists():
            there = sorted(map(str, Path("/dev").glob("video*")))
            raise SourceLost(
                f"{self.name}: there is no {self._device}; "
                + (f"there are {', '.join(there)}" if there else "there is no camera at all"))
        if not os.access(self._device, os.R_OK | os.W_OK):
            raise SourceLost(
                f"{self.name}: no permission for {self._device} (is the user in group video?)")
        settings = [cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_TIMEOUT]
        for key, value in zip((cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT), self._size):
            settings += [key, value] if value else []
        # A link such as /dev/v4l/by-id/... stands for a number, which every OpenCV can open.
        number = re.fullmatch(r"/dev/video(\d+)", str(self._device.resolve()))
        target = int(number[1]) if number else str(self._device)
        capture = cv2.VideoCapture(target, cv2.CAP_V4L2)
        for key, value in zip(settings[::2], settings[1::2]):
            capture.set(key, value)
        self._started(
            capture, f"{self.name}: {self._device} cannot be opened (in use, or no camera?)")


class Stream(_Capture):
    """A stream URL, through OpenCV's FFmpeg."""

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        # A password in the URL is nobody's business.
        super().__init__(f"stream {re.sub(r'//[^@/]*@', '//', url)}", clock)
        self._url = url

    def open(self) -> None:
        """Connect."""
        self.close()
        capture = cv2.VideoCapture(self._url, cv2.CAP_FFMPEG, [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_TIMEOUT,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_TIMEOUT])
        self._started(capture, f"{self.name} cannot be opened (out of reach, or no video?)")
