"""What facts let a persona say: their own words, their own claims, and never the other way round."""

import re

import pytest

from profiling.llm.statements import Statements

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


def test_a_wish_needs_a_fact_about_the_same_thing():
    for text, is_held in (("Wants to get a refund.", True), ("Wants to leave.", False)):
        assert EN.hold_up(None, text, (0, len("Wants to"))) is is_held
