# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Measure what the live page costs: CPU, and delay from image to command, with one who watches.

    python benchmarks/viewer.py [--seconds 15] [--rounds 3] [--source sample:dancer.avi]

The whole loop runs on a clip in real time, as `mirror_robot run` starts it, with and without the
page by turns. The watcher is a web socket client that reads all that a browser would be sent and
draws nothing: a browser's own work is not the robot's, and usually on another machine. CPU is
user + system time of all processes of the loop, the page's included, in percent of one core;
delay is from an image's stamp to the arrival of the first command that follows from it. Medians
over the rounds; without and watched alternate, since other work on the machine tells on both.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))

from mirror_robot.demo.recorder import Recorder  # isort: skip  # starts the interpreter anew

import numpy as np

from mirror_robot.bringup.graph import NodeStart, nodes_to_start, read_options
from mirror_robot.bringup.processes import Processes
from mirror_robot.demo.recording import Recording, response_times
from mirror_robot.demo.watching import free_port

SETTLE = 5.0  # [s] after a change before it is measured


def watch(address: str) -> None:
    """Read all that the page at `address` sends, and count it, until the end."""
    import viser
    from viser import _messages
    from websockets.sync.client import connect

    camera = _messages.ViewerCameraMessage(
        (1.0, 0.0, 0.0, 0.0), (2.0, 0.0, 1.0), 0.75, 0.01, 1000.0, 900, 1440, (0.0, 0.0, 1.0),
        (0.0, 0.0, 1.0))
    import msgspec
    with connect(address, subprotocols=[f"viser-v{viser.__version__}"], max_size=None,
                 compression=None) as socket:
        socket.send(msgspec.msgpack.encode(camera.as_serializable_dict()))
        count = size = 0
        begin = time.monotonic()
        while True:
            size += len(socket.recv())
            count += 1
            if time.monotonic() - begin > 5.0:
                print(f"{count / 5:.0f} {size / 5e3:.0f}", flush=True)
                count, size, begin = 0, 0, time.monotonic()


def cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """Return user + system time [s] of each process with all that it has started."""
    above, spent = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="ascii").rsplit(")", 1)[1].split()
        except OSError:  # has ended meanwhile
            continue
        pid = int(path.parent.name)
        above[pid] = int(fields[1])
        spent[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    found = dict.fromkeys(pids, 0.0)
    for pid, seconds in spent.items():
        while pid and pid not in found:
            pid = above.get(pid, 0)
        if pid:
            found[pid] += seconds
    return found


def measured(recorder: Recorder, roots: dict[str, int], seconds: float) -> dict[str, float]:
    """Return CPU by node [% of one core] and p50, p95 of the delay [s]."""
    time.sleep(SETTLE)
    recorder.recording = recording = Recording()
    before, begin = cpu_seconds(roots.values()), time.monotonic()
    time.sleep(seconds)
    after, passed = cpu_seconds(roots.values()), time.monotonic() - begin
    delays = response_times(recording)
    p50, p95 = np.percentile(delays, (50, 95)) if len(delays) else (np.nan, np.nan)
    return {**{name: 100 * (after.get(pid, 0.0) - before.get(pid, 0.0)) / passed
               for name, pid in roots.items()}, "p50": p50, "p95": p95, "images": len(delays)}


def main() -> None:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--source", default="sample:dancer.avi")
    parser.add_argument("--watch", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch:
        watch(options.watch)
        return
    recorder, logs = Recorder(), Path("output/benchmark_viewer")
    logs.mkdir(parents=True, exist_ok=True)
    rows: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    traffic = ""
    with Processes(logs) as loop:
        roots = {}
        starts = nodes_to_start(read_options(
            {"source": options.source, "mimic": "true", "viewer": "false"}))
        for start in starts:
            extra = {"loop": True} if start.name == "perception_node" else {}
            start = NodeStart(start.name, {**start.parameters, **extra})
            loop.start(start.name, start.command())
            roots[start.name] = loop._running[start.name].pid
        recorder.wait_for_nodes([start.name for start in starts], 120.0, lambda: None)
        time.sleep(10.0)
        for _ in range(options.rounds):
            rows[False].append(measured(recorder, roots, options.seconds))
            with Processes(logs) as page:
                port = free_port(8700)
                page.start("viewer_node", NodeStart("viewer_node", {"port": port}).command())
                recorder.wait_for_nodes(["viewer_node"], 60.0, lambda: None)
                page.start("watcher", ["nice", "-n", "19", sys.executable, __file__, "--watch",
                                       f"ws://127.0.0.1:{port}/"])
                rows[True].append(measured(
                    recorder, {**roots, "viewer_node": page._running["viewer_node"].pid},
                    options.seconds))
                traffic = (page.log("watcher").read_text().split("\n") or [""])[-2:-1]
            recorder.recording.status.pop("viewer_node", None)
    recorder.close()
    _tell(rows, traffic[0] if traffic else "")


def _tell(rows: dict[bool, list[dict[str, float]]], traffic: str) -> None:
    names = list(rows[True][0])
    print(f"{'':24}{'without':>10}{'watched':>10}{'added':>10}")
    total = {}
    for name in names:
        without, watched = (np.median([row.get(name, 0.0) for row in rows[on]])
                            for on in (False, True))
        scale, unit = (1e3, "ms") if name in ("p50", "p95") else (
            (1.0, "") if name == "images" else (1.0, "%"))
        label = {"p50": "image to command, p50", "p95": "image to command, p95",
                 "images": "images followed"}.get(name, name)
        print(f"{label:24}{scale * without:8.1f} {unit:<2}{scale * watched:7.1f} {unit:<2}"
              f"{scale * (watched - without):+8.1f} {unit}")
        if unit == "%":
            total[False] = total.get(False, 0.0) + without
            total[True] = total.get(True, 0.0) + watched
    cores = os.cpu_count() or 1
    print(f"{'all processes':24}{total[False]:8.1f} % {total[True]:7.1f} % "
          f"{total[True] - total[False]:+8.1f} % of one core = "
          f"{100 * (total[True] / total[False] - 1):+.1f} % of the loop, "
          f"{(total[True] - total[False]) / cores:+.1f} % of the machine ({cores} cores)")
    for key in ("p50", "p95"):
        each = [1e3 * row[key] for on in (False, True) for row in rows[on]]
        print(f"{key} of each round [ms]: " + ", ".join(f"{value:.1f}" for value in each))
    if traffic:
        count, size = traffic.split()
        print(f"sent to the watcher: {count} messages/s, {size} kB/s")


if __name__ == "__main__":
    main()
