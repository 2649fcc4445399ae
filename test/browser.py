# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven through the DevTools protocol; for tests of the live page."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

CHROMIUM = next(filter(None, map(shutil.which, (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--remote-debugging-port=0", "--mute-audio")


class Browser:
    """One window; leave the ``with`` block to end it.

    Parameters
    ----------
    folder : Path
        For the profile; must not be in use.
    size : (width, height)
        Of the window [px].
    mobile : bool
        Whether it is a phone's.

    Attributes
    ----------
    requests : list of str
        Addresses asked for so far, of pages, files and web sockets.
    problems : list of str
        Errors told on the console so far.
    """

    def __init__(self, folder: Path, size: tuple[int, int] = (1440, 900),
                 mobile: bool = False) -> None:
        self._process = subprocess.Popen(
            ["nice", "-n", "10", CHROMIUM, *_FLAGS, f"--user-data-dir={folder}",
             f"--window-size={size[0]},{size[1]}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        address = ""
        for line in self._process.stderr:
            if found := re.search(r"ws://\S+", line):
                address = found[0]
                break
        self.requests: list[str] = []
        self.problems: list[str] = []
        self._ids = 0
        self._session = ""
        self._socket = connect(address, max_size=None)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call(
            "Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        # What a page's workers ask for is told to their own sessions only.
        self._call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False,
                   flatten=True)
        for domain in ("Network", "Runtime", "Page", "Log"):
            self._call(f"{domain}.enable")
        self._call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1],
                   deviceScaleFactor=2 if mobile else 1, mobile=mobile)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stderr.close()

    def _call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._ids += 1
        message = {"id": self._ids, "method": method, "params": parameters}
        if session or self._session:
            message["sessionId"] = session or self._session
        self._socket.send(json.dumps(message))
        wanted = self._ids
        while True:
            told = json.loads(self._socket.recv(timeout=60))
            if told.get("id") == wanted:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                return told["result"]
            self._take(told)

    def _take(self, told: dict[str, Any]) -> None:
        kind, values = told.get("method"), told.get("params", {})
        if kind == "Network.requestWillBeSent":
            self.requests.append(values["request"]["url"][:200])
        elif kind == "Network.webSocketCreated":
            self.requests.append(values["url"])
        elif kind == "Log.entryAdded" and values["entry"]["level"] == "error":
            self.problems.append(values["entry"]["text"])
        elif kind == "Runtime.exceptionThrown":
            self.problems.append(str(values["exceptionDetails"].get("exception", values)))
        elif kind == "Target.attachedToTarget":
            self._ids += 1
            self._socket.send(json.dumps({
                "id": self._ids, "method": "Network.enable", "params": {},
                "sessionId": values["sessionId"]}))

    def open(self, address: str) -> None:
        """Go to an address."""
        self._call("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """Return what an expression of JavaScript gives in the page."""
        found = self._call("Runtime.evaluate", expression=script, returnByValue=True,
                           awaitPromise=True)
        return found["result"].get("value")

    def text(self) -> str:
        """Return the text that the page shows."""
        return self.run("document.body ? document.body.innerText : ''") or ""

    def wait(self, condition: Callable[[], bool], timeout: float = 30.0) -> bool:
        """Return whether something comes true in time [s]."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.1)
        return False

    def click(self, label: str) -> bool:
        """Press, as a mouse does, on what has just this text; return whether there is such."""
        place = self.run(
            "(() => { const found = [...document.querySelectorAll('body *')].filter("
            f"one => one.innerText && one.innerText.trim() === {json.dumps(label)} && "
            "one.getBoundingClientRect().width).pop(); if (!found) return null;"
            " found.scrollIntoView({block: 'nearest'}); const box = found.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()")
        if place is None:
            return False
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1],
                       button="none" if kind == "mouseMoved" else "left", clickCount=1)
        return True

    def picture(self) -> bytes:
        """Return what the window shows, as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])
