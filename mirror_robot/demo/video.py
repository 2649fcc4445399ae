# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The side-by-side video: the person, the robot at the same instant, and what is understood.

It is composed after the run from what was recorded, so that drawing costs the loop nothing. A
picture of time t shows what was there at t: the camera's image that was the newest, the robot's
joints as they were, and what had been understood by then. What lags in reality lags in the video.
"""

from __future__ import annotations

import functools
import itertools
import os
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mirror_robot.body.model import RobotModel
from mirror_robot.demo.clips import Clip
from mirror_robot.demo.recording import Recording, Run
from mirror_robot.demo.robot_pictures import CannotDraw, robot_pictures
from mirror_robot.demo.story import (
    Understanding,
    is_action,
    meaning,
    spoken,
    understanding_at,
)
from mirror_robot.human.landmarks import POSE_INDEX, SKELETON

SIZE = (1280, 720)
_PICTURE = (616, 462)
_LEFT, _RIGHT = (16, 56), (648, 56)
_FACE = 168
_BARS = 6
_TRAIL = 4.0  # [s] of mood shown behind the present one
RATE = 25.0
"""Pictures per second of the video [Hz]."""

_BACKGROUND, _PANEL, _LINE = (15, 20, 28), (24, 31, 42), (52, 64, 82)
_TEXT, _DIM = (236, 240, 246), (146, 158, 176)
_SEEN, _OWN, _WARM = (64, 200, 190), (250, 170, 80), (255, 120, 110)


@functools.cache
def _font(size: int, bold: bool = False) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Return a font that is there wherever MediaPipe is, through matplotlib."""
    try:
        import matplotlib
        name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
        return ImageFont.truetype(
            str(Path(matplotlib.get_data_path()) / "fonts/ttf" / name), size)
    except (ImportError, OSError):
        return ImageFont.load_default(size)


def _fit(
    image: np.ndarray, size: tuple[int, int],
) -> tuple[np.ndarray, tuple[int, int], tuple[int, int]]:
    """Return `image` inside a frame of `size`, its size in there, and where its corner is."""
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = round(width * scale), round(height * scale)
    corner = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    framed = np.full((size[1], size[0], 3), _PANEL, np.uint8)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    framed[corner[1]:corner[1] + inner[1], corner[0]:corner[0] + inner[0]] = cv2.resize(
        image, inner, interpolation=method)
    return framed, inner, corner


def draw_landmarks(picture: np.ndarray, points: np.ndarray) -> None:
    """Draw body landmarks (33, 3), x y [px] and visibility, in place."""
    good = np.isfinite(points).all(axis=1) & (points[:, 2] > 0.5)
    spots = np.where(good[:, None], points[:, :2], 0).round().astype(int)
    for first, second in SKELETON:
        a, b = POSE_INDEX[first], POSE_INDEX[second]
        if good[a] and good[b]:
            cv2.line(picture, tuple(spots[a]), tuple(spots[b]), (20, 30, 36), 5, cv2.LINE_AA)
            cv2.line(picture, tuple(spots[a]), tuple(spots[b]), _SEEN, 2, cv2.LINE_AA)
    for index in np.flatnonzero(good):
        size = 1 if index < POSE_INDEX["left_shoulder"] else 3  # a far face is small
        cv2.circle(picture, tuple(spots[index]), size, _TEXT, -1, cv2.LINE_AA)


