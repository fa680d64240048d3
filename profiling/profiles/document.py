"""One customer's document, part by part, from the scores and records made for all customers at once."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd

from profiling.llm.check import check, is_sensitive
from profiling.llm.grounds import Grounds
from profiling.profiles import persona
from profiling.profiles.canonical import Unknown, known, settle
from profiling.profiles.evidence import CITED, ids
from profiling.profiles.grounds import grounds_of
from profiling.profiles.predictions import prediction, with_doubts
from profiling.profiles.satisfaction import MIN_TREND_COUNT
from profiling.profiles.wording import (
    ACTS,
    aspect_name,
    reason_sentence,
    title_in,
    topic_name,
    without_names,
    written_language,
)
from profiling.strategy import outreach
from profiling.strategy.next_best_action import TROUBLE_DAYS, decide

# Complaints this clear become the reason of a service recovery.
_BAD_POLARITY = -0.2
_SURE_COMPLAINT = 0.6  # confidence of a fact from which somebody is approached for it
# What completeness counts: the parts that data, a model or a language model can fill.
PARTS = (
    "attributes", "consent", "spend", "items", "categories", "interests", "satisfaction", "trend", "aspects", "facts",
    "predictions", "clv", "tier", "recommendations",
)  # fmt: skip
_UNNAMED = {"en": "one topic", "zh": "某一主题"}
_NO_CONSUMPTION = "neither purchases nor reviews are known"
_NO_SPEND = "no purchase with an amount is known"

Record = Mapping[str, Any]
Records = Sequence[Record]


def document_of(customer: Record, own: Mapping[str, Records], day: str, made_by: Record) -> dict[str, Any]:
    """The document of a customer, ready for `canonical.dumps`.

    Args:
        customer: a row of the scores: `overview`, `rfm`, `life_cycle`, `with_tier` and `language`.
        own: the customer's records by part, in the order they will stand in: attributes, consents, kinds, spend, items,
            categories, interests, satisfaction, aspects, facts, recommendations, activity, members; topics where some
            are in service, predictions where a model is.
        day: YYYY-MM-DD.
        made_by: the `provenance`.
    """
    language = written_language(customer["language"])
    draft = {
        "customer_id": customer["customer_id"],
        "as_of": day,
        "language": customer["language"],
        "identity": _identity(customer["customer_id"], own["members"]),
        "attributes": _statements(own["attributes"]),
        "consent": _statements(own["consents"]),
        "activity": _activity(customer, own["kinds"]),
        "consumption": _consumption(customer, own),
        "interests": [_interest(record) for record in own["interests"]],
        "topics": _topics(own),
        "satisfaction": _satisfaction(own["satisfaction"], own["aspects"]),
        "facts": [_fact(record) for record in own["facts"]] or Unknown("no text of theirs states one"),
        "predictions": _predictions(customer, own, language),
        "value": {
            "clv": Unknown("no model of lifetime value has been promoted yet"),
            "tier": known(customer["tier"], "neither spend nor purchases nor reviews are known"),
            "tier_basis": known(customer["tier_basis"], "there is no tier"),
        },
        "segment": _segment(customer),
        "recommendations": [_recommendation(record, language) for record in own["recommendations"]],
        "provenance": made_by,
    }
    draft["next_best_action"] = _next_best_action(customer, draft, own, language)
    draft["completeness"] = _completeness(draft)
    document = settle(draft)
    grounds = grounds_of(document, language)
    reasons = _sayable([record["reasons"] for record in own["recommendations"]], grounds)
    offers = [offer | {"reason": said} for offer, said in zip(document["recommendations"], reasons, strict=True)]
    if offers != document["recommendations"]:
        document = document | {"recommendations": offers}
        grounds = grounds_of(document, language)
    document = document | {"persona": persona.write(document, grounds)}
    return _with_copy(document, grounds)


def _sayable(offers: Sequence[Records], grounds: Grounds) -> list[str]:
    """The sentence of each recommendation's reasons, without the names that the fact check refuses."""

    @cache  # several offers often have the same reasons
    def passes(sentence: str) -> bool:
        return not check(sentence, grounds, "reason")

    def sentence(reasons: Records) -> str:
        return reason_sentence(reasons, grounds.language)

    said = []
    for reasons in offers:
        if not passes(sentence(reasons)):
            reasons = [each if passes(sentence([each])) else without_names(each) for each in reasons]
        if not passes(sentence(reasons)):
            reasons = [without_names(each) for each in reasons]
        said.append(sentence(reasons))
    return said


