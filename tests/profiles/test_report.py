"""The pages for people: right numbers, both languages, safe, self-contained and the same bytes."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest

from profiling.facts.slots import by_name, topic_names
from profiling.profiles.checks import describe
from profiling.profiles.report import render_quality, render_report, summarise, words
from profiling.quality import expectations_folder
from profiling.schemas import PROFILES

DAY = "2026-06-28"
COUNTS = {
    "ingest": {"read": 1100, "stored": 1000, "duplicates_exact": 60, "duplicates_near": 15, "quarantined": 25},
    "quarantine": {"rating_out_of_range": 20, "not_json": 5},
}
VOID = {"meta", "input", "rect", "br"}


def profile(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "customer_id": f"{number:032x}",
        "bucket": 0,
        "day": DAY,
        "language": "en",
        "life_cycle": "active",
        "rfm": "543",
        "last_seen_at": pd.Timestamp("2026-06-27T10:00:00Z"),
        "interaction_count": 10,
        "purchase_count": 2,
        "spend": 12.5,
        "currency": "USD",
        "satisfaction": 0.9,
        "satisfaction_trend": 0.1,
        "top_interest": "guitars",
        "next_best_action": "reward",
        "completeness": 0.5,
        "persona": f"Persona {number}.",
    }
    row |= changes
    said = {"persona": {"text": row.pop("persona"), "written_by": "template"}, "facts": row.pop("facts", None)}
    said |= {"recommendations": None, "next_best_action": None}
    return {**row, "document": json.dumps({"customer_id": row["customer_id"], **said})}


def profiles(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=PROFILES.names)


@pytest.fixture
def people() -> pd.DataFrame:
    return profiles(
        profile(1, rfm="55-"),
        profile(2, satisfaction=None, spend=None, currency=None, rfm="1--", life_cycle="lapsed"),
        profile(3, satisfaction=0.1, next_best_action="recover_service", currency="EUR", life_cycle="at_risk"),
        profile(4, satisfaction=1.0, top_interest=None, language="zh", persona="一位忠诚客户。"),
    )


class Page(HTMLParser):
    """Rows of tables as lists of words, and every tag with its attributes; fails on tags that do not close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self._open) and self.rows[-1]:
            self.rows[-1][-1] += data

    def row(self, start: str) -> list[str]:
        found = [row for row in self.rows if row and row[0].startswith(start)]
        assert len(found) == 1, f"{len(found)} rows begin with {start!r}"
        return found[0]


def test_the_numbers_of_the_day(people: pd.DataFrame) -> None:
    assert summarise(people) == {
        "customers": 4,
        "interactions": 40,
        "purchases": 8,
        "satisfaction": pytest.approx(2 / 3),
        "at_risk": 1,
        "completeness": 0.5,
    }


def test_the_distributions(people: pd.DataFrame) -> None:
    page = Page(render_report(people, COUNTS, DAY, None))
    assert page.row("At risk")[1:3] == ["1", "25.0 %"]
    assert page.row("Active")[1:3] == ["2", "50.0 %"]
    assert page.row("New")[1:3] == ["0", "0.0 %"]
    assert page.row("Make it good")[1:3] == ["1", "25.0 %"]
    assert page.row("0.8 – 1.0")[1] == "2"
    assert page.row("0.0 – 0.2")[1] == "1"
    assert page.row("Stored")[1:3] == ["1,000", "90.9 %"]
    assert page.row("Duplicates, near")[1] == "15"
    assert page.row("Rating out of range")[1:3] == ["20", "80.0 %"]
    assert page.row("USD") == ["USD", "2", "25.00"]
    assert page.row("EUR") == ["EUR", "1", "12.50"]


def test_an_interest_has_one_row_and_its_name_in_both_languages(people: pd.DataFrame) -> None:
    mixed = pd.concat([people.assign(top_interest=["coffee", "咖啡", "茶", None])] * 5, ignore_index=True)
    page = Page(render_report(mixed, COUNTS, DAY, None))
    assert page.row("coffee") == ["coffee咖啡", "10", "50.0 %", ""]
    assert page.row("tea") == ["tea茶", "5", "25.0 %", ""]


