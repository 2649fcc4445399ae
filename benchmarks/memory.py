# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The memory at 10^5 episodes: cost of writing, searching, fading and erasing; kill -9; full disk.

    python benchmarks/memory.py [--episodes 100000] [--kills 5]

The full disk is a limit on the size of files of the process (RLIMIT_FSIZE), which the operating
system enforces in the middle of a write.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from mirror_robot.mirror.memory import Episode, Memory, MemoryStoreError

_WRITER = """
import sys
from mirror_robot.mirror.memory import Episode, Memory
with Memory(sys.argv[1]) as memory:
    for number in range(10**7):
        memory.remember(Episode(number, number + 1.0, "anna", "wave", sentence="x" * 200))
        print(number, flush=True)
"""


def episode(number: int, random: np.random.Generator) -> Episode:
    """Return some episode."""
    valence, arousal = random.uniform(-0.8, 0.8, 2)
    return Episode(60.0 * number, 60.0 * number + 3.0, f"person_{number % 50}",
                   f"unit_{int(random.integers(40))}", "greet", "joyful" if valence > 0 else "sad",
                   float(valence), float(arousal), 0.0,
                   f"Person {number % 50} waves with the right hand, probably as a greeting.")


def at_size(folder: Path, count: int) -> None:
    """Print what everything costs with so many episodes."""
    random, path = np.random.default_rng(0), folder / "memory.sqlite"
    with Memory(path) as memory:
        costs = []
        for number in range(count):
            begin = time.perf_counter()
            memory.remember(episode(number, random))
            costs.append(time.perf_counter() - begin)
        costs = 1e3 * np.array(costs)
        print(f"{len(memory)} episodes, {path.stat().st_size / 1e6:.0f} MB")
        print(f"write: p50 {np.percentile(costs, 50):.2f} ms, p99 {np.percentile(costs, 99):.2f} "
              f"ms, worst {costs.max():.0f} ms")

        def timed(name: str, call) -> None:
            begin = time.perf_counter()
            result = call()
            result = len(result) if isinstance(result, list) else result
            print(f"{name}: {1e3 * (time.perf_counter() - begin):.1f} ms ({result})")

        timed("search by person", lambda: memory.search(person="person_7"))
        timed("search by words", lambda: memory.search("person_7 unit_3"))
        timed("recall a mood", lambda: memory.recall(
            person="person_7", mood="joyful") is not None)
        timed("fade", lambda: memory.fade(60.0 * count + 20 * 86400.0))
        timed("erase a person", lambda: memory.erase("person_7"))
        left = sum(b"person_7\0" in file.read_bytes() or b"person_7unit" in file.read_bytes()
                   for file in folder.iterdir())
        print(f"files with traces of the person: {left}")


def killed(folder: Path, times: int) -> None:
    """Print what is left after the writer is killed in the middle of its work."""
    path, expected = folder / "killed.sqlite", 0
    for number in range(times):
        process = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], text=True,
                                   stdout=subprocess.PIPE)
        for line in process.stdout:
            if int(line) >= 100 + 37 * number:
                process.send_signal(signal.SIGKILL)
                break
        told = int(line) + 1 + sum(bool(rest.strip()) for rest in process.stdout)
        process.wait()
        with Memory(path) as memory:
            kept = len(memory) - expected
            expected = len(memory)
        check = sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone()[0]
        print(f"kill -9 number {number + 1}: {told} told as kept, {kept} kept, integrity {check}")


def full(folder: Path) -> None:
    """Print what happens when the disk is full, and after."""
    random = np.random.default_rng(1)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Memory(folder / "full.sqlite") as memory:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
        refused, said = 0, ""
        for number in range(3000):
            try:
                memory.remember(episode(number, random))
            except MemoryStoreError as error:
                refused, said = refused + 1, str(error)
        print(f"full: {len(memory)} kept, {refused} refused: {said.replace(str(folder), '...')}")
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        memory.remember(episode(5000, random))
        print(f"with space again: {len(memory)} kept")


def main() -> None:
    """Run all of it in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--episodes", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        killed(folder, options.kills)
        full(folder)
        (folder / "size").mkdir()
        at_size(folder / "size", options.episodes)


if __name__ == "__main__":
    main()
