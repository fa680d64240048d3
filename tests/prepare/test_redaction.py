"""What is redacted, and what only looks like it."""

import json
import re
import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.prepare.clean import normalise
from profiling.prepare.redaction import PERSONAL, redact, redact_series
from profiling.quality import expectations_folder

PERSONAL_DATA = {
    "email": ("mail ann.b+shop@mail.example.co.uk.", "mail [email]."),
    "email in chinese": ("邮箱是zhang.san@example.cn谢谢", "邮箱是[email]谢谢"),
    "email full width": ("邮箱：ｚｈａｎｇ＠ｅｘａｍｐｌｅ．ｃｎ。", "邮箱：[email]。"),
    "email with umlaut": ("jörg@müller.example", "[email]"),
    "email that holds a number": ("13800138000@qq.com", "[email]"),
    "two emails": ("a@b.co,c@d.co", "[email_1],[email_2]"),
    "chinese mobile": ("我的电话13800138000，晚上打", "我的电话[phone]，晚上打"),
    "chinese mobile full width": ("手机１３８００１３８０００谢谢", "手机[phone]谢谢"),
    "chinese mobile grouped": ("138-0013-8000 or 138 0013 8000", "[phone] or [phone]"),
    "+86": ("+86 138 0013 8000, +8613800138000, 0086-13800138000", "[phone], [phone], [phone]"),
    "list of mobiles": ("13800138000,13900139000", "[phone_1],[phone_2]"),
    "chinese landlines": ("010-62345678、(0571) 8765 4321", "[phone_1]、[phone_2]"),
    "us": ("(212) 555-0123, 212-555-0123, 212.555.0123, 1-800-555-1212", "[phone_1], [phone_1], [phone_1], [phone_2]"),
    "+1": ("+1 212 555 0123 and +1-212-555-0123", "[phone] and [phone]"),
    "uk": ("020 7946 0958, (020) 7946 0958", "[phone], [phone]"),
    "uk mobile": ("07700 900123 or 07700900123", "[phone] or [phone]"),
    "+44": ("+44 20 7946 0958, +44 (0)20 7946 0958, 0044 20 7946 0958", "[phone], [phone], [phone]"),
    "+49": ("+49 30 901820", "[phone]"),
    "a year follows": ("+44 20 7946 0958 2015", "[phone] 2015"),
    "announced": ("call me at 2125550123; Tel: 555-1234; 请拨打62345678", "call me at [phone_1]; Tel: [phone_2]; 请拨打[phone_3]"),
    "resident id": ("身份证110101199003077758号", "身份证[resident_id]号"),
    "resident id with X": ("11010519491231002x", "[resident_id]"),
    "resident id full width": ("１１０１０１１９９００３０７７７５８", "[resident_id]"),
    "resident id grouped": ("110101 19900307 7758", "[resident_id]"),
    "visa": ("卡号4111111111111111请退款", "卡号[card]请退款"),
    "card grouped": ("4111 1111 1111 1111, 4111-1111-1111-1111", "[card], [card]"),
    "old visa of 13 digits": ("4222222222222", "[card]"),
    "card among counts": ("2 4111 1111 1111 1111 3", "2 [card] 3"),
    "amex, unionpay, mastercard": ("3782 822463 10005; 6222021234567890128; 5555555555554444", "[card_1]; [card_2]; [card_3]"),
    "all at once": (
        "ann@example.org 110101199003077758 4111111111111111 13800138000", "[email] [resident_id] [card] [phone]"
    ),
}  # fmt: skip

SURVIVES = {
    "asin": "B0006O1Y6S B00004Y2UT",
    "isbn": "ISBN 978-0-306-40615-7, 9780306406157, 0-306-40615-7, 0306406157",
    "ean and upc": "4006381333931 012345678905 6901234567892",
    "ean that passes for a card of 13 digits": "4006381330060",
    "model numbers": "DR-13800138000 SKU13800138000 1Z999AA10123456784 5100-2043-11 XB-212-555-0123",
    "part numbers": "099-0502-000 073-3150-406 Size 45-65-85-105",
    "prices": "$1,299.00 ¥12,999.00 1 299 000 9.99",
    "dates": "2015-12-31 20151231 12-31-2015 2015.12.31 31/12/2015 2015年12月31日",
    "date after a word": "call 2015-12-31",
    "time stamps": "1441324800 1441324800000",
    "bare ten digits": "order 2125550123",
    "decimals": "3.14159265358979 0.13800138000 -0.4111111111111111",
    "card without check digit": "4111111111111112",
    "resident id without check digit": "110101199003077759",
    "resident id of 31 February": "110101199002317756",
    "service number": "400-810-8888",
    "quantities": "1000-2000 500-1000 10-46 gauge, 24 x 36",
    "handles and at": "@ann says: meet @ 7, 5 @ $3.50",
    "chinese": "第１２３号 电话很清楚 2000毫安 微信支付",
    "long number": "1" * 40,
    "placeholders": "[email] [phone] [card] [resident_id]",
}


@pytest.mark.parametrize(("before", "after"), PERSONAL_DATA.values(), ids=PERSONAL_DATA.keys())
def test_personal_data_is_redacted(before: str, after: str) -> None:
    assert redact(before) == after


@pytest.mark.parametrize("text", SURVIVES.values(), ids=SURVIVES.keys())
def test_what_is_not_personal_survives(text: str) -> None:
    assert redact(text) == text


PIECES = st.sampled_from(
    ["a@b.co", "13800138000", "4111 1111 1111 1111", "110101199003077758", "+44 20 7946 0958", "212-555-0123", "tel ",
     "@", ".", "-", " ", "+", "(", ")", "1", "00", "86", "x", "，", "电话", "１３"]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join))
@settings(deadline=None)
def test_redaction_is_idempotent(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(
    st.lists(PIECES | st.text(max_size=3) | st.sampled_from(["@b.co", "_", "'", "é", "1@", "z.c1"]), max_size=12).map(
        "".join
    )
)
@settings(deadline=None)
def test_what_the_gate_looks_for_is_never_left(text: str) -> None:
    suite = json.loads((expectations_folder() / "interactions.json").read_text())["expectations"]
    patterns = [
        entry["kwargs"]["regex"] for entry in suite if entry["type"] == "expect_column_values_to_not_match_regex"
    ]
    assert len(patterns) == 2
    after = redact(normalise(text) or "")
    assert not any(re.search(pattern, after) for pattern in patterns)


@given(st.text("abc ,你好", max_size=20), st.text("xyz 。谢", max_size=20))
@settings(deadline=None)
def test_an_address_is_found_between_any_words(before: str, after: str) -> None:
    assert "@" not in redact(f"{before} ann@example.org {after}")


@pytest.mark.parametrize(
    "unit", ["1 ", "4111 1111 ", "a@", "a.", "+1 ", "tel 1", "1-", "07", "(0", "x@y.", "00 1 (2) "]
)
def test_hostile_text_is_not_slow(unit: str) -> None:
    start = time.perf_counter()
    redact((unit * 20_000)[:20_000] + "a@b.co")
    assert time.perf_counter() - start < 5


def test_series_with_counts() -> None:
    texts = pd.Series(["a@b.co c@d.co", None, "13800138000", "fine"], index=[3, 1, 2, 0], dtype="str", name="text")
    redacted, counts = redact_series(texts)
    assert redacted.fillna("-").to_dict() == {3: "[email_1] [email_2]", 1: "-", 2: "[phone]", 0: "fine"}
    assert {kind: count for kind, count in counts.items() if count} == {"email": 2, "phone": 1}
    assert tuple(counts) == PERSONAL
