"""What a person is given who asks what is held about them: all of it, of nobody else, by one command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from profiling import schemas
from profiling.errors import InputError, SettingsError
from profiling.rights.export import PURPOSES, customer_of_identifier, export, id_columns
from profiling.settings import Settings
from tests.rights.worlds import DAY, NEXT, about, consent, customer, drop, erase, event, identity, run_all
from tests.worlds import KEY

pytestmark = [pytest.mark.slow, pytest.mark.long]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shop(settings: Settings) -> Settings:
    both = {"customer": "ann", "email": "ann@example.org"}
    drop(settings, [event(1), event(2, "bob", text="Only Bob wrote this."), event(3, identifiers=both)])
    drop(settings, [about("ann", city="Rome"), about("bob", city="Oslo")], source="customers")
    drop(settings, [consent("ann", "withdrawn", "marketing")], source="consents")
    run_all(settings, DAY)
    drop(settings, [event(4, day=NEXT)], NEXT)
    run_all(settings, NEXT)
    return settings


def document(settings: Settings, who: str) -> dict:
    return json.loads("".join(export(settings, who)))


def test_everything_of_one_person_and_nothing_of_another(shop: Settings) -> None:
    ann, mail, bob = identity(shop, "ann"), identity(shop, "ann@example.org", "email"), identity(shop, "bob")
    found = document(shop, customer(shop, "ann", NEXT))
    assert found["identities"] == sorted([ann, mail])
    rows = {name: section["rows"] for name, section in found["tables"].items()}
    assert len(rows["interactions"]) == len(rows["text_features"]) == 3
    assert [row["value"] for row in rows["attributes"]] == ["Rome"]
    assert [row["value"] for row in rows["consents"]] == ["withdrawn"]
    assert {row["other_id"] for row in rows["identity_links"]} == {mail}
    assert [row["day"] for row in rows["profiles"]] == [DAY, NEXT]
    assert rows["profiles"][0]["document"]["attributes"]["city"]["value"] == "Rome"
    assert rows["daily_activity"]
    assert "keywords" in rows["text_features"][0]
    assert "embedding" not in rows["text_features"][0]
    assert [(one["day"], len(one["keys"])) for one in found["published"]] == [(DAY, 2), (NEXT, 2)]
    assert found["suppressed"] == ["marketing"]
    assert "bear no identifier" in found["not_attributed"]["quarantine"]
    everything = json.dumps(found)
    assert bob not in everything
    assert "Bob" not in everything
    assert "Oslo" not in everything


def test_it_is_found_by_any_identity_and_comes_out_the_same(shop: Settings) -> None:
    mail = identity(shop, "ann@example.org", "email")
    root = customer(shop, "ann", NEXT)
    assert customer_of_identifier(shop, "email:ann@example.org") == root
    first = "".join(export(shop, root))
    assert "".join(export(shop, root)) == first
    assert document(shop, mail)["tables"] == json.loads(first)["tables"]
    assert len(list(export(shop, root))) > 20  # piece by piece, not one string


def test_every_table_that_names_a_person_is_in_it_with_its_purpose(shop: Settings) -> None:
    tables = {table.name for table in schemas.TABLES.values() if id_columns(table)}
    assert set(document(shop, customer(shop, "ann", NEXT))["tables"]) == tables
    assert tables >= set(PURPOSES)
    # What is personal and has no such column is said to be attributable to nobody, or is the list itself.
    personal = {t.name for t in schemas.TABLES.values() if any(c.is_personal for c in t.columns)}
    assert personal - tables == {"quarantine", "suppressions"}


def test_of_whom_nothing_is_held_that_is_said(shop: Settings) -> None:
    with pytest.raises(InputError, match="nothing is held under"):
        list(export(shop, "0" * 32))
    with pytest.raises(SettingsError, match="would stay in the shell's history"):
        list(export(shop, "email:ann@example.org"))
    with pytest.raises(SettingsError, match="written type:value"):
        customer_of_identifier(shop, "ann@example.org")


def test_who_is_on_the_list_sees_that_too(shop: Settings) -> None:
    erase(shop, identity(shop, "bob"))
    assert document(shop, identity(shop, "bob"))["suppressed"] == ["all", "profiling", "marketing", "language_model"]


def test_without_the_key_not_half_a_document_is_written(shop: Settings) -> None:
    keyless = shop.model_copy(update={"pseudonym_key": None})
    with pytest.raises(SettingsError, match="PROFILING_PSEUDONYM_KEY is not set"):
        next(export(keyless, identity(shop, "ann")))


def test_the_command_reads_an_identifier_from_a_pipe(shop: Settings) -> None:
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "PROFILING_LAKE": shop.lake, "PROFILING_PUBLISH": shop.publish,
        "PROFILING_PSEUDONYM_KEY": KEY,
    }  # fmt: skip
    command = [sys.executable, "-m", "profiling", "export", "--identifier"]
    done = subprocess.run(
        command, input="email:ann@example.org\n", capture_output=True, text=True, env=environment, check=True
    )
    assert json.loads(done.stdout) == document(shop, customer(shop, "ann", NEXT))
    assert "ann@example.org" not in done.stdout + done.stderr
    wrong = subprocess.run(command[:-1], capture_output=True, text=True, env=environment, check=False)
    assert wrong.returncode == 2
    assert "one of the two" in wrong.stderr
