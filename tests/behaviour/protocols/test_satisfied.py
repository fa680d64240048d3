"""The protocol on texts whose words give the answer away, in both languages; the encoder's models are measured in docs."""

import json
from pathlib import Path

import numpy as np
import pytest

from profiling.behaviour.protocols import protocol, reading, satisfied
from profiling.behaviour.protocols.english_texts import english_world
from profiling.errors import InputError, SettingsError
from tests.behaviour.protocols.worlds import write_reviews


def test_words_that_give_it_away(tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "shop.json", customers=40)
    report = satisfied.run([path], tmp_path / "cache", ["lexicons", "tfidf", "words"], folds=2)
    table, gains = report.tables
    ours = {line.name: line.figures for line in table.lines if line.source == "ours"}
    assert set(ours) == {"lexicons", "tfidf", "words"}
    assert ours["words"]["roc_auc"].value > 0.99  # type: ignore[operator]
    assert ours["words"]["macro_f1@t"].value > 0.95  # type: ignore[operator]
    assert ours["lexicons"]["roc_auc"].value > 0.9  # type: ignore[operator]
    assert [line.name for line in gains.lines] == ["words - tfidf"]
    assert report.facts["folds measured"] == 2
    assert {line.source for line in table.lines} == {"baseline", "ours"}
    assert json.loads(json.dumps(report.asdict()))["evaluations"]["words"]["folds"] == 2


def test_too_few_reviews_are_said_with_the_least_number(tmp_path: Path) -> None:
    def of(*ratings: int) -> Path:
        said = {"reviewText": "fine strings", "summary": "fine", "unixReviewTime": 1_300_000_000, "asin": "I1"}
        lines = [json.dumps({**said, "reviewerID": f"C{n}", "overall": stars}) for n, stars in enumerate(ratings)]
        path = tmp_path / f"{len(ratings)}.json"
        path.write_text("\n".join(lines))
        return path

    for ratings in ((5, 5, 1), (5,) * 10, (5,) * 8 + (1,) * 2):
        with pytest.raises(InputError, match="give more reviews: of at least 10 customers, 3 satisfied and 7 not, or"):
            satisfied.run([of(*ratings)], tmp_path, ["tfidf"])
    assert satisfied.run([of(*(5,) * 7, 1, 1, 1)], tmp_path, ["tfidf"]).facts["folds measured"] == 5


def test_labels_are_stars_and_groups_are_customers(tmp_path: Path) -> None:
    world = english_world(write_reviews(tmp_path / "shop.json", customers=10), tmp_path)
    assert set(world.labels) == {0, 1}
    assert len(set(world.groups)) == world.facts["customers"] == 10


def test_chinese_lines(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name, words in (("pos", ("很好", "喜欢", "满意")), ("neg", ("很差", "失望", "后悔"))):
        lines = ["".join(generator.choice([*"书买了看送来本店家", *words * 3], 9)) for _ in range(60)]
        (tmp_path / f"zh_{name}.txt").write_text("\n".join(lines), encoding="utf-8")
    report = satisfied.run([tmp_path / "zh_pos.txt", tmp_path / "zh_neg.txt"], tmp_path, folds=1)
    ours = {line.name: line.figures for line in report.tables[0].lines if line.source == "ours"}
    assert list(ours) == list(satisfied.CHINESE)
    assert all(ours[name]["roc_auc"].value > 0.95 for name in ours if name != "shape")  # type: ignore[operator]
    with pytest.raises(SettingsError, match=r"pos.txt and one in neg.txt"):
        satisfied.run([tmp_path / "zh_pos.txt"], tmp_path)


def test_what_was_read_once_is_taken_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["I love it", "I hate it", "I love it"]
    first = reading.sentiments(texts, "en", tmp_path)
    assert first[0] == first[2] > 0 > first[1]
    monkeypatch.setattr(reading, "score", lambda *_: pytest.fail("read again"))
    np.testing.assert_array_equal(reading.sentiments(texts, "en", tmp_path), first)


def test_a_protocol_that_does_not_exist_is_said() -> None:
    with pytest.raises(
        SettingsError, match="there are aspects, embedding, facts, keywords, redaction, returns, satisfied"
    ):
        protocol("fly")
