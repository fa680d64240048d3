"""The language model that the settings name, and what it did as numbers for the ledger and for MLflow."""

from collections import Counter
from collections.abc import Iterable, Mapping

from profiling.errors import SettingsError
from profiling.llm import gguf
from profiling.llm.answers import NAMESPACE, Answers
from profiling.llm.client import Limits, ServerModel
from profiling.llm.contract import Usage
from profiling.llm.limits import Allowance, Prices
from profiling.llm.protocol import Endpoint
from profiling.settings import Settings
from profiling.text.cache import TextCache

MILLIONTHS = 1_000_000


def open_model(settings: Settings, *, parts: int = 1) -> ServerModel | None:
    """The model, with a budget of its own; None where none is set. Nothing is asked yet.

    Args:
        parts: how many calls of a stage, such as its buckets, share one budget: each gets an equal share.

    Raises:
        SettingsError: settings contradict each other, one is missing, or the extra `llm` is.
        InputError: the GGUF file cannot be loaded.
    """
    limits = _limits(settings, parts)
    answers = Answers(TextCache(settings.cache, NAMESPACE))
    if settings.llm_gguf is not None:
        if settings.llm_model is not None:
            raise SettingsError(
                "PROFILING_LLM_GGUF and PROFILING_LLM_MODEL name two models; set one: the file, or the model of a server"
            )
        served = gguf.serve(settings.llm_gguf)
        endpoint = Endpoint(served.url, served.key, settings.llm_timeout_seconds, is_own=True)
        return ServerModel(endpoint, served.name, answers, limits)
    if not settings.has_llm or settings.llm_model is None:
        return None
    if settings.llm_url is None:
        raise SettingsError(
            f"PROFILING_LLM_MODEL is {settings.llm_model!r} and no server is set; set PROFILING_LLM_URL, such as "
            "http://127.0.0.1:8000/v1"
        )
    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else ""
    return ServerModel(
        Endpoint(settings.llm_url, key, settings.llm_timeout_seconds), settings.llm_model, answers, limits
    )


def model_name(settings: Settings) -> str | None:
    """The name of the model that is set, without opening it: a server's as it is set, a file's with its digest.

    Raises:
        InputError: the GGUF file is not there.
    """
    if settings.llm_model is not None or settings.llm_gguf is None:
        return settings.llm_model
    return gguf.name_of(settings.llm_gguf)


def _limits(settings: Settings, parts: int) -> Limits:
    prices = None
    if settings.llm_price_in is not None and settings.llm_price_out is not None:
        prices = Prices(settings.llm_price_in, settings.llm_price_out)
    elif settings.llm_price_in is not None or settings.llm_price_out is not None:
        raise SettingsError(
            "PROFILING_LLM_PRICE_IN and PROFILING_LLM_PRICE_OUT are set together; set the other, 0 if free"
        )
    if settings.llm_budget_money is not None and prices is None:
        raise SettingsError(
            "PROFILING_LLM_BUDGET_MONEY needs prices; set PROFILING_LLM_PRICE_IN and PROFILING_LLM_PRICE_OUT, each for a "
            "million tokens"
        )
    whole = Allowance(settings.llm_budget_calls, settings.llm_budget_tokens, settings.llm_budget_money)
    return Limits(
        at_once=settings.llm_at_once if settings.llm_gguf is None else gguf.AT_ONCE,
        calls_per_minute=settings.llm_calls_per_minute,
        tokens_in_per_minute=settings.llm_tokens_in_per_minute,
        tokens_out_per_minute=settings.llm_tokens_out_per_minute,
        allowance=whole.divided(parts),
        prices=prices,
    )


def counts(usage: Usage | None) -> dict[str, int]:
    """What a model did, for a stage's counts, without what is 0; nothing at all without a model.

    `llm_calls`, `llm_cached`, `llm_tokens_in`, `llm_tokens_out`, `llm_failed_<reason>`, `llm_unstored`, and with prices
    `llm_cost_millionths` of their currency.
    """
    if usage is None:
        return {}
    cost = 0 if usage.cost is None else round(usage.cost * MILLIONTHS)
    found = {
        "llm_calls": usage.calls,
        "llm_cached": usage.cache_hits,
        "llm_tokens_in": usage.tokens_in,
        "llm_tokens_out": usage.tokens_out,
        "llm_cost_millionths": cost,
        "llm_unstored": usage.unstored,
        **{f"llm_failed_{reason}": number for reason, number in sorted((usage.failures or {}).items())},
    }
    return {name: number for name, number in found.items() if number}


def added_up(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The counts of several buckets as one."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)


def warnings(found: Mapping[str, int], stage: str, day: str) -> list[str]:
    """Sentences about questions that got no answer, and answers that were not kept, for reasons that the operator can mend."""
    said = []
    if unstored := found.get("llm_unstored"):
        said.append(
            f"{unstored} answers of the language model were used and could not be stored, so the next run pays for them again: "
            "another process held answers.sqlite in PROFILING_CACHE for too long, or its disk is full"
        )
    failed = {
        reason: found[name]
        for reason in ("budget", "unavailable", "rejected")
        if (name := f"llm_failed_{reason}") in found
    }
    if failed:
        why = ", ".join(f"{number} {reason}" for reason, number in failed.items())
        said.append(
            f"the language model was not asked everything: {why}; `profiling {stage} --day {day}` asks the rest (docs/llm.md)"
        )
    return said
