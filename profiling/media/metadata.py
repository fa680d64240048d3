"""What a camera wrote beside the picture: place, time, names, its owner's words. None of it leaves the house."""

import struct

from profiling.errors import MediaUnread

_PNG_HEAD = 8
_PNG_TEXTS = (b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME")
# Exif and XMP, Photoshop's IPTC, and comments; colour profiles (APP2) and Adobe's colour transform (APP14) say how to show it.
_JPEG_TEXTS = frozenset({0xE1, 0xED, 0xFE})
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9
_WEBP_TEXTS = (b"EXIF", b"XMP ")
_WEBP_SAYS_TEXTS = 0x0C  # the bits of VP8X that announce the two


def without_metadata(content: bytes, media_type: str) -> bytes:
    """The same picture without what was written beside it; other types as they are.

    The camera's word on how it was held goes with the rest, so a picture may lie on its side.

    Raises:
        MediaUnread: its parts cannot be told apart (`unknown_type`), so nobody knows what it holds.
    """
    strip = {"image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp}.get(media_type)
    if strip is None:
        return content
    try:
        return strip(content)
    except (IndexError, struct.error, ValueError) as error:
        raise MediaUnread("unknown_type", f"a damaged {media_type}: {error}") from error


def _jpeg(content: bytes) -> bytes:
    """Segments up to the first scan; from there on the picture itself, to the end marker."""
    kept, at = [content[:2]], 2
    while True:
        if content[at] != 0xFF:
            raise ValueError(f"no marker at byte {at}")
        marker = content[at + 1]
        if marker == 0xFF:  # fill bytes
            at += 1
            continue
        if marker == _JPEG_SCAN:
            end = content.rfind(b"\xff" + bytes([_JPEG_END]))
            return b"".join([*kept, content[at : end + 2 if end > at else None]])
        (length,) = struct.unpack_from(">H", content, at + 2)
        if length < 2:
            raise ValueError(f"a segment without length at byte {at}")
        if marker not in _JPEG_TEXTS:
            kept.append(content[at : at + 2 + length])
        at += 2 + length


def _png(content: bytes) -> bytes:
    """Chunks up to the end marker; what follows it is no picture."""
    kept, at, name = [content[:_PNG_HEAD]], _PNG_HEAD, b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", content, at)
        if name not in _PNG_TEXTS:
            kept.append(content[at : at + 12 + length])
        at += 12 + length
    return b"".join(kept)


def _webp(content: bytes) -> bytes:
    """Chunks of the RIFF file, the header's size and flags made to fit."""
    (size,) = struct.unpack_from("<I", content, 4)
    kept, at = [], 12
    while at + 8 <= min(len(content), 8 + size):
        name, length = struct.unpack_from("<4sI", content, at)
        chunk = content[at : at + 8 + length + length % 2]
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_SAYS_TEXTS]) + chunk[9:]
        if name not in _WEBP_TEXTS:
            kept.append(chunk)
        at += 8 + length + length % 2
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
