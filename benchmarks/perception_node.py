# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The perception node as a user runs it: latency, load, memory, and what is left at its end.

    python benchmarks/perception_node.py [--seconds 15] [--minutes 1]

Latency is from the stamp of the image, taken when it was read from the film, to `human/body` and
`human/face` in another process; beside it stands what the models themselves took for those images,
of which the slower one is the least that a complete answer can take. Memory is the resident set of
the node and its workers every ten seconds, while a film loops in which two people change places,
leave, and come back as strangers; the topics under `/humans` and the annotated image are heard.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))

import rclpy  # isort: skip  # starts the interpreter anew, so it must come first

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from footage import crossing, frames, write
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, JointState, PointCloud2

from mirror_robot.nodes.messages import to_seconds


class Listener:
    """Hears a perception node.

    Attributes
    ----------
    ages : dict str -> list of float
        By topic, how old its images were on arrival [s].
    told : dict str -> str
        The last diagnostics of the node.
    """

    def __init__(self) -> None:
        self.node = rclpy.create_node("listener")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.ages: dict[str, list[float]] = defaultdict(list)
        self.told: dict[str, str] = {}
        for topic, kind in (("human/body", PointCloud2), ("human/face", JointState),
                            ("human/annotated", CompressedImage)):
            self.node.create_subscription(
                kind, topic, lambda message, topic=topic: self.ages[topic].append(
                    time.time() - to_seconds(message.header.stamp)), qos_profile_sensor_data)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def _on_diagnostics(self, array: DiagnosticArray) -> None:
        for status in array.status:
            if status.name == "perception_node":
                self.told = {pair.key: pair.value for pair in status.values}

    def spin(self, seconds: float) -> None:
        """Listen for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def until_seen(self, seconds: float = 60.0) -> None:
        """Listen until somebody is seen, in an image that was taken from now on."""
        begun = time.monotonic()
        while True:
            self.ages.clear()
            self.spin(0.1)
            passed = time.monotonic() - begun
            if any(age < passed - 0.1 for age in self.ages["human/body"]):
                return
            if passed > seconds:
                raise TimeoutError("the perception node sees nobody")

    def close(self) -> None:
        """Leave."""
        self._executor.shutdown()
        self.node.destroy_node()


@contextmanager
def perception(**parameters: object):
    """Run a perception node as a process of its own; yield it."""
    arguments = [part for name, value in parameters.items()
                 for part in ("-p", f"{name}:={str(value).lower()}"
                              if isinstance(value, bool) else f"{name}:={value}")]
    process = subprocess.Popen(
        (sys.executable, "-m", "mirror_robot.nodes.perception_node", "--ros-args", *arguments),
        stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20.0)


def family(pid: int) -> dict[int, str]:
    """Return a process and its children: pid -> name of the worker, or ``node``."""
    out = {pid: "node"}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
            words = (stat.parent / "cmdline").read_text().split("\0")
        except (OSError, IndexError, ValueError):
            continue
        if parent == pid and "mirror_robot.perception.worker" in words:
            out[int(stat.parent.name)] = words[words.index("mirror_robot.perception.worker") + 1]
    return out


def resident(pid: int) -> float:
    """Return the resident memory of a process [MB]."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def latency(listener: Listener, seconds: float) -> None:
    """Print how old images are when they are told of, against what the models take."""
    print("p50 [ms]               models (pose | face)   stamp to publication (body | face)   "
          "to another process   body published : slower model")
    for clip, rate in (("single_face.mp4", 30), ("WolfgangLanger_Pexels.mp4", 24),
                       ("dancer.avi", 25)):
        with perception(source=f"sample:{clip}", loop=True):
            listener.until_seen()
            listener.spin(3.0)
            listener.ages.clear()
            listener.spin(seconds)
            told = dict(listener.told)
        own, published = ([1e3 * float(told[f"{kind} {what} p50 [s]"])
                           for kind in ("pose", "face")] for what in ("model", "latency"))
        received = [1e3 * np.median(listener.ages[topic] or [np.nan])
                    for topic in ("human/body", "human/face")]
        print(f"{clip[:16]:16s} {rate}/s     {own[0]:.1f} | {own[1]:.1f}             "
              f"{published[0]:.1f} | {published[1]:.1f}                          "
              f"{received[0]:.1f} | {received[1]:.1f}          {published[0] / max(own):.2f}")