def test_an_interest_stands_on_the_page_where_five_customers_share_it(people: pd.DataFrame) -> None:
    liked = ["lamp"] * 5 + ["tent <b>"] * 4 + ["health"] * 6 + [None] * 5
    html = render_report(profiles(*(profile(n, top_interest=each) for n, each in enumerate(liked))), COUNTS, DAY, None)
    table = "<table>" + html.split('id="h-interest"')[1].split("<table>")[1].split("</section>")[0]
    assert [row[:3] for row in Page(table).rows[1:]] == [["lamp", "5", "25.0 %"]], "of all, also of those not shown"
    assert "where at least 5 customers share it" in table
    assert "至少 5 位客户共有" in table
    alone = render_report(people, COUNTS, DAY, None).split('id="h-interest"')[1].split("</section>")[0]
    assert "Nothing to show." in alone


def test_the_grid_of_segments(people: pd.DataFrame) -> None:
    html = render_report(people, COUNTS, DAY, None)
    grid = [row for row in Page(html).rows if len(row) == 6 and row[0] in set("12345")]
    assert [row[0] for row in grid] == list("54321")
    assert grid[0] == ["5", "0", "0", "0", "2", "1"]
    assert grid[1:] == [[str(n), "0", "0", "0", "0", "0"] for n in (4, 3, 2, 1)]
    assert "1 without a frequency are not in the grid" in html


def test_customers_are_shown_under_short_pseudonyms_the_fullest_first(people: pd.DataFrame) -> None:
    html = render_report(pd.concat([people, profiles(profile(5, completeness=0.9))]), COUNTS, DAY, None)
    shown = [row for row in Page(html).rows if len(row) == 6 and row[0].startswith("000000")]
    assert [row[-1] for row in shown] == ["Persona 5.", "Persona 1.", "Persona 3.", "Persona 2."]
    assert f"{1:032x}" not in html
    assert '<td lang="zh">一位忠诚客户。</td>' in render_report(people[3:], COUNTS, DAY, None)


def test_changes_since_another_day(people: pd.DataFrame) -> None:
    before = summarise(people[:3])
    html = render_report(people, COUNTS, DAY, before)
    assert re.search(r"<dd>4<small>\+1 ", html)
    assert re.search(r"<dd>0\.67<small>\+0\.17 ", html)
    assert "<small>" not in render_report(people, COUNTS, DAY, None)


def test_a_day_without_customers_or_rows() -> None:
    html = render_report(profiles(), {}, DAY, None)
    Page(html)
    assert "No customer is known by the end of this day." in html
    assert "<dd>–</dd>" in html
    assert not re.search(r"\bnan\b", html, re.IGNORECASE)


def test_what_customers_wrote_cannot_become_markup() -> None:
    nasty = "<script>alert(1)</script>\"'&"
    html = render_report(profiles(profile(1, top_interest=nasty, persona=nasty)), {"quarantine": {nasty: 1}}, DAY, None)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 3
    Page(html)


@pytest.fixture(params=["report", "quality"])
def html(request: pytest.FixtureRequest, people: pd.DataFrame) -> str:
    if request.param == "report":
        return render_report(people, COUNTS, DAY, summarise(people))
    return render_quality({"ingest": gate()}, {"counts": COUNTS, "files": FILES}, DAY)


def test_a_page_needs_nothing_but_itself(html: str) -> None:
    page = Page(html)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name in ("src", "href")]
    assert "://" not in html
    assert "url(" not in html


def test_a_page_says_everything_in_both_languages(html: str) -> None:
    assert html.count('<span class="en" lang="en">') == html.count('<span class="zh" lang="zh">') > 20
    for chinese in re.findall(r'<span class="zh" lang="zh">(.*?)</span>', html):
        assert re.search(r"[\u4e00-\u9fff]", chinese) or re.search(r"[a-z]", chinese), chinese


def test_a_page_can_be_read_with_a_screen_reader(html: str) -> None:
    page = Page(html)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("h1") == tags.count("main") == tags.count("title") == 1
    assert tags.count("caption") == tags.count("table") > 2
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    assert all(attributes.get("aria-hidden") == "true" for tag, attributes in page.tags if tag == "svg")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["for"] for tag, attributes in page.tags if tag == "label"} == {"lang-en", "lang-zh"}
    named = {attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes}
    assert named <= set(ids)


def test_the_same_input_gives_the_same_bytes_in_any_order(people: pd.DataFrame) -> None:
    again = {name: dict(reversed(counts.items())) for name, counts in reversed(COUNTS.items())}
    shuffled = people.sample(frac=1, random_state=3)
    assert render_report(shuffled, again, DAY, None) == render_report(people, COUNTS, DAY, None)


