"""One profile for people: found by id or identifier, printed with the texts its claims rest on."""

import json
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from profiling.errors import InputError
from profiling.facts.sentences import sentences
from profiling.lake import Lake
from profiling.ledger import RELEASED, Ledger
from profiling.llm.check import check
from profiling.prepare.identity import identity_id
from profiling.prepare.identity_rules import load_rules
from profiling.profiles import predictions
from profiling.profiles.grounds import grounds_of
from profiling.profiles.history import customer_ids
from profiling.profiles.wording import title_in, topic_name, written_language
from profiling.rights.keys import pseudonym_key
from profiling.settings import Settings

_OF_OTHERS = "other customers' interactions, which a profile does not name"


def find_profile(settings: Settings, customer: str, day: str | None) -> dict[str, Any]:
    """The document of a customer, as of `day` or of the newest released day.

    Args:
        customer: a customer_id, or `type:identifier` such as `customer:C0001`, which needs the pseudonym key.

    Raises:
        InputError: no day is released, or the customer has no profile on that day.
    """
    lake = Lake.open(settings)
    ledger = Ledger(lake.ledger())
    released = [d for d in ledger.days("profile") if ledger.state("profile", d) == RELEASED]
    if not released:
        raise InputError("no day has released profiles yet; run `profiling run --from D --to D`")
    if day is not None and day not in released:
        raise InputError(f"{day} has no released profiles; the newest day that has is {released[-1]}")
    day = day or released[-1]
    customer_id = customer_of(settings, lake, customer, day) if ":" in customer else customer
    rows = lake.read("profiles", [("day", "==", day), ("customer_id", "==", customer_id)], ["document"])
    if rows.empty and ":" not in customer and len(customer) >= 8:  # pages and tables show the first characters only
        everyone = lake.read("profiles", [("day", "==", day)], ["customer_id", "document"])
        rows = everyone[everyone["customer_id"].str.startswith(customer)]
        if len(rows) > 1:
            raise InputError(f"{len(rows)} customers' ids begin with {customer}; give more of it")
    if rows.empty:
        raise InputError(
            f"{customer} has no profile as of {day}: no interaction of theirs is known by then, or they must not be profiled "
            "(erased, or consent withdrawn). CUSTOMER is a customer_id or its first characters, "
            "or type:identifier such as customer:C0001"
        )
    document: dict[str, Any] = json.loads(rows["document"].iloc[0])
    return document


def evidence_texts(settings: Settings, document: dict[str, Any]) -> dict[str, str]:
    """What the cited interactions were, in one line each, with the clauses that speak of an aspect, by interaction_id."""
    ids = sorted(_cited(document))
    columns = ["interaction_id", "event_day", "kind", "item_id", "rating", "amount", "currency", "text"]
    rows = Lake.open(settings).read("interactions", [("interaction_id", "in", ids)], columns)
    return {row["interaction_id"]: _line(row) + _clauses(row, document) for row in rows.to_dict("records")}


def fact_sentences(settings: Settings, document: dict[str, Any]) -> dict[str, list[str]]:
    """By fact_id the sentences it rests on, each with its day and the words that say it between « and »."""
    facts = document["facts"] or []
    ids = sorted({span["interaction_id"] for fact in facts for span in fact["spans"]})
    rows = Lake.open(settings).read(
        "interactions", [("interaction_id", "in", ids)], ["interaction_id", "event_day", "text"]
    )
    texts = {row["interaction_id"]: row for row in rows.to_dict("records") if isinstance(row["text"], str)}
    return {
        fact["fact_id"]: [
            f"{texts[span['interaction_id']]['event_day']} {_marked(texts[span['interaction_id']]['text'], span)}"
            for span in fact["spans"]
            if span["interaction_id"] in texts
        ]
        for fact in facts
    }


def _marked(text: str, span: dict[str, Any]) -> str:
    """The sentence around some words, which stand between « and »."""
    start, end = span["start"], span["end"]
    first, last = 0, len(text)
    for place, sentence in sentences(text):
        if place <= start:
            first = place
        if place + len(sentence) >= end:
            last = place + len(sentence)
            break
    return f"{text[first:start]}«{text[start:end]}»{text[end:last]}"


