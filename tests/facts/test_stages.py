"""Facts from a drop to a profile: shown with their sentences, corrected, erased, past their retention."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console
from typer.testing import CliRunner

from profiling import schemas, stages
from profiling.__main__ import app
from profiling.errors import InputError, SettingsError
from profiling.facts import corrections
from profiling.facts.days import fact_id
from profiling.lake import Lake
from profiling.llm import opening
from profiling.profiles.history import refold_facts
from profiling.profiles.show import fact_sentences, render_profile
from profiling.rights import requests
from profiling.rights.export import export
from profiling.settings import Settings
from profiling.status import day_rows
from tests.claims import unfounded
from tests.facts.test_model import Scripted, entry
from tests.rights.worlds import consent, customer, drop, event, identity
from tests.worlds import documents, settings_in, tables

pytestmark = pytest.mark.slow  # whole stages

SATURDAY, SUNDAY, MONDAY = "2026-06-13", "2026-06-14", "2026-06-15"
NEED, BUDGET = "I am looking for a quiet fan.", "My budget is $200. The delivery took far too long."


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> Settings:
    """Ann and Bob over the end of a week: a checkpoint lies between the days. Its cache is its own: an erasure looks into it."""
    root = tmp_path_factory.mktemp("facts")
    settings = settings_in(root, root / "cache")
    settings.cache.mkdir()
    for model in static_cache.glob("static-*"):
        (settings.cache / model.name).symlink_to(model.resolve())
    drop(settings, [event(1, "ann", SATURDAY, text=NEED), event(2, "bob", SATURDAY, text="I need a tent.")], SATURDAY)
    drop(settings, [event(3, "ann", SUNDAY, text=BUDGET, rating=2)], SUNDAY)
    drop(
        settings,
        [
            event(4, "ann", MONDAY, text="Still looking for a quiet fan. My budget is now $350."),
            event(5, "ann", MONDAY, kind="search", text="I need a piano", rating=None),
        ],
        MONDAY,
    )
    run_all(settings, SATURDAY, MONDAY)
    return settings


@pytest.fixture
def shop(built: Settings, tmp_path: Path) -> Settings:
    """A copy of it."""
    root = Path(built.lake).parent
    shutil.copytree(root, tmp_path / "copy", symlinks=True)
    places = {name: str(tmp_path / "copy" / Path(getattr(built, name)).name) for name in ("landing", "lake", "publish")}
    return built.model_copy(update={**places, "cache": tmp_path / "copy" / "cache"})


def run_all(settings: Settings, first: str, last: str | None = None) -> None:
    """Without the publication, which is dear and adds nothing to a fact."""
    list(stages.run_days(settings, first, last or first, ["ingest", "features", "profile"]))


def facts_of(settings: Settings, who: str, day: str = MONDAY) -> dict[str, dict]:
    document = documents(settings, day)[customer(settings, who, day)]
    return {f"{fact['subtopic']} {fact['value']}".strip(): fact for fact in document["facts"] or []}


def test_from_a_drop_to_a_profile_with_the_sentences(shop: Settings) -> None:
    found = facts_of(shop, "ann")
    assert set(found) == {"product quiet fan", "budget $350", "delivery"}
    fan = found["product quiet fan"]
    assert fan["evidence_count"] == 2
    assert fan["confidence"] == pytest.approx(0.96)
    assert (fan["since"][:10], fan["stated_at"][:10], fan["written_by"]) == (SATURDAY, MONDAY, "rules")
    assert found["budget $350"]["superseded"] == 1
    assert found["delivery"]["polarity"] == -1
    assert unfounded(shop, documents(shop, MONDAY)) == []
    document = documents(shop, MONDAY)[customer(shop, "ann", MONDAY)]
    sentences = fact_sentences(shop, document)
    assert sentences[fan["fact_id"]][0] in (
        f"{SATURDAY} «I am looking for a quiet fan».",
        f"{MONDAY} «Still looking for a quiet fan».",
    )
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render_profile(document, {}, sentences))
    shown = console.export_text()
    assert "«My budget is now $350»" in shown
    assert "goes before 1 earlier" in shown
    assert "facts" not in document["nulls"]


def test_a_day_again_gives_the_same(shop: Settings) -> None:
    before = tables(shop)
    stages.features(shop, MONDAY)
    stages.profile(shop, MONDAY)
    assert tables(shop) == before


def test_a_customer_without_a_word_has_none_and_it_says_why(settings: Settings) -> None:
    drop(settings, [event(1, "ann", MONDAY, kind="view", text=None, rating=None)], MONDAY)
    run_all(settings, MONDAY)
    (document,) = documents(settings, MONDAY).values()
    assert document["facts"] is None
    assert document["nulls"]["/facts"] == "no text of theirs states one"


def test_a_correction_overrules_from_its_day_on_and_outlives_a_re_run(shop: Settings) -> None:
    def correct(fact: str, instead: str | None, day: str) -> None:
        import pandas as pd

        document = documents(shop, day)[customer(shop, "ann", day)]
        moment = pd.Timestamp("2026-06-16T09:00:00Z")
        corrections.correct(Lake(shop.lake), document, fact, instead, "Kim", day, moment)

    ids = {name: fact["fact_id"] for name, fact in facts_of(shop, "ann").items()}
    correct(ids["product quiet fan"], None, MONDAY)
    correct(ids["budget $350"][:10], "Has a budget of $400 with the stand", MONDAY)
    stale = {row["day"]: row for row in day_rows(shop, stale=True)}
    assert set(stale) == {MONDAY}, "the days before stay what they were"
    stages.features(shop, MONDAY)
    stages.profile(shop, MONDAY)
    found = facts_of(shop, "ann")
    assert set(found) == {"budget $350", "delivery"}
    assert found["budget $350"]["statement"] == "Has a budget of $400 with the stand"
    assert found["budget $350"]["written_by"] == "correction by Kim"
    assert "product quiet fan" in facts_of(shop, "ann", SUNDAY)
    before = documents(shop, MONDAY)[customer(shop, "ann", MONDAY)]
    assert "unhappy with delivery" in before["persona"]["text"]
    correct(ids["delivery"], None, MONDAY)
    stages.profile(shop, MONDAY)
    after = documents(shop, MONDAY)[customer(shop, "ann", MONDAY)]
    assert "delivery" not in {each["aspect"] for each in after["satisfaction"]["aspects"]}
    assert "delivery" not in after["persona"]["text"] + after["next_best_action"]["reason"]
    assert unfounded(shop, documents(shop, MONDAY)) == []


def test_a_correction_goes_where_the_words_go(settings: Settings) -> None:
    """Of a customer of two identities it is about the one that said it, though the customer bears the other's name."""
    import pandas as pd

    both = {"customer": "ann", "loyalty": "L1"}
    drop(
        settings,
        [event(1, "ann", MONDAY, identifiers=both), event(2, "bob", MONDAY, identifiers={"loyalty": "L1"})],
        MONDAY,
    )
    stages.ingest(settings, MONDAY)
    lake = Lake(settings.lake)
    rows = lake.read("interactions").set_index("identity_id")
    assert len(rows) == 2
    ann = identity(settings, "ann")
    (said,) = rows.index.difference([ann])
    value = {"topic": "needs", "subtopic": "product", "value": "boat"}
    fact = value | {
        "fact_id": fact_id(ann, *value.values(), 1), "statement": "Is looking for: boat", "polarity": 1.0,
        "evidence": [rows.loc[said, "interaction_id"]],
    }  # fmt: skip
    document = {
        "customer_id": ann, "as_of": MONDAY, "facts": [fact], "identity": {"merged_from": [said]}, "language": "en",
    }  # fmt: skip
    corrections.correct(lake, document, fact["fact_id"], None, "Kim", MONDAY, pd.Timestamp("2026-06-16T09:00:00Z"))
    assert lake.read("fact_corrections")["identity_id"].tolist() == [said]


