"""A real model in this process: what `make demo LLM=1` downloads, or nothing."""

from pathlib import Path
from typing import Any

import pytest

from profiling.llm import gguf
from profiling.llm.client import ServerModel
from profiling.llm.contract import Failure, Reply
from profiling.llm.opening import open_model
from profiling.llm.protocol import Endpoint
from profiling.settings import Settings
from tests.llm.conftest import ask
from tests.llm.server import language_server

pytestmark = pytest.mark.slow
MODEL = Path(__file__).parents[2] / "var" / "llm" / "SmolLM2-135M-Instruct.Q4_1.gguf"


def one(name: str, **of: Any) -> dict[str, Any]:
    """The schema of a document with one field."""
    return {"type": "object", "properties": {name: of}, "required": [name], "additionalProperties": False}


@pytest.fixture
def model_file() -> Path:
    pytest.importorskip("xllamacpp")
    if not MODEL.exists():
        pytest.skip(f"no model in {MODEL.parent}; `make demo LLM=1` downloads it")
    return MODEL


def opened(tmp_path: Path, file: Path) -> ServerModel:
    model = open_model(Settings(cache=tmp_path / "cache", llm_gguf=file, llm_timeout_seconds=250))
    assert model is not None
    return model


def test_a_file_answers_as_a_server_does(model_file: Path, tmp_path: Path) -> None:
    model = opened(tmp_path, model_file)
    assert model.name == "SmolLM2-135M-Instruct.Q4_1@b179c9523d0e"
    short = one("mood", enum=["good", "bad"])
    found = model.answer(
        [
            ask("I love it. 我很喜欢。", schema=short, max_tokens=30),
            # The grammar has no word for a maximum: it is checked afterwards.
            ask("How certain?", schema=one("certainty", enum=[7], maximum=5), max_tokens=40),
            ask("Cut me off.", schema={"type": "string", "minLength": 200}, max_tokens=3),
            ask("long " * 9_000, max_tokens=30),
        ]
    )
    assert isinstance(found[0], Reply)
    assert found[0].value["mood"] in ("good", "bad")
    assert [each.reason for each in found[1:] if isinstance(each, Failure)] == ["schema", "length", "rejected"]
    assert model.usage.calls == 4
    assert model.usage.tokens_in > 20
    again = opened(tmp_path, model_file)
    assert again.answer([ask("I love it. 我很喜欢。", schema=short, max_tokens=30)])[0].value == found[0].value  # type: ignore[union-attr]
    assert (again.usage.calls, again.usage.cache_hits) == (0, 1)
    stranger = Endpoint(gguf.serve(model_file).url, "another key", 30)
    with pytest.raises(Exception, match="status 401"):
        stranger.complete({"model": model.name, "messages": [{"role": "user", "content": "x"}], "max_tokens": 1})


def test_no_proxy_leads_to_a_model_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with language_server(lambda asked: {}) as server, language_server(lambda asked: {}) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        body = {"model": server.model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
        assert Endpoint(server.url, "", 30, is_own=True).complete(body).text == "{}"
        assert (server.calls, proxy.calls) == (1, 0)