def _with_copy(document: dict[str, Any], grounds: Grounds) -> dict[str, Any]:
    """With what to write for the next best action."""
    decision, nulls = document["next_best_action"], document["nulls"]
    language = written_language(document["language"])
    copy: Any = Unknown(outreach.NOTHING_TO_SAY)
    if decision["channel"] is not None:
        copy = outreach.write(document, decision["action"], decision["channel"], language, grounds)
    settled = settle({"next_best_action": {**decision, "channel": decision["channel"] or "", "copy": copy}})
    found = {**settled["next_best_action"], "channel": decision["channel"]}
    return document | {"next_best_action": found, "nulls": nulls | settled["nulls"]}


def _identity(customer_id: str, members: Records) -> dict[str, list[str]]:
    """Everything the customer is known by, and which of it may have been a customer before it was merged into this one."""
    return {
        "members": sorted({customer_id, *(r["identity_id"] for r in members)}),
        "merged_from": sorted(r["identity_id"] for r in members if r["is_seen"] and r["identity_id"] != customer_id),
    }


def _statements(records: Records) -> dict[str, Any]:
    """Newest statement by name. A name whose newest statement is empty is not known any more."""
    return {
        r["name"]: {"value": r["value"], "stated_at": _iso(r["stated_at"]), "source": r["source"]}
        for r in records
        if r["value"] is not None
    }


def _activity(customer: Record, kinds: Records) -> dict[str, Any]:
    return {
        "first_seen_at": _iso(customer["first_at"]),
        "last_seen_at": _iso(customer["last_at"]),
        "days_known": int(customer["days_known"]),
        "recency_days": int(customer["recency_days"]),
        "interaction_count": int(customer["interaction_count"]),
        "counts": {r["kind"]: int(r["count"]) for r in kinds},
        "rfm": {
            "recency": int(customer["recency_score"]),
            "frequency": _score(customer["frequency_score"], _NO_CONSUMPTION),
            "monetary": _score(customer["monetary_score"], _no_spend(customer)),
            "frequency_basis": known(customer["frequency_basis"], _NO_CONSUMPTION),
        },
    }


def _score(value: float | None, reason: str) -> int | Unknown:
    return Unknown(reason) if value is None else int(value)


def _no_spend(customer: Record) -> str:
    if customer["currency_count"] > 1:
        return "amounts in several currencies cannot be added up"
    return _NO_SPEND


def _consumption(customer: Record, own: Mapping[str, Records]) -> dict[str, Any]:
    spend = {r["currency"]: float(r["amount"]) for r in own["spend"]}
    items = [
        {
            "item_id": r["item_id"],
            "title": known(r["title"], "the catalogue has no title for this item"),
            "category": known(r["category"], "the catalogue has no category for this item"),
            "count": int(r["count"]),
            "quantity": float(r["quantity"]),
            **_cited(r["evidence"], int(r["count"])),
        }
        for r in own["items"]
    ]
    categories = [
        {
            "category": r["category"],
            "count": int(r["count"]),
            "share": float(r["share"]),
            **_cited(r["evidence"], int(r["count"])),
        }
        for r in own["categories"]
    ]
    return {
        "basis": known(customer["frequency_basis"], _NO_CONSUMPTION),
        "purchase_count": int(customer["purchase_count"]),
        "spend": spend or Unknown(_NO_SPEND),
        "items": items,
        "categories": categories,
    }


def _interest(record: Record) -> dict[str, Any]:
    count = int(record["count"])
    return {
        "topic": record["topic"],
        "kind": record["kind"],
        "weight": float(record["weight"]),
        "share": float(record["share"]),
        "sentiment": known(record["sentiment"], "no text about it"),
        "count": count,
        **_cited(record["evidence"], count),
    }