@pytest.mark.parametrize("instead", ["Is very happy with the delivery", "The delivery came on a Monday"])
def test_what_was_corrected_may_be_corrected_again(shop: Settings, instead: str) -> None:
    """A correction may say the opposite of what it stands for, or take no side; it is still about the same fact."""
    import pandas as pd

    for hour, said in enumerate((instead, None)):
        document = documents(shop, MONDAY)[customer(shop, "ann", MONDAY)]
        moment = pd.Timestamp("2026-06-16T09:00:00Z") + pd.Timedelta(hours=hour)
        fact = facts_of(shop, "ann")["delivery"]["fact_id"]
        corrections.correct(Lake(shop.lake), document, fact, said, "Kim", MONDAY, moment)
        stages.profile(shop, MONDAY)
        found = facts_of(shop, "ann")
        assert ("delivery" in found) == (said is not None)
        assert said is None or found["delivery"]["statement"] == instead


@pytest.mark.parametrize(
    ("fact", "instead", "error", "sentence"),
    [
        ("ffff", None, InputError, "no fact of"),
        ("", None, InputError, "no fact of"),
        (None, "no", SettingsError, "3 to 300 characters"),
        (None, "Is \x1b[31mhappy", SettingsError, "not seen"),
        (None, "\u200b\u200b\u200b", SettingsError, "not seen"),
        (None, "Write to ann@example.org", SettingsError, "personal data"),
        (None, "Is a member of a trade union", SettingsError, "names health, religion"),
    ],
)
def test_a_correction_that_cannot_be(
    shop: Settings, fact: str | None, instead: str | None, error: type[Exception], sentence: str
) -> None:
    import pandas as pd

    document = documents(shop, MONDAY)[customer(shop, "ann", MONDAY)]
    name = document["facts"][0]["fact_id"] if fact is None else fact
    with pytest.raises(error, match=sentence):
        corrections.correct(Lake(shop.lake), document, name, instead, "Kim", MONDAY, pd.Timestamp.now(tz="UTC"))
    assert Lake(shop.lake).rows("fact_corrections") == 0


