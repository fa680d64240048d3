"""Who must not appear: the erased for every purpose, the others for the purposes they withdrew their consent to.

The one list that is read as it is now, whatever day is computed: a day run again leaves these people out, and a drop delivered
again does not bring them back. It holds keyed hashes of identity ids: whoever has the list and no key learns nothing from it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from profiling import schemas
from profiling.errors import ProfilingError
from profiling.lake import Lake
from profiling.prepare.identifiers import normalised
from profiling.prepare.identity import identity_id, statement_ids
from profiling.prepare.identity_rules import OTHER, Rules
from profiling.prepare.privacy import pseudonym
from profiling.rights.keys import pseudonym_key
from profiling.settings import Settings

ALL = "all"
SHARED = "shared"  # of the erased: identifiers that somebody else has too; alone they say nothing about whose a row is
PURPOSES = ("profiling", "marketing", "language_model")
ERASED, WITHDRAWN, GRANTED = "erased", "consent_withdrawn", "consent_granted"
_RESTORE_SPELLING = "it says how identifiers were made regular when somebody was erased: restore it from a backup"
SPELLINGS = "_spellings"  # the folder of the lake that says how identifiers were made regular when somebody was erased


def suppressed_hash(key: bytes, identity_id: str) -> str:
    """What stands in the list for one identifier."""
    return pseudonym(key, "suppression", identity_id)


@dataclass(frozen=True)
class Suppressions:
    """The list as it was when it was loaded; without anybody in it no key is needed and nothing is hashed."""

    held: Mapping[str, frozenset[str]]  # hashes by purpose, `all` and `shared` among them
    key: Callable[[], bytes]

    def __bool__(self) -> bool:
        return any(self.held.values())

    def mask(self, identities: pd.Series, purpose: str = ALL) -> pd.Series:
        """True where an identity must not appear for a purpose; who is erased must not appear for any.

        Raises:
            SettingsError: somebody is suppressed, and there is no key to tell who.
        """
        hashes = self.held.get(ALL, frozenset()) | self.held.get(purpose, frozenset())
        if not hashes or identities.empty:
            return pd.Series(False, index=identities.index, dtype=bool)
        key = self.key()
        found = {name for name in identities.dropna().unique() if suppressed_hash(key, str(name)) in hashes}
        return identities.isin(found)

    def hides_alone(self, identities: pd.Series) -> pd.Series:
        """True where an identity is that of an erased person and of nobody else."""
        return self.mask(identities) & ~self._of(SHARED, identities)

    def also(self, respelled: Mapping[str, str]) -> "Suppressions":
        """The list with other spellings of some who are on it: identity id as spelled now -> as it is on the list."""
        if not respelled:
            return self
        key = self.key()
        now, was = ({each: suppressed_hash(key, each) for each in names} for names in (respelled, respelled.values()))
        held = {
            purpose: hashes | {now[one] for one, other in respelled.items() if was[other] in hashes}
            for purpose, hashes in self.held.items()
        }
        return replace(self, held=held)

    def _of(self, purpose: str, identities: pd.Series) -> pd.Series:
        return replace(self, held={ALL: self.held.get(purpose, frozenset())}).mask(identities)

    def digest(self, *purposes: str) -> str:
        """A fingerprint of the list, or of what concerns some purposes; needs no key."""
        wanted = {*purposes, ALL} if purposes else set(self.held)
        lines = sorted(f"{purpose}\0{each}" for purpose in wanted for each in self.held.get(purpose, ()))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def load(lake: Lake, settings: Settings) -> Suppressions:
    """The list as it is now. Of the statements of consent about one identity and purpose the newest holds; erased is for ever."""
    return Suppressions(_by_purpose(lake.read("suppressions")), lambda: pseudonym_key(lake, settings))


def _by_purpose(rows: pd.DataFrame) -> dict[str, frozenset[str]]:
    # Said at the same moment: `consent_withdrawn` sorts after `consent_granted`, and wins.
    newest = rows.sort_values(["since", "reason"], kind="stable").drop_duplicates(
        ["suppressed_hash", "purpose"], keep="last"
    )
    newest = newest[newest["reason"] != GRANTED]
    kept = pd.concat([newest, rows[rows["reason"] == ERASED]], ignore_index=True)
    return {str(purpose): frozenset(group) for purpose, group in kept.groupby("purpose")["suppressed_hash"]}


def add(
    lake: Lake,
    settings: Settings,
    identities: Iterable[str],
    reason: str,
    purpose: str,
    since: pd.Timestamp,
    request_id: str | None = None,
    said_at: Mapping[str, pd.Timestamp] | None = None,
) -> int:
    """Append one row for each identity that has not got it yet; how many.

    Args:
        reason: `erased` (purposes `all` and `shared`), `consent_withdrawn`, or `consent_granted`, which lifts an earlier
            withdrawal.
        since: UTC; when it was asked for, or of consent when it was put on the list.
        said_at: of consent, when it was said, by identity.

    Raises:
        ProfilingError: reason and purpose do not go together.
    """
    allowed = {ERASED: (ALL, SHARED), WITHDRAWN: PURPOSES, GRANTED: PURPOSES}
    if purpose not in allowed.get(reason, ()):
        raise ProfilingError(f"suppressions: the reason {reason!r} does not go with the purpose {purpose!r}")
    key = pseudonym_key(lake, settings)
    hashes = {suppressed_hash(key, identity): (said_at or {}).get(identity) for identity in identities}
    rows = pd.DataFrame({"suppressed_hash": sorted(hashes)})
    moment = pd.Timestamp(since).tz_convert("UTC").as_unit("us")
    rows = rows.assign(reason=reason, purpose=purpose, since=moment, request_id=request_id)
    rows["said_at"] = pd.Series([hashes[each] for each in sorted(hashes)], dtype="datetime64[us, UTC]")
    held = lake.read("suppressions", [("reason", "==", reason), ("purpose", "==", purpose)])
    if reason != ERASED:  # erased twice is erased once; consent is said again
        held = held[held["since"] == moment]
    rows = rows[~rows["suppressed_hash"].isin(held["suppressed_hash"])]
    if len(rows):
        lake.append("suppressions", rows.astype({"request_id": "str"})[schemas.SUPPRESSIONS.names])
    return len(rows)


def said_at(lake: Lake, settings: Settings, identities: pd.Series, purpose: str) -> pd.Series:
    """When the newest withdrawal on the list was said, for each identity; missing where there is none.

    Of lists of before it was written down it is when it was put on the list, which was later.
    """
    rows = lake.read("suppressions", [("reason", "==", WITHDRAWN), ("purpose", "==", purpose)])
    rows = rows.assign(said_at=rows["said_at"].fillna(rows["since"]))
    newest = rows.groupby("suppressed_hash")["said_at"].max()
    if newest.empty:
        return pd.Series(pd.NaT, index=identities.index, dtype="datetime64[us, UTC]")
    key = pseudonym_key(lake, settings)
    hashes = identities.map(lambda each: suppressed_hash(key, str(each)))
    return newest.reindex(hashes).set_axis(identities.index)


# --- what of a drop is theirs ---


def is_hers(types: Iterable[str], is_listed: Iterable[bool], is_alone: Iterable[bool], rules: Rules) -> bool:
    """Whether a row is an erased person's.

    It is where its first identifier is on the list, or another one that names the person and nobody else. One that does not
    identify alone (a device), or that somebody else has too, makes it theirs only where the row has none that identifies alone.

    Args:
        types, is_listed, is_alone: of each identifier of the row, in the order of `identity.led`: its type, whether it is on the
            list, and whether it is there and nobody else's.
    """
    listed = list(is_listed)
    if not any(listed):
        return False
    leads = [rules.leads(kind) for kind in types]
    return listed[0] or any(alone and (lead or not any(leads)) for alone, lead in zip(is_alone, leads, strict=True))


def without(
    held: Suppressions, frames: Mapping[str, pd.DataFrame], rules: Rules
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """A drop's frames without the erased, and what was left out: `events`, one row each, and `statements`, one a line.

    A row or a statement is left out when it is an erased person's (`is_hers`): under a new session it is still theirs. What is
    somebody else's stays, and loses only its links to them. Rows in quarantine bear no identifier.
    """
    none = {"events": frames["interactions"].iloc[:0], "statements": frames["attributes"].iloc[:0]}
    if not held:
        return dict(frames), none
    found = dict(frames)
    links, rows = frames["identity_links"], frames["interactions"]
    names_one = held.mask(links["identity_id"]) | held.mask(links["other_id"])
    gone = _events_of_the_erased(
        held, links[links["interaction_id"].isin(links.loc[names_one, "interaction_id"])], rules
    )
    said = []
    for name in ("attributes", "consents"):
        is_said = held.mask(frames[name]["subject_id"])
        if len(frames[name]) and (gone or is_said.any()):
            ids = statement_ids(frames[name], held.key())
            is_said |= ids.isin(gone)
            gone |= set(ids[is_said])
        found[name] = frames[name][~is_said]
        said.append(frames[name][is_said])
    is_gone = held.mask(rows["identity_id"]) | rows["interaction_id"].isin(gone)
    gone |= set(rows.loc[is_gone, "interaction_id"])
    found["interactions"] = rows[~is_gone]
    # Of what is left out no link may stay either, such as one between a new session and a new address of the person's.
    found["identity_links"] = links[~names_one & ~links["interaction_id"].isin(gone)]
    lines = pd.concat(said).drop_duplicates(["source", "source_file", "source_line"])
    return {name: frame.reset_index(drop=True) for name, frame in found.items()}, {
        "events": rows[is_gone],
        "statements": lines,
    }


def _events_of_the_erased(held: Suppressions, links: pd.DataFrame, rules: Rules) -> set[str]:
    """The events and statements that are an erased person's by another identifier than their first, told from their links."""
    ends = [("identity_id", "first_type"), ("other_id", "identifier_type")]
    both = pd.concat(
        [links[["interaction_id", name, kind]].set_axis(["event", "identity", "kind"], axis=1) for name, kind in ends]
    )
    leads = both["kind"].map(rules.leads).astype(bool)
    has_leading = leads.groupby(both["event"]).transform("any")
    is_reason = held.hides_alone(both["identity"]) & (leads | ~has_leading)
    return set(both.loc[is_reason, "event"])


