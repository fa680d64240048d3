"""From a shop's history to champions and to predictions in profiles, through the stages themselves."""

import json
import math
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from profiling import stages
from profiling.behaviour import registry
from profiling.behaviour.models import load_model
from profiling.behaviour.targets import TARGETS, Candidate
from profiling.behaviour.tracking import tracking_uri
from profiling.errors import InputError, NotReady, SettingsError
from profiling.lake import Lake
from profiling.profiles.schema import document_faults
from profiling.settings import Settings
from profiling.stages import _train
from profiling.status import day_rows
from tests.test_cli import environment_of, profiling
from tests.worlds import documents, published, settings_in

pytestmark = pytest.mark.slow

FIRST, AS_OF = date(2026, 3, 1), "2026-06-14"
NEXT = "2026-06-15"
WEEKS = 16
CUSTOMERS = 60
GOOD = ("great sound, love it", "wonderful strings and a great tone", "excellent, works perfectly, love the colour")
BAD = ("broken on arrival, terrible", "awful noise, waste of money", "poor quality, it broke, terrible service")


def last_week(customer: int) -> int:
    """Every third customer stays to the end; the others leave one after the other."""
    return WEEKS if customer % 3 == 0 else 2 + customer * 13 // CUSTOMERS


def week(number: int) -> list[dict]:
    """What a week's drop holds: a purchase of whoever is still there, and a review with stars that its words deserve."""
    day = (FIRST + timedelta(days=7 * number)).isoformat()
    rows = []
    for customer in range(CUSTOMERS):
        if number > last_week(customer):
            continue
        base = {
            "identifiers": {"customer": f"C{customer}"},
            "occurred_at": f"{day}T10:00:00Z",
            "item_id": f"I{customer % 7}",
        }
        rows.append(base | {"event_id": f"p{customer}-{number}", "kind": "purchase", "amount": 10.0, "currency": "USD"})
        if (customer + number) % 4 == 0:
            is_good = (customer + number) % 8 == 0
            said = (GOOD if is_good else BAD)[(customer + number) % 3]
            text = f"{said}, order {customer * 31 + number}"
            rows.append(
                base
                | {"event_id": f"r{customer}-{number}", "kind": "review", "rating": 5 if is_good else 2, "text": text}
            )
    return rows


def deliver(settings: Settings, day: str, rows: list[dict]) -> None:
    folder = Path(settings.landing) / "events" / day
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "_SUCCESS").touch()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> Settings:
    settings = settings_in(tmp_path_factory.mktemp("training"), static_cache)
    for number in range(WEEKS):
        deliver(settings, (FIRST + timedelta(days=7 * number)).isoformat(), week(number))
    list(stages.run_days(settings, FIRST.isoformat(), AS_OF, ["ingest", "features"]))
    return settings


@pytest.fixture(scope="module")
def quick() -> pytest.MonkeyPatch:
    """The network as it is made, with few and short epochs: what it learns is tested where models are."""
    with pytest.MonkeyPatch.context() as patch:
        short = Candidate("customer_profiler", {"epochs": 1, "hidden": 8, "embedding": 8})
        satisfied = TARGETS["satisfied"]
        patch.setitem(TARGETS, "satisfied", replace(satisfied, candidates=(*satisfied.candidates[:2], short)))
        yield patch


@pytest.fixture(scope="module")
def trained(shop: Settings, quick: pytest.MonkeyPatch) -> dict[str, stages.Candidate]:
    return {target: stages.train(shop, AS_OF, target) for target in TARGETS}


@pytest.fixture(scope="module")
def profiled(shop: Settings, trained: dict[str, stages.Candidate]) -> Settings:
    for target in trained:
        stages.promote(shop, AS_OF, target)
    list(stages.run_days(shop, AS_OF, NEXT))
    return shop


def artefact(settings: Settings, candidate: stages.Candidate) -> Path:
    return Path(settings.lake) / registry.artefact_folder(candidate.target, candidate.day, candidate.sha or "")


