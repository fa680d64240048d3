"""The pages for people: a day's profiles and a day's quality. Self-contained HTML, English and Chinese in one file.

The same input gives the same bytes: no clock, no random choice, sums that do not depend on the order of rows.
"""

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from profiling.facts.slots import by_name, topic_names
from profiling.profiles.checks import describe
from profiling.profiles.predictions import label
from profiling.profiles.private import is_private
from profiling.profiles.wording import LANGUAGES, topic_name
from profiling.profiles.written import written_counts
from profiling.text.topics import ENDED, LEAST_CUSTOMERS, MERGED, NEW, RETURNED, in_service
from profiling.watch import fix, sentence

if TYPE_CHECKING:
    import pandas as pd

TOP = 12  # rows of a ranking; a reader looks no further
AT_LEAST = 5  # customers who say the same: what one person says must not stand on a page by itself
OF_TOPIC = 4  # facts shown of each topic
TERMS = 4  # of a topic, beside its name
NEWS = (NEW, RETURNED)  # states of a topic that a reader is told
SAMPLE_OF_EACH = 2  # customers shown of each stage of life
CORRECTED = "correction by "
PSEUDONYM = 12  # characters shown: enough to find one with `profiling show`, short enough to read
SATISFACTION_STEPS = 5

# What codes mean to a reader: English, Chinese. A code that is not here is shown as it is, without its underscores.
WORDS = {
    "new": ("New", "新客户"),
    "active": ("Active", "活跃"),
    "loyal": ("Loyal", "忠诚"),
    "at_risk": ("At risk", "有流失风险"),
    "lapsed": ("Lapsed", "已流失"),
    "recover_service": ("Make it good", "服务补救"),
    "win_back": ("Win back", "挽回"),
    "welcome": ("Welcome", "欢迎"),
    "reward": ("Reward", "回馈"),
    "cross_sell": ("Offer something fitting", "交叉推荐"),
    "ask_for_review": ("Ask for a review", "邀请评价"),
    "none": ("Nothing today", "今日无需联系"),
    "read": ("Rows read", "读取行数"),
    "stored": ("Stored", "已入库"),
    "duplicates_exact": ("Duplicates, exact", "完全重复"),
    "duplicates_near": ("Duplicates, near", "近似重复"),
    "quarantined": ("Quarantined", "已隔离"),
    "suppressed": ("Suppressed", "已屏蔽"),
    "ingest": ("Data in", "数据接入"),
    "features": ("Text features", "文本特征"),
    "profile": ("Profiles", "客户画像"),
    "interactions": ("Interactions", "互动"),
    "attributes": ("Attributes", "属性"),
    "consents": ("Consents", "同意声明"),
    "catalogue": ("Catalogue", "商品目录"),
    "daily_activity": ("Daily activity", "每日活动"),
    "freshness": ("Freshness", "新鲜度"),
    "volume": ("Volume", "数据量"),
    "drift": ("Drift", "分布漂移"),
    "kind": ("Kind", "类型"),
    "rating": ("Rating", "评分"),
    "channel": ("Channel", "渠道"),
    "amount": ("Amount", "金额"),
    "text_length": ("Length of texts", "文本长度"),
    "language": ("Language", "语言"),
    "text_features": ("Text features", "文本特征"),
    "profiles": ("Profiles", "客户画像"),
    "returned": ("Returned", "重新出现"),
    "rules": ("Rules", "规则"),
    "correction": ("Corrected by a person", "人工更正"),
    # Why a language model's text was not taken: its failures, then what the fact check found.
    "refused": ("The model refused", "模型拒绝"),
    "length": ("Cut off", "输出被截断"),
    "schema": ("Not in the form asked for", "格式不符"),
    "budget": ("The budget was spent", "预算用尽"),
    "unavailable": ("No answer", "无应答"),
    "missing": ("Left out by the model", "模型遗漏"),
    "form": ("Form: length, markup or odd characters", "形式：长度、标记或异常字符"),
    "contact": ("Links, addresses, numbers to call", "链接、地址或电话"),
    "instruction": ("Talk of instructions", "涉及指令"),
    "promise": ("Promises", "许诺"),
    "sensitive": ("Sensitive attributes", "敏感属性"),
    "echo": ("Repeats what a customer wrote", "重复客户原文"),
    "evidence": ("Evidence that is none", "引用无效证据"),
    "claim": ("A claim the data deny", "与数据不符的断言"),
    "number": ("A number the data do not have", "数据中没有的数字"),
    "sentiment": ("Another opinion than the data", "与数据不符的情感"),
    "name": ("A name the data do not have", "数据中没有的名称"),
    "word": ("Words from nowhere", "来源不明的词语"),
}
LIFE_CYCLE = ("new", "active", "loyal", "at_risk", "lapsed")
OUTCOMES = ("stored", "duplicates_exact", "duplicates_near", "quarantined", "suppressed")


