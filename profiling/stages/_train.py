"""Candidate models of a target as of a day. Reads tables; writes below `_models/` and nowhere else, so a pod may run it."""

import json
import logging
import os
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from profiling.behaviour import registry
from profiling.behaviour.registry import LEARNED
from profiling.behaviour.targets import TARGETS, Target
from profiling.errors import InputError, NotReady, SettingsError
from profiling.lake import Lake
from profiling.ledger import DONE
from profiling.prepare.identity_rules import load_rules
from profiling.rights import consent, suppressions
from profiling.settings import Settings
from profiling.stages._step import Run, and_more, begin, digest, refuse_future, refuse_if_suppressed_since

if TYPE_CHECKING:
    from profiling.behaviour.examples import Examples
    from profiling.behaviour.models.contract import Model
    from profiling.lake import Filter

CANDIDATE, EVALUATION, CARD = "candidate.json", "evaluation.json", "card.md"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """What a training came to: small enough for XCom. `sha` is None where there was too little to learn from."""

    target: str
    day: str
    sha: str | None
    model: str | None = None
    metric: str | None = None
    value: float | None = None
    champion_value: float | None = None
    warnings: list[str] = field(default_factory=list)

    def asdict(self) -> dict[str, Any]:
        return asdict(self)


def train(settings: Settings, as_of: str, target: str) -> Candidate:
    """Train the candidates of a target; the best lies in the lake with its evaluation and card, and waits for `promote`.

    The same inputs give the same files; a second call with them trains nothing, unless somebody the model learned from was
    erased since.

    Raises:
        SettingsError: there is no such target, or the day lies in the future.
        NotReady: a day up to `as_of` is opened and not finished.
    """
    question = target_of(target)
    run = begin(settings, as_of)
    refuse_future(run.day)
    inputs = training_inputs(run, question)
    key = f"{registry.artefact_folder(target, run.day)}/{CANDIDATE}"
    flag = registry.retrain_flag(target, run.day)
    if run.lake.get_json(flag) is None and (known := _known(run, key, inputs)) is not None:
        return known
    candidate = _trained(run, question)
    refuse_if_suppressed_since(f"train {target}", run, suppressions.load(run.lake, settings))
    if _is_first_process():
        run.lake.put_json(key, {"inputs": inputs, "candidate": candidate.asdict()})
        run.lake.remove([flag])
    return candidate


def newest_candidate(run: Run, target: str) -> tuple[str, Candidate] | None:
    """(inputs, candidate) of the last training of a target as of the day; None where there was none, or its note is damaged."""
    try:
        found = run.lake.get_json(f"{registry.artefact_folder(target, run.day)}/{CANDIDATE}")
        return None if found is None else (str(found["inputs"]), Candidate(**found["candidate"]))
    except (InputError, KeyError, TypeError) as error:
        logger.warning("the note of the training of %s as of %s cannot be read (%s)", target, run.day, error)
        return None


def _known(run: Run, key: str, inputs: str) -> Candidate | None:
    """What was trained of these inputs before, if all of it is still there."""
    found = newest_candidate(run, key.split("/")[1])
    if found is None or found[0] != inputs:
        return None
    candidate = found[1]
    if candidate.sha is not None:
        try:
            load(run, candidate.target, run.day, candidate.sha)
        except InputError as error:
            logger.warning("%s; it is trained again", error)
            return None
    return candidate


def target_of(name: str) -> Target:
    """A target by its name.

    Raises:
        SettingsError: there is none.
    """
    if name not in TARGETS:
        raise SettingsError(f"there is no target {name!r}; the targets are {', '.join(TARGETS)}")
    return TARGETS[name]


def training_inputs(run: Run, target: Target) -> str:
    """A fingerprint of what a training reads.

    Raises:
        NotReady: a day up to `as_of` is opened and not finished, or the last one has no features.
    """
    unfinished = run.ledger.unfinished(run.day)
    if unfinished:
        raise NotReady(f"train {target.name} {run.day} waits: {unfinished[0]}" + and_more(len(unfinished) - 1))
    if run.ledger.state("features", run.day) not in DONE:
        raise NotReady(
            f"train {target.name} {run.day}: the day has no features; run `profiling features --day {run.day}`"
        )
    incumbent = champion_before(run, target.name)
    rules = load_rules(run.settings).digest()
    # Who may not be learned from is a question of now: a training without them is another one.
    held = [run.suppressed.digest("profiling")] if run.suppressed else []
    unasked = ["unasked"] if consent.default(run.settings, "profiling") != "granted" else []
    return digest(run.ledger.chain(run.day), repr(target), incumbent.sha if incumbent else None, rules, *held, *unasked)


