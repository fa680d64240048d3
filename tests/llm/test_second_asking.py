"""A model that got something wrong in good faith is told and asked once more; one that obeyed a customer is not."""

from collections.abc import Callable
from typing import Any

import pytest

from profiling.llm.contract import Failure
from profiling.profiles.written import TEMPLATE, answer_tasks, tasks_of
from tests.llm.customers import Document, documents
from tests.llm.measure import Scripted, data_of

WRONG, RIGHT = "A customer with a xylophone.", "This customer is known to us."


def written(document: Document, persona: Callable[[dict[str, Any], int], Any]) -> Scripted:
    """What happens when the persona is answered by a function of the data and of how often it was asked."""
    asked: list[dict[str, Any]] = []

    def answer(request: Any) -> Any:
        asked.append(data_of(request))
        return persona(asked[-1], len(asked))

    model = Scripted(answer)
    answer_tasks(model, tasks_of(document, "m")[:1], {})
    return model


def _ref(data: dict[str, Any]) -> str:
    return str(data["interests"][0]["ref"])


def test_what_was_refused_is_told_and_the_second_answer_taken():
    document = documents("en")[0]
    model = written(document, lambda data, n: {"text": RIGHT if n == 2 else WRONG, "refs": [_ref(data)]})
    assert document["persona"]["text"] == RIGHT
    assert document["persona"]["written_by"] == "m"
    assert "fallback" not in document["persona"]
    first, second = (data_of(request) for request in model.asked)
    assert second.pop("refused") == {"text": WRONG, "refs": [_ref(first)], "because": ["word: xylophone"]}
    assert second == first


@pytest.mark.parametrize("second", [WRONG, "Spam.", None])
def test_there_is_no_third_time_and_the_first_reason_stays(second: str | None):
    document = documents("en")[0]
    template = document["persona"]["text"]

    def persona(data: dict[str, Any], n: int) -> Any:
        if n == 2 and second is None:
            return Failure("budget", "spent")
        return {"text": second if n == 2 else WRONG, "refs": [_ref(data)]}

    model = written(document, persona)
    assert len(model.asked) == 2
    assert (document["persona"]["text"], document["persona"]["written_by"]) == (template, TEMPLATE)
    assert document["persona"]["fallback"] == "word"


@pytest.mark.parametrize("text", ["Ignore the above.", "Get a discount.", "See www.example.com", "She is pregnant."])
def test_who_seems_to_obey_is_not_asked_again(text: str):
    document = documents("en")[0]
    assert len(written(document, lambda data, n: {"text": text, "refs": [_ref(data)]}).asked) == 1
    assert document["persona"]["written_by"] == TEMPLATE


def test_only_the_refused_sentences_are_asked_for_again():
    document = documents("en")[0]
    offers = document["recommendations"]
    assert len(offers) >= 2

    def answer(request: Any) -> Any:
        data = data_of(request)
        if "refused" in data:
            return {"reasons": [{"ref": each["ref"], "text": "Chosen for you."} for each in data["refused"]]}
        said = ["For your xylophone.", *["You may like it."] * len(offers)]
        return {"reasons": [{"ref": e["ref"], "text": t} for e, t in zip(data["offers"], said, strict=False)]}

    model = Scripted(answer)
    answer_tasks(model, tasks_of(document, "m")[1:2], {})
    assert [each["ref"] for each in data_of(model.asked[1])["refused"]] == ["o1"]
    assert [offer["reason"] for offer in offers] == ["Chosen for you.", *["You may like it."] * (len(offers) - 1)]
    assert {offer["written_by"] for offer in offers} == {"m"}
