"""Settings: one frozen object, read once from the environment and from `.env`, all names prefixed `PROFILING_`."""

import ipaddress
import os
import re
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from profiling.errors import SettingsError

PREFIX = "PROFILING_"
ENV_FILE = ".env"
SHORTEST_KEY = 16  # characters
# Read by the DAG files, the plugins, the demo and the tests, never by the package itself.
FOREIGN = {
    "TEST_DATA", "HOME",
    # Who is told of a failed task: `plugins/day_runs.py`.
    "NOTIFY",
    # Where training and reading texts run: `plugins/training_task.py`.
    "FEATURES", "FEATURES_PROFILE", "FEATURES_CACHE_CLAIM", "TRAINING", "TRAINING_PROFILE", "TRAINER_IMAGE", "TRAINING_NAMESPACE",
    "TRAINING_SERVICE_ACCOUNT", "TRAINING_SECRET", "TRAINING_VOLUME_CLAIM", "TRAINING_MOUNT",
    # A language model for a day's questions: `plugins/model_pod.py`.
    "LLM_POD_MODEL", "LLM_POD_IMAGE", "LLM_POD_PROFILE", "LLM_POD_CACHE_CLAIM", "LLM_POD_PORT",
}  # fmt: skip


_KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


def _is_remote(uri: str) -> bool:
    return "://" in uri


def _location(uri: str) -> str:
    """A folder becomes absolute, so that tasks with other working directories mean the same place."""
    if _is_remote(uri):
        if not uri.startswith("s3://"):
            raise ValueError(f"{uri!r} is neither a folder nor s3://bucket/prefix")
        bucket = uri.removeprefix("s3://").partition("/")[0]
        if "@" in bucket:  # not repeated: it may be a password
            raise ValueError(f"credentials have no place in an address; write s3://bucket/prefix, and set {_KEYS}")
        if not re.fullmatch(r"[A-Za-z0-9._-]+", bucket):
            raise ValueError(f"{uri!r} names no bucket; write s3://bucket or s3://bucket/prefix")
        return uri.rstrip("/")
    return str(Path(uri).expanduser().resolve())


def _absolute(path: Path | None) -> Path | None:
    return path and path.expanduser().resolve()


Location = Annotated[str, AfterValidator(_location)]


def _endpoint(url: str | None) -> str | None:
    if url is not None and "@" in url:
        raise ValueError(f"credentials have no place in an address; write it as http://127.0.0.1:9000, and set {_KEYS}")
    if url is not None and not re.fullmatch(r"https?://[^/\s?#]+/?", url):
        raise ValueError(f"{url!r} is no address of a server, such as http://127.0.0.1:9000")
    return url and url.rstrip("/")