def test_the_argument_is_left_as_it_was(people: pd.DataFrame) -> None:
    before = people.copy(deep=True)
    render_report(people, COUNTS, DAY, None)
    pd.testing.assert_frame_equal(people, before)


def test_a_code_without_words_is_shown_as_it_is() -> None:
    assert words("line_too_long") == ("Line too long", "line too long")
    assert words("at_risk") == ("At risk", "有流失风险")


# --- the quality page

FILES = [{"source": "shop", "file": "b.jsonl", "read": 7, "stored": 6, "quarantined": 1}]


WATCH = [
    {"check": "drift", "of": "kind", "value": 0.31, "usual": None, "limit": 0.25, "days": 28, "success": False},
    {"check": "volume", "of": "shop", "value": 900.0, "usual": 950.0, "limit": None, "days": 28, "success": True},
]


def gate(**changes: Any) -> dict[str, Any]:
    results = [
        result("expect_column_values_to_not_be_null", "text", severity="warn", success=False, unexpected_count=3),
        result("expect_column_values_to_be_between", "rating", success=False, unexpected_count=2),
        result("expect_table_row_count_to_be_between", None, unexpected_count=None),
    ]
    suite = {"suite": "interactions", "rows": 1000, "results": results, "is_passed": False, **changes}
    return {"suites": [suite], "watch": WATCH}


def result(expectation: str, column: str | None, **changes: Any) -> dict[str, Any]:
    default = {
        "expectation": expectation,
        "column": column,
        "arguments": {"min_value": 1, "max_value": 5},
        "severity": "fail",
        "success": True,
        "unexpected_count": 0,
        "unexpected_percent": 0.25,
        "observed": "SECRET-VALUE",
        "fix": f"Look at {column}.",
        "fix_zh": f"请检查 {column}。",
    }
    return {**default, **changes}


def test_gates_with_what_is_broken_first() -> None:
    html = render_quality({"ingest": gate()}, {"counts": COUNTS, "files": FILES}, DAY)
    page = Page(html)
    drifted, usual, *states = [row for row in page.rows if row and row[0][:1] in "✓!✗"]
    assert (drifted[0][0], drifted[1:3]) == ("!", ["Drift分布漂移", "Kind类型"])
    assert "has a PSI of 0.310" in drifted[3]
    assert "compare the day's values" in drifted[4]
    assert (usual[0][0], usual[2], usual[4]) == ("✓", "shop", "")
    assert "shop delivered 900 rows; 950 is usual" in usual[3]
    assert [(row[0][0], row[1]) for row in states] == [("✗", "rating"), ("!", "text"), ("✓", "whole table整张表")]
    assert states[0][2:] == ["lies within 1 to 5范围：1 至 5", "2 (0.25 %)", "Look at rating.请检查 rating。"]
    assert states[2][3:] == ["–", ""]
    assert page.row("shop") == ["shop", "b.jsonl", "7", "6", "0", "0", "1", "0"]
    assert 'class="bad">1</dd>' in html
    assert 'class="warned">2</dd>' in html


def test_no_value_of_a_cell_is_shown() -> None:
    assert "SECRET-VALUE" not in render_quality({"ingest": gate()}, {}, DAY)


def test_stages_stand_in_the_order_they_run() -> None:
    html = render_quality({name: gate(suite=f"suite-{name}") for name in ("profile", "ingest", "features")}, {}, DAY)
    assert re.findall(r"<code>suite-(\w+)</code>", html) == ["ingest", "features", "profile"]


def test_what_a_stage_says_before_anything_is_published() -> None:
    said = {"failures": ["7 of 9 rows were rejected"], "warnings": ["source shop delivered no drop"]}
    html = render_quality({}, said, DAY)
    Page(html)
    assert all(sentence in html for sentences in said.values() for sentence in sentences)


def test_every_expectation_of_our_suites_has_a_sentence_in_both_languages() -> None:
    for path in expectations_folder().glob("*.json"):
        for entry in json.loads(path.read_text())["expectations"]:
            en, zh = describe({"expectation": entry["type"], "arguments": entry["kwargs"]})
            assert re.search(r"[\u4e00-\u9fff]", zh), entry["type"]
            assert not re.search(r"[\u4e00-\u9fff]", en)


