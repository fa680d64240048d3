"""Whatever a server of the OpenAI protocol answers: a reading that fits, or a reason."""

import contextlib
import socket
from typing import Any

import pytest

from profiling.errors import MediaUnread
from profiling.media import reader as reading
from profiling.media.kinds import media_type
from profiling.media.reader import ServerReader
from tests.media.servers import HEARS, KEY, SEES, Models, completes, fails, never, png, seen, wav


def reader(models: Models, **changes: Any) -> ServerReader:
    said = {"url": models.url, "key": KEY, "image_model": SEES, "audio_model": HEARS, "timeout": 10.0} | changes
    return ServerReader(**said)


def unread(found: ServerReader, content: bytes = png(1)) -> MediaUnread:
    with pytest.raises(MediaUnread) as raised:
        found.read(content, media_type(content))
    return raised.value


def test_a_picture_gives_labels_and_a_sentence(models: Models) -> None:
    models.shows[png(1)] = {
        "labels": [
            {"name": "Wooden  table", "certainty": 4},
            {"name": "guitar", "certainty": 9},
            {"name": "guitar", "certainty": 3},
            {"name": "drum", "certainty": 99},  # the grammar of a local server enforces no range
            {"name": "smiling woman", "certainty": 10},  # who somebody is, is not asked
            {"name": "girls", "certainty": 10},
            {"name": "children’s hands", "certainty": 10},
            {"name": "babies", "certainty": 10},
            {"name": "女人", "certainty": 10},
            {"name": "ann@example.com", "certainty": 10},  # apart it would be three words that nobody redacts
            {"name": "nothing", "certainty": 0},
            {"name": "a long sentence in place of a label", "certainty": 9},
        ],
        "description": "A guitar\nleans on a table.",
    }
    found = reader(models).read(png(1), "image/png")
    assert found.labels == (("drum", 1.0), ("guitar", 0.9), ("wooden table", 0.4))
    assert (found.text, found.model) == ("A guitar leans on a table.", SEES)
    assert models.seen == [("data:image/png", png(1))]


def test_a_recording_gives_its_transcript(models: Models) -> None:
    models.says[wav(8)] = "  My guitar\n is out of tune. "
    found = reader(models).read(wav(8), "audio/wav")
    assert (found.labels, found.text, found.model) == (None, "My guitar is out of tune.", HEARS)
    assert models.seen == [("recording.wav", wav(8))]


SCHEMA_FAULTS = (
    "{", "null", "[]", '{"labels": []}', '{"labels": "guitar", "description": ""}', "",
    '{"labels": [{"name": "guitar", "certainty": "high"}], "description": ""}',
    '{"labels": [], "description": "", "sex": "female"}',
)  # fmt: skip


@pytest.mark.parametrize("content", SCHEMA_FAULTS)
def test_an_answer_that_does_not_fit_the_schema_is_none(models: Models, content: str) -> None:
    models.script.append(completes(content))
    assert unread(reader(models)).reason == "unusable_answer"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (completes(None, refusal="I cannot help with that."), "refused"),
        (completes(None, finish="content_filter"), "refused"),
        (completes('{"labels": [{"name": "gui', finish="length"), "cut_off"),
        (fails(400, "response_format is not supported"), "rejected"),
        (fails(404, "The model does not exist"), "rejected"),
        (fails(413), "rejected"),
        (lambda handler: handler.reply(200, b"<html>Log in</html>", Content_Type="text/html"), "unusable_answer"),
        (lambda handler: handler.reply(200, b"{", Content_Type="application/json"), "unusable_answer"),
        (lambda handler: handler.reply(200, b'{"choices": []}', Content_Type="application/json"), "unusable_answer"),
        (lambda handler: handler.reply(200, b'{"choices": [7]}', Content_Type="application/json"), "unusable_answer"),
    ],
)
def test_a_refusal_a_cut_and_an_error_are_told_apart(models: Models, script: Any, reason: str) -> None:
    models.script.append(script)
    assert unread(reader(models)).reason == reason
    assert len(models.asked) == 1  # asking again would change nothing


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"text": null}'])
def test_a_transcript_that_is_none(models: Models, body: bytes) -> None:
    models.script.append(lambda handler: handler.reply(200, body, Content_Type="application/json"))
    assert unread(reader(models), wav(8)).reason == "unusable_answer"


def test_a_server_that_is_busy_is_asked_again_when_it_says(models: Models) -> None:
    models.shows[png(1)] = seen("guitar")
    models.script += [fails(429, Retry_After="0.01"), fails(503, Retry_After="0.01")]
    assert reader(models).read(png(1), "image/png").labels == (("guitar", 0.9),)
    assert len(models.asked) == 3


