"""What facts let a persona say: their own words, their own claims, and never the other way round."""

import re

import pytest

from profiling.llm.check import check
from profiling.llm.grounds import Grounds
from profiling.llm.numbers import amounts
from profiling.llm.statements import Statements
from profiling.profiles.grounds import grounds_of
from tests.llm.customers import documents

EN = Statements(
    "en",
    ("Does not mean to buy again", "Is interested in: slow pour-over coffee", "Wants to return something or a refund"),
    frozenset(["slow pour-over coffee"]),
)
ZH = Statements("zh", ("不打算再次购买", "感兴趣：清晨拍鸟", "想退货或退款"), frozenset(["清晨拍鸟"]))
BUYS, BUYS_ZH = re.compile(r"\bbuy\b|\bpurchase\b"), re.compile("购买|光顾")


@pytest.mark.parametrize(
    ("statements", "text", "blanked"),
    [
        (EN, "Likes a slow pour-over, and tea.", "slow pour-over"),
        (EN, "Does not mean to buy again.", ""),  # no value: claims look at it
        (EN, "Slow, pour it over.", ""),  # not in a row
        (Statements("en", EN.texts), "Likes a slow pour-over.", ""),  # a value that may assert something lends nothing
        (ZH, "喜欢清晨拍鸟和茶。", "清晨拍鸟"),
        (ZH, "清晨喝茶。", ""),
    ],
)
def test_runs_of_a_value_are_blanked_and_the_rest_stays_where_it_was(statements, text, blanked):
    masked = statements.without_runs(text)
    assert len(masked) == len(text)
    assert "".join(b for a, b in zip(masked, text, strict=True) if a != b or a in "¤") == blanked.replace(" ", "")


@pytest.mark.parametrize(
    ("statements", "pattern", "text", "said", "is_held"),
    [
        (EN, BUYS, "There is no plan to buy again.", "buy", True),
        (EN, BUYS, "No repeat purchase is intended.", "purchase", True),
        (EN, BUYS, "Means to buy again.", "buy", False),  # turned round
        (EN, BUYS, "Would not recommend it, but may buy again.", "buy", False),
        (EN, re.compile("gift"), "No gift is wanted.", "gift", False),
        (ZH, BUYS_ZH, "目前不打算再光顾。", "光顾", True),
        (ZH, BUYS_ZH, "打算再次购买。", "购买", False),
        (ZH, re.compile("退款"), "有退货或退款的想法。", "退款", True),
        (ZH, re.compile("退款"), "没有退货或退款的想法。", "退款", False),
    ],
)
def test_a_statement_holds_up_what_it_says_itself(statements, pattern, text, said, is_held):
    at = text.index(said)
    assert statements.hold_up(pattern, text, (at, at + len(said))) is is_held


BUDGET = Statements(
    "en",
    (
        "Has a budget of: $300",
        "Wears size: 9.5",
        "Is looking for: 2 person tent",
        "Is interested in: loyalty of 20 years",
    ),
    frozenset(["$300", "9.5", "2 person tent"]),
)
BUDGET_ZH = Statements("zh", ("预算：三百块", "尺码：38"), frozenset(["三百块", "38"]))


@pytest.mark.parametrize(
    ("text", "is_held"),
    [
        ("Has a budget of $300.", True),
        ("There is a budget of about 300 USD.", True),
        ("Has a $300 budget and wears size 9.5.", True),
        ("Is looking for a 2 person tent.", True),
        ("Is looking for 2 tents.", False),
        ("Has a budget of $400.", False),
        ("Is interested in loyalty of 20 years.", False),  # asserts something and names no thing
        ("Has a budget of $3,000.", False),
        ("Has a budget of 300 euros.", False),
        ("Has a budget of $9.5.", False),
        ("Wears size 300.", False),
        ("Spent $300.", False),
        ("Spent the whole budget of $300.", False),
        ("Has a budget over $300.", False),
        ("Has no budget of $300.", False),
        ("Has a budget of $300, and spent $300.", False),
        ("预算三百块。", True),
        ("预算为300元，尺码38。", True),
        ("有三百块的预算。", True),
        ("预算四百块。", False),
        ("预算三百欧元。", False),
        ("花了三百块。", False),
        ("花了三百块预算。", False),
        ("没有三百块预算。", False),
        ("下单三百次。", False),
    ],
)
def test_a_number_of_a_statement_is_the_statement_s_alone(text: str, is_held: bool) -> None:
    own = BUDGET if text.isascii() else BUDGET_ZH
    said = amounts(text, own.language)
    assert said
    assert all(own.hold_number(each, text) for each in said) is is_held


def test_only_a_persona_says_the_figure_of_a_fact() -> None:
    grounds = Grounds("en", statements=Statements("en", BUDGET.texts, frozenset(["$300"])))
    assert check("Has a budget of $300.", grounds, "persona") == []
    for kind, text in (("message", "Has a budget of $300."), ("persona", "Has a budget of $400.")):
        assert "number" in {finding.reason for finding in check(text, grounds, kind)}


@pytest.mark.parametrize(
    ("fact", "otherwise"),
    [
        (("life_events", "child_hobby", "school", "A child of the family has started: school"), {"echo"}),
        (("price_sensitivity", "budget", "$300", "Has a budget of: $300"), set()),
    ],
)
def test_a_persona_says_a_fact_in_the_words_of_its_slot(fact: tuple[str, ...], otherwise: set[str]) -> None:
    """The template is ours: only what fills it is the customer's, of whom nothing long is repeated."""
    document = documents("en")[0]
    rest = {"polarity": 1.0, "stated_at": "2026-06-01T00:00:00Z", "evidence": []}
    document["facts"] = [dict(zip(("topic", "subtopic", "value", "statement"), fact, strict=True)) | rest]
    assert check(fact[3].replace(":", ""), grounds_of(document, "en"), "persona") == []
    document["facts"][0]["value"] = "something else"
    found = {finding.reason for finding in check(fact[3].replace(":", ""), grounds_of(document, "en"), "persona")}
    assert found == otherwise


def test_a_wish_needs_a_fact_about_the_same_thing():
    for text, is_held in (("Wants to get a refund.", True), ("Wants to leave.", False)):
        assert EN.hold_up(None, text, (0, len("Wants to"))) is is_held
