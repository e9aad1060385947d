"""How much of anything is taken in, in one place.

A sender is told these figures by the API's documentation; what exceeds them is refused whole and
never cut short.
"""

EVENT_BYTES = 32 * 1024
"""One event, as JSON."""

BATCH_BYTES = 500 * 1024
"""One body with many events, after unpacking."""

BATCH_EVENTS = 2_500
DEPTH = 32
"""How deep objects and lists may be nested in one event."""

EVENT_TYPE_CHARACTERS = 50
REFERENCE_CHARACTERS = 200
"""A customer's or product's code as the sender knows it."""

MESSAGE_ID_CHARACTERS = 100
SOURCE_CHARACTERS = 200

SKEW_MICROSECONDS = 60 * 1_000_000
"""A sender's clock that is wrong by more than this is corrected."""

FUTURE_MICROSECONDS = 24 * 3600 * 1_000_000
EARLIEST_MICROSECONDS = 946_684_800 * 1_000_000
"""2000-01-01: what claims to be older has a broken clock."""
