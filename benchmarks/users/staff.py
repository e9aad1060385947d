"""What members of staff do in the admin. Run by locust: no Django, only HTTP."""
# ruff: noqa: S311 - chance decides what is clicked; nothing here is secret

import random
import re

from locust import FastHttpUser, between, task

from benchmarks.users import told
from benchmarks.users.forms import fields
from benchmarks.users.second_factor import code

SEGMENTS = ("champions", "loyal", "hibernating", "at-risk")
TABS = (
    "signal", "recoitem", "customerprofile", "currentcustomermetrics", "rfmscore",
    "savedsegmentmember", "customerembedding", "contactblock", "customerevent",
)  # fmt: skip
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_ITEM = re.compile(r"/admin/recommendations/recoitem/(\d+)/change/")


class Staff(FastHttpUser):
    """A member of staff: signs in with the form, then opens page after page."""

    fixed_count = len(told.TOLD["staff"])
    wait_time = between(*told.TOLD["plan"]["staff_think"])

    def on_start(self) -> None:
        """Sign in."""
        who = next(told.staff)
        self.may_change = who["group"] == "Steward"
        values = {"username": who["name"], "password": told.TOLD["password"], "next": "/admin/"}
        self._sign_in("/admin/login/", "password", values)
        self._sign_in("/admin/second-factor/", "second factor", {"code": code(who["key"])})

    def _sign_in(self, path: str, name: str, values: dict[str, str]) -> None:
        form = self._ask(path, f"form: {name}")
        values["csrfmiddlewaretoken"] = _CSRF.findall(form)[0]
        self._send(path, f"sign in: {name}", "login", values)

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
        code = f"c{told.customer() + 1:08}"
        self._ask(f"/admin/customers/customer/?q={code}", "customers: search a code")

    @task(2)
    def find_name(self) -> None:
        self._ask(f"/admin/customers/customer/?q=customer+{told.customer() + 1}",
                  "customers: search a name")  # fmt: skip

    @task(2)
    def segment(self) -> None:
        self._ask(f"/admin/customers/customer/?segment={random.choice(SEGMENTS)}",
                  "customers: one segment")  # fmt: skip

    @task(7)
    def one(self) -> None:
        """Look at a customer, and open a tab."""
        path = f"/admin/customers/customer/{told.customer_key()}/change/"
        self._ask(path, "one customer")
        self._ask(f"{path}?tab={random.choice(TABS)}", "a tab of a customer")

    @task(2)
    def change(self) -> None:
        """Look at a customer, and save another language if the group may."""
        path = f"/admin/customers/customer/{told.customer_key()}/change/"
        page = self._ask(path, "one customer")
        if self.may_change and page:
            values = fields(page, "customer_form")
            if not values:
                raise LookupError("The page of a customer has no form to save.")
            values["language"] = "fr" if values.get("language") == "en" else "en"
            self._send(path, "save a customer", "save", values)

    @task(2)
    def timeline(self) -> None:
        self._ask(f"/admin/analytics/signal/timeline/{told.customer_key()}/",
                  "a customer's timeline")  # fmt: skip

    @task(2)
    def orders(self) -> None:
        self._ask("/admin/orders/order/", "orders")

    @task(3)
    def order(self) -> None:
        place = random.randrange(told.DATA["orders"])
        self._ask(f"/admin/orders/order/{told.DATA['first_order'] + place}/change/", "one order")

    @task(2)
    def signals(self) -> None:
        self._ask("/admin/analytics/signal/", "signals")

    @task(1)
    def signal_search(self) -> None:
        self._ask(f"/admin/analytics/signal/?q={told.word()}",
                  "signals: search a word")  # fmt: skip

    @task(2)
    def campaigns(self) -> None:
        self._ask("/admin/customers/campaign/", "campaigns")

    @task(2)
    def campaign(self) -> None:
        place = random.randrange(told.DATA["campaigns"])
        self._ask(f"/admin/customers/campaign/{told.DATA['first_campaign'] + place}/change/",
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

    @task(1)
    def offer_runs(self) -> None:
        self._ask("/admin/recommendations/recorun/", "runs of recommendations")

    @task(1)
    def offer_run(self) -> None:
        self._ask(f"/admin/recommendations/recorun/{told.DATA['run']}/change/",
                  "one run of recommendations")  # fmt: skip

    @task(2)
    def offers(self) -> None:
        """Look at what is recommended, and at one of it."""
        page = self._ask("/admin/recommendations/recoitem/", "recommendations")
        if found := _ITEM.findall(page):
            path = f"/admin/recommendations/recoitem/{random.choice(found)}/change/"
            self._ask(path, "one recommendation")

    @task(1)
    def why_not(self) -> None:
        path = "/admin/recommendations/recoitem/why-not/"
        self._ask(f"{path}?customer={told.code()}&product={told.product()}", "why not this article")