class Layout:
    """Draws one picture of the video.

    Parameters
    ----------
    clip : Clip
    units : sequence of str
        Motor units whose activation is shown, from top to bottom.
    caption : str
        What stands above the robot.
    """

    def __init__(self, clip: Clip, units: Sequence[str], caption: str) -> None:
        self._clip, self._units = clip, units
        still = Image.new("RGB", SIZE, _BACKGROUND)
        draw = ImageDraw.Draw(still)
        draw.text((16, 14), "mirror_robot", _TEXT, _font(24, True))
        draw.text((200, 20), clip.name, _DIM, _font(18))
        draw.text((_RIGHT[0], 20), caption, _DIM, _font(18))
        for x, width in ((16, 424), (456, 520), (992, 272)):
            draw.rounded_rectangle((x, 532, x + width, 704), 8, _PANEL)
        draw.text((28, 540), "motor units", _DIM, _font(15))
        draw.rectangle((210, 544, 222, 554), _SEEN)
        draw.text((228, 540), "person", _DIM, _font(15))
        draw.rectangle((310, 544, 322, 554), _OWN)
        draw.text((328, 540), "robot itself", _DIM, _font(15))
        draw.text((1004, 540), "mood", _DIM, _font(15))
        self._plane = (1140, 620, 70)
        x, y, radius = self._plane
        draw.rectangle((x - radius, y - radius, x + radius, y + radius), outline=_LINE)
        draw.line((x - radius, y, x + radius, y), _LINE)
        draw.line((x, y - radius, x, y + radius), _LINE)
        for text, where, anchor in (
            ("excited", (x, y - radius - 1), "md"), ("calm", (x, y + radius + 11), "mm"),
            ("bad", (x - radius - 6, y), "rm"), ("good", (x + radius + 6, y), "lm"),
        ):
            draw.text(where, text, _DIM, _font(12), anchor=anchor)
        self._still = still

    def compose(
        self, time: float, person: np.ndarray, landmarks: np.ndarray | None,
        robot: np.ndarray, face: np.ndarray | None, present: Understanding,
        trail: Sequence[tuple[float, float]],
    ) -> np.ndarray:
        """Return the picture (720, 1280, 3) RGB of `time` [s] into the clip.

        Parameters
        ----------
        person : ndarray (h, w, 3)
            The camera's image, RGB.
        landmarks : ndarray (33, 3), optional
            x and y as shares of that image's width and height, and visibility.
        robot, face : ndarray
            RGB pictures of the robot and, close up, its face.
        present : Understanding
        trail : sequence of (valence, arousal)
            The mood up to now.
        """
        framed, inner, corner = _fit(person, _PICTURE)
        if landmarks is not None:
            placed = landmarks.copy()
            placed[:, :2] = placed[:, :2] * inner + corner
            draw_landmarks(framed, placed)
        canvas = np.array(self._still)
        for picture, (x, y) in ((framed, _LEFT), (robot, _RIGHT)):
            canvas[y:y + _PICTURE[1], x:x + _PICTURE[0]] = picture
        if face is not None:
            x, y = _RIGHT[0] + _PICTURE[0] - _FACE - 10, _RIGHT[1] + 10
            canvas[y - 2:y + _FACE + 2, x - 2:x + _FACE + 2] = _TEXT
            canvas[y:y + _FACE, x:x + _FACE] = face
        image = Image.fromarray(canvas)
        draw = ImageDraw.Draw(image)
        draw.text((_LEFT[0] + _PICTURE[0], 20), f"{time:.1f} / {self._clip.duration:.1f} s",
                  _DIM, _font(18), anchor="ra")
        self._draw_units(draw, present)
        self._draw_words(draw, present)
        self._draw_mood(draw, present, trail)
        done = round(SIZE[0] * min(1.0, time / self._clip.duration))
        draw.rectangle((0, SIZE[1] - 4, done, SIZE[1]), _SEEN)
        return np.array(image)

    def _draw_units(self, draw: ImageDraw.ImageDraw, present: Understanding) -> None:
        for row, unit in enumerate(self._units):
            y = 564 + 23 * row
            lit = unit == present.action
            draw.text((28, y), spoken(unit), _TEXT if lit else _DIM, _font(15, lit))
            draw.rounded_rectangle((180, y + 2, 424, y + 17), 3, _BACKGROUND)
            for values, colour, top, bottom in (
                (present.seen, _SEEN, 2, 12), (present.own, _OWN, 13, 17),
            ):
                width = round(244 * min(1.0, max(0.0, values.get(unit, 0.0))))
                if width > 2:
                    draw.rectangle((180, y + top, 180 + width, y + bottom), colour)

    def _draw_words(self, draw: ImageDraw.ImageDraw, present: Understanding) -> None:
        draw.text((470, 542), spoken(present.action) or "-", _TEXT if present.action else _DIM,
                  _font(26, True))
        if present.action:
            draw.text((964, 550), f"{100 * present.action_probability:.0f} %", _SEEN,
                      _font(20, True), anchor="ra")
        draw.text((470, 578), f"meaning: {meaning(present)}", _DIM, _font(16))
        lines = textwrap.wrap(present.sentence, 56)[:3]
        draw.multiline_text((470, 604), "\n".join(lines), _TEXT, _font(17), spacing=4)
        draw.text((470, 680), f"robot: {present.robot}", _OWN, _font(15))

    def _draw_mood(
        self, draw: ImageDraw.ImageDraw, present: Understanding,
        trail: Sequence[tuple[float, float]],
    ) -> None:
        x, y, radius = self._plane
        spots = [(x + radius * float(np.clip(v, -1, 1)), y - radius * float(np.clip(a, -1, 1)))
                 for v, a in trail]
        if len(spots) > 1:
            draw.line(spots, _DIM, 2)
        if spots:
            share = (present.valence + 1) / 2
            colour = tuple(round(share * good + (1 - share) * bad)
                           for good, bad in zip(_SEEN, _WARM))
            cx, cy = spots[-1]
            draw.ellipse((cx - 6, cy - 6, cx + 6, cy + 6), colour, _TEXT)
        draw.text((1004, 562), present.mood, _TEXT, _font(16, True))


