"""Settings: where they come from, and that a typo or an impossible value is one sentence with the fix."""

from pathlib import Path

import pytest

from profiling.errors import SettingsError
from profiling.settings import Settings


def test_the_environment_and_a_dotenv_file_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PROFILING_BUCKETS=4\nPROFILING_TIMEZONE=Asia/Shanghai\n")
    monkeypatch.setenv("PROFILING_SOURCES", "reviews:amazon_reviews, events")
    monkeypatch.setenv("PROFILING_BUCKETS", "2")
    settings = Settings.load()
    assert settings.buckets == 2  # the environment goes before the file
    assert settings.timezone == "Asia/Shanghai"
    assert settings.sources == ("reviews:amazon_reviews", "events")


def test_a_folder_becomes_absolute_and_s3_stays() -> None:
    settings = Settings.load(lake="lake", publish="s3://bucket/prefix/")
    assert settings.lake == str(Path("lake").resolve())
    assert settings.publish == "s3://bucket/prefix"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("BUCKETS", "0", "PROFILING_BUCKETS: Input should be greater than or equal to 1"),
        ("MAX_REJECTS", "lots", "PROFILING_MAX_REJECTS: Input should be a valid number"),
        ("TIMEZONE", "Mars/Olympus", "not a time zone of the IANA list"),
        ("S3_ENDPOINT", "nonsense", "no address of a server"),
        ("LAKE", "gs://bucket", "neither a folder nor s3://"),
        ("LANDING", "s3://", "names no bucket"),
        ("LANDING", "s3://a bucket/x", "names no bucket"),
        ("LANDING", "s3:///x", "names no bucket"),
        ("S3_ENDPOINT", "http://127.0.0.1:9000?x=y", "no address of a server"),
        ("LLM_URL", "127.0.0.1:8000/v1", "no address of a server"),
        ("LLM_URL", "http://127.0.0.1:80a/v1", "no address of a server"),
        ("LLM_URL", "http://[::1/v1", "no address of a server"),
        ("LLM_URL", "http://xn--/", "no address of a server"),
        ("LLM_URL", "http://" + "a" * 64 + ".example/v1", "no address of a server"),
        ("MEDIA_URL", "http://xn--/v1", "no address of a server"),
        ("LLM_MODEL", "", "'' is no name of a model"),
        ("LLM_MODEL", "template", "no name of a model"),
        ("BUCKET", "4", "PROFILING_BUCKET is not a setting; did you mean PROFILING_BUCKETS?"),
        ("SPEED", "4", "PROFILING_SPEED is not a setting; known: BUCKETS"),
    ],
)
def test_a_wrong_value_is_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str) -> None:
    monkeypatch.setenv(f"PROFILING_{name}", value)
    with pytest.raises(SettingsError) as raised:
        Settings.load()
    assert sentence in str(raised.value)


@pytest.mark.parametrize("name", ["LLM_URL", "MEDIA_URL", "S3_ENDPOINT", "LLM_GGUF"])
def test_an_empty_address_is_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"PROFILING_{name}", "")
    settings = Settings.load()
    assert getattr(settings, name.lower()) is None
    assert not settings.has_llm


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LANDING", "s3://AKIA1:hush@bucket/x"),
        ("S3_ENDPOINT", "http://AKIA1:hush@127.0.0.1:9000"),
        ("LLM_URL", "http://ann:hush@127.0.0.1:8000/v1"),
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"PROFILING_{name}", value)
    with pytest.raises(SettingsError, match=f"PROFILING_{name}: credentials have no place") as raised:
        Settings.load()
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("key", ["sk-hush\n", "sk hush", "ключ-hush"])
def test_a_key_that_no_request_can_carry_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("PROFILING_LLM_API_KEY", key)
    with pytest.raises(SettingsError, match="PROFILING_LLM_API_KEY: a key is of letters") as raised:
        Settings.load()
    assert "hush" not in str(raised.value)


def test_a_typo_in_the_dotenv_file_does_not_pass(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PROFILING_BUCKET=4\nOTHER=1\n")
    with pytest.raises(SettingsError, match="did you mean PROFILING_BUCKETS"):
        Settings.load()
    (tmp_path / ".env").write_bytes(b"PROFILING_TIMEZONE=\xe9\n")
    with pytest.raises(SettingsError, match="not UTF-8"):
        Settings.load()


def test_the_key_is_needed_and_never_printed() -> None:
    with pytest.raises(SettingsError, match="PROFILING_PSEUDONYM_KEY is not set"):
        Settings.load().key()
    with pytest.raises(SettingsError, match="too short"):
        Settings.load(pseudonym_key="short").key()
    secret = "0123456789abcdef"
    settings = Settings.load(pseudonym_key=secret)
    assert settings.key() == secret.encode()
    assert secret not in repr(settings)
