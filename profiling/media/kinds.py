"""What a file is, by its first bytes: neither a name nor a server's word counts."""

from profiling.errors import MediaUnread

_FIRST = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\x1aE\xdf\xa3", "audio/webm"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_MP4_AUDIO = (b"M4A ", b"M4B ")
# The name that goes with a recording to the server: some tell the format by it.
ENDINGS = {
    "audio/flac": "flac", "audio/ogg": "ogg", "audio/mpeg": "mp3", "audio/webm": "webm", "audio/wav": "wav", "audio/mp4": "m4a",
}  # fmt: skip


def media_type(content: bytes) -> str:
    """The MIME type of a picture or a recording that the protocol's servers read.

    Raises:
        MediaUnread: it is neither (`unknown_type`): a page of HTML, SVG, a film, something cut off.
    """
    for first, kind in _FIRST:
        if content.startswith(first):
            return kind
    if content[:4] == b"RIFF" and content[8:12] in _RIFF:
        return _RIFF[content[8:12]]
    if content[4:8] == b"ftyp" and content[8:12] in _MP4_AUDIO:
        return "audio/mp4"
    if len(content) > 1 and content[0] == 0xFF and content[1] & 0xE6 == 0xE2:  # an MPEG frame of layer 3, without a tag
        return "audio/mpeg"
    raise MediaUnread(
        "unknown_type", f"its first bytes {content[:8]!r} are those of no picture or recording that can be read"
    )
