"""What is redacted, and what only looks like it."""

import json
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiling.prepare.clean import normalise
from profiling.prepare.redaction import PERSONAL, redact, redact_counted, redact_series, suspects
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
    "announced": (
        "call me at 2125550123; Tel: 555-1234; 请拨打62345678",
        "call me at [phone_1]; Tel: [phone_2]; 请拨打[phone_3]",
    ),
    "resident id": ("身份证110101199003077758号", "身份证[resident_id]号"),
    "resident id with X": ("11010519491231002x", "[resident_id]"),
    "resident id full width": ("１１０１０１１９９００３０７７７５８", "[resident_id]"),
    "resident id grouped": ("110101 19900307 7758", "[resident_id]"),
    "visa": ("卡号4111111111111111请退款", "卡号[card]请退款"),
    "card grouped": ("4111 1111 1111 1111, 4111-1111-1111-1111", "[card], [card]"),
    "old visa of 13 digits": ("4222222222222", "[card]"),
    "card among counts": ("2 4111 1111 1111 1111 3", "2 [card] 3"),
    "amex, unionpay, mastercard": ("3782 822463 10005; 6222021234567890128; 5555555555554444", "[card_1]; [card_2]; [card_3]"),
    "email spelled out": ("write to tom (at) example (dot) com", "write to [email]"),
    "service calls": ("QQ：710959285", "QQ：[phone]"),
    "iban": ("IBAN DE89 3704 0044 0532 0130 00 Sparkasse", "IBAN [iban] Sparkasse"),
    "iban in one piece, small letters": ("gb82west12345698765432", "[iban]"),
    "iban full width": ("账户ＤＥ８９３７０４００４４０５３２０１３０００。", "账户[iban]。"),
    "ip": ("from 93.184.216.34, not 2606:2800:220:1:248:1893:25c8:1946", "from [ip_1], not [ip_2]"),
    "ip in chinese": ("我的IP是９３．１８４．２１６．３４吗", "我的IP是[ip]吗"),
    "token": ("https://shop.example/r?token=9f86d081&lang=en", "https://shop.example/r?token=[secret]&lang=en"),
    "signature": ("x.example/i.png?X-Amz-Signature=9f86d08188&w=1", "x.example/i.png?X-Amz-Signature=[secret]&w=1"),
    "password in chinese": ("打开 a.example/?password=hunter22，不行", "打开 a.example/?password=[secret]，不行"),
    "session": ("http://s.example/a;jsessionid=1A530637289A03B07199?p=1", "http://s.example/a;jsessionid=[secret]?p=1"),
    "userinfo": ("ftp://bob:hunter2@files.example/x", "ftp://[secret]@files.example/x"),
    "userinfo before a host like a mail's": ("https://bob:x@example.com", "https://[secret]@example.com"),
    "passport": ("Passport no: C01234567", "Passport no: [passport]"),
    "passport in chinese": ("护照号码是E12345678。", "护照号码是[passport]。"),
    "plate": ("my license plate is 7ABC123", "my license plate is [plate]"),
    "plate in chinese": ("车牌京A·12345和粤BD12345、沪Ａ１２３４５", "车牌[plate_1]和[plate_2]、[plate_3]"),
    "ssn": ("219-09-9998 and SSN 219 09 9997", "[ssn_1] and SSN [ssn_2]"),
    "name": (
        "My name is Ann Lee. Dear Mrs. Harrington, I spoke with Karen Bell.",
        "My name is [name_1]. Dear Mrs. [name_2], I spoke with [name_3].",
    ),
    "name below": ("Works well. Kind regards, Paul J. Whitaker", "Works well. Kind regards, [name]"),
    "name in small letters": ("hi im karen smith and it broke", "hi im [name] and it broke"),
    "name in chinese": ("我叫陈志强，收件人：欧阳修文，尊敬的王女士", "我叫[name_1]，收件人：[name_2]，尊敬的[name_3]女士"),
    "address": ("Ship to 77 Orchard Street, Apt 5C, Burlington, VT 05401 please", "Ship to [address] please"),
    "address in britain": ("I live at 12 Station Road, Leeds LS1 4DY.", "I live at [address]."),
    "post-office box": ("P.O. Box 4471, Tulsa, OK 74101", "[address]"),
    "address in chinese": ("寄到江苏省苏州市工业园区星湖街328号5栋301室，谢谢", "寄到[address]，谢谢"),
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
    "versions": "version 81.20.3.14, 1.2.3.4, 固件93.184.216.34, v81.20.3.14",
    "machines of one's own": "192.168.1.1 127.0.0.1 10.0.0.7 255.255.255.0 ::1 00:1A:2B:3C:4D:5E 12:30:45 std::vector",
    "imei": "IMEI 352099001761481",
    "coordinates": "48.858370, 2.294481 and -33.856784,151.215297",
    "iban with a wrong check digit": "DE88 3704 0044 0532 0130 00",
    "ssn of an area never given out": "666-12-3456 000-12-3456 part 219-09-9998",
    "link without a secret": "https://shop.example/a?id=77&lang=en&code=SAVE10#top",
    "passport that is none": "passport holder, pass 123456789, E12345678",
    "plate that is none": "pick plate K240, cover plates 12, name plate AB12 CDE",
    "brands and musicians": "Ernie Ball, Les Paul, Jim Dunlop, Dr. Martens, Mr. Coffee, DR Pure Blues, hit or miss. Can't",
    "contacts that are no persons": "Contact Amazon. Dear Customer, Dear Sir or Madam, thanks Fender! I am Happy. My name brand",
    "streets that are none": "12 String Drive, 5 Star Service, a 2 way street, 50 Watt Combo, 3 Way Switch",
    "chinese words that begin like names": "王牌产品，高兴，安卓用户，黄金色，司机师傅，康师傅，我是高中生，大堂经理，语文老师",
    "places": "北京市朝阳区很大，三里屯的路，2号线，第5街区，南京路步行街",
    "placeholders": " ".join(f"[{kind}] [{kind}_2]" for kind in PERSONAL),
}


