"""What the embedded servers say when they cannot help; each message tells what to do next."""


class EmbeddedError(RuntimeError):
    """An embedded server could not be started, reached or stopped."""


class EmbeddedRefused(EmbeddedError):  # noqa: N818 - says what happened
    """Embedded servers were asked for where they are not allowed: in production."""


class EmbeddedUnavailable(EmbeddedError):  # noqa: N818 - says what happened
    """The packages that carry the servers are not installed, or cannot run here."""
