"""Copies of the whole database that can be trusted: made, kept, checked, brought back.

Knows PostgreSQL and storage, neither Django nor the apps. A backup is two objects beside each
other: the packed dump, and its manifest, which is written last. What has no manifest is no backup,
so a half one is never seen. See docs/adr/0060-backups.md.
"""
