"""How many users on how much data, and how long they take to think."""

import argparse
from dataclasses import asdict, dataclass

SMALL = {
    "customers": 20_000, "orders": 200_000, "signals": 200_000, "contacts": 80_000,
    "campaigns": 200, "seconds": 30,
}  # fmt: skip
FULL = {
    "customers": 500_000, "orders": 5_000_000, "signals": 10_000_000, "contacts": 2_000_000,
    "campaigns": 5_000, "seconds": 120,
}  # fmt: skip
SCALES = {"small": SMALL, "full": FULL}


@dataclass(frozen=True, slots=True)
class Plan:
    """One load test.

    ``staff_share`` of the users click through the admin, the others are systems that ask the API.
    Between two requests a user waits for as long as it pleases, evenly between the two seconds of
    ``staff_think`` or ``api_think``. ``spawn`` users come per second; what is measured begins
    ``settle`` seconds after the last came, and lasts ``seconds``. ``beside``: the schedules whose
    tasks the worker does meanwhile. ``write``: keep the table.
    """

    scale: str
    users: int
    customers: int
    orders: int
    signals: int
    contacts: int
    campaigns: int
    seconds: int
    workers: int
    staff_share: float = 0.5
    staff_think: tuple[float, float] = (5.0, 25.0)
    api_think: tuple[float, float] = (2.0, 8.0)
    spawn: float = 5.0
    settle: int = 10
    beside: str = ""
    write: bool = False

    @property
    def coming(self) -> float:
        """Seconds until all have come and settled."""
        return self.users / self.spawn + self.settle

    @property
    def staff(self) -> int:
        return round(self.users * self.staff_share)

    @property
    def systems(self) -> int:
        return self.users - self.staff

    @property
    def data(self) -> dict[str, int]:
        """What the database holds; another answer is another database."""
        names = ("customers", "orders", "signals", "contacts", "campaigns")
        return {name: asdict(self)[name] for name in names}

    def in_words(self) -> str:
        """Say who did what on which data, in two sentences."""
        held = ", ".join(f"{count:,} {name}" for name, count in self.data.items())
        return (
            f"{self.staff} members of staff (a page every {_span(self.staff_think)} s) and"
            f" {self.systems} systems (a request every {_span(self.api_think)} s) for"
            f" {self.seconds} s; {self.workers} web processes. The database held {held}."
        )


def _span(seconds: tuple[float, float]) -> str:
    return f"{seconds[0]:g} to {seconds[1]:g}"


def from_command_line(arguments: list[str] | None = None) -> Plan:
    """Read the options; those not given follow from the scale.

    >>> plan = from_command_line(["--users", "40"])
    >>> plan.scale, plan.staff, plan.customers
    ('small', 20, 20000)
    """
    parser = argparse.ArgumentParser(prog="make load", description="Work on the site as many.")
    parser.add_argument("--scale", choices=sorted(SCALES), default="small")
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--staff-share", type=float, default=0.5, help="The others ask the API.")
    parser.add_argument("--workers", type=int, default=2, help="Web processes.")
    parser.add_argument("--spawn", type=float, default=5.0, help="Users that come per second.")
    for name in SMALL:
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument(
        "--beside", choices=["hourly", "nightly"], default="", help="Scheduled work meanwhile."
    )
    parser.add_argument("--write", action="store_true", help="Keep the result in the docs.")
    given = parser.parse_args(arguments)
    usual = SCALES[given.scale]

    def amount(name: str) -> int:
        wanted: int | None = getattr(given, name)
        return usual[name] if wanted is None else wanted

    return Plan(
        scale=given.scale,
        users=given.users,
        customers=amount("customers"),
        orders=amount("orders"),
        signals=amount("signals"),
        contacts=amount("contacts"),
        campaigns=amount("campaigns"),
        seconds=amount("seconds"),
        workers=given.workers,
        staff_share=given.staff_share,
        spawn=given.spawn,
        beside=given.beside,
        write=given.write,
    )