def champion_before(run: Run, target: str) -> registry.Entry | None:
    """The champion that a candidate of this day would replace."""
    models = run.lake.read("models", [("target", "==", target)])
    earlier = models[models["as_of"] < run.day]  # a second training as of the same day replaces the first
    return registry.champion(earlier, target, registry.effective_from(run.day))


def _trained(run: Run, target: Target) -> Candidate:
    from profiling.behaviour.card import model_card
    from profiling.behaviour.opinion import learned_prefixes
    from profiling.behaviour.training import of_lexicons, report, too_little, train_target

    learned, held = examples(run, target)
    if reason := _too_young(run, target) or too_little(learned, held):
        return Candidate(target.name, run.day, None, warnings=[f"{target.name}: nothing trained: {reason}"])
    incumbent = champion_before(run, target.name)
    champion = load(run, target.name, incumbent.as_of, incumbent.sha)[0] if incumbent else None
    checkpoint = run.settings.cache / "training" / target.name / run.day
    trained = train_target(target, learned, held, champion, checkpoint)
    found = report(target, trained) | {"as_of": run.day, "beaten": incumbent.sha if incumbent else None}
    missing = run.ledger.failed(run.day)
    found["days_missing"] = missing
    if target.reads == "text":
        found["lexicons"] = asdict(of_lexicons(target, held))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        trained.model.save(folder)
        if target.reads == "text":
            (folder / LEARNED).write_bytes(learned_prefixes(learned.hashes))
        (folder / EVALUATION).write_text(json.dumps(found, sort_keys=True, indent=1) + "\n")
        sha = _sha_of(folder)
        (folder / CARD).write_text(model_card(target, found, sha))
        if _is_first_process():
            run.lake.put_folder(registry.artefact_folder(target.name, run.day, sha), folder)
    theirs = found["champion"]["value"]["value"] if found["champion"] else None
    value = found["holdout"]["metrics"][target.metric]["value"]
    warnings = [f"{name} drops out: {reason}" for name, reason in trained.dropped.items()]
    if missing:
        warnings.append(
            f"days that failed their gate are missing, and what was done on them counts as not done: {', '.join(missing[-3:])}"
            + and_more(len(missing) - 3)
        )
    return Candidate(target.name, run.day, sha, trained.model.name, target.metric, value, theirs, warnings)


def _too_young(run: Run, target: Target) -> str | None:
    """Features need a horizon of history, and then come two: one to learn from and the holdout's."""
    first = _first_day(run)
    days, needed = (date.fromisoformat(run.day) - date.fromisoformat(first)).days, 3 * target.horizon_days
    if days >= needed:
        return None
    return f"labels of {target.horizon_days} days need {needed} days of history, and it begins {days} days before, on {first}"


def _first_day(run: Run) -> str:
    """The first day of the history that the tables still hold."""
    return next(day for day in run.ledger.days("features") if not run.ledger.is_closed("features", day))


def examples(run: Run, target: Target) -> "tuple[Examples, Examples]":
    """The rows to learn from and the holdout, from the lake as of the day."""
    from profiling.behaviour import examples as rows
    from profiling.profiles.history import customer_ids_at, take_populations

    rules = load_rules(run.settings)
    if target.reads == "text":
        columns = ["interaction_id", "identity_id", "day", "kind", "text", "rating", "text_hash"]
        texts = run.lake.read("interactions", [("day", "<=", run.day), ("kind", "in", list(target.acts))], columns)
        texts = with_vectors(run, texts[texts["rating"].notna()], [("day", "<=", run.day)])
        customer_of = customer_ids_at(run.lake, run.day, rules)
        found = rows.of_texts(target, texts, customer_of)
        return rows.split_holdout(target, _of_willing(run, found, customer_of))
    cuts = rows.cutoffs(run.day, target.horizon_days, _first_day(run))
    populations = take_populations(run.lake, cuts, rules)
    wanted = [
        ("day", "<=", run.day),
        ("event_day", ">", cuts[0]),
        ("facet", "==", "all"),
        ("subject_type", "==", "identity"),
    ]
    activity = run.lake.read("daily_activity", wanted, ["subject_id", "kind", "event_day"])
    customer_of = customer_ids_at(run.lake, run.day, rules)
    found = rows.of_customers(target, populations, activity, customer_of, run.settings.timezone)
    return rows.split_holdout(target, _of_willing(run, found, customer_of))


def with_vectors(run: Run, texts: "pd.DataFrame", filters: "Sequence[Filter]") -> "pd.DataFrame":
    """Rows with interaction_id, and what models that read may have beside the text: EMBEDDING and ENCODER, None where unknown."""
    from profiling.behaviour.models.contract import EMBEDDING, ENCODER

    known = run.lake.read("text_features", filters, ["interaction_id", "model", "embedding"])
    # A lake that changed its encoder has rows of both; the newest by name is as good as any, and each model takes its own.
    known = known.sort_values(["interaction_id", "model"]).drop_duplicates("interaction_id", keep="last")
    known = known.rename(columns={"model": ENCODER, "embedding": EMBEDDING})
    found = texts.merge(known, on="interaction_id", how="left", validate="m:1")
    vectors = [vector if isinstance(vector, np.ndarray) else None for vector in found[EMBEDDING]]
    return found.assign(**{EMBEDDING: pd.Series(vectors, index=found.index, dtype="object")})


