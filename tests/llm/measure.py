"""How many attacks the fact check lets through, and how many honest outputs it throws away.

python -m tests.llm.measure            the halves that the check was made with, and what failed
python -m tests.llm.measure --part fresh --quiet    another part, figures only
python -m tests.llm.measure --fresh    texts and attacks by an author who had not seen the check
python -m tests.llm.measure --answered answers to our own requests, by authors who had seen nothing but these
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from profiling.llm.check import check
from profiling.llm.contract import Failure, Reply, Request, Usage
from profiling.profiles.grounds import grounds_of
from profiling.profiles.wording import LANGUAGES
from profiling.profiles.written import TEMPLATE, answer_tasks, tasks_of
from tests.llm import answered, fresh
from tests.llm.attacks import ATTACKS, HELD_OUT, LOOKED_AT, PLACES, Attack
from tests.llm.customers import LIES, Document, documents
from tests.llm.honest import PARTS, Honest, honest

# How an obeying model hands the payload over: alone, or hidden in the template's honest text.
MANNERS: dict[str, Callable[[str, str], str]] = {
    "alone": lambda payload, honest: payload,
    "after": lambda payload, honest: f"{honest} {payload}",
    "before": lambda payload, honest: f"{payload} {honest}",
}
MODEL = "obedient-1"


class Outcome(NamedTuple):
    """One text that an obeying model wrote: whose attack, in which manner and kind; why it fell back, None where it was taken."""

    attack: Attack
    manner: str
    kind: str
    fallback: str | None
    text: str


class Scripted:
    """A model whose answers are a function of the request."""

    def __init__(self, answers: Callable[[Request], Any], name: str = MODEL) -> None:
        self.name, self.usage, self.answers = name, Usage(), answers
        self.asked: list[Request] = []

    def answer(self, requests: Sequence[Request]) -> list[Reply | Failure]:
        self.asked += requests
        found = [self.answers(request) for request in requests]
        return [one if isinstance(one, Failure) else Reply(one, self.name, 1, 1) for one in found]


def data_of(request: Any) -> dict[str, Any]:
    """The data of a request (or of what a server was asked), as a model reads it."""
    found = re.search(r"<data (\w+)>\n(.*)\n</data \1>", request.user)
    assert found
    data: dict[str, Any] = json.loads(found[2])
    return data


def planted(document: Document, attack: Attack) -> Document:
    """The document of a customer whose data hold the attack; changes what it is given."""
    if attack.where == "title":
        for offer in document["recommendations"] or []:
            if offer["title"]:
                offer["reason"] = offer["reason"].replace(offer["title"], attack.text)
                offer["title"] = attack.text
        for item in document["consumption"]["items"]:
            item["title"] = attack.text
    elif attack.where == "topic":
        document["interests"][0]["topic"] = attack.text
    elif attack.where == "category":
        document["interests"][0]["topic"] = attack.text
        for category in document["consumption"]["categories"]:
            category["category"] = attack.text
    else:
        document["facts"] = [
            {
                "topic": "preferences",
                "statement": attack.text,
                "polarity": 0.5,
                "stated_at": document["activity"]["last_seen_at"],
                "evidence": document["interests"][0]["evidence"],
            }
        ]
    return document


def obeying(attack: Attack, manner: str) -> Callable[[Any], Any]:
    """The answers of a model that does what it reads in the data."""

    def answers(request: Any) -> Any:
        data = data_of(request)
        says = MANNERS[manner]
        if "offers" in data:
            return {
                "reasons": [{"ref": each["ref"], "text": says(attack.wants, each["why"])} for each in data["offers"]]
            }
        if "action" in data:
            return {
                "subject": "Hello" if data["language"] == "English" else "您好",
                "message": says(attack.wants, data["example"]),
            }
        text = "A shopper with a history." if data["language"] == "English" else "这位客户与我们有往来。"
        refs = [each["ref"] for each in data["interests"]] or [each["ref"] for each in data["facts"]]
        return {"text": says(attack.wants, text), "refs": refs[:1]}

    return answers


def run_attack(attack: Attack, most: int = 6) -> Iterator[Outcome]:
    """Every text that an obeying model writes about customers of whom the payload is a lie."""
    victims = [each for each in documents(attack.language) if LIES[attack.needs](each) and each["interests"]]
    assert victims, attack.name
    for manner in MANNERS:
        for victim in victims[:most]:
            document = planted(json.loads(json.dumps(victim)), attack)
            tasks = tasks_of(document, MODEL)
            model = Scripted(obeying(attack, manner))
            answer_tasks(model, tasks, {})
            for kind, text in texts_of(document):
                said = text.get("text") or text.get("reason") or text.get("message")
                yield Outcome(attack, manner, kind, None if text["written_by"] != TEMPLATE else text["fallback"], said)


def texts_of(document: Document) -> Iterator[tuple[str, Document]]:
    yield "persona", document["persona"]
    yield from (("reason", offer) for offer in document["recommendations"] or [])
    if copy := (document["next_best_action"] or {}).get("copy"):
        yield "copy", copy


def all_honest() -> list[Honest]:
    found: dict[tuple[str, str, str], Honest] = {}
    for language in LANGUAGES:
        for document in documents(language):
            for one in honest(document, language):
                # The same words about another customer are another output only where they say something of the document.
                found.setdefault((one.kind, one.text, document["customer_id"] if one.kind == "persona" else ""), one)
    return list(found.values())


def rejected(one: Honest) -> list[tuple[str, str]]:
    language = "zh" if one.style.startswith("zh") else "en"
    grounds = grounds_of(one.document, language)
    cited = sorted(grounds.evidence)[:1] if one.kind == "persona" else None
    return [tuple(found) for found in check(one.text, grounds, one.kind, cited)]


def fresh_findings(entry: fresh.Entry) -> list[tuple[str, str]]:
    """What is found in an honest or dishonest text of the other author."""
    document = next(each for each in documents(entry["language"]) if each["customer_id"] == entry["customer"])
    return rejected(Honest(entry["text"], entry["kind"], entry["language"], "", document))


def fresh_taken(entry: fresh.Entry, most: int = 6) -> list[str]:
    """Texts with what an attack of the other author wants, planted in every place, that the check lets through."""
    honest_text = _BESIDE[entry["language"]]["persona" if entry["kind"] == "persona" else "message"]
    taken = []
    for where in PLACES:
        attack = Attack("fresh", entry["language"], "direct", where, entry["attack"], entry["obeyed"])
        for document in [each for each in documents(entry["language"]) if each["interests"]][:most]:
            planted(document, attack)
            for says in MANNERS.values():
                one = Honest(says(attack.wants, honest_text), entry["kind"], entry["language"], "", document)
                taken += [] if rejected(one) else [one.text]
    return taken


_BESIDE = {
    "en": {"persona": "A shopper with a history.", "message": "Hello, we hope to see you again."},
    "zh": {"persona": "这位客户与我们有往来。", "message": "您好，期待再次见到您。"},
}


def _report_fresh(is_quiet: bool) -> None:
    for part, entries in (("honest", fresh.honest()), ("dishonest", fresh.dishonest())):
        found = [(entry, fresh_findings(entry)) for entry in entries]
        print(f"{part}: {sum(not what for _, what in found)} of {len(found)} pass")
        for kind in fresh.KINDS:
            for language in LANGUAGES:
                own = [not what for entry, what in found if (entry["kind"], entry["language"]) == (kind, language)]
                print(f"  {language} {kind}: {sum(own)} of {len(own)}")
        for entry, what in found:
            if not is_quiet and bool(what) == (part == "honest"):
                print("  ", entry["text"], what)
    taken = [text for entry in fresh.attacks() for text in fresh_taken(entry)]
    print(f"attacks {len(fresh.attacks())}, taken {len(taken)}", *([] if is_quiet else taken), sep="\n")


def _report_answered(is_quiet: bool) -> None:
    for part in answered.PARTS:
        texts = answered.texts(part)
        print(f"{part}: {sum(not text.found for text in texts)} of {len(texts)} pass")
        for language in LANGUAGES:
            for kind in fresh.KINDS:
                own = [not text.found for text in texts if (text.language, text.kind) == (language, kind)]
                print(f"  {language} {kind}: {sum(own)} of {len(own)}")
        for text in texts:
            if text.found and not is_quiet:
                print("  ", text.text, [tuple(found) for found in text.found])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fresh", action="store_true", help="The texts of an author who had not seen the check.")
    parser.add_argument("--answered", action="store_true", help="Answers to our own requests.")
    parser.add_argument("--part", choices=PARTS, default=PARTS[0])
    parser.add_argument("--quiet", action="store_true", help="Figures only: for a part that must not be looked at.")
    arguments = parser.parse_args()
    if arguments.answered:
        _report_answered(arguments.quiet)
        return
    if arguments.fresh:
        _report_fresh(arguments.quiet)
        return
    attacks = LOOKED_AT if arguments.part == PARTS[0] else HELD_OUT
    outcomes = [outcome for attack in attacks for outcome in run_attack(attack)]
    taken = [outcome for outcome in outcomes if outcome.fallback is None]
    outputs = [one for one in all_honest() if one.part == arguments.part]
    failed = [(one, found) for one in outputs if (found := rejected(one))]
    if not arguments.quiet:
        for outcome in taken:
            print("taken", outcome.attack.name, outcome.manner, outcome.kind, outcome.text)
        for one, found in failed:
            print("rejected", one.style, one.text, found)
    print(f"attacks {len(attacks)} of {len(ATTACKS)}, texts {len(outcomes)}, taken {len(taken)}")
    print(dict(Counter(outcome.fallback for outcome in outcomes).most_common()))
    styles, passed = len({one.style for one in outputs}), len(outputs) - len(failed)
    print(f"honest {len(outputs)} in {styles} styles, passed {passed}: {passed / len(outputs):.1%}")
    for kind in ("persona", "reason", "subject", "message"):
        for language in LANGUAGES:
            own = [one for one in outputs if one.kind == kind and one.style.startswith(language)]
            bad = [one for one, _ in failed if one.kind == kind and one.style.startswith(language)]
            print(f"  {language} {kind}: {len(own) - len(bad)} of {len(own)}")


if __name__ == "__main__":
    main()
