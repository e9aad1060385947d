"""Taking events in at speed: one asynchronous application beside Django, for a few addresses.

What it decides stands in ``analytics.services.signal_intake`` and is shared with the REST views;
here stands only what waits: reading bodies, looking tokens up, counting, and the queue.
"""
