import json

import numpy as np
import pandas as pd
import pytest

from profiling.profiles.canonical import Unknown, dumps, known, settle


@pytest.mark.parametrize("missing", [None, float("nan"), np.float64("nan"), pd.NaT], ids=str)
def test_a_missing_value_becomes_unknown(missing):
    assert known(missing, "nobody said") == Unknown("nobody said")


@pytest.mark.parametrize(
    ("value", "plain"), [(0, 0), ("", ""), (False, False), (np.float64(0.5), 0.5), (np.int64(3), 3)], ids=repr
)
def test_a_known_value_becomes_plain_even_if_it_looks_empty(value, plain):
    found = known(value, "nobody said")
    assert found == plain
    assert type(found) is type(plain)


def test_unknown_becomes_null_with_its_reason_under_a_json_pointer():
    draft = {"a": {"b/c": Unknown("first")}, "list": [1, {"x~y": Unknown("second")}]}
    assert settle(draft) == {
        "a": {"b/c": None},
        "list": [1, {"x~y": None}],
        "nulls": {"/a/b~1c": "first", "/list/1/x~0y": "second"},
    }


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf")], ids=str)
def test_a_null_without_a_reason_is_refused(nothing):
    with pytest.raises(ValueError, match=r"/value/clv is .* without a reason"):
        settle({"value": {"clv": nothing}})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (-1e-9, "0.0"),
        (1 / 3, "0.333333"),
        (2.0, "2.0"),
        (2, "2"),
        ("满意\n", '"满意\\n"'),
        (True, "true"),
    ],
    ids=repr,
)
def test_canonical_form(value, text):
    assert dumps(settle({"v": value})) == f'{{"nulls":{{}},"v":{text}}}'


def test_order_of_keys_does_not_matter():
    assert dumps({"b": 1, "a": {"d": 2, "c": 3}}) == dumps({"a": {"c": 3, "d": 2}, "b": 1})
    assert json.loads(dumps({"b": 1, "a": 2})) == {"a": 2, "b": 1}