def test_a_server_that_stays_busy_is_given_up_for_this_medium_alone(models: Models) -> None:
    models.script += [fails(429, Retry_After="0.01")] * 3 + [fails(500, Retry_After="0.01")] * 3
    found = reader(models)
    assert [unread(found).reason, unread(found).reason] == ["rate_limited", "server_error"]
    assert found.read(png(1), "image/png").text == "Nothing."


def test_a_slow_answer_is_not_waited_for(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "RETRIES", 0)
    models.script.append(never)
    assert unread(reader(models, timeout=0.2)).reason == "server_slow"


def drips(beginning: bytes) -> Any:
    """An answer that goes on a byte at a time, from its headers or from its body on."""

    def script(handler: Any) -> None:
        handler.close_connection = True
        handler.wfile.write(beginning)
        with contextlib.suppress(OSError):  # the client hangs up
            while not handler.server.closing.wait(0.02):
                handler.wfile.write(b" ")

    return script


OK, BUSY = (b"HTTP/1.1 %d .\r\nContent-Length: 100000\r\n" % status for status in (200, 500))


@pytest.mark.parametrize(
    ("beginning", "reason"),
    [(OK + b"X: ", "server_slow"), (OK + b"\r\n", "server_slow"), (BUSY + b"\r\n", "server_error")],
    ids=["headers", "body", "error"],
)
@pytest.mark.timeout(30)
def test_an_answer_that_drips_is_not_waited_for(
    models: Models, monkeypatch: pytest.MonkeyPatch, beginning: bytes, reason: str
) -> None:
    """Each try has the whole time: the official client tries again what came too late."""
    monkeypatch.setattr(reading, "RETRIES", 1)
    models.script += [drips(beginning)] * 2
    found = reader(models, timeout=0.3)
    assert unread(found).reason == reason
    assert len(models.asked) == 2
    assert found.read(png(1), "image/png").text == "Nothing."


def test_a_server_that_leads_elsewhere_is_not_followed(models: Models) -> None:
    models.script.append(fails(307, Location=f"{models.url}/chat/completions"))
    assert unread(reader(models)).reason == "rejected"
    assert (len(models.asked), models.seen) == (1, [])


def test_a_wrong_key_is_tried_once(models: Models) -> None:
    found = reader(models, key="sk-wrong")
    assert [unread(found).reason, unread(found).reason] == ["unauthorised"] * 2
    assert found.given_up
    assert KEY not in str(found.given_up)


def test_a_server_that_is_down_is_not_waited_for_by_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "RETRIES", 0)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    found = ServerReader(url, "", SEES, None, 1.0)
    reasons = [unread(found).reason for _ in range(reading.GIVE_UP_AFTER)]
    assert reasons == ["server_unreachable"] * reading.GIVE_UP_AFTER
    assert found.given_up


def test_what_no_model_is_set_for_is_not_asked(models: Models) -> None:
    found = reader(models, audio_model=None)
    assert unread(found, wav(8)).reason == "no_model"
    assert models.asked == []


def test_the_instruction_stands_apart_from_the_picture_and_the_schema_is_strict(models: Models) -> None:
    reader(models).read(png(1), "image/png")
    (body,) = models.bodies
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert [part["type"] for part in body["messages"][1]["content"]] == ["image_url"]
    assert body["response_format"]["json_schema"]["strict"] is True
    assert (body["temperature"], body["max_tokens"]) == (0, reading.MAX_TOKENS)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (png(1), "image/png"), (b"\xff\xd8\xff\xe0JFIF", "image/jpeg"), (b"GIF89a..", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"), (wav(1), "audio/wav"), (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90d", "audio/mpeg"), (b"OggS\0", "audio/ogg"), (b"fLaC\0", "audio/flac"),
        (b"\0\0\0\x20ftypM4A \0", "audio/mp4"), (b"\x1aE\xdf\xa3\x01", "audio/webm"),
    ],
)  # fmt: skip
def test_the_first_bytes_say_what_it_is(content: bytes, expected: str) -> None:
    assert media_type(content) == expected


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"<svg xmlns='x'>", b"%PDF-1.7", b"RIFF\0\0\0\0AVI ", b"\0\0\0\x20ftypisom", b"\xff\xd8", b"\xff"],
)
def test_anything_else_is_not_sent_anywhere(content: bytes) -> None:
    with pytest.raises(MediaUnread) as raised:
        media_type(content)
    assert raised.value.reason == "unknown_type"
