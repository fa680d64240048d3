"""The model card that lies beside a model: what it is for, what it learned from, what it is worth, what it must not be used for.

After Mitchell et al., Model Cards for Model Reporting, FAT* 2019.
"""

from collections.abc import Mapping
from typing import Any

from profiling.behaviour.targets import Target

_CARD = """\
# {target} as of {as_of}: {candidate}

Model {sha}. **Label 1**: {label}. **Asked about**: {population}.

**Learned from** {learned[rows]} rows, {learned[positives]} with label 1 ({learned[customers]} customers, {learned[times]} times).
**Tested on** {held[rows]} later rows, {held[positives]} with label 1: {held[customers]} customers. Labels end on the day itself.

| metric on the holdout | value | 95 % interval (bootstrap over customers) |
| --- | --- | --- |
{metrics}

{beside}

| candidate, {metric} in folds | value | 95 % interval |
| --- | --- | --- |
{tried}

Leak test, AUC: {leaks[auc]:.3f} with the true labels; with labels that nothing can know {leaks[shuffled][mean]:.3f} (shuffled)
and {leaks[shifted][mean]:.3f} (shifted in time).

**Not for** decisions on credit, prices, employment or anything else that may harm a customer: it knows no causes, only what went
together here. Protected attributes are no inputs; whether its errors differ between groups was not measured.
"""


def model_card(target: Target, found: Mapping[str, Any], sha: str) -> str:
    """Markdown.

    Args:
        found: a report of `training.report`, with `as_of` and `beaten`.
        sha: the name of the model's files.
    """
    return _CARD.format(
        **{name: found[name] for name in ("as_of", "candidate", "metric", "learned", "held", "leaks")},
        target=target.name,
        label=target.label,
        population=target.population,
        sha=sha,
        metrics="\n".join(_row(name, value) for name, value in found["holdout"]["metrics"].items()),
        tried="\n".join(_row(each["candidate"], each["in_folds"]) for each in found["tried"]),
        beside=_beside(found),
    )


def _row(name: str, figure: Mapping[str, Any]) -> str:
    return f"| {name} | {_shown(figure)} | {_interval(figure)} |"


def _beside(found: Mapping[str, Any]) -> str:
    if not found["champion"]:
        return "There was no champion to compare with."
    value, gain = found["champion"]["value"], found["champion"]["difference"]
    return (
        f"The champion ({found['beaten']}) scores {_shown(value)} on the same rows: a difference of {_shown(gain)} "
        f"({_interval(gain)})."
    )


def _shown(figure: Mapping[str, Any]) -> str:
    return f"– ({figure['reason']})" if figure["value"] is None else f"{figure['value']:.4f}"


def _interval(figure: Mapping[str, Any]) -> str:
    return "" if figure["low"] is None else f"{figure['low']:.4f} to {figure['high']:.4f}"