def render_profile(
    document: dict[str, Any], evidence: dict[str, str], said: dict[str, list[str]] | None = None
) -> RenderableType:
    """A profile as a page for a terminal; what is unknown is said with its reason. `said`: the sentences of the facts."""
    persona = document["persona"]
    head = Text.assemble(
        (persona["text"], "bold"),
        f"\n\n{_author(document, persona, 'persona', persona['text'])}",
    )
    title = f"{document['customer_id']} as of {document['as_of']}"
    parts: list[RenderableType] = [Panel(head, title=title)]
    parts += [_overview(document), _claims(document)]
    if document["facts"]:
        parts.append(_facts(document, said or {}))
    parts.append(_next(document))
    if evidence:
        cited = Table(title="Evidence", box=None, title_justify="left")
        cited.add_column("interaction")
        cited.add_column("what it was")
        for interaction_id in sorted(evidence, key=lambda i: (evidence[i], i)):
            cited.add_row(interaction_id[:12], Text(evidence[interaction_id]))
        parts.append(cited)
    if unsaid := _unsaid(document):
        unknown = Table(title="What the data cannot say", box=None, title_justify="left", show_header=False)
        for place_of, reason in sorted(unsaid.items()):
            unknown.add_row(place_of, Text(reason))
        parts.append(unknown)
    return Group(*parts)


def customer_of(settings: Settings, lake: Lake, customer: str, day: str) -> str:
    """The customer behind an identifier, by what is known on the day."""
    kind, _, value = customer.partition(":")
    rules = load_rules(settings)
    identity = identity_id(pseudonym_key(lake, settings), kind, value, rules)
    return str(customer_ids(lake, day, rules).get(identity, identity))


def _cited(part: Any) -> set[str]:
    """Every interaction cited anywhere in a document."""
    if isinstance(part, dict):
        return set(part.get("evidence") or []).union(*(_cited(value) for value in part.values()))
    if isinstance(part, list):
        return set().union(*(_cited(value) for value in part))
    return set()


def _line(row: dict[Any, Any]) -> str:
    said = f": {row['text'][:100]}" if isinstance(row["text"], str) else ""
    rating = f" {row['rating']:.0f} stars" if pd.notna(row["rating"]) else ""
    amount = f" {row['amount']:.2f} {row['currency']}" if pd.notna(row["amount"]) else ""
    item = f" of {row['item_id']}" if isinstance(row["item_id"], str) else ""
    return f"{row['event_day']} {row['kind']}{item}{rating}{amount}{said}"


def _clauses(row: dict[Any, Any], document: dict[str, Any]) -> str:
    """What the document's aspects rest on in this interaction: clauses, each with its polarity. Older documents name none."""
    spans = sorted(
        (span["start"], aspect["aspect"], span["polarity"], span["end"])
        for aspect in document["satisfaction"]["aspects"]
        for span in aspect.get("spans", ())
        if span["interaction_id"] == row["interaction_id"]
    )
    said = [f"{name} {polarity:+z.2f} “{row['text'][start:end]}”" for start, name, polarity, end in spans]
    return f" ({'; '.join(said)})" if said else ""


def _overview(document: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False)
    activity, segment = document["activity"], document["segment"]
    attributes = {name: said["value"] for name, said in document["attributes"].items()}
    consent = {name: said["value"] for name, said in document["consent"].items()}
    counts = ", ".join(f"{number} {kind}" for kind, number in activity["counts"].items())
    rows = {
        "who": ", ".join(f"{name} {value}" for name, value in attributes.items()),
        "consent": ", ".join(f"{name} {value}" for name, value in consent.items()),
        "seen": f"{activity['first_seen_at'][:10]} to {activity['last_seen_at'][:10]}: {counts}",
        "segment": f"{segment['life_cycle']}, {segment['rfm']} (RFM {segment['rfm_code']})",
        "spend": ", ".join(f"{v:.2f} {k}" for k, v in (document["consumption"]["spend"] or {}).items()),
    }
    for name, value in rows.items():
        table.add_row(name, Text(value))
    return table