@pytest.mark.parametrize(
    "by",
    [
        "kim@example.org",
        "Kim <kim@example.org>",
        "kim＠example.org",
        "+49 170 1234567",
        "(555) 123-4567",
        "１３８００１３８０００",
    ],
)
def test_who_corrects_is_no_address_and_no_number(shop: Settings, by: str) -> None:
    import pandas as pd

    document = documents(shop, MONDAY)[customer(shop, "ann", MONDAY)]
    name, now = document["facts"][0]["fact_id"], pd.Timestamp.now(tz="UTC")
    with pytest.raises(SettingsError, match="write a role or a staff number, such as service-desk or S-1042"):
        corrections.correct(Lake(shop.lake), document, name, None, by, MONDAY, now)
    assert Lake(shop.lake).rows("fact_corrections") == 0
    corrections.correct(Lake(shop.lake), document, name, None, "S-1042", MONDAY, now)


def test_what_was_corrected_before_the_column_recorded_at_came_still_holds(shop: Settings) -> None:
    import pandas as pd
    from deltalake import write_deltalake

    lake, ann = Lake(shop.lake), customer(shop, "ann", MONDAY)
    row = {
        "identity_id": ann, "topic": "needs", "subtopic": "product", "value": "quiet fan", "side": 1, "kind": "wrong",
        "statement": None, "said_by": "Kim", "stated_at": pd.Timestamp("2026-06-16T09:00Z"), "day": MONDAY,
    }  # fmt: skip
    old = schemas.FACT_CORRECTIONS.arrow.remove(schemas.FACT_CORRECTIONS.names.index("recorded_at"))
    write_deltalake(f"{shop.lake}/fact_corrections", pa.Table.from_pylist([row], schema=old), partition_by=["day"])
    document = documents(shop, MONDAY)[ann]
    fact = next(each["fact_id"] for each in document["facts"] if each["value"] == "quiet fan")
    with pytest.raises(InputError, match="already marked wrong: since 2026-06-16T09:00:00"):
        corrections.correct(lake, document, fact, None, "Lee", MONDAY, pd.Timestamp.now(tz="UTC"))
    corrections.correct(lake, document, fact, "Has a fan", "Lee", MONDAY, pd.Timestamp.now(tz="UTC"))
    assert lake.rows("fact_corrections") == 2
    stages.profile(shop, MONDAY)
    assert facts_of(shop, "ann")["product quiet fan"]["statement"] == "Has a fan"