def test_each_target_that_can_be_learned_has_a_candidate(trained: dict[str, stages.Candidate]) -> None:
    assert trained["reviews_again"].sha is None  # two horizons of 180 days are longer than this shop is old
    assert "labels of 180 days need 540 days of history" in trained["reviews_again"].warnings[0]
    for target in ("repeat_purchase", "churn", "satisfied"):
        assert trained[target].value > 0.8, target


def test_an_artefact_is_whole_and_plain(shop: Settings, trained: dict[str, stages.Candidate]) -> None:
    folder = artefact(shop, trained["churn"])
    assert load_model(folder).name == trained["churn"].model
    found = json.loads((folder / "evaluation.json").read_text())
    assert {each["candidate"] for each in found["tried"]} == {c.label for c in TARGETS["churn"].candidates}
    assert found["held"]["rows"] > 0
    assert not found["leaks"]["is_leaking"]
    card = (folder / "card.md").read_text()
    assert "does nothing at all for 28 days" in card
    assert "Not for" in card
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".md", ".txt", ".safetensors"}


def test_the_same_inputs_give_the_same_model_and_train_nothing(
    shop: Settings, trained: dict[str, stages.Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = artefact(shop, trained["churn"]).parent
    (folder / "candidate.json").unlink()
    assert stages.train(shop, AS_OF, "churn") == trained["churn"]
    monkeypatch.setattr(_train, "_trained", lambda *_: pytest.fail("trained again"))
    assert stages.train(shop, AS_OF, "churn") == trained["churn"]


def test_promotion_and_why(profiled: Settings, trained: dict[str, stages.Candidate]) -> None:
    models = Lake(profiled.lake).read("models").set_index("target")
    assert models.loc["churn", "state"] == "promoted"
    assert models.loc["churn", "effective_from"] == NEXT
    assert models.loc["churn", "reason"].startswith("no model was in service")
    assert "reviews_again" not in models.index
    again = stages.promote(profiled, AS_OF, "churn")
    assert (again.state, again.staged) == ("promoted", trained["churn"].sha)
    assert len(Lake(profiled.lake).read("models")) == len(models)
    assert stages.promote(profiled, AS_OF, "reviews_again").state == "empty"
    said = {row["day"]: row["models"] for row in day_rows(profiled)}
    assert (said[AS_OF], said[NEXT]) == (f"{len(models)} promoted", None)
    measured = Lake(profiled.lake).read("evaluations")
    assert set(measured["protocol"]) == {"holdout", "folds"}
    assert set(measured[measured["target"] == "churn"]["candidate"]) == {c.label for c in TARGETS["churn"].candidates}


def test_no_profile_rests_on_a_model_that_has_seen_its_day(profiled: Settings) -> None:
    for document in documents(profiled, AS_OF).values():
        assert document["predictions"] is None
        assert document["nulls"]["/predictions"] == "no model is in service on this day"


def test_predictions_say_what_why_and_by_whom(profiled: Settings, trained: dict[str, stages.Candidate]) -> None:
    found = documents(profiled, NEXT)
    rows = Lake(profiled.lake).read("profiles", [("day", "==", NEXT)])
    assert document_faults(rows["document"]) == []
    for customer, row in rows.set_index("customer_id").iterrows():
        said = {each["target"]: each["probability"] for each in found[str(customer)]["predictions"] or []}
        columns = {target: row[f"{target}_probability"] for target in TARGETS}
        assert {target: value for target, value in columns.items() if value == value} == said
    known = set(Lake(profiled.lake).read("interactions", [], ["interaction_id"])["interaction_id"])
    targets = set()
    for document in found.values():
        for said in document["predictions"] or []:
            targets.add(said["target"])
            assert said["model"] == {
                "name": trained[said["target"]].model,
                "sha": trained[said["target"]].sha,
                "as_of": AS_OF,
            }
            assert set(said["evidence"]) <= known
            assert said["evidence"]
            assert said["reasons"]
            amounts = [reason["amount"] for reason in said["reasons"]]
            assert said["base"] + sum(amounts) + said["rest"] == pytest.approx(said["score"], abs=1e-4)
            of_score = (
                1 / (1 + math.exp(-said["score"])) if said["scale"] == "log_odds" else min(1, max(0, said["score"]))
            )
            assert said["probability"] == pytest.approx(of_score, abs=1e-4)
    assert targets == {"repeat_purchase", "churn", "satisfied"}
    manifest = json.loads(published(profiled)[f"profiles/day={NEXT}/manifest.json"])
    assert trained["churn"].sha in manifest["model_versions"]["prediction of churn"]


def test_the_faithful_are_told_from_those_who_stay_away(profiled: Settings) -> None:
    churn = {}
    for customer, document in documents(profiled, NEXT).items():
        for said in document["predictions"] or []:
            if said["target"] == "churn":
                churn[customer] = (document["activity"]["recency_days"], said["probability"])
    by_recency = pd.DataFrame(churn.values(), columns=["recency", "probability"])
    stays, leaves = by_recency[by_recency["recency"] <= 2], by_recency[by_recency["recency"] >= 28]
    assert len(stays) > 5
    assert len(leaves) > 5
    assert stays["probability"].max() < leaves["probability"].min()


def test_a_later_candidate_is_measured_beside_the_champion(
    profiled: Settings, trained: dict[str, stages.Candidate]
) -> None:
    later = "2026-06-21"
    deliver(profiled, later, week(WEEKS))
    list(stages.run_days(profiled, NEXT, later, ["ingest", "features"]))
    candidate = stages.train(profiled, later, "churn")
    assert candidate.champion_value is not None
    outcome = stages.promote(profiled, later, "churn", candidate.sha)
    assert outcome.state == ("promoted" if candidate.value >= candidate.champion_value else "refused")
    assert f"of the champion as of {AS_OF}" in outcome.report
    with pytest.raises(InputError, match="it was trained again"):
        stages.promote(profiled, later, "churn", "0" * 16)

    speaks = later if outcome.state == "promoted" else AS_OF
    back = stages.roll_back(profiled, "churn", speaks, "a test")
    if outcome.state == "promoted":
        assert back.staged == candidate.sha
        assert f"{trained['churn'].sha} as of {AS_OF} speaks again" in back.report
        assert stages.promote(profiled, later, "churn").report == f"{candidate.sha} was rolled back"
    else:
        assert "no model speaks now" in back.report
    assert stages.promote(profiled, speaks, "churn").state == "refused", (
        "a re-run does not bring back what a person took out"
    )
    with pytest.raises(InputError, match="no model of churn trained as of 2026-05-31 is in service"):
        stages.roll_back(profiled, "churn", "2026-05-31", "a test")


@pytest.mark.parametrize(
    ("as_of", "target", "error", "sentence"),
    [
        (AS_OF, "weather", SettingsError, "the targets are repeat_purchase"),
        ("2226-06-14", "churn", SettingsError, "lies in the future"),
        ("2026-08-01", "churn", NotReady, "has no features"),
    ],
)
def test_what_cannot_be_trained(shop: Settings, as_of: str, target: str, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        stages.train(shop, as_of, target)


def test_what_was_not_trained_cannot_be_promoted(shop: Settings) -> None:
    with pytest.raises(InputError, match="nothing was trained for churn as of 2026-05-31"):
        stages.promote(shop, "2026-05-31", "churn")


def test_the_commands(profiled: Settings, tmp_path: Path) -> None:
    """In processes of their own, as a pod or a person calls them. Trained already: nothing is trained again but the network."""
    environment = environment_of(profiled)
    said = profiling("predict", "I love this product, it's amazing! Great sound.", "--json", **environment)
    good = json.loads(said.stdout)
    assert (good["target"], good["label"]) == ("satisfied", TARGETS["satisfied"].label)
    bad = json.loads(profiling("predict", "It broke, terrible noise.", "--json", **environment).stdout)
    assert bad["probability"] < 0.5 < good["probability"]
    shown = profiling("predict", "It broke, terrible noise.", **environment)
    assert "satisfied: the text reads like one with 4 or 5 stars, probability 0." in shown.stdout
    assert "terrible" in shown.stdout
    assert profiling("predict", "  ", **environment).returncode == 1
    assert "knows no word of this text" in profiling("predict", "qwertz!", **environment).stderr

    result = tmp_path / "return.json"
    done = profiling("train", "--as-of", AS_OF, "--target", "churn", "--json", **environment, XCOM_PATH=str(result))
    (candidate,) = json.loads(done.stdout)
    assert json.loads(result.read_text()) == candidate
    status = json.loads(profiling("status", "--json", **environment).stdout)
    assert status["models in service"]["reviews_again"] == "none"
    assert candidate["sha"]
    wrong = profiling("train", "--as-of", AS_OF, "--target", "weather", **environment)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert profiling("promote", "--as-of", AS_OF, "--roll-back", **environment).returncode == 2


def test_a_run_trains_on_sundays(shop: Settings, trained: dict[str, stages.Candidate]) -> None:
    outcomes = list(stages.run_days(shop, "2026-06-08", AS_OF, ["ingest", "features", "train", "promote"]))
    assert {(outcome.stage, outcome.day) for outcome in outcomes} == {("train", AS_OF), ("promote", AS_OF)}
    assert {outcome.staged for outcome in outcomes} == {candidate.sha for candidate in trained.values()}


def test_a_mirror_that_is_down_is_a_warning(profiled: Settings, trained: dict[str, stages.Candidate]) -> None:
    nowhere = profiled.model_copy(update={"mlflow_uri": "http://127.0.0.1:1"})
    outcome = stages.promote(nowhere, AS_OF, "churn")
    assert outcome.state == "promoted"
    assert "MLflow at http://127.0.0.1:1 has no copy of churn" in outcome.warnings[0]


def test_the_mirror_holds_params_metrics_and_files(profiled: Settings, trained: dict[str, stages.Candidate]) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=tracking_uri(profiled))
    experiment = client.get_experiment_by_name("churn")
    (run,) = client.search_runs([experiment.experiment_id], f"tags.sha = '{trained['churn'].sha}'")
    assert run.data.metrics["roc_auc"] == pytest.approx(trained["churn"].value)
    assert run.data.params["candidate"]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"card.md", "evaluation.json", "model.json", "reliability.svg"} <= files


@pytest.mark.parametrize("damage", ["candidate.json", "model.json", "evaluation.json", "everything"])
def test_what_is_lost_or_damaged_is_said_and_trained_anew(
    shop: Settings, trained: dict[str, stages.Candidate], tmp_path: Path, damage: str
) -> None:
    own = shop.model_copy(update={"lake": str(tmp_path / "lake"), "cache": tmp_path / "cache", "mlflow_uri": "off"})
    shutil.copytree(shop.lake, own.lake)
    folder = artefact(own, trained["repeat_purchase"])
    if damage == "candidate.json":
        (folder.parent / damage).write_text("[]")
    elif damage == "everything":
        shutil.rmtree(folder)
    else:
        (folder / damage).write_text("{}")
    with pytest.raises(InputError, match=r"profiling train --as-of 2026-06-14 --target repeat_purchase"):
        stages.promote(own, AS_OF, "repeat_purchase")
    again = stages.train(own, AS_OF, "repeat_purchase")
    assert again == trained["repeat_purchase"]
    assert stages.promote(own, AS_OF, "repeat_purchase").state == "promoted"


def test_other_data_of_the_same_day_are_decided_anew(
    shop: Settings, trained: dict[str, stages.Candidate], tmp_path: Path
) -> None:
    """Also when the model comes out the same: what it is worth is another thing, and has another name."""
    own = shop.model_copy(
        update={"lake": str(tmp_path / "lake"), "landing": str(tmp_path / "landing"), "mlflow_uri": "off"}
    )
    shutil.copytree(shop.lake, own.lake)
    shutil.copytree(shop.landing, own.landing)
    stages.promote(own, AS_OF, "churn")
    drop = Path(own.landing) / "events" / "2026-05-17" / "rows.jsonl"
    drop.write_text("".join(drop.read_text().splitlines(keepends=True)[:4]))
    list(stages.run_days(own, "2026-05-17", "2026-05-17", ["ingest", "features"]))
    again = stages.train(own, AS_OF, "churn")
    assert again.sha != trained["churn"].sha
    outcome = stages.promote(own, AS_OF, "churn")
    models = Lake(own.lake).read("models", [("target", "==", "churn")]).sort_values("decided_at")
    old = models[models["sha"] == trained["churn"].sha]
    assert old["state"].tolist() == ["promoted", "rolled_back"]
    assert old["reason"].iloc[-1] == f"trained again on other data as {again.sha}"
    speaks = registry.champion(models, "churn", NEXT)
    assert (speaks and speaks.sha) == (again.sha if outcome.state == "promoted" else None)


def reviews(language: str, number: int) -> list[dict]:
    words = {
        "en": (GOOD, BAD),
        "zh": (("很好用我很喜欢", "质量不错值得购买"), ("太差了用了就坏", "质量很差不推荐购买")),
    }[language]
    return [
        {
            "event_id": f"z{n}", "identifiers": {"customer": f"Z{n % 40}"}, "kind": "review", "rating": 5 if n % 2 else 1,
            "occurred_at": f"{(FIRST + timedelta(days=n)).isoformat()}T10:00:00Z",
            "text": f"{words[n % 2 == 0][n // 2 % 2]}{'第' if language == 'zh' else ' order '}{n}",
        }
        for n in range(number)
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_shop_with_one_review_a_day_is_trained(
    tmp_path: Path, static_cache: Path, quick: pytest.MonkeyPatch, language: str
) -> None:
    """Days with one text each, and texts in which the first candidate finds no word."""
    own = settings_in(tmp_path, static_cache)
    rows = reviews(language, 90)
    for week in range(13):
        part = rows[7 * week : 7 * week + 7]
        deliver(own, (FIRST + timedelta(days=7 * week + 6)).isoformat(), part)
    last = (FIRST + timedelta(days=7 * 12 + 6)).isoformat()
    list(stages.run_days(own, FIRST.isoformat(), last, ["ingest", "features"]))
    candidate = stages.train(own, last, "satisfied")
    assert candidate.sha, candidate.warnings
    assert candidate.value > 0.9


def test_what_cannot_be_trained_holds_up_neither_other_targets_nor_profiles(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = stages._days._train.train

    def train(settings: Settings, day: str, target: str) -> stages.Candidate:
        if target == "churn":
            raise InputError("nothing can be fitted")
        return real(settings, day, target)

    monkeypatch.setattr(stages._days._train, "train", train)
    outcomes = list(stages.run_days(shop, AS_OF, AS_OF, ["train"]))
    assert {outcome.state for outcome in outcomes} == {"trained", "empty", "failed"}
    assert len(outcomes) == len(TARGETS)


def test_a_password_is_not_in_a_warning(profiled: Settings) -> None:
    nowhere = profiled.model_copy(update={"mlflow_uri": "http://admin:S3cret@127.0.0.1:1"})
    outcome = stages.promote(nowhere, AS_OF, "satisfied")
    assert "S3cret" not in str(outcome)
    assert "127.0.0.1:1" in outcome.warnings[0]
