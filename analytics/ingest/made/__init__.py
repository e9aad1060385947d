"""Signals that nobody sent: made for demos, tests and benchmarks, and marked as made.

Pure and repeatable: the same seed, window and world give the same events, byte for byte. A few
kinds of story (a visit, a mailing, a chat with the bot, a crawler, a sale in the making) are told
at the hours at which a shop is visited; then some of what they say arrives late or twice.

>>> from analytics.ingest.made import Window, made_events, made_world
>>> window = Window.of_days(7, until=1_700_000_000_000_000)
>>> events = list(made_events(1000, world=made_world(customers=50), window=window, seed=1))
>>> len(events), events == sorted(events, key=lambda event: event.arrives_at)
(1000, True)
"""

from analytics.ingest.made.clock import Window
from analytics.ingest.made.posting import envelopes, wrap
from analytics.ingest.made.stream import MadeEvent, made_events
from analytics.ingest.made.world import Bought, Goods, World, made_world
from analytics.ingest.made.writing import SOURCE, body

__all__ = [
    "SOURCE",
    "Bought",
    "Goods",
    "MadeEvent",
    "Window",
    "World",
    "body",
    "envelopes",
    "made_events",
    "made_world",
    "wrap",
]
