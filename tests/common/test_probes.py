"""A database that hangs takes a web server out of service, and does not have it restarted."""

import asyncio
import threading

from crm_project.asgi_bridge import DjangoPages, Site
from crm_project.asgi_probes import WAITING, Probes


def scope(path, method="GET", headers=()):
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [*headers],
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }


async def ask(site, path, method="GET", headers=()):
    """Return status and body of an answer."""
    said = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        said.append(message)

    await site(scope(path, method, headers), receive, send)
    assert [one["type"] for one in said].count("http.response.start") == 1
    return said[0]["status"], b"".join(one.get("body", b"") for one in said[1:])


async def settle(site):
    """Wait for the answers that came too late: their threads still use this loop."""
    await asyncio.gather(*site._probes._asked)


class Hanging:
    """Pages of a site whose database does not answer until it is let go."""

    def __init__(self):
        self.go = threading.Event()

    def __call__(self, environ, start_response):
        self.go.wait(30)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"at last"]

    def site(self, seconds=0.2):
        return Site(
            pages=DjangoPages(self, threads=2),
            receive=lambda: None,
            probes=Probes(DjangoPages(self, threads=2), seconds=seconds),
        )


class Quick(Hanging):
    """Pages of a site whose database answers."""

    def __init__(self):
        super().__init__()
        self.go.set()


def test_a_server_whose_pages_all_hang_is_alive_and_not_ready():
    hanging = Hanging()

    async def story():
        site = hanging.site()
        pages = [asyncio.create_task(ask(site, "/admin/")) for _ in range(4)]
        late = [await ask(site, "/readyz") for _ in range(3)]
        many = await asyncio.gather(*(ask(site, "/metrics") for _ in range(WAITING)))
        alive = await ask(site, "/livez")
        hanging.go.set()
        opened = await asyncio.gather(*pages)
        await settle(site)
        return late + many, alive, opened

    late, alive, pages = asyncio.run(story())

    assert {status for status, _ in late} == {503}
    assert b"database or queue hang" in late[0][1]
    assert alive == (200, b'{"status": "alive"}')
    assert set(pages) == {(200, b"at last")}


def test_it_is_ready_again_when_the_database_answers():
    hanging = Hanging()

    async def story():
        site = hanging.site(seconds=0.2)
        assert (await ask(site, "/readyz"))[0] == 503
        hanging.go.set()
        for _ in range(1000):
            status, _ = await ask(site, "/readyz")
            if status == 200:
                await settle(site)
                return True
            # Those that wait go on meanwhile, however busy the machine is.
            await asyncio.sleep(0.02)
        return False

    assert asyncio.run(story())


def test_those_who_ask_from_outside_do_not_stand_in_the_platform_s_way():
    """What an Ingress hands on waits where pages wait; the kubelet calls the pod itself."""
    hanging = Hanging()
    outside = [(b"x-forwarded-for", b"203.0.113.9")]

    async def story():
        site = Site(
            pages=DjangoPages(hanging, threads=2),
            receive=lambda: None,
            probes=Probes(DjangoPages(Quick(), threads=2), seconds=10),
        )
        flood = [asyncio.create_task(ask(site, "/readyz", headers=outside)) for _ in range(30)]
        await asyncio.sleep(0)
        ready = await ask(site, "/readyz")
        hanging.go.set()
        await asyncio.gather(*flood)
        return ready

    assert asyncio.run(story())[0] == 200


def test_other_methods_are_django_s_affair():
    hanging = Hanging()
    hanging.go.set()

    async def story():
        site = hanging.site(seconds=10)
        return await ask(site, "/livez", "HEAD"), await ask(site, "/livez", "POST")

    head, post = asyncio.run(story())

    assert head[0] == 200
    assert post == (200, b"at last")
