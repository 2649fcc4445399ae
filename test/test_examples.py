# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The example programs, run as a reader would run them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
import rclpy
from std_msgs.msg import String

from mirror_robot.perception.assets import asset
from mirror_robot.resources import share_file

EXAMPLES = share_file("examples")


@pytest.fixture
def opened_arms(tmp_path) -> Path:
    """Give three seconds of the dancer, in which she opens her arms."""
    path = tmp_path / "arms.avi"
    capture = cv2.VideoCapture(str(asset("dancer.avi")))
    size = tuple(int(capture.get(key)) for key in (
        cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, size)
    for number in range(195):
        good, image = capture.read()
        assert good
        if number >= 120:
            writer.write(image)
    writer.release()
    capture.release()
    return path


def test_the_example_without_ros_tells_what_fires_and_imports_no_ros(opened_arms):
    program = EXAMPLES / "what_fires.py"
    code = (f"import runpy, sys; sys.argv = ['x', {str(opened_arms)!r}]\n"
            f"runpy.run_path({str(program)!r}, run_name='__main__')\n"
            "assert 'rclpy' not in sys.modules")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("arms_open: ")]
    assert lines and "left_shoulder_roll +" in lines[0] and "right_shoulder_roll -" in lines[0]


def test_the_example_node_answers_a_greeting_with_a_wave_and_ends_with_ctrl_c():
    rclpy.init()
    other = rclpy.create_node("other")
    asked: list[str] = []
    other.create_subscription(String, "perform", lambda message: asked.append(message.data), 10)
    tell = other.create_publisher(String, "mirror/intention", 10)
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "hears_intention.py")], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env=os.environ)
    try:
        def until(condition, seconds: float = 20.0) -> bool:
            end = time.monotonic() + seconds
            while not condition() and time.monotonic() < end:
                rclpy.spin_once(other, timeout_sec=0.05)
            return bool(condition())

        assert until(lambda: tell.get_subscription_count() and other.count_publishers("perform"))
        until(lambda: False, 0.5)  # from being known to being connected
        for intention in ("none", "greet", "greet", "none"):
            tell.publish(String(data=intention))
        assert until(lambda: asked)
        until(lambda: False, 0.3)
        assert asked == ["wave happily"]  # once, however often it is told
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=15)
        assert process.returncode == 0 and "means: greet" in said
        assert "Traceback" not in said
    finally:
        process.kill()
        process.wait()
        other.destroy_node()
        rclpy.shutdown()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_has_about_thirty_lines_of_code(path):
    source = path.read_text(encoding="utf-8").partition('"""')[2].partition('"""')[2]
    code = [line for line in source.splitlines()
            if line.strip() and not line.strip().startswith(("#", '"""', "import ", "from "))]
    assert len(code) <= 32
