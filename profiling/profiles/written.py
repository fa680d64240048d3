"""What a language model writes into finished documents: the persona, the reasons of recommendations, the copy of an approach.

The template stands in every document before anybody is asked. A model's text takes its place only if the fact check finds
nothing; else the template stays, and `fallback` says why. Who was not asked, for want of consent, has no `fallback`.

Requests hold nothing that changes from one day to the next by itself: dates in place of days passed, levels in place of sums
that fade. So a customer of whom nothing new is known asks the same question again, which the client's cache answers.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from profiling.llm.check import Finding, Grounds, check, is_sensitive
from profiling.llm.contract import Failure, LanguageModel, Reply, Request
from profiling.llm.prompts import load
from profiling.profiles.canonical import dumps
from profiling.profiles.grounds import (
    aspects_of,
    grounds_of,
    satisfaction_level,
    satisfaction_trend,
)
from profiling.profiles.wording import aspect_name, written_language
from profiling.strategy.outreach import offer_of, trouble_of

Document = dict[str, Any]

PROMPTS = ("persona", "reasons", "outreach")
LANGUAGE_NAMES = {"en": "English", "zh": "Chinese (simplified)"}
TEMPLATE = "template"
LEAST_LETTERS = 2  # such as 您好
_TOPICS, _FACTS, _OFFERS = 5, 8, 5
_TIERS = {"high": 0, "medium": 1, "low": 2}


@dataclass(frozen=True)
class Task:
    """One request about a document, and how its answer is put in: returns nothing and changes the document."""

    request: Request
    apply: Callable[[Reply | Failure], None]


def version() -> str:
    """What the same document and model are written with: changes with any prompt."""
    return ",".join(f"{load(name).label}:{load(name).digest}" for name in PROMPTS)


def write_with(
    model: LanguageModel, profiles: pd.DataFrame, refused: Collection[str], customer_of: pd.Series
) -> pd.DataFrame:
    """`schemas.PROFILES` with what the model wrote.

    Args:
        refused: customers whose data no language model may read.
        customer_of: customer_id by identity_id of everybody linked. An answer is about all identities of its customer: who is
            split off later and erased must find it.
    """
    documents = [json.loads(text) for text in profiles["document"]]
    asked = [document for document in documents if document["customer_id"] not in refused]
    mine = customer_of[customer_of.isin(profiles["customer_id"])]
    members = mine.index.to_series().groupby(mine).agg(sorted).to_dict()
    tasks = [task for document in sorted(asked, key=_worth) for task in tasks_of(document, model.name)]
    requests = [
        replace(task.request, about=tuple(sorted({task.request.row, *members.get(task.request.row, ())})))
        for task in tasks
    ]
    for task, answer in zip(tasks, model.answer(requests), strict=True):
        task.apply(answer)
    return profiles.assign(document=pd.Series(map(dumps, documents), index=profiles.index, dtype="str"))


def _worth(document: Document) -> tuple[int, int, str]:
    """The most valuable first: a budget may end."""
    tier = _TIERS.get(document["value"]["tier"], len(_TIERS))
    return tier, -document["activity"]["interaction_count"], document["customer_id"]


def tasks_of(document: Document, author: str) -> list[Task]:
    """What is asked about one customer; `apply` changes the document."""
    language = written_language(document["language"])
    grounds = grounds_of(document, language)
    tasks = [_persona(document, grounds, author)]
    if document["recommendations"]:
        tasks.append(_reasons(document, grounds, author))
    if (document["next_best_action"] or {}).get("copy"):
        tasks.append(_outreach(document, grounds, author))
    return tasks


def written_counts(documents: Iterable[Document]) -> dict[str, int]:
    """How many texts of each kind are the model's, and how many fell back, by reason, such as `persona_fell_back_number`.

    Empty where no model was asked.
    """
    counts: Counter[str] = Counter()
    for document in documents:
        for kind, text in _texts(document):
            if "fallback" in text:
                counts[f"{kind}_fell_back_{text['fallback']}"] += 1
            elif text["written_by"] != TEMPLATE:
                counts[f"{kind}_written"] += 1
    return dict(sorted(counts.items()))


def _texts(document: Document) -> Iterator[tuple[str, Document]]:
    yield "persona", document["persona"]
    yield from (("reason", offer) for offer in document["recommendations"] or [])
    if copy := (document["next_best_action"] or {}).get("copy"):
        yield "copy", copy


# --- the three questions ---


def _persona(document: Document, grounds: Grounds, author: str) -> Task:
    data, cited_by = persona_data(document, grounds.language)
    persona = document["persona"]

    def apply(answer: Reply | Failure) -> None:
        if isinstance(answer, Failure):
            _fall_back(persona, answer.reason)
            return
        text = answer.value["text"].strip()
        refs = list(dict.fromkeys(answer.value["refs"]))
        cited = [one for ref in refs for one in cited_by.get(ref, [ref])]  # an unknown reference is no interaction's id
        # Where there is nothing to cite, none need be, and any that is comes from nowhere.
        found = _empty(text) + check(text, grounds, "persona", cited if cited_by or refs else None)
        if found:
            _fall_back(persona, _first(found))
            return
        firsts = list(dict.fromkeys(cited_by[ref][0] for ref in refs))
        persona.update(text=text, written_by=author, checked=True, evidence=firsts[:3], evidence_count=len(set(cited)))

    return Task(load("persona").request(document["customer_id"], data=data), apply)


def persona_data(document: Document, language: str) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """What the model is told of a customer, and the interactions behind each `ref` of it."""
    activity, satisfaction = document["activity"], document["satisfaction"]
    cited_by: dict[str, list[str]] = {}

    def ref(claim: Mapping[str, Any]) -> str:
        name = f"e{len(cited_by) + 1}"
        cited_by[name] = list(claim["evidence"])
        return name

    def spoken(sign: int) -> list[dict[str, str]]:
        named = set(aspects_of(document, language, sign))
        return [
            {"aspect": aspect_name(each["aspect"], language), "ref": ref(each)}
            for each in satisfaction["aspects"]
            if aspect_name(each["aspect"], language) in named
        ]

    data = {
        "language": LANGUAGE_NAMES[language],
        "stage": document["segment"]["life_cycle"],
        "known_since": activity["first_seen_at"][:10],
        "last_seen": activity["last_seen_at"][:10],
        "counts": activity["counts"],
        "interests": [
            {"topic": each["topic"], "ref": ref(each)}
            for each in document["interests"]
            if not is_sensitive(each["topic"])
        ][:_TOPICS],
        "satisfaction": None,
        "praises": spoken(1),
        "criticises": spoken(-1),
        "facts": [
            {"topic": fact["topic"], "statement": fact["statement"], "ref": ref(fact)}
            for fact in document.get("facts") or []
            if not is_sensitive(fact["statement"])
        ][:_FACTS],
    }
    if satisfaction["score"] is not None:
        data["satisfaction"] = {"level": satisfaction_level(satisfaction["score"]), "ref": ref(satisfaction)}
        if satisfaction["trend"] is not None:
            data["satisfaction"]["trend"] = satisfaction_trend(satisfaction["trend"])
    return data, {name: ids for name, ids in cited_by.items() if ids}


def _reasons(document: Document, grounds: Grounds, author: str) -> Task:
    offers = {f"o{number}": offer for number, offer in enumerate(document["recommendations"][:_OFFERS], 1)}
    data = {
        "language": LANGUAGE_NAMES[grounds.language],
        "interests": [each["topic"] for each in document["interests"] if not is_sensitive(each["topic"])][:_TOPICS],
        "offers": [
            {"ref": ref, "title": offer["title"] or offer["item_id"], "why": offer["reason"]}
            for ref, offer in offers.items()
        ],
    }

    def apply(answer: Reply | Failure) -> None:
        said = (
            {}
            if isinstance(answer, Failure)
            else {each["ref"]: each["text"].strip() for each in answer.value["reasons"]}
        )
        for ref, offer in offers.items():
            if ref not in said:
                _fall_back(offer, answer.reason if isinstance(answer, Failure) else "missing")
            elif found := _empty(said[ref]) + check(said[ref], grounds, "reason"):
                _fall_back(offer, _first(found))
            else:
                offer.update(reason=said[ref], written_by=author, checked=True)

    return Task(load("reasons").request(document["customer_id"], data=data), apply)


def _outreach(document: Document, grounds: Grounds, author: str) -> Task:
    action = document["next_best_action"]
    copy = action["copy"]
    language = grounds.language
    data = {
        "language": LANGUAGE_NAMES[language],
        "action": action["action"],
        "channel": action["channel"],
        "interests": [each["topic"] for each in document["interests"] if not is_sensitive(each["topic"])][:_TOPICS],
        "offer": offer_of(document, language),
        "trouble": trouble_of(document, language) if action["action"] == "recover_service" else None,
        "example": copy["message"],
    }

    def apply(answer: Reply | Failure) -> None:
        if isinstance(answer, Failure):
            _fall_back(copy, answer.reason)
            return
        subject, message = answer.value["subject"].strip(), answer.value["message"].strip()
        # Looked at even where the channel has no subject: who obeys a customer there is not to be believed in the message.
        found = (
            _empty(message) + check(message, grounds, "message") + _empty(subject) + check(subject, grounds, "subject")
        )
        if found:
            _fall_back(copy, _first(found))
            return
        copy.update(message=message, written_by=author, checked=True)
        if copy["subject"] is not None:
            copy["subject"] = subject

    return Task(load("outreach").request(document["customer_id"], data=data), apply)


def _empty(text: str) -> list[Finding]:
    """A dot, a digit or one letter asserts nothing, and says nothing in the template's place."""
    letters = sum(map(str.isalpha, text))
    return [] if letters >= LEAST_LETTERS else [Finding("form", f"{letters} letters")]


def _first(found: list[Finding]) -> str:
    return found[0].reason


def _fall_back(text: Document, reason: str) -> None:
    text["fallback"] = reason
