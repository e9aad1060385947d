"""What the users do. Run by locust in an environment of its own: no Django, only HTTP.

Every answer is noted as one line: when it came, kind, name, milliseconds, what was wrong. Kinds:
``login`` (the form sent), ``page``, ``save`` (a form sent), ``read`` (API), ``same`` (API, nothing
new since last time: 304), ``write`` (API), ``user`` (somebody who could not go on).
"""
# ruff: noqa: S311 - chance decides what is clicked; nothing here is secret

import itertools
import json
import os
import random
import re
import time
import uuid
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, events, task

from benchmarks.users.forms import fields

TOLD: dict[str, Any] = json.loads(Path(os.environ["CRM_LOAD_LETTER"]).read_text())
DATA = TOLD["data"]
SEGMENTS = ("champions", "loyal-customers", "hibernating", "at-risk")
_staff = itertools.cycle(TOLD["staff"])
_tokens = itertools.cycle(TOLD["tokens"])
_notes = Path(os.environ["CRM_LOAD_NOTES"]).open("w", buffering=1 << 16)  # noqa: SIM115
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@events.request.add_listener
def note(request_type: str, name: str, response_time: float, exception: Any, **other: Any) -> None:
    """Write one answer down."""
    line = [time.time(), request_type, name, response_time, str(exception or "")[:200]]
    _notes.write(json.dumps(line) + "\n")


@events.user_error.add_listener
def stumble(user_instance: Any, exception: Any, **other: Any) -> None:
    """Count a user who could not go on as an error, too."""
    note("user", type(user_instance).__name__, 0.0, repr(exception))


@events.quit.add_listener
def close(**other: Any) -> None:
    """Write what is still in memory."""
    _notes.close()


def customer() -> int:
    """Return the place of a customer, the first ones more often: they buy more."""
    return int(DATA["customers"] * random.random() ** 1.3)


class Staff(FastHttpUser):
    """A member of staff: signs in with the form, then opens page after page."""

    fixed_count = len(TOLD["staff"])
    wait_time = between(*TOLD["plan"]["staff_think"])

    def on_start(self) -> None:
        """Sign in."""
        who = next(_staff)
        self.may_change = who["group"] == "Steward"
        form = self._ask("/admin/login/", "login form")
        values = {
            "username": who["name"],
            "password": TOLD["password"],
            "next": "/admin/",
            "csrfmiddlewaretoken": _CSRF.findall(form)[0],
        }
        self._send("/admin/login/", "sign in", "login", values)

    def _send(self, path: str, name: str, kind: str, values: dict[str, str]) -> None:
        with self.client.post(
            path, data=values, allow_redirects=False, name=name, catch_response=True,
            headers={"Referer": f"{self.host}{path}"},
        ) as answer:  # fmt: skip
            answer.request_meta["request_type"] = kind
            if answer.status_code != 302:
                answer.failure(f"{path} gave {answer.status_code}")

    def _ask(self, path: str, name: str) -> str:
        with self.client.get(path, name=name, catch_response=True, allow_redirects=False) as answer:
            answer.request_meta["request_type"] = "page"
            if answer.status_code != 200:
                answer.failure(f"{path} gave {answer.status_code}")
            return answer.text or ""

    @task(3)
    def front(self) -> None:
        self._ask("/admin/", "front page")

    @task(4)
    def customers(self) -> None:
        self._ask("/admin/customers/customer/", "customers")

    @task(5)
    def find(self) -> None:
        code = f"c{customer() + 1:08}"
        self._ask(f"/admin/customers/customer/?q={code}", "customers: search a code")

    @task(2)
    def find_name(self) -> None:
        self._ask(f"/admin/customers/customer/?q=customer+{customer() + 1}",
                  "customers: search a name")  # fmt: skip

    @task(2)
    def segment(self) -> None:
        self._ask(f"/admin/customers/customer/?segment={random.choice(SEGMENTS)}",
                  "customers: one segment")  # fmt: skip

    @task(7)
    def one(self) -> None:
        self._ask(f"/admin/customers/customer/{DATA['first_customer'] + customer()}/change/",
                  "one customer")  # fmt: skip

    @task(2)
    def change(self) -> None:
        """Look at a customer, and save another language if the group may."""
        path = f"/admin/customers/customer/{DATA['first_customer'] + customer()}/change/"
        values = fields(self._ask(path, "one customer"), "customer_form")
        if self.may_change and values:
            values["language"] = "fr" if values.get("language") == "en" else "en"
            self._send(path, "save a customer", "save", values)

    @task(2)
    def timeline(self) -> None:
        self._ask(f"/admin/analytics/signal/timeline/{DATA['first_customer'] + customer()}/",
                  "a customer's timeline")  # fmt: skip

    @task(2)
    def orders(self) -> None:
        self._ask("/admin/orders/order/", "orders")

    @task(3)
    def order(self) -> None:
        place = random.randrange(DATA["orders"])
        self._ask(f"/admin/orders/order/{DATA['first_order'] + place}/change/", "one order")

    @task(2)
    def signals(self) -> None:
        self._ask("/admin/analytics/signal/", "signals")

    @task(1)
    def signal_search(self) -> None:
        self._ask(f"/admin/analytics/signal/?q=word{int(20000 ** random.random())}",
                  "signals: search a word")  # fmt: skip

    @task(2)
    def campaigns(self) -> None:
        self._ask("/admin/customers/campaign/", "campaigns")

    @task(2)
    def campaign(self) -> None:
        place = random.randrange(DATA["campaigns"])
        self._ask(f"/admin/customers/campaign/{DATA['first_campaign'] + place}/change/",
                  "one campaign")  # fmt: skip

    @task(2)
    def contacts(self) -> None:
        self._ask("/admin/customers/contactevent/", "contacts")

    @task(1)
    def grid(self) -> None:
        self._ask("/admin/analytics/rfmrun/grid/", "RFM grid")

    @task(1)
    def products(self) -> None:
        self._ask("/admin/orders/product/", "articles")


