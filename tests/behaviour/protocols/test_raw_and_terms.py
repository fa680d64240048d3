"""Files are read as they are; TF-IDF of a split equals fitting on its training rows."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from profiling.behaviour.protocols import raw
from profiling.behaviour.protocols.chinese_texts import labelled_lines
from profiling.behaviour.protocols.report import chosen, one_file
from profiling.behaviour.protocols.terms import character_counts, class_ratios, jieba_counts, tfidf, word_counts
from profiling.errors import InputError, SettingsError

OF_2014 = (
    b'{"reviewerID":"A","asin":"X","overall":4.0,"reviewText":"Fine.","summary":"Good","unixReviewTime":1393545600}\n'
)
OF_2023 = (
    b'{"user_id":"A","parent_asin":"X","asin":"Y","rating":4,"title":"Good","text":"Fine.","timestamp":1393545600999}\n'
)


@pytest.mark.parametrize("line", [OF_2014, OF_2023])
def test_every_form_reads_alike(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "plain.json").write_bytes(line + b"\n" + line)
    (tmp_path / "packed.json.gz").write_bytes(gzip.compress(line))
    found = raw.read_reviews(tmp_path / "plain.json")
    assert (
        found.to_dict("records")
        == [{"customer": "A", "item": "X", "rating": 4.0, "day": 16129, "summary": "Good", "text": "Fine."}] * 2
    )  # copies included: a protocol measures on the file as it is
    assert len(raw.read_reviews(tmp_path / "packed.json.gz")) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no reviews"),
        (OF_2014 + b"{broken\n", "line 2"),
        (b'{"asin":"X"}\n', "KeyError"),
        (b"[1]\n", "line 1"),
    ],
)
def test_what_is_no_review_is_said_with_its_line(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        raw.read_reviews(tmp_path / "x.json")
    with pytest.raises(InputError, match="cannot be read"):
        raw.read_reviews(tmp_path / "missing.json")


def test_chinese_lines_are_distinct_and_of_one_label(tmp_path: Path) -> None:
    good, bad = tmp_path / "x_pos.txt", tmp_path / "x_neg.txt"
    good.write_text("好\n 好 \n很好\n还行\n\n", encoding="utf-8")
    bad.write_text("差\n还行\n很差\n差\n", encoding="utf-8")
    for order in ([good, bad], [bad, good]):
        texts, labels, facts = labelled_lines(order)
        assert (texts, labels.tolist()) == (["好", "很好", "差", "很差"], [1, 1, 0, 0])
    assert (facts["lines"], facts["distinct"], facts["of both labels, dropped"], facts["rows"]) == (8, 5, 1, 4)
    with pytest.raises(SettingsError, match=r"one whose name ends in pos.txt and one in neg.txt"):
        labelled_lines([good, good])


def test_the_chinese_file_has_the_rows_of_the_baselines(real_data: Path) -> None:
    paths = [real_data / "zh_reviews_pos.txt", real_data / "zh_reviews_neg.txt"]
    if not all(path.exists() for path in paths):
        pytest.skip("no zh_reviews_pos.txt and zh_reviews_neg.txt in the folder of real data")
    _, _, facts = labelled_lines(paths)
    assert (facts["distinct"], facts["of both labels, dropped"], facts["rows"]) == (17_410, 47, 17_363)


@pytest.mark.parametrize(("fewest", "is_sublinear"), [(1, False), (2, True)])
def test_tfidf_equals_a_vectoriser_fitted_on_the_training_rows(fewest: int, is_sublinear: bool) -> None:
    generator = np.random.default_rng(0)
    texts = [" ".join(generator.choice(list("abcdefghijk"), 12)).replace("a", "aa bb") for _ in range(40)]
    train, test = np.arange(0, 40, 2), np.arange(1, 40, 2)
    known, new = tfidf(word_counts(texts, 2, r"\w+"), train, test, fewest=fewest, is_sublinear=is_sublinear)
    theirs = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", min_df=fewest, sublinear_tf=is_sublinear)
    np.testing.assert_allclose(known.toarray(), theirs.fit_transform([texts[row] for row in train]).toarray())
    np.testing.assert_allclose(new.toarray(), theirs.transform([texts[row] for row in test]).toarray())


def test_words_and_characters_of_chinese() -> None:
    assert character_counts(["很好"], 3).shape == (1, 3)  # 很, 好, 很好
    assert sorted(jieba_counts(["质量很好", "质量"], 1).sum(axis=0).A1) == [1, 1, 2]  # 很, 好, and 质量 twice


def test_ratios_by_hand() -> None:
    counts = word_counts(["good good", "good bad", "bad"], 1)  # terms in order: bad, good
    ratios = class_ratios(counts, np.array([1, 1, 0]))
    np.testing.assert_allclose(ratios, [np.log(2 / 5) - np.log(2 / 3), np.log(3 / 5) - np.log(1 / 3)])


def test_a_wrong_choice_is_said(tmp_path: Path) -> None:
    assert chosen(None, ["a", "b"]) == ["a", "b"]
    assert chosen(["b", "a"], ["a", "b", "c"]) == ["a", "b"]
    with pytest.raises(SettingsError, match="'x' is none of this protocol's; there are a, b"):
        chosen(["x"], ["a", "b"])
    with pytest.raises(SettingsError, match="2 files given"):
        one_file([tmp_path, tmp_path])