class Text(NamedTuple):
    """A label in both languages."""

    en: str
    zh: str


class Bar(NamedTuple):
    """A row of a ranking or distribution; `share` 0 to 1 of the whole, `length` 0 to 1 of the longest."""

    label: Text
    number: int
    share: float
    length: float


def words(code: str) -> Text:
    """A code as a reader knows it."""
    plain = code.replace("_", " ")
    return Text(*WORDS.get(code, (plain[:1].upper() + plain[1:], plain)))


def summarise(profiles: "pd.DataFrame") -> dict[str, float | None]:
    """The numbers of a day, for this page and for the next day's comparison.

    Returns:
        customers, interactions, purchases, satisfaction (mean, None where nobody has one), at_risk (customers), completeness
        (mean, None without customers).
    """
    return {
        "customers": len(profiles),
        "interactions": int(profiles["interaction_count"].sum()),
        "purchases": int(profiles["purchase_count"].sum()),
        "satisfaction": _mean(profiles["satisfaction"]),
        "at_risk": int((profiles["life_cycle"] == "at_risk").sum()),
        "completeness": _mean(profiles["completeness"]),
    }


def render_report(
    profiles: "pd.DataFrame",
    ledger_counts: Mapping[str, Mapping[str, int]],
    day: str,
    previous: Mapping[str, float | None] | None,
    topics: "pd.DataFrame | None" = None,
) -> str:
    """The day's report as one HTML page.

    Args:
        profiles: columns of `schemas.PROFILES`, one row a customer; may be empty.
        ledger_counts: `ingest` {read, stored, duplicates_exact, ...} and `quarantine` {reason: rows}; either may be missing.
        day: YYYY-MM-DD.
        previous: `summarise` of an earlier day to compare with, or None.
        topics: rows of `schemas.TOPICS` of the last closed week.
    """
    people = profiles.sort_values("customer_id", kind="stable")
    ingest = ledger_counts.get("ingest", {})
    return _render(
        "report.html.jinja",
        day=day,
        tiles=_tiles(summarise(people), previous),
        spend=_spend(people),
        life_cycle=_bars(_counts(people["life_cycle"]), order=LIFE_CYCLE),
        grid=_grid(people["rfm"]),
        satisfaction=_satisfaction(people["satisfaction"]),
        unhappy=int((people["satisfaction"] < 0.4).sum()),
        unknown_satisfaction=int(people["satisfaction"].isna().sum()),
        interests=_interests(people["top_interest"]),
        topics=_topics(topics),
        gone=_gone(topics),
        actions=_bars(_counts(people["next_best_action"])),
        predictions=_predictions(people["document"]),
        facts=_facts(people["document"]),
        at_least=AT_LEAST,
        least_of_topic=LEAST_CUSTOMERS,
        written=_written(people["document"]),
        rows=_outcomes(ingest),
        rows_read=int(ingest.get("read", 0)),
        quarantine=_bars(ledger_counts.get("quarantine", {})),
        sample=_sample(people),
        pseudonym=PSEUDONYM,
    )


def render_quality(
    report: Mapping[str, Mapping[str, Any]], ledger: Mapping[str, Any], day: str, data_docs: Collection[str] = ()
) -> str:
    """The day's gates and accounts as one HTML page. Counts and sentences only, never a value of a cell.

    Args:
        report: for each stage that was gated `suites`, the reports of its suites: suite, rows, is_passed, results (each with
            expectation, arguments, column, severity `fail` or `warn`, success, unexpected_count, unexpected_percent 0-100, and
            fix and fix_zh where it is broken); and `watch`, what `watch.observe` found.
        ledger: `counts` as in `render_report`; `files`: per file source, file, read and what became of the rows; `failures` and
            `warnings`: the sentences of a stage that is shown before anything is published.
        day: YYYY-MM-DD.
        data_docs: suites of which Great Expectations' own page lies beside this one.
    """
    stages = sorted(report, key=_stage_order)
    gates = [_gate(stage, suite) for stage in stages for suite in report[stage]["suites"]]
    observations = [_observation(one) for stage in stages for one in report[stage].get("watch", ())]
    counts = ledger.get("counts", {})
    unusual = sum(not one["success"] for one in observations)
    return _render(
        "quality.html.jinja",
        day=day,
        gates=gates,
        data_docs=data_docs,
        observations=observations,
        failures=ledger.get("failures", []),
        warnings=ledger.get("warnings", []),
        broken=sum(len(gate["failures"]) for gate in gates),
        warned=sum(len(gate["warnings"]) for gate in gates) + unusual,
        held=sum(gate["held"] for gate in gates) + len(observations) - unusual,
        outcomes=OUTCOMES,
        files=sorted(ledger.get("files", []), key=lambda file: (file["source"], file["file"])),
        rows=_outcomes(counts.get("ingest", {})),
        rows_read=int(counts.get("ingest", {}).get("read", 0)),
        quarantine=_bars(counts.get("quarantine", {})),
    )


