# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Episodic memory: who did what, how it felt, and when - kept the longer, the more it moved.

Emotion tags what matters (McGaugh 2004, "The amygdala modulates the consolidation of memories of
emotionally arousing experiences", Annu. Rev. Neurosci. 27): importance comes from how strongly an
episode was felt and how surprising it was, and says how long it is kept. Forgetting is exponential
(Ebbinghaus), slower for what is important, and slower again each time it is recalled.

One SQLite file, nothing else: a write is whole or not there, whatever happens to the process; what
is erased is overwritten. Nothing is kept unless somebody switches it on.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mirror_robot.mirror.affect import Affect, describe
from mirror_robot.mirror.intention import NONE, UNKNOWN
from mirror_robot.mirror.narration import Understanding

_DAY = 86400.0
_KEPT_DAYS = 3.0
"""Time constant with which an episode of no importance fades [days]; one of full importance lasts
`_LASTING` times as long."""
_LASTING = 120.0
_GONE = 0.05
"""An episode is forgotten when its strength has fallen to this."""

_SETTLE = 0.6
"""How long somebody must do or feel something else before an episode ends [s]."""

_LONGEST = 60.0
"""An episode is closed after this time [s], so that a loss of power costs at most a minute."""

_RARE = 30.0
"""Something seen once in so many times, or never, is a full surprise."""

_FIELDS = ("begin", "end", "person", "action", "intention", "mood", "valence", "arousal",
           "dominance", "sentence", "surprise", "importance")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS episode (
    id INTEGER PRIMARY KEY, begin REAL NOT NULL, end REAL NOT NULL, person TEXT NOT NULL,
    action TEXT NOT NULL, intention TEXT NOT NULL, mood TEXT NOT NULL, valence REAL NOT NULL,
    arousal REAL NOT NULL, dominance REAL NOT NULL, sentence TEXT NOT NULL,
    surprise REAL NOT NULL, importance REAL NOT NULL, recalls INTEGER NOT NULL DEFAULT 0,
    kept_until REAL NOT NULL);
CREATE INDEX IF NOT EXISTS by_person ON episode (person, end);
CREATE INDEX IF NOT EXISTS by_time ON episode (end);
CREATE INDEX IF NOT EXISTS by_keeping ON episode (kept_until);
CREATE TABLE IF NOT EXISTS habit (
    person TEXT NOT NULL, action TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (person, action)) WITHOUT ROWID;
"""


class MemoryStoreError(OSError):
    """The store cannot be read or written; says where it is, why, and what would help."""


@dataclass(frozen=True)
class Episode:
    """Something that somebody did or felt.

    Attributes
    ----------
    begin, end : float
        [s since 1970].
    person : str
    action : str
        Unit; empty for a mood alone.
    intention, mood, sentence : str
    valence, arousal, dominance : float
        At the strongest moment, -1..1.
    surprise : float
        0..1: how seldom this person does this.
    importance : float
        0..1 (`importance`).
    """

    begin: float
    end: float
    person: str
    action: str = ""
    intention: str = ""
    mood: str = "calm"
    valence: float = 0.0
    arousal: float = 0.0
    dominance: float = 0.0
    sentence: str = ""
    surprise: float = 0.0
    importance: float = 0.0


def importance(valence: float, arousal: float, surprise: float) -> float:
    """Return how much an episode matters, 0..1: felt strongly, or surprising, or both."""
    felt = min(np.hypot(arousal, 0.7 * valence), 1.0)
    return float(1.0 - (1.0 - felt) * (1.0 - 0.6 * min(max(surprise, 0.0), 1.0)))


def demonstration_weight(importance: float) -> float:
    """Return how much a demonstration of that importance counts in learning: from 1 to 3."""
    return 1.0 + 2.0 * min(max(importance, 0.0), 1.0)


def kept_for(importance: float, recalls: int = 0) -> float:
    """Return how long an episode is kept [s].

    Its strength falls from (0.1 + importance) exponentially, with each recall more slowly.
    """
    return _lasting(importance, recalls) * math.log((0.1 + importance) / _GONE)


def strength(importance: float, recalls: int, age: float) -> float:
    """Return how strong an episode is still, `age` seconds after it ended; at first 0.1..1.1."""
    return (0.1 + importance) * math.exp(-max(age, 0.0) / _lasting(importance, recalls))


def _lasting(importance: float, recalls: int) -> float:
    """Return the time constant with which an episode fades [s]."""
    return (_KEPT_DAYS * _DAY * _LASTING ** min(max(importance, 0.0), 1.0)
            * (1.0 + 0.5 * recalls))


def _conditions(words: str, person: str, mood: str, since: float, until: float,
                ) -> tuple[str, list[Any]]:
    """Return what `Memory.search` looks for as SQL, and the values in it."""
    where = ["end BETWEEN ? AND ?"]
    values: list[Any] = [max(since, -1e18), min(until, 1e18)]
    for column, value in (("person", person), ("mood", mood)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    for word in words.split():
        escaped = word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        where.append("(sentence || ' ' || action || ' ' || intention || ' ' || mood || ' ' "
                     r"|| person) LIKE ? ESCAPE '\'")
        values.append(f"%{escaped}%")
    return " AND ".join(where), values


def memory_file(path: str | Path | None = None) -> Path:
    """Return where it is kept: `path`, ``MIRROR_ROBOT_MEMORY``, or in the user's data folder."""
    if given := path or os.environ.get("MIRROR_ROBOT_MEMORY"):
        return Path(given).expanduser()
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    return base / "mirror_robot" / "memory.sqlite"


class Memory:
    """The store of episodes.

    Parameters
    ----------
    path : str or Path, optional
        As for `memory_file`.
    create : bool
        Make the file when it does not exist.
    threads : bool
        It is used from other threads than the one that opened it, by one at a time.

    Raises
    ------
    MemoryStoreError
        If it does not exist and is not to be made, or is no memory of this package.
    """

    def __init__(self, path: str | Path | None = None, *, create: bool = True,
                 threads: bool = False) -> None:
        self.path = memory_file(path)
        if not create and not self.path.is_file():
            raise MemoryStoreError(f"there is no memory at {self.path}; remembering is switched "
                                   "on by the parameter remember of mirror_node")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if create and not self.path.exists():
                self.path.touch(mode=0o600)  # what is remembered of people is nobody else's
            self._db = sqlite3.connect(self.path, timeout=5.0, isolation_level=None,
                                       check_same_thread=not threads)
            self._db.row_factory = sqlite3.Row
            self._db.create_function("strength", 3, strength, deterministic=True)
            # What is deleted is overwritten with zeros; a write that was cut off is undone when
            # the file is opened next.
            self._db.execute("PRAGMA secure_delete=ON")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise self._trouble("opened", error) from error

    def _trouble(self, done: str, error: Exception) -> MemoryStoreError:
        text = str(error)
        help_ = ""
        if any(sign in text for sign in ("full", "No space", "I/O")):
            help_ = "; is the disk full? Free some space, or erase"
        elif "not a database" in text:
            help_ = "; is it a memory of this package?"
        return MemoryStoreError(f"the memory {self.path} cannot be {done}: {text}{help_}")

    def close(self) -> None:
        """Close the store."""
        self._db.close()

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM episode").fetchone()[0])

    def surprise(self, person: str, action: str) -> float:
        """Return how surprising it is that a person does something, 0..1, by their habits."""
        counts = dict(self._db.execute(
            "SELECT action, count FROM habit WHERE person = ?", (person,)).fetchall())
        # Of a stranger nothing is expected; the more is known, the more is an exception one.
        total = sum(counts.values())
        probability = (counts.get(action, 0) + 1.0) / (total + 2.0)
        return float(np.clip(-np.log(2.0 * probability) / np.log(_RARE), 0.0, 1.0))

    def remember(self, episode: Episode) -> Episode:
        """Keep an episode; return it with its surprise and importance.

        Raises
        ------
        MemoryStoreError
            If it cannot be written, as when the disk is full; nothing of it is kept then.
        """
        try:
            surprise = self.surprise(episode.person, episode.action or episode.mood)
            episode = replace(episode, surprise=surprise, importance=importance(
                episode.valence, episode.arousal, surprise))
            values = [getattr(episode, field) for field in _FIELDS]
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                f"INSERT INTO episode ({', '.join(_FIELDS)}, kept_until) "
                f"VALUES ({', '.join('?' * (len(_FIELDS) + 1))})",
                (*values, episode.end + kept_for(episode.importance)))
            self._db.execute(
                "INSERT INTO habit VALUES (?, ?, 1) "
                "ON CONFLICT (person, action) DO UPDATE SET count = count + 1",
                (episode.person, episode.action or episode.mood))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            raise self._trouble("written", error) from error
        return episode

    def _undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def search(
        self, words: str = "", *, person: str = "", mood: str = "", since: float = -np.inf,
        until: float = np.inf, limit: int = 20, important_first: bool = False,
    ) -> list[Episode]:
        """Return episodes, the newest first or the most important first.

        Parameters
        ----------
        words : str
            Every one of them must occur in sentence, action, intention, mood or person.
        person, mood : str
            Exactly; empty for any.
        since, until : float
            Ends within [s since 1970].
        limit : int
        important_first : bool
        """
        where, values = _conditions(words, person, mood, since, until)
        order = "importance DESC, end DESC" if important_first else "end DESC"
        rows = self._db.execute(
            f"SELECT {', '.join(_FIELDS)} FROM episode WHERE {where} "
            f"ORDER BY {order} LIMIT ?", (*values, limit))
        return [Episode(**dict(row)) for row in rows]

    def recall(self, words: str = "", *, person: str = "", mood: str = "",
               now: float | None = None) -> Episode | None:
        """Return what comes to mind first of what fits, as in "when was she last so happy?".

        That is what is strongest still (`strength`): of two that moved alike the later one, and
        what moved before what did not. What is recalled is kept longer.

        Parameters
        ----------
        words, person, mood : str
            As for `search`.
        now : float, optional
            [s since 1970]; by default the time that it is.
        """
        where, values = _conditions(words, person, mood, -np.inf, np.inf)
        now = time.time() if now is None else now
        try:
            row = self._db.execute(
                f"SELECT id, recalls, {', '.join(_FIELDS)} FROM episode WHERE {where} "
                "ORDER BY strength(importance, recalls, ? - end) DESC, end DESC LIMIT 1",
                (*values, now)).fetchone()
            if row is None:
                return None
            id_, recalls, *fields = row
            episode = Episode(*fields)
            self._db.execute("UPDATE episode SET recalls = ?, kept_until = ? WHERE id = ?",
                             (recalls + 1, episode.end + kept_for(episode.importance, recalls + 1),
                              id_))
        except sqlite3.Error as error:
            raise self._trouble("written", error) from error
        return episode

    def people(self) -> list[tuple[str, int, float]]:
        """Return (person, number of episodes, when last) of everybody, the latest first."""
        rows = self._db.execute("SELECT person, count(*), max(end) FROM episode "
                                "GROUP BY person ORDER BY max(end) DESC")
        return [tuple(row) for row in rows]

    def fade(self, now: float) -> int:
        """Forget what has faded by `now` [s since 1970]; return how many episodes."""
        try:
            return self._db.execute("DELETE FROM episode WHERE kept_until < ?", (now,)).rowcount
        except sqlite3.Error as error:
            raise self._trouble("written", error) from error

    def export(self) -> Iterator[str]:
        """Yield every episode as a line of JSON, the oldest first."""
        for row in self._db.execute(f"SELECT {', '.join(_FIELDS)} FROM episode ORDER BY id"):
            yield json.dumps(dict(row), ensure_ascii=False)

    def erase(self, person: str | None = None) -> int:
        """Erase a person, or everything, so that no trace stays in the file; return how many.

        Raises
        ------
        MemoryStoreError
            If that could not be finished, as while another program reads; erase again then.
        """
        where, values = ("", ()) if person is None else (" WHERE person = ?", (person,))
        try:
            self._db.execute("BEGIN IMMEDIATE")
            count = self._db.execute(f"DELETE FROM episode{where}", values).rowcount
            self._db.execute(f"DELETE FROM habit{where}", values)
            self._db.execute("COMMIT")
            # The log still holds pages from before, and a page may hold what was moved in it.
            self._db.execute("VACUUM")
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            self._undo()
            raise self._trouble("erased", error) from error
        if busy:
            raise MemoryStoreError(f"traces may be left in {self.path}-wal while another program "
                                   "reads it; erase again")
        return count