def load(listener: Listener, seconds: float) -> None:
    """Print the rates of pose and face on one core that other programs want, too."""
    core = {min(os.sched_getaffinity(0))}
    for busy in (0, 1, 2, 4):
        hogs = [subprocess.Popen((sys.executable, "-c", "while True: pass"))
                for _ in range(busy)]
        try:
            with perception(source="sample:single_face.mp4", loop=True) as process:
                listener.until_seen()
                for pid in [*family(process.pid), *(hog.pid for hog in hogs)]:
                    for task in Path(f"/proc/{pid}/task").iterdir():
                        os.sched_setaffinity(int(task.name), core)
                listener.spin(seconds)
                told = listener.told
                print(f"one core, {busy} other programs: pose {told['pose rate [Hz]']}/s, "
                      f"face {told['face rate [Hz]']}/s")
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()


def memory(listener: Listener, minutes: float, rate: float) -> None:
    """Print the resident memory of the node and its workers over time."""
    with tempfile.TemporaryDirectory() as folder:
        nobody = [np.zeros((540, 960, 3), np.uint8)] * 45
        close = frames("WolfgangLanger_Pexels.mp4", 100, (960, 540))
        film = write(Path(folder) / "film.avi", [*crossing(200), *nobody, *close, *nobody])
        with perception(source=film, loop=True, people=2, max_rate=rate,
                        assume_fov=True) as process:
            listener.until_seen()
            names = family(process.pid)
            begun, course = time.monotonic(), []
            while (passed := time.monotonic() - begun) < 60.0 * minutes:
                course.append((passed, *(resident(pid) for pid in names)))
                if len(course) % 30 == 1:
                    print(f"{passed / 60:5.1f} min  " + "  ".join(
                        f"{name} {value:.1f} MB" for name, value in zip(
                            names.values(), course[-1][1:])), flush=True)
                listener.spin(10.0)
                listener.ages.clear()
            restarts = [listener.told[f"{kind} worker restarts"] for kind in ("pose", "face")]
    course = np.array(course)
    settled = course[course[:, 0] >= min(120.0, 0.5 * course[-1, 0])]
    for column, name in enumerate(names.values(), 1):
        slope = np.polyfit(settled[:, 0] / 60.0, settled[:, column], 1)[0]
        print(f"{name}: {settled[:, column].min():.1f} to {settled[:, column].max():.1f} MB over "
              f"{course[-1, 0] / 60:.1f} min, {slope:+.3f} MB a minute")
    print(f"restarts of workers: {', '.join(restarts)}")


def ends(listener: Listener) -> None:
    """Print what is left of the node's processes after each way to end it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with perception(source="sample:dancer.avi", loop=True, hands=True) as process:
            listener.until_seen()
            pids = family(process.pid)
            begun = time.monotonic()
            process.send_signal(number)
            code = process.wait(20.0)
            left = set(pids)
            while left and time.monotonic() - begun < 20.0:
                left = {pid for pid in pids if Path(f"/proc/{pid}").exists()}
                time.sleep(0.01)
            print(f"{number.name}: exit code {code}, {len(pids)} processes gone after "
                  f"{time.monotonic() - begun:.2f} s, {len(left)} left")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="of latency, a clip")
    parser.add_argument("--minutes", type=float, default=1.0, help="of memory")
    parser.add_argument("--rate", type=float, default=30.0, help="images a second, for memory")
    parser.add_argument("--only", default="",
                        choices=("latency", "load", "memory", "ends"))
    options = parser.parse_args()
    rclpy.init()
    listener = Listener()
    if options.only in ("", "latency"):
        latency(listener, options.seconds)
    if options.only in ("", "load"):
        load(listener, 0.5 * options.seconds)
    if options.only in ("", "ends"):
        ends(listener)
    if options.only in ("", "memory"):
        memory(listener, options.minutes, options.rate)
    listener.close()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
