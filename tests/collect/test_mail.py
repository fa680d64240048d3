"""Mail: what is read of a message, and what of its body are the sender's own words."""

import json
from email.message import EmailMessage

import pandas as pd
import pytest

from profiling.collect._own_words import own_words, plain
from tests.collect.conftest import Reading


def message(body: str = "The tray broke.", **headers: str) -> EmailMessage:
    made = EmailMessage()
    given = {
        "From": "Ann Example <Ann@Example.org>", "Date": "Mon, 02 Mar 2026 18:00:00 +0800", "Message-ID": "<1@example.org>",
        "Subject": "Order 7",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }  # fmt: skip
    for name, value in given.items():
        if value:
            made[name] = value
    made.set_content(body)
    return made


def test_a_message_becomes_an_event(reading: Reading) -> None:
    made = message(In_Reply_To="<0@example.org>", Subject="Bestellung für 茶盘")
    made.add_alternative("<p>HTML</p>", subtype="html")
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="bill.pdf")
    (row,) = reading("mail", made.as_bytes(), "in.eml").rows.to_dict("records")
    assert (row["natural_key"], row["identifiers"], row["kind"]) == (
        "<1@example.org>",
        [("email", "ann@example.org")],
        "email",
    )
    assert (row["occurred_at"], row["text"], row["source_line"]) == (
        pd.Timestamp("2026-03-02T10:00Z"),
        "The tray broke.",
        1,
    )
    assert json.loads(row["attributes"]) == {"subject": "Bestellung für 茶盘", "is_reply": True, "attachment_count": 1}


def test_the_html_part_is_read_where_there_is_no_plain_one(reading: Reading) -> None:
    made = message()
    made.set_content(
        "<style>p{}</style><p>It&nbsp;broke &amp; leaks</p><div class='gmail_quote'>We are sorry<br></div>",
        subtype="html",
    )
    (row,) = reading("mail", made.as_bytes(), "in.eml").rows.to_dict("records")
    assert row["text"].replace("\xa0", " ") == "It broke & leaks"


def test_a_message_that_only_quotes_says_its_subject(reading: Reading) -> None:
    (row,) = reading("mail", message("> How is it?\n").as_bytes(), "in.eml").rows.to_dict("records")
    assert row["text"] == "Order 7"


@pytest.mark.parametrize("charset", ["gb2312", "gb18030", "iso-8859-1", "utf-8", "x-unknown", "us-ascii"])
def test_a_charset_is_believed_and_utf8_tried(reading: Reading, charset: str) -> None:
    said = "café" if charset == "iso-8859-1" else "茶盘"
    written = said.encode("utf-8" if charset in ("x-unknown", "us-ascii") else charset)
    raw = (
        b"From: a@example.org\nDate: Mon, 2 Mar 2026 10:00:00 -0000\nContent-Type: text/plain; charset=" + charset.encode()
        + b"\nContent-Transfer-Encoding: 8bit\n\n" + written + b"\n"
    )  # fmt: skip
    (row,) = reading("mail", raw, "in.eml").rows.to_dict("records")
    assert row["text"] == said
    assert row["occurred_at"] == pd.Timestamp("2026-03-02T10:00Z")
    assert len(row["natural_key"]) == 32  # no Message-ID: named by what it says


def test_an_mbox_holds_many_and_its_escapes_are_undone(reading: Reading) -> None:
    bodies = ["From here on it broke.\n", "First.\n\nFrom the shop: nothing.\n", "Third."]
    made = [message(body, Message_ID=f"<{number}@example.org>").as_bytes() for number, body in enumerate(bodies)]
    made[0] = made[0].replace(b"\n\nFrom here", b"\n\n>From here")  # as mail programs store such a line
    blocks = [b"From - Mon Mar  2 10:00:00 2026\n" + one + b"\n" for one in made]
    read = reading("mail", b"".join(blocks), "archive")
    assert read.rows["text"].tolist() == [body.strip() for body in bodies]
    starts = [1 + b"".join(blocks[:n]).count(b"\n") for n in range(3)]
    assert read.rows["source_line"].tolist() == starts


@pytest.mark.parametrize(
    ("headers", "reason", "field"),
    [
        ({"From": ""}, "missing_field", "sender"),
        ({"From": "undisclosed"}, "missing_identifiers", "sender"),
        ({"Date": ""}, "missing_time", "date"),
        ({"Date": "yesterday"}, "unparseable_time", "date"),
    ],
)
def test_a_message_without_sender_or_date_is_refused(
    reading: Reading, headers: dict[str, str], reason: str, field: str
) -> None:
    made = message()
    for name, value in headers.items():
        del made[name]
        if value:
            made._headers.append((name, value))  # type: ignore[attr-defined] # past the library's own checks
    assert reading("mail", made.as_bytes(), "in.eml").rejects[["reason", "field"]].values.tolist() == [[reason, field]]


@pytest.mark.parametrize(
    ("body", "own"),
    [
        ("Broken.\n\nOn Mon, 2 Mar 2026 at 10:00, Shop <s@example.org> wrote:\n> How?\n> Well?", "Broken."),
        ("Am 02.03.2026 um 10:00 schrieb Shop:\n> Wie?\nKaputt.", "Kaputt."),
        ("坏了。\n\n在 2026年3月2日，店铺 写道：\n> 怎么样？", "坏了。"),
        ("Broken.\n\n-----Original Message-----\nFrom: Shop\nHow?", "Broken."),
        ("坏了。\n------------------ 原始邮件 ------------------\n发件人: 店铺", "坏了。"),
        ("Broken.\n________________________________\nFrom: Shop", "Broken."),
        ("Broken.\n\n-- \nAnn Example\n+1 202-555-0100", "Broken."),
        ("Broken.\n\nSent from my iPhone", "Broken."),
        ("> Is it broken?\nYes.\n> Since when?\nMonday.", "Yes.\nMonday."),
        ("On Monday the courier wrote: nobody at home. I was!", "On Monday the courier wrote: nobody at home. I was!"),
        ("On Monday my neighbour wrote:\nit is broken.", "On Monday my neighbour wrote:\nit is broken."),
        ("5 > 3 and a -- b", "5 > 3 and a -- b"),
        ("", ""),
    ],
)  # fmt: skip
def test_own_words(body: str, own: str) -> None:
    assert own_words(body) == own


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("a<br>b", "a\nb"),
        ("<p>a</p><blockquote>b<blockquote>c</blockquote>d</blockquote>e", "a\ne"),
        ("<blockquote>a", ""),
        ("a<script>b</script><title>c</title>", "a"),
        ("<![x", "<![x"),
        ("<div class=gmail_quote><div>a</div>b</div>c", "c"),
        ("<blockquote><p>a<p>b</blockquote>c", "c"),
    ],
)  # fmt: skip
def test_plain(html: str, said: str) -> None:
    assert plain(html).strip() == said
