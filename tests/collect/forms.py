"""A few good rows and a bad one of every form, enough to try what holds for all of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """`row(n)` is the n-th good row with its line end; `bad` a row that is refused for `reason` because of `field`."""

    name: str
    file: str
    row: Callable[[int], str]
    bad: str
    reason: str
    field: str | None
    header: str = ""
    table: str = "interactions"
    statements: int = 1  # output rows a good row gives

    def content(self, *numbers: int) -> str:
        return self.header + "".join(self.row(number) for number in numbers)

    def lines(self, count: int) -> list[int]:
        """The line numbers of the first rows of a file."""
        above, of_one = self.header.count("\n"), self.row(1).count("\n")
        return [above + 1 + of_one * number for number in range(count)]


def _json(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False) + "\n"


def _mail(number: int, sender: str = "Ann <ann@example.org>") -> str:
    return (
        "From MAILER-DAEMON Mon Mar  2 10:00:00 2026\n"
        f"From: {sender}\nDate: Mon, 02 Mar 2026 10:00:{number % 60:02d} +0000\nMessage-ID: <{number}@example.org>\n"
        f"Subject: order\n\nThe tray number {number} broke.\n\n"
    )


_CREDIT = "A11 6 A34 A43 {} A65 A75 4 A93 A101 4 A121 67 A143 A152 2 A173 1 A192 A201 {}\n"
_SESSION = "0;0;0;0;{};64;0;0.1;0;0;{};2;2;1;2;Returning_Visitor;FALSE;TRUE\n"
_SESSION_HEADER = (
    "Administrative;Administrative_Duration;Informational;Informational_Duration;ProductRelated;ProductRelated_Duration;"
    "BounceRates;ExitRates;PageValues;SpecialDay;Month;OperatingSystems;Browser;Region;TrafficType;VisitorType;Weekend;Revenue\n"
)
_AT = "2026-03-01T10:00:00Z"

FORMS = [
    Form(
        "amazon_reviews", "in.json",
        lambda n: _json(reviewerID=f"A{n}", asin="B1", overall=5.0, reviewText=f"Fine 茶 {n}", unixReviewTime=1393545600),
        _json(reviewerID="A1", asin="B1", overall="five", unixReviewTime=1393545600), "unparseable_number", "overall",
    ),
    Form(
        "events", "in.jsonl",
        lambda n: _json(event_id=f"e{n}", identifiers={"customer": f"C{n}"}, occurred_at=_AT, kind="post", text=f"茶 {n}"),
        _json(event_id="e", identifiers={"customer": "C"}, occurred_at="soon", kind="view"), "unparseable_time", "occurred_at",
    ),
    Form(
        "cdnow", "in.txt", lambda n: f" {n:05d} 19970101  1   11.77\n", " 00009 19971301  1   11.77\n",
        "unparseable_time", "date", header=" customer_id  date number_of_cds  dollar_value\n",
    ),
    Form(
        "online_shoppers", "in.csv", lambda n: _SESSION.format(n, "Feb"), _SESSION.format(1, "Smarch"), "unparseable_time",
        "Month", header=_SESSION_HEADER,
    ),
    Form(
        "deliveries", "in.csv", lambda n: f"O{n},C{n},Hub,Austin,2026-03-01T09:00Z,{_AT},1.5,too late 茶 {n}\n",
        "O1,C1,Hub,Austin,2026-03-01,2026-03-01,heavy,\n", "unparseable_number", "weight",
        header="order,customer,from,to,promised,delivered,weight,text\n",
    ),
    Form(
        "ad_log", "in.jsonl", lambda n: _json(event="search", user=f"U{n}", at=_AT, query=f"tea 茶 {n}"),
        _json(event="hover", user="U1", at=_AT, ad="A1"), "unknown_event", "event",
    ),
    Form("mail", "in.mbox", _mail, _mail(9, sender="nobody"), "missing_identifiers", "sender"),
    Form(
        "posts", "in.jsonl", lambda n: _json(id=n, author=f"ann{n}", created_at=_AT, text=f"#tea 茶 {n}"),
        _json(id=1, author="ann", created_at=_AT), "missing_field", "text",
    ),
    Form(
        "customers", "in.jsonl", lambda n: _json(identifiers={"customer": f"C{n}"}, stated_at=_AT, city="茶城"),
        _json(identifiers={"customer": "C1"}, stated_at="soon", city="X"), "unparseable_time", "stated_at", table="attributes",
    ),
    Form(
        "consents", "in.jsonl",
        lambda n: _json(identifiers={"customer": f"C{n}"}, purpose="p", status="granted", stated_at=_AT),
        _json(identifiers={"customer": "C1"}, purpose="p", status="maybe", stated_at=_AT), "unknown_status", "status",
        table="consents",
    ),
    Form(
        "catalogue", "in.jsonl", lambda n: _json(item_id=f"I{n}", title="Tray 茶盘"), _json(item_id="I1", price_usd="cheap"),
        "unparseable_number", "price_usd", table="catalogue",
    ),
    Form(
        "german_credit", "in.data", lambda n: _CREDIT.format(1000 + n, 1), _CREDIT.format(1169, 3), "unknown_code",
        "credit_outcome", table="attributes", statements=22,
    ),
]  # fmt: skip
