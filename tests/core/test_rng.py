"""Keyed randomness: fixed values (a change here changes every build), keys, uniformity."""

from __future__ import annotations

import hashlib

import numpy as np

from vbdata.core.rng import Stream, key_of, mix64, word_of, words_of


def test_the_stream_is_blake2b_of_names_and_counter() -> None:
    block = hashlib.blake2b((0).to_bytes(8, "little"), key=key_of("a", 1)).digest()
    assert Stream("a", 1).word() == int.from_bytes(block[:8], "little")


def test_names_do_not_run_together() -> None:
    keys = {key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of("1"), key_of(1)}
    assert len(keys) == 5


def test_words_of_many_names_are_those_of_each() -> None:
    names = ["", "a", "ab", "Kätzchen", "0" * 300]
    assert words_of(names).tolist() == [word_of(name) for name in names]
    assert words_of([]).tolist() == []


def test_integers_are_uniform_and_in_range() -> None:
    stream = Stream("uniform")
    counts = np.bincount([stream.integer(6) for _ in range(60_000)], minlength=6)
    assert len(counts) == 6
    assert np.abs(counts - 10_000).max() < 500


def test_shuffled_is_a_permutation_and_leaves_its_argument() -> None:
    items = list(range(100))
    assert sorted(Stream("s").shuffled(items)) == items == list(range(100))
    assert Stream("s").shuffled(items) != items


def test_mix64_is_a_bijection_in_practice_and_depends_on_the_key() -> None:
    words = np.arange(100_000, dtype=np.uint64)
    assert len(np.unique(mix64(words, 1))) == len(words)
    assert not (mix64(words, 1) == mix64(words, 2)).any()
