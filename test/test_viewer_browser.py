# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The live page in a real, headless browser, on a desktop and on a phone."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from browser import CHROMIUM, Browser

from mirror_robot.body.model import load_model
from mirror_robot.viewer.page import Controls, Page
from mirror_robot.viewer.robot import RobotTree
from mirror_robot.viewer.state import State

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]

_RED = (40, 40, 230)  # BGR


class Shown:
    """A page that shows somebody who waves, as long as it is open."""

    def __init__(self, host: str = "localhost") -> None:
        self.asked: list[str] = []
        model = load_model("kagami")
        self.page = Page(
            RobotTree(model.urdf, model.profile.description),
            dict(zip(model.joint_names, model.rest)),
            Controls(**{field.name: lambda *_, name=field.name: self.asked.append(name)
                        for field in dataclasses.fields(Controls)}), port=8640, host=host)
        self._picture = cv2.imencode(".jpg", np.full((180, 320, 3), _RED, np.uint8))[1].tobytes()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        state, begin = State(), time.monotonic()
        while not self._ended.wait(0.1):
            state.at(time.monotonic() - begin)
            state.hear_sentence("Person ab waves, probably to greet.")
            state.hear_activation("body_ab", {"wave_left": 0.9, "smile": 0.6})
            state.hear_activation("self", {"wave_left": 0.5, "smile": 0.1})
            state.hear_intention("greet")
            state.hear_affect(0.5, 0.4, 0.0)
            state.hear_joints({"left_shoulder_roll": 1.5})
            state.hear_ghost("prediction", "wave_left", {"left_shoulder_roll": 2.4})
            state.hear_image(self._picture)
            state.hear_health("actuation_node", 0, "following", {"latency_p50 [s]": "0.064"})
            self.page.show(state)

    def close(self) -> None:
        """End the page."""
        self._ended.set()
        self._thread.join()
        self.page.close()


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    made = Shown()
    yield made
    made.close()


def picture(browser: Browser) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(browser.picture(), np.uint8), cv2.IMREAD_COLOR)


def share(image: np.ndarray, colour: tuple[int, int, int], near: int = 30) -> float:
    """Return which share of an image has a colour (BGR)."""
    return float((np.abs(image.astype(int) - colour).max(axis=2) < near).mean())


def test_the_page_shows_camera_robot_units_mood_and_sentence(shown, tmp_path):
    with Browser(tmp_path, (1440, 900)) as browser:
        browser.open(shown.page.address)
        assert browser.wait(lambda: "Person ab waves" in browser.text(), 60)
        for text in ("wave left", "seen in the person", "felt in the robot itself", "greet",
                     "+0.50 / +0.40", "excited, joyful", "Stop", "Arm", "Mode", "Person",
                     "Mirror image", "Speed"):
            assert text in browser.text(), text
        assert browser.wait(lambda: share(picture(browser), _RED) > 0.02)  # the camera's picture
        middle = picture(browser)[100:800, 420:1030]
        assert share(middle, (230, 230, 225), 60) > 0.03  # the white robot before the dark
        assert share(middle, (235, 160, 90), 90) > 0.001  # its blue ghost
        for label, call in (("Stop", "stop"), ("Arm", "arm")):
            assert browser.click(label)
            assert browser.wait(lambda call=call: call in shown.asked)
        assert browser.click("Rates")
        assert browser.wait(lambda: "64 ms" in browser.text())
        assert browser.click("Perform and teach")
        assert browser.wait(lambda: "Finish" in browser.text())
        assert browser.click("Perform")
        assert browser.wait(lambda: "perform" in shown.asked)

        # Nothing was asked of anybody but the page itself, and the policy hindered nothing.
        outside = [address for address in browser.requests
                   if urlsplit(address).scheme not in ("data", "blob", "about")
                   and urlsplit(address).netloc != urlsplit(shown.page.address).netloc]
        assert not outside
        assert not [problem for problem in browser.problems if "Policy" in problem]
        assert not browser.run("performance.getEntriesByType('resource').filter("
                               "one => one.name.startsWith('http') && "
                               "!one.name.startsWith(location.origin)).length")


def test_a_phone_shows_the_same_without_scrolling_sideways(shown, tmp_path):
    with Browser(tmp_path, (390, 844), mobile=True) as browser:
        browser.open(shown.page.address)
        assert browser.wait(lambda: "Person ab waves" in browser.text(), 60)
        assert browser.run("document.documentElement.scrollWidth") <= 390
        wide = browser.run(
            "Math.max(...[...document.querySelectorAll('button, img, svg')].map("
            "one => one.getBoundingClientRect()).filter(one => one.width).map("
            "one => one.right))")
        assert wide <= 391
        # The panel is as wide as the screen.
        assert browser.run(
            "[...document.querySelectorAll('button')].find(one => one.innerText.trim() === 'Stop')"
            ".getBoundingClientRect().width") > 350
        before = shown.asked.count("stop")
        assert browser.click("Stop")
        assert browser.wait(lambda: shown.asked.count("stop") > before)
        top = picture(browser)[:700]
        assert share(top, (230, 230, 225), 60) > 0.01  # the robot stands above the panel


def test_with_the_token_a_browser_is_let_in_and_forgets_it_from_its_address(tmp_path):
    shown = Shown("0.0.0.0")
    try:
        with Browser(tmp_path, (800, 600)) as browser:
            browser.open(shown.page.address.partition("?")[0])
            assert browser.wait(lambda: "needs its token" in browser.text())
            browser.open(shown.page.address)
            assert browser.wait(lambda: "Person ab waves" in browser.text(), 60)
            assert "token" not in browser.run("location.href")
    finally:
        shown.close()
