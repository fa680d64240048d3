"""The rules of identity, as data: what each type of identifier may join, and which statement about a customer survives.

The package's own rules are `identity_rules.json`; `PROFILING_IDENTITY_RULES` names another file of the same form. What a type
means for a row (how it is normalised, whether it identifies alone) is part of what `ingest` reads; everything else is looked at
when reading, so that other rules rewrite nothing. See docs/identity.md.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from profiling.errors import SettingsError
from profiling.settings import Settings

# Part of what `ingest` reads: raise it with every change of what a normaliser makes of a value. Who was erased before is on the
# list by what the older one made: keep it for `suppressions.other_spellings`, or the change brings them back.
NORMALISER_VERSION = "1"
OTHER = "*"  # every type, or attribute, that is not named

Survivorship = Literal["newest", "most_trusted", "most_complete"]


class IdentifierRule(BaseModel):
    """What identifiers of one type mean.

    Attributes:
        normalise: what is done to a value before it is hashed; see `identifiers.py`.
        identifies: it names one person by itself, and a link to it joins. One that does not (a device) belongs to a person only
            as long as all its links lead to that one, and never joins two.
        unique: a person has at most one: two values of one source (`source`), or of any (`always`), are two persons.
        shared: it is nobody's: its links join nothing.
        cap: linked to more persons than this, it is nobody's either, and is listed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    normalise: Literal["text", "email", "phone", "device"] = "text"
    identifies: bool = True
    unique: Literal["source", "always"] | None = None
    shared: bool = False
    cap: int | None = Field(None, ge=1)


class Rules(BaseModel):
    """All rules; `phone_region` is the country of numbers written without one (from the settings, not from the file)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    types: Mapping[str, IdentifierRule]
    trust: tuple[str, ...] = ()
    survivorship: Mapping[str, Survivorship] = {OTHER: "newest"}
    phone_region: str | None = None

    @model_validator(mode="after")
    def _has_a_rule_for_all_others(self) -> "Rules":
        for name, held in (("types", self.types), ("survivorship", self.survivorship)):
            if OTHER not in held:
                raise ValueError(f'`{name}` needs an entry "{OTHER}" for everything that it does not name')
        return self

    def of(self, identifier_type: object) -> IdentifierRule:
        """The rule of a type; a type that is missing (links of older lakes) is one of the others."""
        return (
            self.types.get(identifier_type, self.types[OTHER])
            if isinstance(identifier_type, str)
            else self.types[OTHER]
        )

    def survives(self, attribute: str) -> Survivorship:
        """How the statement about an attribute is chosen."""
        return self.survivorship.get(attribute, self.survivorship[OTHER])

    def of_ingest(self) -> str:
        """A fingerprint of what decides how rows are stored: normalisers, the region, which types identify alone."""
        kinds = {name: (rule.normalise, _leads(rule)) for name, rule in sorted(self.types.items())}
        return _digest([NORMALISER_VERSION, self.phone_region, kinds])

    def digest(self) -> str:
        """A fingerprint of all rules."""
        return _digest([NORMALISER_VERSION, self.model_dump(mode="json")])

    def leads(self, identifier_type: str) -> bool:
        """Whether a row may be stored under an identifier of this type while it has others."""
        return _leads(self.of(identifier_type))


def _leads(rule: IdentifierRule) -> bool:
    return rule.identifies and not rule.shared


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@lru_cache
def default_rules() -> Rules:
    """The package's own rules, without a region for phone numbers."""
    return Rules.model_validate_json((files("profiling.prepare") / "identity_rules.json").read_bytes())


def load_rules(settings: Settings) -> Rules:
    """The rules of the settings.

    Raises:
        SettingsError: the file cannot be read or is of another form, or there is no such region.
    """
    rules = read_rules(settings.identity_rules) if settings.identity_rules else default_rules()
    return rules.model_copy(update={"phone_region": _region(settings.phone_region)}) if settings.phone_region else rules


def read_rules(path: Path) -> Rules:
    """The rules of a file.

    Raises:
        SettingsError: it cannot be read, or an entry does not fit; names the entry.
    """
    try:
        return Rules.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"identity rules {path}: {error.strerror}; name a file that can be read") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        said = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"identity rules {path}: {place}: {said}; docs/identity.md has the form") from error


def _region(code: str) -> str:
    import phonenumbers

    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise SettingsError(f"PROFILING_PHONE_REGION={code} is no region; write two capital letters, such as US or CN")
    return code