def _claims(document: dict[str, Any]) -> Table:
    table = Table(box=None)
    for name in ("claim", "what", "how much", "evidence"):
        table.add_column(name)

    def add(claim: str, what: str, how_much: str, cited: dict[str, Any]) -> None:
        shown = " ".join(interaction_id[:12] for interaction_id in cited["evidence"])
        rests_on = f"{shown} ({cited['evidence_count']} in all)" if cited["evidence_count"] else _OF_OTHERS
        table.add_row(claim, Text(what), how_much, rests_on)

    language = written_language(document["language"])
    for interest in document["interests"]:
        add(
            "interest",
            f"{topic_name(interest['topic'], language)} ({interest['kind']})",
            f"{interest['share']:.0%}",
            interest,
        )
    for topic in document.get("topics") or []:  # none in documents of before there were any
        add("topic", topic["name"], f"{topic['share']:.0%}", topic)
    satisfaction = document["satisfaction"]
    if satisfaction["score"] is not None:
        trend = "" if satisfaction["trend"] is None else f", trend {satisfaction['trend']:+z.2f}"
        add("satisfaction", "", f"{satisfaction['score']:.2f} of 1{trend}", satisfaction)
    for aspect in satisfaction["aspects"]:
        add("aspect", aspect["aspect"], f"{aspect['polarity']:+z.2f}", aspect)
    for said in document["predictions"] or []:
        why = "; ".join(reason["text"] for reason in said["reasons"])
        where = predictions.place(said["probability"], said["percentile"], said["horizon_days"], language)
        add("prediction", f"{said['label']}: {why}", where, said)
    for offer in document["recommendations"] or []:
        title = title_in(offer["title"] or offer["item_id"], language)
        add("recommend", f"{title}: {offer['reason']}", f"{offer['score']:.2f}", offer)
    return table


def _unsaid(document: dict[str, Any]) -> dict[str, str]:
    """By place, why a value is null, and why a prediction is not to be trusted to the percent."""
    nulls = {pointer.lstrip("/").replace("/", "."): reason for pointer, reason in document["nulls"].items()}
    said = document["predictions"] or []
    return nulls | {f"predictions.{each['target']}": each["doubt"] for each in said if "doubt" in each}


def _author(document: dict[str, Any], text: dict[str, Any], kind: str, *said: str) -> str:
    """Who wrote a text, whether it passed the fact check, else what was found, and why no model's stands there."""
    why = f" (the model's fell back: {text['fallback']})" if "fallback" in text else ""
    if text["checked"]:
        return f"written by {text['written_by']}, checked{why}"
    grounds = grounds_of(document, text["language"])
    found = next((finding for each in said for finding in check(each, grounds, kind)), None)
    because = f"{found.reason}, “{found.what}”" if found else "what it found then is not found now"
    return f"written by {text['written_by']}, did not pass the fact check: {because}{why}"


def _facts(document: dict[str, Any], said: dict[str, list[str]]) -> Table:
    table = Table(title="Facts", box=None, title_justify="left")
    for name in ("fact", "statement", "sure", "last said", "sentence"):
        table.add_column(name)
    for fact in document["facts"]:
        what = f"{fact['topic']}/{fact['subtopic']}: {fact['statement']}" + (
            " (inferred)" if fact["is_inferred"] else ""
        )
        if fact["superseded"]:
            what += f" (goes before {fact['superseded']} earlier)"
        sentence = "\n".join(said.get(fact["fact_id"], []))
        table.add_row(
            fact["fact_id"][:8], Text(what), f"{fact['confidence']:.2f}", fact["stated_at"][:10], Text(sentence)
        )
    return table


def _next(document: dict[str, Any]) -> Panel:
    action = document["next_best_action"]
    if action is None:
        return Panel(Text(document["nulls"]["/next_best_action"]), title="Next best action")
    channel = f" by {action['channel']}" if action["channel"] else ""
    said = Text(f"{action['action']}{channel}: {action['reason']}")
    if copy := action.get("copy"):
        subject = f"{copy['subject']}\n" if copy["subject"] else ""
        author = _author(document, copy, "message", copy["message"], copy["subject"] or "")
        said.append(f"\n\n{subject}{copy['message']}\n\n{author}", style="dim")
    return Panel(said, title="Next best action")
