"""Errors that a person is meant to read: the message is a sentence."""


class CrmError(Exception):
    """The request cannot be done."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class ConflictError(CrmError):
    """Somebody else changed this, or is doing the same thing right now."""


class NotReadyError(CrmError):
    """What this needs has not been computed yet."""


class ReadOnlyError(TypeError):
    """A row that the database computes cannot be written through the ORM."""
