"""What a language model writes into finished documents: the persona, the reasons of recommendations, the copy of an approach.

The template stands in every document before anybody is asked. A model's text takes its place only if the fact check finds
nothing. Where it finds only words, names, numbers and the like that came from nowhere, the model is told and asked once more;
what looks like obedience to a customer gets no second chance. Else the template stays, and `fallback` says why. Who was not
asked, for want of consent, has no `fallback`.

Requests hold nothing that changes from one day to the next by itself: dates in place of days passed, levels in place of sums
that fade. So a customer of whom nothing new is known asks the same question again, which the client's cache answers.
"""

import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from profiling.llm.check import check, is_sensitive
from profiling.llm.contract import Failure, LanguageModel, Reply, Request
from profiling.llm.grounds import Finding, Grounds
from profiling.llm.prompts import load
from profiling.profiles.canonical import dumps
from profiling.profiles.grounds import (
    aspects_of,
    grounds_of,
    satisfaction_level,
    satisfaction_trend,
)
from profiling.profiles.wording import LIFE_CYCLE, aspect_name, title_in, topic_name, written_language
from profiling.strategy.outreach import offer_of, trouble_of

Document = dict[str, Any]

log = logging.getLogger(__name__)

PROMPTS = ("persona", "reasons", "outreach")
LANGUAGE_NAMES = {"en": "English", "zh": "Chinese (simplified)"}
TEMPLATE = "template"
# What a model may get wrong in good faith, by the reasons of the fact check.
MENDABLE = frozenset(["evidence", "language", "claim", "number", "sentiment", "name", "word"])
LEAST_LETTERS = 2  # such as 您好
_TOPICS, _FACTS, _OFFERS = 5, 8, 5
_BECAUSE = 12  # findings that a model is told of
_TIERS = {"high": 0, "medium": 1, "low": 2}


@dataclass(frozen=True)
class Task:
    """One request about a document, and how an answer is put in: it changes the document, and returns the request to make once
    more where what was refused can be mended."""

    request: Request
    apply: Callable[[Reply | Failure], Request | None]


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
    members = {str(customer): sorted(each.index) for customer, each in mine.groupby(mine)}
    tasks = [task for document in sorted(asked, key=_worth) for task in tasks_of(document, model.name)]
    answer_tasks(model, tasks, members)
    return profiles.assign(document=pd.Series(map(dumps, documents), index=profiles.index, dtype="str"))


def answer_tasks(model: LanguageModel, tasks: list[Task], members: Mapping[str, list[str]]) -> None:
    """Ask every task, and those once more whose texts were refused for what can be mended.

    Args:
        members: the identities behind a customer whose requests are about them too.
    """

    def ask(requests: list[Request]) -> list[Reply | Failure]:
        return model.answer(
            [replace(each, about=tuple(sorted({each.row, *members.get(each.row, ())}))) for each in requests]
        )

    again = []
    for task, answer in zip(tasks, ask([task.request for task in tasks]), strict=True):
        request = task.apply(answer)
        if request is not None:
            again.append((task, request))
    if again:
        log.info("%d of %d answers hold what the data do not; asked once more", len(again), len(tasks))
    for (task, _), answer in zip(again, ask([request for _, request in again]), strict=True):
        task.apply(answer)


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

    def apply(answer: Reply | Failure) -> Request | None:
        if isinstance(answer, Failure):
            _fall_back(persona, answer.reason)
            return None
        text = answer.value["text"].strip()
        refs = list(dict.fromkeys(answer.value["refs"]))
        cited = [one for ref in refs for one in cited_by.get(ref, [ref])]  # an unknown reference is no interaction's id
        # Where there is nothing to cite, none need be, and any that is comes from nowhere.
        found = _empty(text) + check(text, grounds, "persona", cited if cited_by or refs else None)
        if found:
            _fall_back(persona, found[0].reason)
            return ask({"text": text, "refs": refs, "because": _because(found)}) if _is_mendable(found) else None
        firsts = list(dict.fromkeys(cited_by[ref][0] for ref in refs))
        _take(persona, author, text=text, evidence=firsts[:3], evidence_count=len(set(cited)))
        return None

    def ask(refused: Any = None) -> Request:
        return _request("persona", document, data, refused)

    return Task(ask(), apply)


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
        "stage": LIFE_CYCLE[language][document["segment"]["life_cycle"]],
        "known_since": activity["first_seen_at"][:10],
        "last_seen": activity["last_seen_at"][:10],
        "counts": activity["counts"],
        "interests": [
            {"topic": topic_name(each["topic"], language), "ref": ref(each)}
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
        "interests": _topics(document, grounds.language),
        "offers": [
            {
                "ref": ref,
                "title": title_in(offer["title"] or offer["item_id"], grounds.language),
                "why": offer["reason"],
            }
            for ref, offer in offers.items()
        ],
    }

    def apply(answer: Reply | Failure) -> Request | None:
        values = [] if isinstance(answer, Failure) else answer.value["reasons"]
        said = {each["ref"]: each["text"].strip() for each in values}
        refused = []
        for ref, offer in offers.items():
            if offer["written_by"] != TEMPLATE:
                continue  # taken when it was asked for the first time
            if ref not in said:
                _fall_back(offer, answer.reason if isinstance(answer, Failure) else "missing")
            elif found := _empty(said[ref]) + check(said[ref], grounds, "reason"):
                _fall_back(offer, found[0].reason)
                if _is_mendable(found):
                    refused.append({"ref": ref, "text": said[ref], "because": _because(found)})
            else:
                _take(offer, author, reason=said[ref])
        return ask(refused) if refused else None

    def ask(refused: Any = None) -> Request:
        return _request("reasons", document, data, refused)

    return Task(ask(), apply)


