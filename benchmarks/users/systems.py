"""What other systems ask and send over the API. Run by locust: no Django, only HTTP."""
# ruff: noqa: S311 - chance decides what is asked; nothing here is secret

import random
import time
import uuid
from typing import Any

from locust import FastHttpUser, between, task

from benchmarks.users import told


class System(FastHttpUser):
    """A shop, a mail system or a caller's screen, with a token of its own."""

    fixed_count = len(told.TOLD["tokens"])
    wait_time = between(*told.TOLD["plan"]["api_think"])

    def on_start(self) -> None:
        """Take a token."""
        self.headers = {"Authorization": f"Bearer {next(told.tokens)}"}
        self.known: dict[str, str] = {}
        self.items: list[int] = []

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

    @task(6)
    def one(self) -> None:
        code = told.code()
        if answer := self._ask(f"customers/{code}", "a customer"):
            self.known[code] = answer.headers.get("ETag", "")

    @task(4)
    def again(self) -> None:
        code, tag = random.choice(list(self.known.items()) or [(told.code(), "")])
        self._ask(f"customers/{code}", "a customer, again", tag=tag)

    @task(5)
    def score(self) -> None:
        self._ask(f"rfm/{told.code()}", "RFM of a customer")

    @task(4)
    def contactability(self) -> None:
        self._ask(f"customers/{told.code()}/contactability?channel=email", "may we contact")

    @task(3)
    def timeline(self) -> None:
        self._ask(f"customers/{told.code()}/timeline?limit=20", "a customer's timeline")

    @task(2)
    def profile(self) -> None:
        # The first buy most; of the last, some have bought nothing and have no profile.
        code = f"C{int(told.DATA['customers'] * 0.2 * random.random()) + 1:08}"
        self._ask(f"customers/{code}/profile", "a customer's profile")

    @task(3)
    def orders(self) -> None:
        self._ask(f"orders?customer={told.code()}&limit=20", "orders of a customer")

    @task(2)
    def contacts(self) -> None:
        self._ask(f"contacts?customer={told.code()}&limit=20", "contacts of a customer")

    @task(2)
    def signals(self) -> None:
        self._ask(f"signals?customer={told.code()}&limit=20", "signals of a customer")

    @task(1)
    def customers(self) -> None:
        self._ask("customers?limit=50", "50 customers")

    @task(1)
    def products(self) -> None:
        self._ask("products?limit=50", "50 articles")

    @task(1)
    def search(self) -> None:
        self._ask(f"search?q={told.word()}", "search")

    @task(5)
    def recommendations(self) -> None:
        answer = self._ask(f"recommendations/{told.code()}", "recommendations of a customer")
        if answer.status_code == 200:
            self.items = [item["id"] for item in answer.json()["items"]] or self.items

    @task(1)
    def explanation(self) -> None:
        if self.items:
            self._ask(f"reco-items/{self.items[0]}/explanation", "reasons of a recommendation")

    @task(1)
    def why_not(self) -> None:
        self._ask(f"recommendations/{told.code()}/why-not?product={told.product()}",
                  "why not this article")  # fmt: skip

    @task(1)
    def overview(self) -> None:
        self._ask("recommendations", "the current run")

    @task(6)
    def signal(self) -> None:
        body = {"event_type": "view", "customer_id": told.code(), "message_id": str(uuid.uuid4()),
                "signal_data": {"product_id": told.product(), "price": 2.55}}  # fmt: skip
        self._send("signals", "send a signal", body)

    @task(2)
    def contact(self) -> None:
        body = {"customer": told.code(), "channel": "email", "direction": "outbound",
                "purpose": "transactional", "status": "sent", "external_id": str(uuid.uuid4()),
                "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}  # fmt: skip
        self._send("contacts", "record a contact", body)
