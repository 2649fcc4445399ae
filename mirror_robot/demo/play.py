# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""`mirror_robot demo`: clips in real time through the whole loop, started as it always is."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

# Nothing of a demo leaves this machine, it reaches no robot on the network, and two demos at once
# do not hear each other.
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))

# First of all: the rclpy wheels start the interpreter anew when they are imported.
from mirror_robot.demo.recorder import DemoError, Recorder  # isort: skip

from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.bringup.graph import (
    MIRROR_IMAGE,
    MODE,
    NAMESPACE,
    PERCEPTION,
    ROBOT,
    SOURCE,
    VIEWER,
    nodes_to_start,
    read_options,
)
from mirror_robot.bringup.processes import Processes
from mirror_robot.demo.clips import SAMPLES, Clip, open_clip
from mirror_robot.demo.recording import Recording, Run
from mirror_robot.demo.story import Story
from mirror_robot.demo.summary import as_text, summarise
from mirror_robot.demo.video import make_video
from mirror_robot.demo.watching import LivePage
from mirror_robot.progress import Progress
from mirror_robot.reporting.page import write_report
from mirror_robot.reporting.stored import FILE, Session, finite, save_runs

DEMO_NAMESPACE = "demo"
"""Namespace of all nodes of a demo: arming its robot must not arm another on this machine."""

_START_TIMEOUT = 120.0  # [s]; at the first start the repertoire is bound to the robot
_FIRST_IMAGE_TIMEOUT = 60.0  # [s] for models to be fetched and loaded
_LINGER = 0.7  # [s] after the last image: what it means is said a little later


def run_demo(
    clips: Sequence[str] | None = None, duration: float | None = None, robot: str = "kagami",
    mirror_image: bool = True, output: Path = Path("output/demo"), video: bool = True,
    viewer: bool = True, mode: str = MODE.default,
) -> int:
    """Play clips through the loop; print lines, figures and the path of the video.

    Parameters
    ----------
    clips : sequence of str, optional
        Names of sample clips or paths of video files; by default all samples.
    duration : float, optional
        Only the first so many seconds of each.
    robot : str
        Name of a robot or path of a profile.
    mirror_image : bool
        Move like a reflection or like a twin.
    output : Path
        Folder for ``report.html``, ``demo.mp4``, ``summary.json``, what was recorded, and the
        nodes' logs.
    video : bool
        Whether to draw the video.
    viewer : bool
        Whether to serve the live page meanwhile.
    mode : str
        Whether the robot copies ("mimic") or answers ("respond").

    Returns
    -------
    int
        0 when all was played, 1 when the loop failed, which is said.

    Raises
    ------
    ValueError, OSError
        If a clip or the robot cannot be used.
    """
    model = load_model(robot)
    played = [open_clip(name, duration) for name in clips or SAMPLES]
    output.mkdir(parents=True, exist_ok=True)
    domain = os.environ["ROS_DOMAIN_ID"]
    print(f"topics are below /{DEMO_NAMESPACE} with ROS_DOMAIN_ID={domain}", flush=True)
    runs: list[Run] = []
    recorder = Recorder(DEMO_NAMESPACE)
    page = LivePage(robot, DEMO_NAMESPACE, output / "logs") if viewer else nullcontext()
    try:
        with page:
            for clip in played:
                runs.append(
                    _play(clip, recorder, robot, mirror_image, mode, output / "logs" / clip.name))
    except DemoError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    finally:
        recorder.close()
    return _conclude(runs, model, robot, mirror_image, output, video)


def _play(
    clip: Clip, recorder: Recorder, robot: str, mirror_image: bool, mode: str, logs: Path,
) -> Run:
    print(f"\n== {clip.name}: {clip.duration:.1f} s, {clip.frames} frames at {clip.rate:.4g}/s",
          flush=True)
    logs.mkdir(parents=True, exist_ok=True)
    values = read_options({
        SOURCE.name: str(clip.path), ROBOT.name: robot, NAMESPACE.name: DEMO_NAMESPACE,
        MIRROR_IMAGE.name: "true" if mirror_image else "false", MODE.name: mode,
        VIEWER.name: "false"})  # there is one for all clips
    recorder.recording = recording = Recording()
    progress = Progress("starting")
    with Processes(logs) as processes:

        def watch() -> None:
            if ended := processes.ended():
                progress.end()
                raise DemoError(f"{ended}\n{ended.last_lines()}".strip())

        starts = nodes_to_start(values)
        for start in starts:
            # The clip must not begin before there is somebody to watch it.
            held = {"autostart": False} if start.name == PERCEPTION.name else {}
            start = replace(start, parameters={**start.parameters, **held})
            processes.start(start.name, start.command())
        recorder.wait_for_nodes([start.name for start in starts], _START_TIMEOUT, watch)
        recorder.wait_for_joints(_START_TIMEOUT, watch)
        recorder.arm(_START_TIMEOUT, watch)
        begin = recorder.start_perception(_FIRST_IMAGE_TIMEOUT, watch)
        _follow(clip, recorder, begin, watch)
        recorder.recording = Recording()  # what comes now is no longer about the clip
        recorder.disarm()
    return Run(clip, recording, begin)


def _follow(
    clip: Clip, recorder: Recorder, begin: float, watch: Callable[[], None],
) -> None:
    """Tell the story while the clip plays, which began at `begin` [s]."""
    recording, progress, story = recorder.recording, Progress(clip.name), Story(begin)
    try:
        while (now := recorder.now()) < begin + clip.duration + _LINGER:
            watch()
            if line := story.line(recording, now):
                progress.line(line)
            progress.show(now - begin, clip.duration)
            time.sleep(0.05)
    finally:
        progress.end()


def _conclude(
    runs: Sequence[Run], model: RobotModel, robot: str, mirror_image: bool, output: Path,
    video: bool,
) -> int:
    summaries = [summarise(run, model, mirror_image) for run in runs]
    print("\n" + as_text(summaries))
    figures = output / "summary.json"
    figures.write_text(json.dumps(finite([asdict(item) for item in summaries]), indent=2) + "\n",
                       encoding="utf-8")
    print(f"\nfigures: {figures.resolve()}")
    save_runs(output / FILE, runs, robot, mirror_image)
    report = output / "report.html"
    with Progress("making the report") as progress:
        write_report(report, Session(tuple(runs), robot, mirror_image, str(output), {}),
                     progress=progress.show)
    print(f"report:  {report.resolve()}")
    if not video:
        return 0
    path = output / "demo.mp4"
    with Progress("drawing the video") as progress:
        problem = make_video(path, runs, model, robot, mirror_image, progress.show)
    if problem:
        print(f"the robot is not in the video, nothing can draw it here: {problem}\n"
              "  -> sudo apt-get install libegl1 libgl1-mesa-dri, or set MUJOCO_GL=osmesa")
    print(f"video:   {path.resolve()}")
    return 0