def _of_willing(run: Run, examples: "Examples", customer_of: pd.Series) -> "Examples":
    """Without the rows of those who may not be profiled.

    A trainer has no key: consent it reads from the statements themselves, and the erased are not in the tables any more.
    """
    held = run.suppressed if run.settings.has_key else None
    refused = consent.refused_by_statements(run.lake, run.settings, "profiling", run.day, customer_of, held)
    if not refused:
        return examples
    return examples.take(np.flatnonzero(~np.isin(examples.groups, sorted(refused))))


def load(run: Run, target: str, as_of: str, sha: str) -> "tuple[Model, dict[str, Any]]":
    """A model of the lake and its evaluation, checked against the name they were given.

    Raises:
        InputError: a file is gone, or is not the one that was written.
    """
    model, measured, _ = load_with_learned(run, target, as_of, sha)
    return model, measured


def load_with_learned(
    run: Run, target: str, as_of: str, sha: str
) -> "tuple[Model, dict[str, Any], frozenset[str] | None]":
    """What `load` gives, and of a model that reads, which texts it learned from (`opinion.LEARNED`); None where nobody knows."""
    from profiling.behaviour.models import load_model

    key = registry.artefact_folder(target, as_of, sha)
    again = f"run `profiling train --as-of {as_of} --target {target}`, which makes it anew from the same data"
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        try:
            run.lake.fetch_folder(key, folder)
            if sha not in (_sha_of(folder), _sha_of(folder, (CARD,))):  # the second: as models were named before
                raise InputError("its files are not those that were written")
            learned = json.loads((folder / LEARNED).read_text()) if (folder / LEARNED).exists() else None
            known = None if learned is None else frozenset(learned)
            return load_model(folder), json.loads((folder / EVALUATION).read_text()), known
        except (InputError, OSError, ValueError) as error:
            said = str(error).replace(made, key)
            raise InputError(f"the model {sha} of {target} as of {as_of} is damaged ({said}); {again}") from error


def _is_first_process() -> bool:
    """Under torchrun all processes train the same model together, and one of them writes it."""
    return int(os.environ.get("RANK", "0")) == 0


def learned_without(lake: Lake, folder: str, prefixes: Collection[str]) -> str | None:
    """A model's list of the texts that it learned from without some of them; None where none of them is in it.

    None also of a model that was named by this list too: changed, it would be no model any more.
    """
    from profiling.behaviour.opinion import as_list

    key = f"{folder}/{LEARNED}"
    if key not in lake.keys(folder):
        return None
    learned = set(json.loads(lake.get_page(key)))
    if learned.isdisjoint(prefixes):
        return None
    with tempfile.TemporaryDirectory() as made:
        lake.fetch_folder(folder, Path(made))
        is_named_by_it = _sha_of(Path(made)) != folder.rpartition("/")[2]
    return None if is_named_by_it else as_list(learned.difference(prefixes))


def _sha_of(folder: Path, but: Collection[str] = (CARD, LEARNED)) -> str:
    """The name of a model and what was measured of it: other figures are another name, so neither ever changes under one.

    Without the card, which carries the name, and the list of texts, out of which those of the erased go.
    """
    digested = sha256()
    for file in sorted(folder.iterdir()):
        if file.name not in but:
            digested.update(file.name.encode() + b"\0" + sha256(file.read_bytes()).digest())
    return digested.hexdigest()[:16]


def table_rows(found: dict[str, Any], sha: str) -> pd.DataFrame:
    """An evaluation as rows of `evaluations`."""
    name = {"target": found["target"], "as_of": found["as_of"], "sha": sha}
    size = {"rows": found["held"]["rows"], "positives": found["held"]["positives"]}
    learned = {"rows": found["learned"]["rows"], "positives": found["learned"]["positives"]}
    rows = []
    for each in found["tried"]:
        named = name | {"candidate": each["candidate"]}
        folds = {"protocol": "folds", "metric": found["metric"]}
        rows.append(named | folds | _figure(each["in_folds"]) | learned)
        rows += [
            named | {"protocol": "holdout", "metric": metric} | _figure(value) | size
            for metric, value in each["holdout"].items()
        ]
    types = {"value": "float64", "low": "float64", "high": "float64"}
    return pd.DataFrame(rows).astype(types)


def _figure(value: dict[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in ("value", "low", "high")}