def test_erasing_one_removes_her_facts_and_corrections_and_no_others(shop: Settings) -> None:
    import pandas as pd

    ann, lake = customer(shop, "ann", MONDAY), Lake(shop.lake)
    document = documents(shop, MONDAY)[ann]
    moment = pd.Timestamp.now(tz="UTC")
    corrections.correct(lake, document, document["facts"][0]["fact_id"], None, "Kim", MONDAY, moment)
    exported = json.loads("".join(export(shop, ann)))["tables"]
    assert {name: len(exported[name]["rows"]) for name in ("facts", "facts_state", "fact_corrections")} == {
        "facts": 5, "facts_state": 3, "fact_corrections": 1,
    }  # fmt: skip
    stages.erase(shop, requests.ask(shop, ["customer:ann"]).id)
    for name in ("facts", "facts_state", "fact_corrections"):
        assert ann not in set(lake.read(name)["identity_id"]), name
    assert len(lake.read("facts_state")) == 1
    assert set(documents(shop, MONDAY)) == {customer(shop, "bob", MONDAY)}
    assert unfounded(shop, documents(shop, MONDAY)) == []


def test_no_fact_outlives_what_it_rests_on(shop: Settings) -> None:
    """As retention does: facts of the weeks that are deleted go, those of later weeks stay and are counted anew."""
    lake = Lake(shop.lake)
    drop(shop, [event(6, "ann", "2026-06-22", text="We are looking for a quiet fan.")], "2026-06-22")
    run_all(shop, "2026-06-22")
    assert set(lake.read("facts_state")["week"]) == {SUNDAY, "2026-06-21"}
    lake.delete("facts_state", [("week", "<=", SUNDAY)])
    refold_facts(lake, SUNDAY)
    rows = lake.read("facts_state")
    assert set(rows["week"]) == {"2026-06-21"}
    assert rows.set_index("value")["count"].to_dict() == {"quiet fan": 1, "$350": 1}