def _render(template: str, **values: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.globals["words"] = words
    return pages.get_template(template).render(**values)


# --- numbers of the report ---


def _mean(values: "pd.Series") -> float | None:
    """Exactly summed, so the order of rows does not matter; None of nothing."""
    known = values.dropna().astype("float64").tolist()
    return math.fsum(known) / len(known) if known else None


def _tiles(now: Mapping[str, float | None], before: Mapping[str, float | None] | None) -> list[dict[str, Any]]:
    labels = {
        "customers": Text("Customers", "客户数"),
        "interactions": Text("Interactions known", "已知互动"),
        "purchases": Text("Purchases known", "已知购买"),
        "satisfaction": Text("Mean satisfaction, 0 to 1", "平均满意度（0–1）"),
        "at_risk": Text("Customers at risk", "有流失风险的客户"),
        "completeness": Text("Mean completeness of a profile", "画像平均完整度"),
    }
    return [
        {"label": label, "value": _number(now[name]), "change": _change(now[name], (before or {}).get(name))}
        for name, label in labels.items()
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def _change(now: float | None, before: float | None) -> str | None:
    if now is None or before is None:
        return None
    return f"{now - before:+,}" if isinstance(now, int) and isinstance(before, int) else f"{now - before:+z.2f}"


def _counts(values: "pd.Series") -> dict[str, int]:
    return {str(value): int(number) for value, number in values.dropna().value_counts().items()}


def _bars(
    counts: Mapping[str, int], *, order: Sequence[str] = (), whole: int | None = None, is_code: bool = True
) -> list[Bar]:
    """In the order given, what it does not name behind; without one the largest first, ties by name."""
    names = [*order, *sorted(set(counts) - set(order), key=lambda name: (-counts[name], name))]
    whole = whole if whole is not None else sum(counts.values())
    longest = max(counts.values(), default=0)
    return [
        Bar(
            words(name) if is_code else Text(name, name),
            counts.get(name, 0),
            counts.get(name, 0) / whole if whole else 0.0,
            counts.get(name, 0) / longest if longest else 0.0,
        )
        for name in names
    ]


def _interests(topics: "pd.Series") -> list[Bar]:
    """The strongest interest of each customer, one name for coffee and 咖啡, where AT_LEAST customers share it."""
    named = [_interest(topic) for topic in topics.dropna() if not is_private(topic)]
    chinese = {name.en: name.zh for name in named}
    shared = {name: number for name, number in Counter(name.en for name in named).items() if number >= AT_LEAST}
    rows = _bars(shared, whole=len(topics), is_code=False)[:TOP]
    return [row._replace(label=Text(row.label.en, chinese[row.label.en])) for row in rows]


def _told(topic: Any) -> str:
    """A customer's strongest interest beside their pseudonym; none where there is none, and nothing of health and the like."""
    return topic if isinstance(topic, str) and not is_private(topic) else "–"


def _interest(topic: str) -> Text:
    return Text(topic_name(topic, "en"), topic_name(topic, "zh"))


def _satisfaction(values: "pd.Series") -> list[Bar]:
    """Customers by fifth of the scale; the last fifth holds the 1."""
    steps = (values.dropna() * SATISFACTION_STEPS).clip(0, SATISFACTION_STEPS - 1).astype("int64")
    edges = [n / SATISFACTION_STEPS for n in range(SATISFACTION_STEPS + 1)]
    labels = [f"{low:.1f} – {high:.1f}" for low, high in pairwise(edges)]
    return _bars(_counts(steps.map(dict(enumerate(labels)))), order=labels, is_code=False)


def _spend(people: "pd.DataFrame") -> list[dict[str, Any]]:
    """Payers and money by currency: currencies cannot be added up."""
    paid = people[people["spend"].notna() & people["currency"].notna()]
    return [
        {"currency": str(currency), "customers": len(of), "spend": f"{math.fsum(of['spend'].tolist()):,.2f}"}
        for currency, of in paid.groupby("currency", sort=True)
    ]


def _predictions(documents: "pd.Series") -> list[dict[str, Any]]:
    """By target: customers asked about, their mean probability, how many are more likely than not, and how many in doubt."""
    doubted: Counter[str] = Counter()
    said: dict[tuple[str, int], list[float]] = {}
    for document in documents:
        for each in json.loads(document).get("predictions") or []:
            said.setdefault((each["target"], each["horizon_days"]), []).append(each["probability"])
            doubted[each["target"]] += "doubt" in each
    return [
        {
            "label": {language: label(target, horizon, language) for language in LANGUAGES},
            "customers": len(found),
            "mean": f"{math.fsum(found) / len(found):.0%}",
            "likely": sum(probability >= 0.5 for probability in found),
            "doubted": doubted[target],
        }
        for (target, horizon), found in sorted(said.items())
    ]


def _topics(topics: "pd.DataFrame | None") -> list[dict[str, Any]]:
    """The largest topics in service: their terms, how much of the texts, how it is meant, and the change since a week before."""
    if topics is None:
        return []
    return [
        {
            "name": row["name"],
            "terms": ", ".join([entry["term"] for entry in row["terms"] if entry["term"] != row["name"]][:TERMS]),
            "state": words(row["state"]) if row["state"] in NEWS else None,
            "customers": row["customers"],
            "share": f"{row['share']:.1%}",
            "share_change": _points(row["share"], row["share_before"]),
            "sentiment": f"{row['sentiment']:+z.2f}",
            "sentiment_change": _change(row["sentiment"], _known(row["sentiment_before"])),
        }
        for row in in_service(topics).head(TOP).to_dict("records")
    ]


def _gone(topics: "pd.DataFrame | None") -> list[dict[str, Any]]:
    """The topics that ended in the week, and into which others they went."""
    if topics is None:
        return []
    names = dict(zip(topics["topic_id"], topics["name"], strict=True))
    rows = topics[topics["state"].isin((ENDED, MERGED))].sort_values(["name", "topic_id"])
    return [
        {"name": row["name"], "into": names.get(row["merged_into"]) if row["state"] == MERGED else None}
        for row in rows.to_dict("records")
    ]


def _points(now: float, before: float) -> str | None:
    """The change of a share, in hundredths."""
    return None if _known(before) is None else f"{100 * (now - before):+z.1f}"


def _known(value: float) -> float | None:
    return None if value != value else value


def _facts(documents: "pd.Series") -> dict[str, Any]:
    """`rows`: by topic the facts that most customers share, AT_LEAST of them, in the words of their slot and never of a customer;
    `authors`: how many facts rules, each language model and people wrote, where who corrected one is not named.
    """
    said: dict[tuple[str, str, str, bool], list[float]] = {}
    authors: Counter[str] = Counter()
    for document in documents:
        for fact in json.loads(document).get("facts") or []:
            if fact["written_by"].startswith(CORRECTED):  # its statement is another one than its slot's
                authors["correction"] += 1
                continue
            authors[fact["written_by"]] += 1
            key = (fact["topic"], fact["subtopic"], fact["value"], fact["polarity"] < 0)
            said.setdefault(key, []).append(fact["polarity"])
    bars = [
        bar._replace(label=words(bar.label.en)) if bar.label.en in ("rules", "correction") else bar
        for bar in _bars(authors, is_code=False)  # a model's name is no code
    ]
    return {"rows": _shared(said), "authors": bars}


def _shared(said: Mapping[tuple[str, str, str, bool], list[float]]) -> list[dict[str, Any]]:
    rows = []
    for topic, name in topic_names().items():
        known = [(key, found) for key, found in said.items() if key[0] == topic and len(found) >= AT_LEAST]
        known.sort(key=lambda each: (-len(each[1]), each[0]))
        for (_, subtopic, value, _), found in known[:OF_TOPIC]:
            mean = math.fsum(found) / len(found)
            said_so = {language: _statement(topic, subtopic, value, mean, language) for language in LANGUAGES}
            row = {"topic": Text(**name), "statement": Text(**said_so)}
            rows.append(row | {"customers": len(found), "polarity": f"{mean:+z.2f}"})
    return rows


def _statement(topic: str, subtopic: str, value: str, polarity: float, language: str) -> str:
    slot = by_name().get((topic, subtopic))
    said = slot.statement(language, polarity, value) if slot is not None else None
    return said or f"{subtopic.replace('_', ' ')} {value}".strip()  # a slot of an earlier version


_KINDS = {
    "persona": Text("Personas", "画像描述"),
    "reason": Text("Reasons", "推荐理由"),
    "copy": Text("Messages", "联系文案"),
}


def _written(documents: "pd.Series") -> dict[str, Any]:
    """By kind of text: how many a language model wrote, and how many of its texts were not taken; those by reason."""
    counts = written_counts(map(json.loads, documents))
    rows, reasons = [], Counter[str]()
    for kind, name in _KINDS.items():
        fell_back = {
            key.split("_fell_back_")[1]: n for key, n in counts.items() if key.startswith(f"{kind}_fell_back_")
        }
        reasons.update(fell_back)
        rows.append({"label": name, "written": counts.get(f"{kind}_written", 0), "fell_back": sum(fell_back.values())})
    return {"rows": rows if counts else [], "reasons": _bars(reasons)}


def _grid(rfm: "pd.Series") -> dict[str, Any]:
    """Customers by recency (rows, 5 first) and frequency (columns, 1 first); `shade` 0 to 1 of the fullest cell."""
    counts = _counts(rfm.str[:2])
    known = {code: number for code, number in counts.items() if code.isdigit()}
    fullest = max(known.values(), default=0)

    def cell(code: str) -> dict[str, Any]:
        number = known.get(code, 0)
        return {"count": number, "shade": f"{number / fullest:.3f}" if fullest else "0"}

    rows = [{"recency": r, "cells": [cell(f"{r}{f}") for f in range(1, 6)]} for r in range(5, 0, -1)]
    return {"rows": rows, "unknown": sum(counts.values()) - sum(known.values())}


def _outcomes(ingest: Mapping[str, int]) -> list[Bar]:
    """What became of the rows read."""
    return _bars({name: int(ingest.get(name, 0)) for name in OUTCOMES}, order=OUTCOMES)


def _sample(people: "pd.DataFrame") -> list[dict[str, Any]]:
    """A few customers of each stage of life: the fullest profiles, so that a reader sees what a profile can hold."""
    ranked = people.sort_values(
        ["completeness", "interaction_count", "customer_id"], ascending=[False, False, True], kind="stable"
    )
    chosen = ranked[ranked.groupby("life_cycle").cumcount() < SAMPLE_OF_EACH]
    place = {stage: number for number, stage in enumerate(LIFE_CYCLE)}
    rows = sorted(chosen.to_dict("records"), key=lambda row: place.get(row["life_cycle"], len(place)))
    return [
        {
            "customer": row["customer_id"][:PSEUDONYM],
            "life_cycle": words(row["life_cycle"]),
            "rfm": row["rfm"],
            "interest": _interest(_told(row["top_interest"])),
            "action": words(row["next_best_action"]),
            "persona": (json.loads(row["document"]).get("persona") or {}).get("text") or "–",
            "language": row["language"],
        }
        for row in rows
    ]


# --- gates of the quality page ---


def _stage_order(stage: str) -> tuple[int, str]:
    order = ("ingest", "features", "profile")
    return (order.index(stage) if stage in order else len(order), stage)


def _gate(stage: str, report: Mapping[str, Any]) -> dict[str, Any]:
    results = [
        {key: result.get(key) for key in _SHOWN} | {"asks": Text(*describe(result))} for result in report["results"]
    ]
    broken = [result for result in results if not result["success"]]
    return {
        "stage": words(stage),
        "suite": report["suite"],
        "rows": report["rows"],
        "is_passed": report["is_passed"],
        "failures": _of_severity(broken, "fail"),
        "warnings": _of_severity(broken, "warn"),
        "held": len(results) - len(broken),
        "results": results,
    }


# Named one by one, so that a field added to a report later (an observed value, say) cannot slip onto a page for people.
_SHOWN = ("expectation", "column", "severity", "success", "unexpected_count", "unexpected_percent", "fix", "fix_zh")


def _observation(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "success": one["success"],
        "severity": "warn",
        "check": words(one["check"]),
        "of": words(one["of"]) if one["check"] == "drift" else Text(one["of"], one["of"]),
        "says": Text(sentence(one), sentence(one, "zh")),
        "fix": Text(fix(one), fix(one, "zh")),
        "days": one["days"],
    }


def _of_severity(results: Iterable[dict[str, Any]], severity: str) -> list[dict[str, Any]]:
    return [result for result in results if result["severity"] == severity]
