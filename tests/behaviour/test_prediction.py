"""What a model that reads says of a text: reasons that a reader learns from, and that still add up."""

import numpy as np
import pandas as pd
import pytest

from profiling.behaviour.models.text_stack import TextStack
from profiling.behaviour.models.tfidf import TfidfLogisticRegression
from profiling.behaviour.prediction import FUNCTION_WORDS, Speaker, predict
from profiling.behaviour.registry import Entry
from profiling.profiles.predictions import reason

SAID = {
    "The handle broke from the first day to the last": 0,
    "It went from bad to worse and to the bin": 0,
    "这个杯子的质量太差了": 0,
    "杯子的手柄坏了": 0,
    "Lovely handle and it is lovely to hold": 1,
    "A lovely cup, and we are happy with it": 1,
    "这个杯子很好，我很喜欢": 1,
    "喜欢这个杯子的颜色": 1,
}
ENTRY = Entry("satisfied", "2026-06-01", "0" * 16, "a model", "2026-06-02", 1.0)


@pytest.mark.parametrize("model", [TextStack(), TfidfLogisticRegression()])
def test_function_words_are_one_reason_and_the_amounts_still_add_up(model: TextStack | TfidfLogisticRegression) -> None:
    model.fit(pd.DataFrame({"text": list(SAID) * 3}), np.array(list(SAID.values()) * 3))
    speaker = Speaker(ENTRY, model, np.linspace(0, 1, 101))
    read = [*SAID, "To it and from it"]
    texts = pd.DataFrame({"customer_id": [f"c{n}" for n in range(len(read))], "interaction_id": "i", "text": read})
    found = predict([speaker], None, "2026-06-03", list(texts["customer_id"]), texts)
    assert len(found) == len(read)
    names = {each["name"] for reasons in found["reasons"] for each in reasons}
    assert FUNCTION_WORDS in names
    assert names.isdisjoint({"to", "from", "the", "to the", "and", "的", "这个", "了"})
    assert names & {"lovely", "broke", "worse", "bad"}
    sums = [base + rest + sum(each["amount"] for each in reasons) for base, rest, reasons in
            zip(found["base"], found["rest"], found["reasons"], strict=True)]  # fmt: skip
    assert sums == pytest.approx(found["score"].tolist(), abs=1e-9)
    for reasons in found["reasons"]:
        assert FUNCTION_WORDS not in [each["name"] for each in reasons[:-1]]  # the last, if it is among the five
        amounts = [abs(each["amount"]) for each in reasons if each["name"] != FUNCTION_WORDS]
        assert amounts == sorted(amounts, reverse=True)


def test_function_words_are_called_what_they_are() -> None:
    said = {"name": FUNCTION_WORDS, "values": {"count": 3}, "amount": -0.5}
    assert reason(said, True, "en") == "its small words together, such as “the” or “from” (lowers it)"
    assert reason(said, True, "zh") == "虚词合计，如“的”“了”（降低）"
