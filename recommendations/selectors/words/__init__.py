"""Sentences about recommendations, in every language of ``LANGUAGES``.

A run stores data (counts, shares, days, keys), never sentences: they are made when somebody reads,
in the language that is active then. Each clause is a phrase without a capital and without a full
stop, so that two of them make one sentence. Nothing here reads the database.
"""