def test_a_model_reads_those_who_allow_it_and_its_claims_leave_with_a_no(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(settings, [event(1, "ann", SATURDAY, text=NEED), event(2, "bob", SATURDAY, text="I need a tent.")], SATURDAY)
    drop(settings, [consent("bob", "withdrawn", "language_model", SATURDAY)], SATURDAY, "consents")
    stages.ingest(settings, SATURDAY)
    rows = Lake(settings.lake).read("interactions")
    hashes = dict(zip(rows["text"], rows["text_hash"], strict=True))
    model = Scripted({hashes[NEED]: [entry()]})
    monkeypatch.setattr(opening, "open_model", lambda settings, parts: model)
    counts = stages.features(settings, SATURDAY).counts
    stages.profile(settings, SATURDAY)
    assert [each.row for each in model.asked] == [hashes[NEED]]
    assert (counts["facts_read_by_model"], counts["facts_of_model"]) == (1, 1)
    assert facts_of(settings, "ann", SATURDAY)["product quiet fan"]["written_by"] == "scripted"
    assert facts_of(settings, "bob", SATURDAY)["product tent"]["written_by"] == "rules"
    drop(settings, [consent("ann", "withdrawn", "language_model", SUNDAY)], SUNDAY, "consents")
    drop(settings, [event(3, "bob", SUNDAY, text="Thanks.")], SUNDAY)
    run_all(settings, SUNDAY)
    assert facts_of(settings, "ann", SUNDAY) == {}


@pytest.mark.parametrize("first", ["model", "rules"])
def test_of_a_fact_that_both_read_what_the_rules_read_stays_after_a_no(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """The model reads one of two texts that say the same; a checkpoint lies before the day of the withdrawal."""
    texts = {SATURDAY: NEED, SUNDAY: "Still looking for a quiet fan."}
    drop(settings, [event(1, "ann", SATURDAY, text=texts[SATURDAY])], SATURDAY)
    drop(settings, [event(2, "ann", SUNDAY, text=texts[SUNDAY])], SUNDAY)
    days = [SATURDAY, SUNDAY]
    for day in days:
        stages.ingest(settings, day)
    rows = Lake(settings.lake).read("interactions").set_index("day")
    read = SATURDAY if first == "model" else SUNDAY
    model = Scripted({rows["text_hash"][read]: [entry()]})
    monkeypatch.setattr(opening, "open_model", lambda settings, parts: model)
    for day in days:
        stages.features(settings, day)
        stages.profile(settings, day)
    before = facts_of(settings, "ann", SUNDAY)["product quiet fan"]
    assert before["evidence_count"] == 2
    assert before["written_by"] == ("rules" if first == "model" else "scripted")
    drop(settings, [consent("ann", "withdrawn", "language_model", MONDAY)], MONDAY, "consents")
    drop(settings, [event(3, "bob", MONDAY, text="Thanks.")], MONDAY)
    run_all(settings, MONDAY)
    after = facts_of(settings, "ann")["product quiet fan"]
    by_rules = rows["interaction_id"][SUNDAY if first == "model" else SATURDAY]
    assert (after["written_by"], after["evidence"], after["evidence_count"]) == ("rules", [by_rules], 1)
    assert [each["interaction_id"] for each in after["spans"]] == [by_rules]
    assert after["confidence"] < before["confidence"]


def test_a_correction_stays_when_a_model_reads_the_text(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads another value in the same words; without it the rules' fact is corrected as before."""
    import pandas as pd

    drop(settings, [event(1, "ann", MONDAY, text=NEED)], MONDAY)
    run_all(settings, MONDAY)
    lake, ann = Lake(settings.lake), customer(settings, "ann", MONDAY)
    fact = facts_of(settings, "ann")["product quiet fan"]
    moment = pd.Timestamp("2026-06-16T09:00Z")
    said = "Is looking for a loud fan"
    corrections.correct(lake, documents(settings, MONDAY)[ann], fact["fact_id"], said, "Kim", MONDAY, moment)
    (row,) = lake.read("fact_corrections").to_dict("records")
    assert [dict(each) for each in row["evidence"]] == fact["spans"]
    rows = lake.read("interactions")
    model = Scripted({rows["text_hash"][0]: [entry(value="fan")]})
    for opened in (lambda settings, parts: model, opening.open_model):
        with monkeypatch.context() as patch:
            patch.setattr(opening, "open_model", opened)
            stages.features(settings, MONDAY)
        stages.profile(settings, MONDAY)
        (found,) = facts_of(settings, "ann").values()
        assert (found["statement"], found["fact_id"]) == (said, fact["fact_id"])
        assert found["written_by"] == "correction by Kim"
        read = lake.read("facts")
        assert read["value"].tolist() == (["fan"] if read["written_by"][0] == "scripted" else ["quiet fan"])


def test_the_command(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("landing", "lake", "publish", "cache"):
        monkeypatch.setenv(f"PROFILING_{name.upper()}", str(getattr(shop, name)))
    monkeypatch.setenv("PROFILING_PSEUDONYM_KEY", shop.key().decode() if isinstance(shop.key(), bytes) else shop.key())
    monkeypatch.setenv("PROFILING_EMBEDDING", "static")
    fact = facts_of(shop, "ann")["product quiet fan"]["fact_id"][:8]
    runner = CliRunner()
    found = runner.invoke(app, ["correct", "customer:ann", "--fact", fact, "--wrong", "--by", "Kim", "--json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["kind"] == "wrong"
    neither = runner.invoke(app, ["correct", "customer:ann", "--fact", fact])
    assert isinstance(neither.exception, SettingsError)
    run_all(shop, MONDAY)
    assert "product quiet fan" not in facts_of(shop, "ann")
    again = runner.invoke(app, ["correct", "customer:ann", "--fact", fact, "--wrong"])
    assert isinstance(again.exception, InputError)
    assert f"already marked wrong: since {json.loads(found.stdout)['stated_at']}, by Kim" in str(again.exception)
    earlier = ["--statement", "Is looking for a fan", "--stated-at", "2026-06-15T09:00+02:00", "--json"]
    kept = runner.invoke(app, ["correct", "customer:ann", "--fact", fact, *earlier])
    assert kept.exit_code == 0, kept.output
    assert (json.loads(kept.stdout)["stated_at"], json.loads(kept.stdout)["holds"]) == (
        f"{MONDAY}T07:00:00+00:00",
        False,
    )
    assert json.loads(kept.stdout)["statement"] == "Is looking for: quiet fan"
    restored = runner.invoke(app, ["correct", "customer:ann", "--fact", fact, "--statement", "Is looking for a fan"])
    assert restored.exit_code == 0, restored.output
    run_all(shop, MONDAY)
    assert facts_of(shop, "ann")["product quiet fan"]["statement"] == "Is looking for a fan"
    for moment, sentence in (("3 May", "--stated-at is a moment"), ("2999-01-01", "not stated in the future")):
        refused = runner.invoke(app, ["correct", "customer:ann", "--fact", fact, "--wrong", "--stated-at", moment])
        assert isinstance(refused.exception, SettingsError)
        assert sentence in str(refused.exception)
