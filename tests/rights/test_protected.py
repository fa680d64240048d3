"""Sex, age and whatever else is stated of a customer decide nothing: they are shown, and used for nothing."""

from pathlib import Path

import numpy as np

from profiling.behaviour.features import FEATURES
from profiling.behaviour.targets import TARGETS
from profiling.settings import Settings
from profiling.stages import _train
from profiling.stages._step import begin
from tests.rights.worlds import DAY, about, drop, event, identity, run_all
from tests.worlds import documents, settings_in


def _plain(cell: object) -> object:
    return cell.tolist() if isinstance(cell, np.ndarray) else cell


PROTECTED = ("sex", "gender", "age", "birth", "religion", "ethnicity", "nationality", "marital", "disability")


def test_no_feature_is_named_after_anything_protected() -> None:
    assert not [name for name in FEATURES if any(word in name.split("_") for word in PROTECTED)]


def test_two_people_who_differ_in_nothing_else_get_the_same_profile_and_teach_the_same(
    settings: Settings, tmp_path: Path
) -> None:
    shops = {"female": settings, "male": settings_in(tmp_path / "other", settings.cache)}
    found, learned = {}, {}
    for sex, shop in shops.items():
        rows = [event(number, who, rating=5 - number % 3) for number, who in enumerate(("ann", "bob") * 4)]
        drop(shop, rows)
        drop(shop, [about("ann", sex=sex, age_group="65+" if sex == "female" else "18-24")], source="customers")
        run_all(shop, DAY)
        document = documents(shop, DAY)[identity(shop, "ann")]
        assert document.pop("attributes")["sex"]["value"] == sex
        found[sex] = document
        learned[sex] = [
            part.inputs.map(_plain).to_dict() for part in _train.examples(begin(shop, DAY), TARGETS["satisfied"])
        ]
    assert found["female"] == found["male"]
    assert learned["female"] == learned["male"]
