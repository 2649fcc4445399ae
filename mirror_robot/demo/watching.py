# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The live page beside a demo: started once for all clips, and never waited for."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import urllib.request
import webbrowser
from pathlib import Path
from types import TracebackType

from mirror_robot.bringup.graph import VIEWER_NODE, NodeStart
from mirror_robot.bringup.processes import Processes

_FIRST_PORT = 8080
_LOOK = 0.3  # [s] between looks whether the page answers
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


class LivePage:
    """The live page as a process of its own, while inside the ``with`` block.

    Its address is printed as soon as it answers, and opened where there is a display. Whether it
    ever does makes no difference to the demo.

    Parameters
    ----------
    robot : str
        Name of a robot or path of a profile.
    namespace : str
        Of the loop.
    logs : Path
        Folder for what it prints.
    """

    def __init__(self, robot: str, namespace: str, logs: Path) -> None:
        self._start = NodeStart(
            VIEWER_NODE.name, {"robot": robot, "port": free_port()}, namespace)
        self.address = f"http://localhost:{self._start.parameters['port']}/"
        logs.mkdir(parents=True, exist_ok=True)
        self._processes = Processes(logs, grace=3.0)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="live page", daemon=True)

    def __enter__(self) -> LivePage:
        """Start the page and return itself."""
        self._processes.start(self._start.name, self._start.command())
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the page."""
        self._closed.set()
        self._thread.join()
        self._processes.stop()

    def _tell(self) -> None:
        while not self._closed.wait(_LOOK):
            if ended := self._processes.ended():
                print(f"no live page, the demo goes on without: {ended.last_lines(1) or ended}",
                      flush=True)
                return
            if _answers(self.address):
                print(f"live page: {self.address}", flush=True)
                if any(os.environ.get(name) for name in _DISPLAYS):
                    with contextlib.suppress(webbrowser.Error, OSError):
                        webbrowser.open(self.address)
                return


def free_port(first: int = _FIRST_PORT) -> int:
    """Return the first free port of this machine from `first` on."""
    for port in range(first, 65536):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As servers do: a port whose last connection has just ended is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise OSError("no port of this machine is free")


def _answers(address: str) -> bool:
    # Not through a proxy that the environment names: it is this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=2.0) as answer:
            return answer.status == 200
    except OSError:
        return False
