"""The protocol of redaction: its templates, its values, and how a find is judged."""

import random
import re

import pytest
from stdnum import ean, iban, imei, luhn
from stdnum.cn import ric
from stdnum.us import ssn

from profiling.behaviour.protocols.planted_values import HARMLESS, PERSONAL
from profiling.behaviour.protocols.redaction import FORMS, LANGUAGES, Planted, filled, judge, planted, run, templates
from profiling.errors import SettingsError


def words_of(template: str) -> set[str]:
    """Runs of three words, or of six Chinese characters, outside the slots."""
    text = re.sub(r"\{[^}]*\}", " ", template).lower()
    words = re.findall(r"[a-z']+", text)
    han = re.sub(r"[^\u4e00-\u9fff]", "", text)
    return {" ".join(words[at : at + 4]) for at in range(len(words) - 3)} | {
        han[at : at + 6] for at in range(len(han) - 5)
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_measured_was_not_built_on(language: str) -> None:
    built = set().union(*(words_of(text) for _, text in templates("build", language)))
    measured = templates("test", language)
    assert len(measured) >= 40
    assert {form for form, _ in measured} == set(FORMS)
    assert len({text for _, text in measured}) == len(measured)
    assert not {text for _, text in measured} & {text for _, text in templates("build", language)}
    assert not built & set().union(*(words_of(text) for _, text in measured))


def test_every_slot_is_used_and_known() -> None:
    used = {
        slot
        for language in LANGUAGES
        for _, text in templates("test", language)
        for slot in re.findall(r"\{(\w+)\}", text)
    }
    assert used == set(PERSONAL) | set(HARMLESS)


def test_values_pass_their_checks() -> None:
    checks = {
        "card": luhn.is_valid, "iban": iban.is_valid, "ssn": ssn.is_valid,
        "resident_id": lambda value: value[-1] == ric.calc_check_digit(value),
    }  # fmt: skip
    rng = random.Random(1)
    for language in LANGUAGES:
        for _ in range(50):
            for kind, is_valid in checks.items():
                assert is_valid(re.sub("[ -]", "", PERSONAL[kind][1](rng, language))), kind
            assert ean.is_valid(HARMLESS["ean"](rng, language))
            assert imei.is_valid(HARMLESS["imei"](rng, language))


def test_the_same_texts_at_every_call() -> None:
    assert list(planted("test", 1)) == list(planted("test", 1))


def test_everything_in_the_templates_to_build_on_is_found_and_nothing_else() -> None:
    for case in planted("build", 1):
        judged = judge(case)
        assert (judged.wrong, judged.missed) == ([], []), case.text


@pytest.mark.parametrize(
    ("text", "spans", "right", "wrong", "missed"),
    [
        ("to ann@example.org", [("email", 3, 18)], 1, 0, 0),
        ("to ann@example.org", [("phone", 3, 18)], 0, 1, 1),  # the place alone is not enough
        ("to ann@example.org", [("email", 0, 18)], 1, 0, 0),  # 15 of 18 characters
        ("to you ann@example.org", [("email", 0, 22)], 0, 1, 1),  # 15 of 22
        ("nothing here", [("name", 0, 7)], 0, 0, 1),
        ("ann@example.org", [], 0, 1, 0),
    ],
)
def test_a_find_counts_where_kind_and_place_agree(text: str, spans: list, right: int, wrong: int, missed: int) -> None:
    judged = judge(Planted("mail", "en", text, tuple(spans)))
    assert (len(judged.right), len(judged.wrong), len(judged.missed)) == (right, wrong, missed)


def test_hidden_counts_characters_whatever_they_were_taken_for() -> None:
    judged = judge(Planted("mail", "en", "to ann@example.org", (("phone", 0, 18),)))
    assert (judged.hidden["phone"], judged.characters["phone"]) == (15, 17)


def test_neighbours_of_one_kind_are_one_span() -> None:
    case = filled("chat", "im {given} {surname} at {email}", "en", random.Random(1))
    assert [kind for kind, *_ in case.spans] == ["name", "email"]


def test_the_goals_are_met(tmp_path) -> None:
    reviews = tmp_path / "lines.txt"
    reviews.write_text("mail ann@example.org\nfine\n\nfine too\n", encoding="utf-8")
    report = run([reviews], tmp_path)
    lines = {line.name: line.figures for line in report.tables[0].lines}
    assert lines["structured kinds"]["recall"].value >= 0.95
    assert lines["all"]["recall"].value >= 0.85
    assert lines["all"]["precision"].value >= 0.90
    assert report.evaluations["real texts"] == {"lines.txt": {"texts": 3, "texts changed": 1, "email": 1}}
    assert report.evaluations["errors"]["missed"]["name, en"].number > 0  # what is not found is said


def test_it_has_no_models(tmp_path) -> None:
    with pytest.raises(SettingsError, match="neither models nor folds"):
        run([], tmp_path, models=["x"])