def test_a_day_without_gates() -> None:
    html = render_quality({}, {}, DAY)
    assert "No gate was run for this day." in html
    Page(html)


def topic(name: str, **changes: Any) -> dict[str, Any]:
    row = {
        "week": "2026-06-21",
        "model": "mini@1",
        "topic_id": name,
        "name": name,
        "state": "kept",
        "since": "2026-05-31",
        "last_week": "2026-06-21",
        "merged_into": None,
        "terms": [{"term": name, "weight": 1.0}, {"term": f"{name} <b>", "weight": 0.5}],
        "texts": 10,
        "customers": 1234,
        "share": 0.125,
        "sentiment": -0.25,
        "share_before": 0.1,
        "sentiment_before": 0.25,
        "centroid": [1.0],
    }
    return row | changes


def test_topics_with_their_change_and_those_that_ended(people: pd.DataFrame) -> None:
    rows = [
        topic("coffee", texts=20),
        topic("bag", state="new", share_before=None, sentiment_before=None),
        topic("tea", state="merged", merged_into="coffee", texts=0, sentiment=None),
        topic("mug", state="ended", texts=0, sentiment=None),
        topic("jug", state="dormant", texts=0, sentiment=None),
    ]
    found = pd.DataFrame(rows)
    html = render_report(people, COUNTS, DAY, None, found)
    page = Page(html)
    assert page.row("coffee") == ["coffee", "coffee <b>", "1,234", "12.5% +2.5", "-0.25 -0.50"]
    assert page.row("bag") == ["bag New新客户", "bag <b>", "1,234", "12.5%", "-0.25"]
    assert "tea (" in html
    assert "now part of coffee" in html
    assert "并入“coffee”" in html
    assert "mug" in html
    assert "jug" not in html
    assert render_report(people, COUNTS, DAY, None, found.iloc[::-1]) == html
    assert "No topics are in service" in render_report(people, COUNTS, DAY, None)


def fact(subtopic: str = "product", value: str = "quiet fan", **changes: Any) -> dict[str, Any]:
    said = {"topic": "needs", "polarity": 1.0, "written_by": "rules", "statement": f"Secret words about {value}"}
    return said | {"subtopic": subtopic, "value": value} | changes


def test_facts_of_five_customers_and_more() -> None:
    lamp, tent = fact(value="lamp"), fact(value="tent <b>")
    late = [{"topic": "service_experience", "value": "", "subtopic": "delivery", "polarity": p} for p in (-1.0, -0.5)]
    rows = [profile(n, facts=[fact(), lamp, fact(**late[n % 2])]) for n in range(6)]
    rows += [profile(6, facts=[tent, fact(written_by="small-model-1")]), profile(7, facts=None)]
    rows += [profile(n, facts=[fact(value="kettle", written_by="correction by Kim")]) for n in range(8, 14)]
    rows += [profile(n, facts=[tent]) for n in range(14, 17)]
    html = render_report(profiles(*rows), COUNTS, DAY, None)
    page = Page(html)
    fan = by_name()["needs", "product"].statements
    fans = "".join(fan[language][0].format(value="quiet fan") for language in ("en", "zh"))
    assert page.row(fan["en"][0].format(value="quiet fan")) == [fans, "Needs需求", "7", "+1.00"]
    (delivery,) = [
        row for row in page.rows if len(row) == 4 and row[1].startswith(topic_names()["service_experience"]["en"])
    ]
    assert delivery[2:] == ["6", "-0.75"]
    assert "tent &lt;" not in html, "four customers only"
    assert "kettle" not in html, "a correction has another statement"
    assert "Kim" not in html
    assert "Secret words" not in html
    assert [row[1] for row in page.rows if row[0] in ("Rules规则", "small-model-1", "Corrected by a person人工更正")] == [
        "22", "6", "1",
    ]  # fmt: skip
    assert (
        page.rows.index(page.row("Is looking for: lamp")) == page.rows.index(page.row("Is looking for: quiet fan")) + 1
    )
    assert render_report(profiles(*reversed(rows)), COUNTS, DAY, None) == html
    assert "No fact is shared by so many customers." in render_report(profiles(*rows[6:]), COUNTS, DAY, None)
    assert "All facts of the profiles" not in render_report(profiles(profile(1)), COUNTS, DAY, None)