def _server(url: str | None) -> str | None:
    if url is not None and "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError(
            "credentials have no place in an address; write it as http://127.0.0.1:8000/v1, and set the key"
        )
    if url is not None and not (re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", url) and _has_host(url)):
        raise ValueError(f"{url!r} is no address of a server of the OpenAI protocol, such as http://127.0.0.1:8000/v1")
    return url and url.rstrip("/")


def _has_host(url: str) -> bool:
    import httpx

    try:
        found = urlsplit(url)
        name = httpx.URL(url)  # both forms of the host are checked: what was decoded, and what is looked up
        return bool(found.hostname and name.host and name.raw_host.decode().encode("idna")) and found.port != 0
    except (ValueError, httpx.InvalidURL):  # no port, no address of IPv6, or a name that nothing can be asked for
        return False


def _sendable(key: SecretStr | None) -> SecretStr | None:
    """A key goes into a line of HTTP; it is not repeated in the sentence."""
    if key is not None and not re.fullmatch(r"[!-~]*", key.get_secret_value()):
        raise ValueError("a key is of letters, digits and marks of ASCII, without blanks or line ends")
    return key


def _model(name: str | None) -> str | None:
    """Profiles say who wrote them, so a model is not called as those are that write without one."""
    if name is not None and (name != name.strip() or not name or name in ("rules", "template")):
        raise ValueError(f"{name!r} is no name of a model; write it as the server calls it, or unset it")
    return name


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA list, such as UTC or Asia/Shanghai") from error
    return name


Consent = Literal["granted", "withdrawn"]


# Days that things are kept, and why so long. Each is a limit of its own; `off` keeps for ever.
RETENTION_DAYS: dict[str, int | None] = {
    "landing": 30,  # identifiers in the clear: as long as a day may have to be repaired and taken in again
    "staging": 7,  # what killed runs left
    "reports": 90,  # pages of gates: until the quarter's review
    "quarantine": 90,  # rejected rows: as long as a source takes to repair and send them again
    "text_cache": 180,  # results by text: losing them costs only time
    "interactions": 730,  # and what is made of them: one year to learn from and one to compare with
    "checkpoints": 60,  # weekly sums: as far back as late profiles are made
    "profiles": 365,  # one year of how profiles changed
    "published": 365,  # the same at the target of publication
    "revisions": 7,  # replaced publications: until the slowest reader has followed the new manifest
}


def _retention(value: object) -> object:
    """`interactions=365,landing=off` over the defaults.

    Raises:
        ValueError: no such name, or no number of days.
    """
    if not isinstance(value, str):
        return value
    found = dict(RETENTION_DAYS)
    for part in filter(None, map(str.strip, value.split(","))):
        name, _, days = (each.strip() for each in part.partition("="))
        if name not in found:
            raise ValueError(f"{name!r} is nothing that is kept; known: {', '.join(found)}")
        if days != "off" and not days.isdecimal():
            raise ValueError(f"{part!r}: write name=days, such as landing=30, or name=off to keep for ever")
        found[name] = None if days == "off" else int(days)
    if (found["interactions"] or 28) < 28:
        raise ValueError("interactions: less than 28 days leave no week to go on from")
    return found


_key_backend: Callable[[], str | None] | None = None


def set_key_backend(backend: Callable[[], str | None] | None) -> None:
    """Where else to ask for the pseudonym key when it is needed: Airflow's secrets backends, by `plugins/key_backend.py`."""
    global _key_backend
    _key_backend = backend


def _none_if_empty(value: object) -> object:
    """`NAME=` in `.env` or a compose file: none."""
    return None if value == "" else value


def _names(value: object) -> object:
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


def _names_in_env_file() -> set[str]:
    """The names that `.env` sets.

    Raises:
        SettingsError: it is not UTF-8.
    """
    try:
        return {name.upper() for name in dotenv_values(ENV_FILE)}
    except UnicodeDecodeError as error:
        raise SettingsError(f"{ENV_FILE} is not UTF-8 ({error.reason}); write it in that encoding") from error


def _media_hosts(value: object) -> object:
    """`images.example.com, *.cdn.example.com, http://10.0.0.5:8080`: hosts, by https unless the entry says http.

    Raises:
        ValueError: an entry is none of these.
    """
    names = _names(value)
    for name in names if isinstance(names, tuple) else ():
        if not re.fullmatch(r"(https?://)?(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?", name):
            raise ValueError(
                f"{name!r} is no host; write images.example.com, *.example.com or http://images.example.com:8080"
            )
    return names


def _networks(value: object) -> object:
    names = _names(value)
    for name in names if isinstance(names, tuple) else ():
        ipaddress.ip_network(name)  # its ValueError names the value
    return names


class Settings(BaseSettings):
    """What a run depends on beside its day.

    Every field is the environment variable of its name with the prefix `PROFILING_`: `lake` is `PROFILING_LAKE`.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=ENV_FILE, extra="ignore", frozen=True)

    landing: Location = Field(
        "var/landing",
        description="Daily drops: <source>/<YYYY-MM-DD>/* and _SUCCESS when complete. A folder or s3://bucket/prefix.",
    )
    sources: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = Field(
        (),
        description="Expected sources, comma separated, each `name` or `name:collector`. Default: the folders found.",
    )
    lake: Location = Field("var/lake", description="Tables, a folder or s3://bucket/prefix.")
    cache: Path = Field(Path("var/cache"), description="Results of language models; deleting it costs only time.")
    publish: Location = Field("var/published", description="Target of `publish`, a folder or s3://bucket/prefix.")
    s3_endpoint: Annotated[str | None, AfterValidator(_endpoint), BeforeValidator(_none_if_empty)] = Field(
        None, description="Another S3 server than AWS, such as http://127.0.0.1:9000."
    )
    pseudonym_key: SecretStr | None = Field(
        None, description="HMAC key of the pseudonyms, at least 16 characters. Without it there is no ingest."
    )
    pseudonym_key_file: Path | None = Field(
        None, description="A file that holds the key, as a mounted secret; read only when a key is needed."
    )
    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC", description="Time zone of dates without one, and of the day's end."
    )
    buckets: int = Field(1, ge=1, le=4096, description="Customer buckets; recorded in the lake at its first commit.")
    max_rejects: float = Field(0.05, ge=0, le=1, description="Share of quarantined rows above which a day fails.")
    identity_rules: Annotated[Path | None, AfterValidator(_absolute)] = Field(
        None, description="JSON file with other rules of identity than the package's own; see docs/identity.md."
    )
    phone_region: str | None = Field(
        None, description="Country of phone numbers written without one, such as US. Default: those stay as written."
    )
    mlflow_uri: str = Field(
        "",
        description="MLflow's tracking store, a mirror for people; `off` for none. Default: SQLite beside a lake's folder.",
    )
    retention_days: Annotated[dict[str, int | None], NoDecode, BeforeValidator(_retention)] = Field(
        RETENTION_DAYS,
        description="Days that things are kept, `name=days` or `name=off`, comma separated, over the defaults.",
    )
    consent_profiling: Consent = Field(
        "granted", description="What holds of a customer who never said whether they may be profiled."
    )
    consent_marketing: Consent = Field(
        "granted",
        description="The same of marketing: recommendations and the next best action. A channel needs its own consent besides.",
    )
    consent_language_model: Consent = Field(
        "granted", description="The same of giving a customer's texts to a generative language model."
    )
    privacy_budget_epsilon: float = Field(
        1.0, ge=0, le=100, allow_inf_nan=False, description="Privacy loss that released statistics may add up to."
    )
    privacy_budget_days: int = Field(30, ge=0, description="For any so many days on end; 0 is for all time.")
    embedding: str = Field(
        "english",
        description="`english`, `static`, `multilingual`, `word2vec`, `glove:FILE`, a folder or a hub's `org/name@commit`.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        description="Where texts are embedded: `cpu`, `cuda`, `mps`, or `auto`, the first of cuda, mps, cpu that is there.",
    )

    llm_url: Annotated[str | None, AfterValidator(_server), BeforeValidator(_none_if_empty)] = Field(
        None, description="A server of the OpenAI protocol, such as http://127.0.0.1:8000/v1."
    )
    llm_model: Annotated[str | None, AfterValidator(_model)] = Field(None, description="The model to ask there.")
    llm_api_key: Annotated[SecretStr | None, AfterValidator(_sendable)] = Field(
        None, description="Its key, where it wants one."
    )
    llm_gguf: Annotated[Path | None, AfterValidator(_absolute), BeforeValidator(_none_if_empty)] = Field(
        None, description="A model's GGUF file, served in the stage's own process instead of by a server."
    )
    llm_budget_calls: int | None = Field(
        None, ge=0, description="Calls that one stage of one day may make, retries counted. Default: without limit."
    )
    llm_budget_tokens: int | None = Field(None, ge=0, description="Tokens that it may use, in and out together.")
    llm_budget_money: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Money that it may cost, in the currency of the prices."
    )
    llm_price_in: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Price of a million tokens of questions."
    )
    llm_price_out: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Price of a million tokens of answers."
    )
    llm_calls_per_minute: int | None = Field(
        None, ge=1, description="No more calls in any minute, of one process. Default: without limit."
    )
    llm_tokens_in_per_minute: int | None = Field(None, ge=1, description="The same of tokens of questions.")
    llm_tokens_out_per_minute: int | None = Field(None, ge=1, description="The same of tokens of answers.")
    llm_at_once: int = Field(4, ge=1, le=64, description="Questions at the same time, of one process.")
    llm_timeout_seconds: float = Field(60.0, gt=0, le=3600, description="For one answer, before it is asked again.")
    media_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_media_hosts)] = Field(
        (), description="Hosts that pictures and recordings may be fetched from, comma separated. Default: none are."
    )
    media_networks: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_networks)] = Field(
        (),
        description="Private networks that those hosts may lie in, such as 10.1.0.0/16. Default: public addresses only.",
    )
    media_url: Annotated[str | None, AfterValidator(_server), BeforeValidator(_none_if_empty)] = Field(
        None, description="The server of the OpenAI protocol that reads media. Default: `PROFILING_LLM_URL`."
    )
    media_api_key: Annotated[SecretStr | None, AfterValidator(_sendable)] = Field(
        None, description="Its key. Default: `PROFILING_LLM_API_KEY`, where both servers are one."
    )
    media_image_model: str | None = Field(None, description="Model that sees pictures. Default: pictures are skipped.")
    media_audio_model: str | None = Field(
        None, description="Model that writes down speech. Default: recordings are skipped."
    )
    media_max_bytes: int = Field(
        5_000_000, ge=1_000, le=100_000_000, description="A larger picture or recording is skipped."
    )
    media_timeout_seconds: float = Field(30.0, gt=0, le=600, description="For one download, and for one answer.")
    media_max_per_day: int = Field(
        1_000, ge=0, description="Distinct media read for one day and bucket; more are skipped."
    )
    media_at_once: int = Field(4, ge=1, le=64, description="Downloads or questions at the same time.")

    @classmethod
    def load(cls, **overrides: object) -> "Settings":
        """Read the environment and `.env`.

        Raises:
            SettingsError: a value does not fit, or a variable with our prefix is none of ours (a typo would pass silently).
        """
        known = {name.upper() for name in cls.model_fields}
        for variable in sorted({*os.environ, *_names_in_env_file()}):
            name = variable.removeprefix(PREFIX)
            if variable.startswith(PREFIX) and name not in known | FOREIGN:
                near = get_close_matches(name, known | FOREIGN, n=1)
                hint = f"did you mean {PREFIX}{near[0]}?" if near else f"known: {', '.join(sorted(known))}"
                raise SettingsError(f"{variable} is not a setting; {hint}")
        try:
            return cls(**overrides)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors()[0]
            name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else "settings"
            raise SettingsError(f"{name}: {first['msg'].removeprefix('Value error, ')}") from error

    @property
    def has_llm(self) -> bool:
        """Whether there is a language model to ask.

        Raises:
            SettingsError: its server is set and neither a model of it nor one for media: nothing would ever be asked there.
        """
        if self.llm_model is not None or self.llm_gguf is not None:
            return True
        reads_media = (self.media_image_model or self.media_audio_model) and self.media_url in (None, self.llm_url)
        if self.llm_url is not None and not reads_media:
            raise SettingsError(
                f"{PREFIX}LLM_URL is {self.llm_url} and no model is named; set {PREFIX}LLM_MODEL, as the server calls it "
                f"({self.llm_url}/models lists them), or unset the address"
            )
        return False

    @property
    def media_server(self) -> tuple[str, str] | None:
        """Address and key of the server that reads media; None where none is set. A key goes to no other server than its own."""
        url = self.media_url or self.llm_url
        if url is None:
            return None
        is_same = self.media_url in (None, self.llm_url)
        key = self.media_api_key or (self.llm_api_key if is_same else None)
        return url, key.get_secret_value() if key else ""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def has_key(self) -> bool:
        """Whether a key is given in any of the ways there are; nothing is read. A trainer has none."""
        return bool(self.pseudonym_key or self.pseudonym_key_file or _key_backend)

    def key(self) -> bytes:
        """The operator's key: of `PROFILING_PSEUDONYM_KEY`, of the file named by `PROFILING_PSEUDONYM_KEY_FILE`, or of the
        secrets backend given by `set_key_backend`, in this order. What hashes are made with is `rights.keys.pseudonym_key`.

        Raises:
            SettingsError: there is none, its file cannot be read, or it is shorter than 16 characters.
        """
        secret = self.pseudonym_key.get_secret_value() if self.pseudonym_key else ""
        if not secret and self.pseudonym_key_file is not None:
            try:
                secret = self.pseudonym_key_file.read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(
                    f"{PREFIX}PSEUDONYM_KEY_FILE={self.pseudonym_key_file} cannot be read: {type(error).__name__}; "
                    "mount the secret there, as UTF-8"
                ) from error
        if not secret and _key_backend is not None:
            secret = (_key_backend() or "").strip()
        if len(secret) < SHORTEST_KEY:
            raise SettingsError(
                f"{PREFIX}PSEUDONYM_KEY is {'too short' if secret else 'not set'}: customers are stored under keyed hashes. "
                'Make one with python -c "import secrets; print(secrets.token_hex(32))", keep it safe, and set it'
            )
        return secret.encode()