def _topics(own: Mapping[str, Records]) -> list[dict[str, Any]] | Unknown:
    if "topics" not in own:
        return Unknown(
            "no topics are in service: by the end of the last week too few customers wrote of the same thing"
        )
    return [
        {
            "topic_id": r["topic_id"],
            "name": r["name"],
            "share": float(r["share"]),
            "sentiment": known(r["sentiment"], "no text about it"),
            "count": int(r["count"]),
            **_cited(r["evidence"], int(r["count"])),
        }
        for r in own["topics"]
    ]


def _satisfaction(levels: Records, spoken: Records) -> dict[str, Any]:
    described = [
        {
            "aspect": r["aspect"],
            "polarity": float(r["polarity"]),
            "count": int(r["count"]),
            **_cited(r["evidence"], int(r["count"])),
            "spans": [_span(span) for span in r["spans"]],
        }
        for r in spoken
    ]
    if not levels:
        unknown = Unknown("neither a rating nor a text is known")
        return {
            "score": unknown,
            "own_score": unknown,
            "trend": unknown,
            "count": 0,
            **_cited([], 0),
            "aspects": described,
        }
    level = levels[0]
    return {
        "score": float(level["score"]),
        "own_score": float(level["own_score"]),
        "trend": known(level["trend"], f"fewer than {MIN_TREND_COUNT} ratings or texts"),
        "count": int(level["count"]),
        **_cited(level["evidence"], int(level["count"])),
        "aspects": described,
    }


def _span(span: Mapping[str, Any]) -> dict[str, Any]:
    places = {name: int(span[name]) for name in ("start", "end")}
    return {"interaction_id": span["interaction_id"], **places, "polarity": float(span["polarity"])}


def _fact(record: Record) -> dict[str, Any]:
    cited = record["evidence"][:CITED]
    return {
        **{name: record[name] for name in ("fact_id", "topic", "subtopic", "value", "statement", "written_by")},
        **{name: float(record[name]) for name in ("polarity", "confidence")},
        "is_inferred": bool(record["is_inferred"]),
        "since": _iso(record["since"]),
        "stated_at": _iso(record["stated_at"]),
        "superseded": int(record["superseded"]),
        **_cited(cited, int(record["count"])),
        "spans": [
            {"interaction_id": each["interaction_id"], "start": int(each["start"]), "end": int(each["end"])}
            for each in cited
        ],
    }


def _segment(customer: Record) -> dict[str, Any]:
    return {
        "rfm": customer["rfm_label"],
        "rfm_code": customer["rfm"],
        "cluster": Unknown("no clustering has been promoted yet"),
        "life_cycle": customer["life_cycle"],
        "life_cycle_rule": {
            "name": customer["life_cycle_rule"],
            "kind": customer["main_kind"],
            "active_days": int(customer["main_days"]),
            "quiet_days": int(customer["quiet_days"]),
            "usual_gap_days": float(customer["usual_gap_days"]),
            "gap_basis": customer["gap_basis"],
            "limit_days": known(customer["limit_days"], "this rule is not about days of silence"),
        },
    }


def _predictions(customer: Record, own: Mapping[str, Records], language: str) -> list[dict[str, Any]] | Unknown:
    """By target; what a model said of features rests on the customer's activity, what it said of a text on the text."""
    if "predictions" not in own:
        return Unknown("no model is in service on this day")
    if not own["predictions"]:
        return Unknown("no model in service asks about this customer now")
    shown = own["activity"][0]["evidence"] if own["activity"] else []
    said = [
        prediction(record, ids(record["evidence"]), 1, language)
        if record["evidence"]
        else prediction(record, ids(shown), int(customer["main_count"]), language)
        for record in own["predictions"]
    ]
    return with_doubts(said, language)