class System(FastHttpUser):
    """A shop, a mail system or a caller's screen, with a token of its own."""

    fixed_count = len(TOLD["tokens"])
    wait_time = between(*TOLD["plan"]["api_think"])

    def on_start(self) -> None:
        """Take a token."""
        self.headers = {"Authorization": f"Bearer {next(_tokens)}"}
        self.known: dict[str, str] = {}

    def _ask(self, path: str, name: str, kind: str = "read", tag: str = "") -> Any:
        headers = {**self.headers, "If-None-Match": tag} if tag else self.headers
        with self.client.get(
            f"/api/v1/{path}", name=name, headers=headers, catch_response=True
        ) as answer:
            answer.request_meta["request_type"] = "same" if answer.status_code == 304 else kind
            if answer.status_code not in {200, 304}:
                answer.failure(f"{path} gave {answer.status_code}: {(answer.text or '')[:80]}")
            else:
                answer.success()
            return answer

    def _send(self, path: str, name: str, body: dict[str, Any]) -> None:
        with self.client.post(
            f"/api/v1/{path}", name=name, headers=self.headers, json=body, catch_response=True
        ) as answer:
            answer.request_meta["request_type"] = "write"
            if answer.status_code not in {200, 201, 202}:
                answer.failure(f"{path} gave {answer.status_code}: {(answer.text or '')[:80]}")

    @staticmethod
    def _code() -> str:
        return f"C{customer() + 1:08}"

    @task(6)
    def one(self) -> None:
        code = self._code()
        if answer := self._ask(f"customers/{code}", "a customer"):
            self.known[code] = answer.headers.get("ETag", "")

    @task(4)
    def again(self) -> None:
        code, tag = random.choice(list(self.known.items()) or [(self._code(), "")])
        self._ask(f"customers/{code}", "a customer, again", tag=tag)

    @task(5)
    def score(self) -> None:
        self._ask(f"rfm/{self._code()}", "RFM of a customer")

    @task(4)
    def contactability(self) -> None:
        self._ask(f"customers/{self._code()}/contactability?channel=email", "may we contact")

    @task(3)
    def timeline(self) -> None:
        self._ask(f"customers/{self._code()}/timeline?limit=20", "a customer's timeline")

    @task(2)
    def profile(self) -> None:
        # The first buy most; of the last, some have bought nothing and have no profile.
        code = f"C{int(DATA['customers'] * 0.2 * random.random()) + 1:08}"
        self._ask(f"customers/{code}/profile", "a customer's profile")

    @task(3)
    def orders(self) -> None:
        self._ask(f"orders?customer={self._code()}&limit=20", "orders of a customer")

    @task(2)
    def contacts(self) -> None:
        self._ask(f"contacts?customer={self._code()}&limit=20", "contacts of a customer")

    @task(2)
    def signals(self) -> None:
        self._ask(f"signals?customer={self._code()}&limit=20", "signals of a customer")

    @task(1)
    def customers(self) -> None:
        self._ask("customers?limit=50", "50 customers")

    @task(1)
    def products(self) -> None:
        self._ask("products?limit=50", "50 articles")

    @task(1)
    def search(self) -> None:
        self._ask(f"search?q=word{int(20000 ** random.random())}", "search")

    @task(6)
    def signal(self) -> None:
        body = {"event_type": "view", "customer_id": self._code(), "message_id": str(uuid.uuid4()),
                "signal_data": {"product_id": "P00001", "price": 2.55}}  # fmt: skip
        self._send("signals", "send a signal", body)

    @task(2)
    def contact(self) -> None:
        body = {"customer": self._code(), "channel": "email", "direction": "outbound",
                "purpose": "transactional", "status": "sent", "external_id": str(uuid.uuid4()),
                "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}  # fmt: skip
        self._send("contacts", "record a contact", body)