@pytest.mark.parametrize(("before", "after"), PERSONAL_DATA.values(), ids=PERSONAL_DATA.keys())
def test_personal_data_is_redacted(before: str, after: str) -> None:
    assert redact(before) == after


@pytest.mark.parametrize("text", SURVIVES.values(), ids=SURVIVES.keys())
def test_what_is_not_personal_survives(text: str) -> None:
    assert redact(text) == text


PIECES = st.sampled_from(
    ["my name is ", "Ann Lee", "Dear ", "Mr. ", "[email]", "[email_1]", "[name", "]", "王先生", "我叫张伟",
     "12 Elm Street, Leeds LS1 4DY", "北京市海淀区中关村大街27号", "93.184.216.34", "219-09-9999",
     "DE89370400440532013000", "?token=abcdef12", "://u:p@", "京A12345", "护照E12345678", "thanks, ", "a@b.co",
     "13800138000", "4111 1111 1111 1111", "110101199003077758", "+44 20 7946 0958", "212-555-0123", "tel ", "@",
     ".", "-", " ", "+", "(", ")", "1", "00", "86", "x", "，", "电话", "１３"]
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
def test_hostile_text_comes_to_an_end(unit: str) -> None:
    """A search that tries every way to cut such a run would take hours; an address at its end is found all the same."""
    assert "a@b.co" not in redact((unit * 20_000)[:20_000] + " a@b.co")


def test_series_with_counts() -> None:
    texts = pd.Series(["a@b.co c@d.co", None, "13800138000", "fine"], index=[3, 1, 2, 0], dtype="str", name="text")
    redacted, counts = redact_series(texts)
    assert redacted.fillna("-").to_dict() == {3: "[email_1] [email_2]", 1: "-", 2: "[phone]", 0: "fine"}
    assert {kind: count for kind, count in counts.items() if count} == {"email": 2, "phone": 1}
    assert tuple(counts) == PERSONAL


def test_one_value_has_one_mark_however_it_is_written() -> None:
    assert redact("+86 138 0013 8000 or 13800138000, else 13900139000") == "[phone_1] or [phone_1], else [phone_2]"
    assert redact("Ann@Example.org, ann@example.org") == "[email], [email]"
    assert redact("4111 1111 1111 1111 = 4111-1111-1111-1111") == "[card] = [card]"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[email] a@b.co", "[email] [email_2]"),
        ("[email_2] a@b.co c@d.co", "[email_2] [email_1] [email_3]"),
        ("[phone] a@b.co", "[phone] [email]"),
        ("[email_99999] [EMAIL] a@b.co", "[email_99999] [EMAIL] [email]"),
    ],
)
def test_a_mark_that_stood_in_the_text_is_neither_counted_nor_taken_for_another(before: str, after: str) -> None:
    redacted, counts = redact_counted(before)
    assert redacted == after
    assert sum(counts.values()) == before.count("@")


@given(st.lists(PIECES | st.text(max_size=3), max_size=10).map("".join))
@settings(deadline=None, max_examples=60)
def test_a_column_is_redacted_once(text: str) -> None:
    once, counts = redact_series(pd.Series([text, text], dtype="object"))
    twice, again = redact_series(once)
    assert once.tolist() == twice.tolist()
    assert sum(again.values()) == 0
    assert all(count % 2 == 0 for count in counts.values())


@pytest.mark.parametrize("text", [*(before for before, _ in PERSONAL_DATA.values()), *SURVIVES.values()])
def test_a_column_is_redacted_as_its_texts_are(text: str) -> None:
    assert redact_series(pd.Series([text, None], dtype="str"))[0][0] == redact(text)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_is_redacted(text: str) -> None:
    redact(text)
    redact_series(pd.Series([text], dtype="object"))


def test_half_a_character_is_no_hindrance() -> None:
    assert suspects(pd.Series(["\ud800 a@b.co", None], dtype="object")).any(axis=1).tolist() == [True, False]


def test_ordinary_texts_are_suspected_by_no_finder() -> None:
    texts = pd.Series(
        [
            "Great strings, they last for weeks and sound warm. I bought 2 sets for $12.99 in June 2014 and will buy again.",
            "音质很好，发货很快，下次还会买。",
        ]
    )
    assert not suspects(texts).any()


def test_a_name_beside_its_service_begins_where_its_word_begins() -> None:
    assert redact("I wrote to Susan from customer support") == "I wrote to [name] from customer support"
    long_word = "A" * 20_000 + " from customer support"  # read once, and not from each of its letters
    assert redact(long_word) == long_word