class Diary:
    """Makes episodes of what is understood, and keeps them; goes on when they cannot be kept.

    Parameters
    ----------
    memory : Memory
    executor : Executor, optional
        Of one thread, which then does all that touches the disk: a write may wait a quarter of a
        second for it. `memory` must be made for that (``threads``).

    Attributes
    ----------
    problem : str
        Why the last episode was not kept; empty when all is well.
    lost : int
        Episodes that could not be kept.
    """

    def __init__(self, memory: Memory, executor: Executor | None = None) -> None:
        self._memory, self._executor = memory, executor
        self.problem, self.lost = "", 0
        self._open: Episode | None = None
        self._about: tuple[str, ...] = ()
        self._other_since: float | None = None

    @property
    def path(self) -> Path:
        """Where the episodes are kept."""
        return self._memory.path

    def fade(self, now: float) -> None:
        """Forget what has faded by `now` [s since 1970]."""
        if self._executor is None:
            self._fade(now)
        else:
            self._executor.submit(self._fade, now)

    def _fade(self, now: float) -> None:
        try:
            self._memory.fade(now)
        except MemoryStoreError as error:
            self.problem = str(error)

    def update(self, understanding: Understanding, sentence: str | None = None) -> Episode | None:
        """Take in what is understood; return the episode that ended now, if one did."""
        stamp, affect = understanding.stamp, understanding.affect
        mood = describe(affect).word if affect else "calm"
        intention = understanding.intention.label if understanding.intention else NONE
        person = understanding.name or understanding.person
        if (understanding.name and self._open is not None
                and self._open.person == understanding.person != person):
            # Whoever is called by name now was the same before.
            self._open = replace(self._open, person=person)
            self._about = (person, *self._about[1:])
        about = (person, understanding.action, mood)
        kept = None
        if self._open is not None and (stamp < self._open.begin
                                       or stamp - self._open.begin > _LONGEST):
            kept = self.close()
        if about != self._about and self._open is not None:
            self._other_since = stamp if self._other_since is None else self._other_since
            if stamp - self._other_since < _SETTLE:
                return kept
            kept = self.close()
        self._other_since = None
        if self._open is None:
            self._about = about
            self._open = Episode(
                stamp, stamp, person, understanding.action, mood=mood)
        episode = replace(self._open, end=stamp)
        if intention not in (NONE, UNKNOWN):
            episode = replace(episode, intention=intention)
        if sentence:
            episode = replace(episode, sentence=sentence)
        if affect is not None and _strength(affect) > np.hypot(episode.valence, episode.arousal):
            episode = replace(episode, valence=affect.valence, arousal=affect.arousal,
                              dominance=affect.dominance)
        self._open = episode
        return kept

    def close(self) -> Episode | None:
        """End the present episode; keep and return it, if anything was done or felt."""
        episode, self._open, self._other_since = self._open, None, None
        if episode is None or episode.end - episode.begin < 0.2 or not (
                episode.action or episode.mood != "calm"):
            return None
        if self._executor is None:
            return self._keep(episode)
        self._executor.submit(self._keep, episode)
        return episode

    def _keep(self, episode: Episode) -> Episode | None:
        try:
            kept = self._memory.remember(episode)
        except MemoryStoreError as error:
            self.problem, self.lost = str(error), self.lost + 1
            return None
        self.problem = ""
        return kept


def _strength(affect: Affect) -> float:
    return float(np.hypot(affect.valence, affect.arousal))