def _recommendation(record: Record, language: str) -> dict[str, Any]:
    cited = list(record["evidence"])
    return {
        "item_id": record["item_id"],
        "title": known(record["title"], "the catalogue has no title for this item"),
        "score": float(record["score"]),
        "reason": reason_sentence(list(record["reasons"]), language),
        "written_by": "template",
        **_cited(cited, len(cited)),
    }


def _next_best_action(
    customer: Record, draft: Mapping[str, Any], own: Mapping[str, Records], language: str
) -> dict[str, Any]:
    level, interests, offers = draft["satisfaction"], draft["interests"], draft["recommendations"]
    complaints = [a for a in level["aspects"] if a["polarity"] <= _BAD_POLARITY]
    worst = min(complaints, key=lambda a: (a["polarity"], a["aspect"]), default=None)
    offer = offers[0] if offers else None
    trouble = _complaint(draft["facts"], draft["as_of"])
    facts = {
        **{name: customer[name] for name in ("life_cycle", "rfm_label", "main_kind", "purchase_count", "review_count")},
        **{name: customer[name] for name in ("days_known", "recency_days", "quiet_days", "usual_gap_days")},
        "main_act": ACTS[language].get(customer["main_kind"], customer["main_kind"]),
        "tier": _or_none(draft["value"]["tier"]),
        "satisfaction": _or_none(level["score"]),
        "worst_aspect": aspect_name(worst["aspect"], language) if worst else None,
        "top_interest": _said_of_interest(interests[0]["topic"], language) if interests else None,
        "top_interest_share": interests[0]["share"] if interests else None,
        "recommended": title_in(_or_none(offer["title"]) or offer["item_id"], language) if offer else None,
        "complaint": trouble["statement"] if trouble else None,
    }
    shown = own["activity"][0]["evidence"] if own["activity"] else []
    claims: dict[str, dict[str, Any]] = {
        "satisfaction": level,
        "aspect": worst or level,
        "interest": interests[0] if interests else _cited([], 0),
        "activity": _cited(shown, int(customer["main_count"])),
        "complaint": trouble or level,
    }
    granted = {name for name, consent in draft["consent"].items() if consent["value"] == "granted"}
    decision = decide(facts, granted, claims, language)
    return {**decision, "channel": known(decision["channel"], "there is nothing to say")}


def _said_of_interest(topic: str, language: str) -> str:
    """Its name; of an illness and the like only that there is one, as in the persona."""
    return _UNNAMED[language] if is_sensitive(topic) else topic_name(topic, language)


def _complaint(facts: Any, as_of: str) -> dict[str, Any] | None:
    """The strongest fact of the last TROUBLE_DAYS by which the customer is unhappy with the shop, not merely inferred weakly."""
    since = (pd.Timestamp(as_of, tz="UTC") - pd.Timedelta(days=TROUBLE_DAYS)).isoformat()
    if isinstance(facts, Unknown):
        return None
    return next(
        (
            fact
            for fact in facts
            if _is_about_us(fact) and fact["confidence"] >= _SURE_COMPLAINT and fact["stated_at"] >= since
        ),
        None,
    )


def _is_about_us(fact: Mapping[str, Any]) -> bool:
    is_against = fact["polarity"] < 0
    return is_against and fact["topic"] in ("complaints", "service_experience", "intent")


def _or_none(value: Any) -> Any:
    return None if isinstance(value, Unknown) else value


def _completeness(draft: Mapping[str, Any]) -> float:
    found = {
        **{
            name: draft[name]
            for name in ("attributes", "consent", "interests", "facts", "predictions", "recommendations")
        },
        **{name: draft["consumption"][name] for name in ("spend", "items", "categories")},
        "satisfaction": draft["satisfaction"]["score"],
        **{name: draft["satisfaction"][name] for name in ("trend", "aspects")},
        **{name: draft["value"][name] for name in ("clv", "tier")},
    }
    filled = [name for name in PARTS if not isinstance(found[name], Unknown) and found[name] not in ({}, [])]
    return len(filled) / len(PARTS)


def _cited(evidence: Records, count: int) -> dict[str, Any]:
    return {"evidence": ids(evidence), "evidence_count": count}


def _iso(moment: pd.Timestamp) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
