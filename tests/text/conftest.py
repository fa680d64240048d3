"""Encoders shared by the tests of this folder."""

from pathlib import Path

import pytest

from profiling.text.cache import TextCache
from profiling.text.embedding import Encoder, load_encoder


@pytest.fixture(scope="session")
def english(static_cache: Path) -> Encoder:
    return load_encoder("english", static_cache)


@pytest.fixture(scope="session")
def static(static_cache: Path) -> Encoder:
    return load_encoder("static", static_cache)


@pytest.fixture
def cache(tmp_path: Path) -> TextCache:
    return TextCache(tmp_path / "text-cache", "text")


# Everything a text column may hold, by what is special about it.
NASTY = {
    "english": "The strings arrived quickly and sound great on my guitar.",
    "english again": "Great strings.",
    "chinese": "物流很快，质量很好，非常满意！",
    "mixed": "这个 guitar 的音色 very nice，推荐给大家",
    "german": "Die Lieferung war schnell und die Qualität ist wirklich sehr gut.",
    "emoji": "😍😍😍",
    "punctuation": "!!! ... ???",
    "numbers": "12345 67890",
    "noise": "asdf qwer zxcv",
    "one letter": "x",
    "redacted": "Write to [email] or call [phone], great guitar",
    "control": "nice\x00 strings\x1b[31m",
    "half surrogate": "good \ud83d strings",
    "long": "the guitar sounds great and stays in tune. " * 47_000,  # 2 MB
    "long without spaces": "a" * 2_000_000,
    "long chinese": "质量很好" * 100_000,
}
