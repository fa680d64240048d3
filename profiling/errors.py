"""The errors a caller can tell apart. Each message says what is wrong, the value found, and the next step."""


class ProfilingError(Exception):
    """Base of all errors raised on purpose. `exit_code`: 1 the data, 2 usage or settings."""

    exit_code = 1


class SettingsError(ProfilingError):
    """A setting or argument is missing or wrong. Repeating the call changes nothing."""

    exit_code = 2


class InputError(ProfilingError):
    """A drop or file cannot be read at all (rows that cannot be read go to quarantine instead)."""


class GateFailed(ProfilingError):
    """The staged day failed its gate; nothing was committed and the last good state stays readable."""


class NotReady(ProfilingError):
    """Something this stage reads is not there yet; the same call may succeed later."""


class Interrupted(ProfilingError):
    """Asked to stop (SIGTERM), it saved where it was; the same call goes on from there."""

    exit_code = 143  # 128 + 15, as a shell reports a process that SIGTERM ended


class MediaUnread(ProfilingError):
    """One picture or recording was not read. `reason` is a short name to count by, the message says it in words."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
