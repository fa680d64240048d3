"""Where a picture was taken stays here; what it shows does not change."""

import struct
import zlib

import pytest

from profiling.errors import MediaUnread
from profiling.media.metadata import without_metadata
from tests.media.servers import KEY, SEES, Models, png

SECRET = b"GPS 48.8584 N 2.2945 E, Ann's phone"


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def told_png() -> bytes:
    plain = png(7)
    texts = b"".join(png_chunk(name, SECRET) for name in (b"eXIf", b"tEXt", b"iTXt", b"caBX"))
    return plain[:33] + texts + plain[33:] + SECRET


def segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


HEAD, TABLE = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"), segment(0xDB, b"\0" * 65)
SCAN = segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x12\xff\x00\x34" + b"\xff\xd9"
PLAIN_JPEG = b"\xff\xd8" + HEAD + TABLE + SCAN
TOLD_JPEG = (
    b"\xff\xd8" + HEAD + segment(0xE1, b"Exif\0\0" + SECRET) + b"\xff" + segment(0xED, SECRET) + TABLE + segment(0xFE, SECRET)
    + SCAN + SECRET
)  # fmt: skip
# A film's first picture, scans in several passes, and what programs wrote: signed histories, cut-away thumbnails, more of Exif.
PASSES = segment(0xDA, b"\1\1\0\0\x01\0") + b"\x12\xff\x00\xff\xd0\x34"
PLAIN_PROGRESSIVE = b"\xff\xd8" + HEAD + segment(0xE2, b"ICC_PROFILE\0\1\1") + TABLE + PASSES + TABLE + SCAN
TOLD_PROGRESSIVE = (
    b"\xff\xd8" + HEAD + segment(0xE0, b"JFXX\0" + SECRET) + segment(0xE2, b"ICC_PROFILE\0\1\1")
    + segment(0xE2, b"MPF\0" + SECRET) + segment(0xEB, SECRET) + TABLE + PASSES + segment(0xFE, SECRET) + TABLE + SCAN + TOLD_JPEG
)  # fmt: skip


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


PIXELS = webp_chunk(b"VP8L", b"\x2f\0\0\0\0")
PLAIN_WEBP = riff(webp_chunk(b"VP8X", b"\x10" + b"\0" * 9), PIXELS)
TOLD_WEBP = (
    riff(
        webp_chunk(b"VP8X", b"\x1c" + b"\0" * 9),
        PIXELS,
        webp_chunk(b"EXIF", SECRET),
        webp_chunk(b"XMP ", SECRET),
        webp_chunk(b"C2PA", SECRET),
    )
    + SECRET
)


@pytest.mark.parametrize(
    ("told", "plain", "kind"),
    [
        (told_png(), png(7), "image/png"),
        (TOLD_JPEG, PLAIN_JPEG, "image/jpeg"),
        (TOLD_WEBP, PLAIN_WEBP, "image/webp"),
        (TOLD_PROGRESSIVE, PLAIN_PROGRESSIVE, "image/jpeg"),
    ],
    ids=["png", "jpeg", "webp", "progressive"],
)
def test_only_the_picture_is_left(told: bytes, plain: bytes, kind: str) -> None:
    assert SECRET in told
    assert without_metadata(told, kind) == plain
    assert without_metadata(plain, kind) == plain


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff", "image/jpeg"), (b"\xff\xd8\xff\xe1\x00\x01", "image/jpeg"), (b"\xff\xd8\x00\x00", "image/jpeg"),
        (b"\xff\xd8" + segment(0xE1, SECRET), "image/jpeg"), (png(1)[:-12], "image/png"), (b"RIFF\0\0", "image/webp"),
    ],
)  # fmt: skip
def test_a_picture_whose_parts_cannot_be_told_apart_goes_nowhere(content: bytes, kind: str) -> None:
    with pytest.raises(MediaUnread) as raised:
        without_metadata(content, kind)
    assert raised.value.reason == "unknown_type"


def test_a_server_sees_the_picture_alone(models: Models) -> None:
    from profiling.media.reader import ServerReader

    ServerReader(models.url, KEY, SEES, None, 10.0).read(told_png(), "image/png")
    assert models.seen == [("data:image/png", png(7))]
