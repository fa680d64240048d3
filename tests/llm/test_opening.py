"""Settings become a model, or a sentence that says which one is missing; what it did becomes numbers."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from profiling.behaviour.tracking import mirror_counts, tracking_uri
from profiling.errors import InputError, SettingsError
from profiling.llm.contract import Reply, Usage
from profiling.llm.opening import added_up, counts, model_name, open_model, warnings
from profiling.settings import Settings
from profiling.stages._facts import fact_inputs
from tests.llm.conftest import ask
from tests.llm.server import LanguageServer


def settings(tmp_path: Path, **changes: Any) -> Settings:
    return Settings(cache=tmp_path / "cache", **changes)


def test_no_model_is_set(tmp_path: Path) -> None:
    assert open_model(settings(tmp_path)) is None
    media = {"llm_url": "http://127.0.0.1:9/v1", "media_image_model": "sees"}
    assert open_model(settings(tmp_path, **media)) is None  # a server for media alone


def test_a_server_is_asked_with_its_key(server: LanguageServer, tmp_path: Path) -> None:
    server.key = "sk-test"
    model = open_model(settings(tmp_path, **server.settings()))
    assert model is not None
    assert model.name == "scripted-1"
    assert isinstance(model.answer([ask("one")])[0], Reply)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"llm_model": "m"}, "no server is set; set PROFILING_LLM_URL"),
        ({"llm_model": "m", "llm_gguf": "m.gguf"}, "name two models"),
        ({"llm_url": "http://h/v1"}, "LLM_URL is http://h/v1 and no model is named; set PROFILING_LLM_MODEL"),
        (
            {"llm_url": "http://h/v1", "media_url": "http://m/v1", "media_image_model": "sees"},
            "set PROFILING_LLM_MODEL",
        ),
        ({"llm_price_in": 1.0}, "are set together"),
        ({"llm_budget_money": 1.0}, "BUDGET_MONEY needs prices"),
    ],
)
def test_settings_that_contradict_each_other(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        open_model(settings(tmp_path, **changes))


@pytest.mark.parametrize("parts", [1, 4])
def test_buckets_share_a_budget(server: LanguageServer, tmp_path: Path, parts: int) -> None:
    own = settings(tmp_path, **server.settings(), llm_budget_calls=10)
    for bucket in range(parts):
        model = open_model(own, parts=parts)
        assert model is not None
        model.answer([ask(f"{bucket} {number}") for number in range(20)])
    assert server.calls == {1: 10, 4: 8}[parts]


def test_what_a_model_did_is_counted() -> None:
    assert counts(None) == {}
    assert counts(Usage()) == {}
    usage = Usage(3, 2, 40, 5, 0.00125, {"schema": 1, "budget": 4})
    found = counts(usage)
    assert found == {
        "llm_calls": 3, "llm_cached": 2, "llm_tokens_in": 40, "llm_tokens_out": 5, "llm_cost_millionths": 1250,
        "llm_failed_budget": 4, "llm_failed_schema": 1,
    }  # fmt: skip
    assert added_up([found, {}, {"llm_calls": 1}]) == found | {"llm_calls": 4}
    (sentence,) = warnings(found, "features", "2026-06-28")
    assert "4 budget; `profiling features --day 2026-06-28` asks the rest" in sentence
    assert "schema" not in sentence  # the model's, not the operator's
    assert warnings({"llm_calls": 3}, "features", "2026-06-28") == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    with pytest.raises(InputError, match=r"PROFILING_LLM_GGUF=.*none\.gguf: there is no such file"):
        open_model(settings(tmp_path, llm_gguf=tmp_path / "none.gguf"))


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    (tmp_path / "junk.gguf").write_bytes(b"junk")
    with pytest.raises(InputError, match="cannot be loaded"):
        open_model(settings(tmp_path, llm_gguf=tmp_path / "junk.gguf"))


def test_what_a_model_did_is_mirrored_for_people(tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    own = settings(tmp_path, lake=str(tmp_path / "lake"))
    found = {"llm_calls": 3, "llm_failed_schema": 1}
    assert mirror_counts(own, "language model", "features 2026-06-28", found) == []
    assert mirror_counts(own, "language model", "features 2026-06-29", {}) == []
    client = MlflowClient(tracking_uri=tracking_uri(own))
    experiment = client.get_experiment_by_name("language model")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status, run.data.metrics) == ("features 2026-06-28", "FINISHED", found)


def test_a_mirror_that_is_down_is_a_warning(tmp_path: Path) -> None:
    own = settings(tmp_path, lake=str(tmp_path / "lake"), mlflow_uri="http://127.0.0.1:9")
    (said,) = mirror_counts(own, "language model", "features 2026-06-28", {"llm_calls": 3})
    assert "has no copy of language model features 2026-06-28" in said


def test_a_file_that_takes_anothers_place_has_another_name(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    set_to = settings(tmp_path, llm_gguf=file)
    file.write_bytes(b"first")
    first = model_name(set_to)
    assert first == "model@" + hashlib.sha256(b"first").hexdigest()[:12]
    said = fact_inputs(set_to)
    assert first in said
    (tmp_path / "new").write_bytes(b"other")
    (tmp_path / "new").replace(file)
    os.utime(file, ns=(1, 1))
    assert model_name(set_to) == "model@" + hashlib.sha256(b"other").hexdigest()[:12]
    assert fact_inputs(set_to) != said
    file.unlink()
    with pytest.raises(InputError, match=r"model\.gguf: there is no such file; name the model's file"):
        model_name(set_to)
