"""A site whose pages are three lines each, served by a real web server in a test."""

import os
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")

import django

django.setup()

from crm_project.asgi_bridge import DjangoPages, Site  # noqa: E402

PARTS = 500


def pages(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return _PAGES[environ["PATH_INFO"]](environ)


def long(environ, pause=0.02):
    made = 0
    try:
        for _ in range(PARTS):
            time.sleep(pause)
            made += 1
            yield b"x" * 1000
    finally:
        sys.stderr.write(f"made {made} parts\n")
        sys.stderr.flush()


def soon(environ):
    """The same length in a second instead of ten."""
    return long(environ, pause=0.002)


def size(environ):
    read = iter(lambda: environ["wsgi.input"].read(65_536), b"")
    yield str(sum(len(part) for part in read)).encode()


def shown(environ):
    yield repr({name: environ.get(name) for name in ("QUERY_STRING", "HTTP_X_REAL")}).encode()


_PAGES = {"/long": long, "/soon": soon, "/size": size, "/shown": shown}

application = Site(pages=DjangoPages(pages, threads=2), receive=lambda: None)