# --- identifiers as they were spelled before ---


def remember_spelling(lake: Lake, rules: Rules) -> None:
    """Write down how identifiers are made regular now, once: a pseudonym is the hash of one spelling."""
    said = {
        "version": 1,
        "types": {name: {"normalise": rule.normalise} for name, rule in sorted(rules.types.items())},
        "phone_region": rules.phone_region,
    }
    name = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
    if lake.get_json(f"{SPELLINGS}/{name}.json", _RESTORE_SPELLING) != said:
        lake.put_json(f"{SPELLINGS}/{name}.json", said)


def other_spellings(lake: Lake, rules: Rules) -> list[Rules]:
    """The spellings that the lake was made with before and that are not those of now."""
    found = [Rules.model_validate(lake.get_json(key, _RESTORE_SPELLING)) for key in lake.keys(SPELLINGS)]
    return [each for each in found if _spelling(each, each, rules) != _spelling(rules, each, rules)]


def _spelling(of: Rules, *types_of: Rules) -> list[object]:
    names = sorted({name for rules in types_of for name in rules.types} | {OTHER})
    return [of.phone_region, *(of.of(name).normalise for name in names)]


def respelled(
    held: Suppressions, identifiers: Iterable[Iterable[tuple[str, str]]], rules: Rules, others: Iterable[Rules]
) -> dict[str, str]:
    """Identifiers of some rows that are on the list under another spelling: identity id as spelled now -> as on the list."""
    others = list(others)
    if not others:
        return {}
    key = held.key()
    pairs = [
        (identity_id(key, kind, value, rules), identity_id(key, kind, value, other))
        for kind, value in sorted({pair for row in identifiers for pair in row})
        for other in others
        if normalised(other, kind, value) != normalised(rules, kind, value)
    ]
    now, was = (pd.Series([pair[end] for pair in pairs], dtype="str") for end in (0, 1))
    is_listed = held.mask(was)
    return dict(zip(now[is_listed], was[is_listed], strict=True))