def shown_units(recording: Recording, count: int = _BARS) -> list[str]:
    """Return the units that fired most in a run, strongest first; always the same bars."""
    peaks: dict[str, float] = {}
    for track, weight in (("seen", 1.0), ("self", 0.5)):
        for _, _, (_, values) in recording.tracks[track]:
            for unit, value in values.items():
                if is_action(unit):
                    peaks[unit] = max(peaks.get(unit, 0.0), weight * value)
    return sorted(peaks, key=peaks.get, reverse=True)[:count]


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what libraries write to the error stream of the process from the user's terminal."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _open_writer(path: Path) -> cv2.VideoWriter:
    """Return a writer of H.264 where OpenCV can, else of MPEG-4, which it can everywhere.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    for codec in ("avc1", "mp4v"):
        with _silence():  # of a missing H.264 encoder
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), RATE, SIZE)
        if writer.isOpened():
            return writer
    raise OSError(f"OpenCV cannot write the video {path}")


def make_video(
    path: Path, runs: Sequence[Run], model: RobotModel, robot: str, mirror_image: bool,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> str:
    """Write one video of all runs, one after the other.

    Parameters
    ----------
    path : Path
        Of the video file.
    runs : sequence of Run
    model, robot
        The robot, as a model and by name or path.
    mirror_image : bool
        Said in the caption.
    progress : callable (done, of)
        Called with the number of pictures.

    Returns
    -------
    str
        Why there is no robot in it, empty when there is one.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    times = [run.begin + np.arange(max(1, round(run.clip.duration * RATE))) / RATE
             for run in runs]
    poses = [
        {name: float(value) for name, value in zip(model.joint_names, row) if np.isfinite(value)}
        for run, moments in zip(runs, times)
        for row in run.recording.joint_positions(moments, model.joint_names)]
    caption = (f"{model.profile.name} moves like a {'reflection' if mirror_image else 'twin'}, "
               "in simulation")
    with closing(robot_pictures(robot, poses, _PICTURE, _FACE)) as drawn:
        try:
            robots, problem = itertools.chain([next(drawn)], drawn), ""
        except CannotDraw as error:
            robots, problem = itertools.repeat((_sorry(), None)), str(error)
        writer, written = _open_writer(path), 0
        try:
            for run, moments in zip(runs, times):
                for canvas in _pictures(run, moments, robots, caption):
                    writer.write(canvas[:, :, ::-1])
                    written += 1
                    progress(written, len(poses))
        finally:
            writer.release()
    return problem


def _pictures(
    run: Run, times: np.ndarray, robots: Iterator[tuple[np.ndarray, np.ndarray | None]],
    caption: str,
) -> Iterator[np.ndarray]:
    recording, clip = run.recording, run.clip
    layout = Layout(clip, shown_units(recording), caption)
    affect = recording.tracks["affect"]
    affect_times = np.array(affect.arrivals)
    frames = _frames(clip)
    if (image := next(frames, None)) is None:
        raise OSError(f"{clip.path} can no longer be read")
    shown = 0
    for time in times:
        wanted = int((time - run.begin) * clip.rate + 1e-6)
        while shown < wanted:
            image, shown = next(frames, image), shown + 1
        recent = slice(*np.searchsorted(affect_times, (time - _TRAIL, time)))
        yield layout.compose(
            time - run.begin, image, recording.tracks["pixels"].stamped_at(time + 1e-3, 0.3),
            *next(robots), understanding_at(recording, time),
            [value[:2] for value in affect.values[recent]])


def _frames(clip: Clip) -> Iterator[np.ndarray]:
    capture = cv2.VideoCapture(str(clip.path))
    try:
        for _ in range(clip.frames):
            good, image = capture.read()
            if not good:
                return
            yield image[:, :, ::-1]
    finally:
        capture.release()


def _sorry() -> np.ndarray:
    image = Image.new("RGB", _PICTURE, _PANEL)
    draw = ImageDraw.Draw(image)
    draw.text((_PICTURE[0] // 2, _PICTURE[1] // 2), "no OpenGL on this machine to draw the robot",
              _DIM, _font(18), anchor="mm")
    return np.array(image)
