"""Who must not appear: the erased for every purpose, the others for the purposes they withdrew their consent to.

The one list that is read as it is now, whatever day is computed: a day run again leaves these people out, and a drop delivered
again does not bring them back. It holds keyed hashes of identity ids: whoever has the list and no key learns nothing from it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from profiling import schemas
from profiling.errors import ProfilingError
from profiling.lake import Lake
from profiling.prepare.identity import statement_ids
from profiling.prepare.privacy import pseudonym
from profiling.rights.keys import pseudonym_key
from profiling.settings import Settings

ALL = "all"
PURPOSES = ("profiling", "marketing", "language_model")
ERASED, WITHDRAWN, GRANTED = "erased", "consent_withdrawn", "consent_granted"


def suppressed_hash(key: bytes, identity_id: str) -> str:
    """What stands in the list for one identifier."""
    return pseudonym(key, "suppression", identity_id)


@dataclass(frozen=True)
class Suppressions:
    """The list as it was when it was loaded; without anybody in it no key is needed and nothing is hashed."""

    held: Mapping[str, frozenset[str]]  # hashes by purpose, `all` among them
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
) -> int:
    """Append one row for each identity that has not got it yet; how many.

    Args:
        reason: `erased` (purpose `all` only), `consent_withdrawn`, or `consent_granted`, which lifts an earlier withdrawal.
        since: UTC; of consent, when it was said.

    Raises:
        ProfilingError: reason and purpose do not go together.
    """
    allowed = {ERASED: (ALL,), WITHDRAWN: PURPOSES, GRANTED: PURPOSES}
    if purpose not in allowed.get(reason, ()):
        raise ProfilingError(f"suppressions: the reason {reason!r} does not go with the purpose {purpose!r}")
    key = pseudonym_key(lake, settings)
    rows = pd.DataFrame({"suppressed_hash": sorted({suppressed_hash(key, identity) for identity in identities})})
    moment = pd.Timestamp(since).tz_convert("UTC").as_unit("us")
    rows = rows.assign(reason=reason, purpose=purpose, since=moment, request_id=request_id)
    held = lake.read("suppressions", [("reason", "==", reason), ("purpose", "==", purpose)])
    if reason != ERASED:  # erased twice is erased once; consent is said again
        held = held[held["since"] == moment]
    rows = rows[~rows["suppressed_hash"].isin(held["suppressed_hash"])]
    if len(rows):
        lake.append("suppressions", rows.astype({"request_id": "str"})[schemas.SUPPRESSIONS.names])
    return len(rows)


def without(
    held: Suppressions, frames: Mapping[str, pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """A drop's frames without the erased, and what was left out: `events`, one row each, and `statements`, one a line.

    A row or a statement is left out when any identifier of it is on the list, not only its first: under a new session it is
    still theirs. So are links that name one. Rows in quarantine bear no identifier.
    """
    none = {"events": frames["interactions"].iloc[:0], "statements": frames["attributes"].iloc[:0]}
    if not held:
        return dict(frames), none
    found = dict(frames)
    links, rows = frames["identity_links"], frames["interactions"]
    is_linked = held.mask(links["identity_id"]) | held.mask(links["other_id"])
    is_gone = held.mask(rows["identity_id"]) | rows["interaction_id"].isin(links.loc[is_linked, "interaction_id"])
    found |= {"identity_links": links[~is_linked], "interactions": rows[~is_gone]}
    linked = set(links.loc[is_linked, "interaction_id"])
    said = []
    for name in ("attributes", "consents"):
        is_said = held.mask(frames[name]["subject_id"])
        if linked and len(frames[name]):
            is_said |= statement_ids(frames[name], held.key()).isin(linked)
        found[name] = frames[name][~is_said]
        said.append(frames[name][is_said])
    lines = pd.concat(said).drop_duplicates(["source", "source_file", "source_line"])
    return {name: frame.reset_index(drop=True) for name, frame in found.items()}, {
        "events": rows[is_gone],
        "statements": lines,
    }