def _outreach(document: Document, grounds: Grounds, author: str) -> Task:
    action = document["next_best_action"]
    copy = action["copy"]
    language = grounds.language
    data = {
        "language": LANGUAGE_NAMES[language],
        "action": action["action"],
        "channel": action["channel"],
        "interests": _topics(document, language),
        "offer": offer_of(document, language),
        "trouble": trouble_of(document, language) if action["action"] == "recover_service" else None,
        "example": copy["message"],
    }

    def apply(answer: Reply | Failure) -> Request | None:
        if isinstance(answer, Failure):
            _fall_back(copy, answer.reason)
            return None
        subject, message = answer.value["subject"].strip(), answer.value["message"].strip()
        # Looked at even where the channel has no subject: who obeys a customer there is not to be believed in the message.
        found = (
            _empty(message) + check(message, grounds, "message") + _empty(subject) + check(subject, grounds, "subject")
        )
        if found:
            _fall_back(copy, found[0].reason)
            refused = {"subject": subject, "message": message, "because": _because(found)}
            return ask(refused) if _is_mendable(found) else None
        _take(copy, author, message=message, subject=copy["subject"] and subject)
        return None

    def ask(refused: Any = None) -> Request:
        return _request("outreach", document, data, refused)

    return Task(ask(), apply)


def _topics(document: Document, language: str) -> list[str]:
    topics = [each["topic"] for each in document["interests"] if not is_sensitive(each["topic"])]
    return [topic_name(topic, language) for topic in topics[:_TOPICS]]


def _request(prompt: str, document: Document, data: dict[str, Any], refused: Any) -> Request:
    return load(prompt).request(document["customer_id"], data=data | ({"refused": refused} if refused else {}))


def _take(part: Document, author: str, /, **said: Any) -> None:
    part.update(said, written_by=author, checked=True)
    part.pop("fallback", None)


def _empty(text: str) -> list[Finding]:
    """A dot, a digit or one letter asserts nothing, and says nothing in the template's place."""
    letters = sum(map(str.isalpha, text))
    return [] if letters >= LEAST_LETTERS else [Finding("form", f"{letters} letters")]


def _fall_back(text: Document, reason: str) -> None:
    """Leave the template; where the second answer failed too, the first reason stays."""
    text.setdefault("fallback", reason)


def _is_mendable(found: list[Finding]) -> bool:
    return {each.reason for each in found} <= MENDABLE


def _because(found: list[Finding]) -> list[str]:
    return [f"{each.reason}: {each.what}" for each in found[:_BECAUSE]]
