"""What a camera wrote beside the picture: place, time, names, its owner's words. None of it leaves the house."""

import re
import struct

from profiling.errors import MediaUnread

_PNG_HEAD = 8
# Of PNG's ancillary chunks, whose names begin in lower case, those that say how to show the picture.
_PNG_SHOWS = frozenset({
    b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"sBIT", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT",
})  # fmt: skip
# Of JPEG's segments for programs only those stay that say how to show the picture: size, colour profile, colour transform.
# The others hold Exif, XMP, IPTC, signed histories, thumbnails of what was cut away, or what a maker thought of.
_JPEG_SHOWS = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_JPEG_PROGRAMS, _JPEG_COMMENT, _JPEG_SCAN, _JPEG_END = range(0xE0, 0xF0), 0xFE, 0xDA, 0xD9
_JPEG_NEXT = re.compile(
    rb"\xff+[^\x00\xff\xd0-\xd7]"
)  # a marker within the bytes of a scan that is none of the scan's own
_WEBP_SHOWS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
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
    """Segments and scans up to the end of the first picture: some cameras put a second one behind it, with an Exif of its own."""
    kept, at = [content[:2]], 2
    while at < len(content) or len(kept) == 1:
        if content[at] != 0xFF:
            raise ValueError(f"no marker at byte {at}")
        marker = content[at + 1]
        if marker == 0xFF:  # fill bytes
            at += 1
            continue
        if marker == _JPEG_END:
            return b"".join([*kept, content[at : at + 2]])
        (length,) = struct.unpack_from(">H", content, at + 2)
        if length < 2:
            raise ValueError(f"a segment without length at byte {at}")
        end = at + 2 + length
        if marker == _JPEG_SCAN:
            following = _JPEG_NEXT.search(content, end)
            end = following.start() if following else len(content)  # cut off: as much of it as there is
        elif end >= len(content):
            raise ValueError(f"a segment without end at byte {at}")
        if (marker not in _JPEG_PROGRAMS and marker != _JPEG_COMMENT) or _shows(marker, content, at):
            kept.append(content[at:end])
        at = end
    return b"".join(kept)


def _shows(marker: int, content: bytes, at: int) -> bool:
    return marker in _JPEG_SHOWS and content.startswith(_JPEG_SHOWS[marker], at + 4)


def _png(content: bytes) -> bytes:
    """Chunks up to the end marker; what follows it is no picture."""
    kept, at, name = [content[:_PNG_HEAD]], _PNG_HEAD, b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", content, at)
        if name[:1].isupper() or name in _PNG_SHOWS:
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
        if name in _WEBP_SHOWS:
            kept.append(chunk)
        at += 8 + length + length % 2
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
