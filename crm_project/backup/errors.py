"""What can go wrong with a backup; each message is a sentence that says what to do."""


class BackupError(Exception):
    """A backup could not be made, read or brought back."""


class TargetError(BackupError):
    """The place where backups are kept cannot be reached, read or written."""


class TargetFullError(TargetError):
    """There is no room for the backup where backups are kept."""


class GoneError(TargetError):
    """What was looked for is not there, or no longer."""


class DamagedError(BackupError):
    """A backup is not what was written."""


class WrongKeyError(BackupError):
    """A backup cannot be read with the key that is set, or without one."""


class BusyError(BackupError):
    """Another process is at the same work."""
