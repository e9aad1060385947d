"""What people (and crawlers) do, each as a list of what happens and when."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from analytics.ingest.made.clock import DAY, HOUR, SECOND
from analytics.ingest.made.world import Bought, Goods, World

UNKNOWN_SHARE = 0.08
"""Visits of people who never said who they are."""
CRAWLERS = 5

_DEVICES = ("mobile", "desktop", "mobile", "tablet", "desktop", "mobile")
_REFERRERS = ("search", "direct", "search", "social", "newsletter", "partner")
_COMMANDS = ("/start", "/catalogue", "/orders", "/help", "/offers")
_CHANNELS = ("chat", "form", "e-mail", "telephone")
_QUESTIONS = (
    "When will the {label} be back in stock?",
    "Is there a discount for more than fifty of the {label}?",
    "The {label} arrived broken, what now?",
    "Can the {label} be delivered before the weekend?",
)


class Happening(NamedTuple):
    """One thing that happened, at ``at`` µs since the epoch."""

    at: int
    event_type: str
    customer: str
    product: str
    data: dict[str, Any]


@dataclass(slots=True)
class Teller:
    """Tells stories about one world with one source of chance, numbering visits and orders."""

    world: World
    chance: Random
    tag: str
    numbers: int = 0

    def next_number(self) -> str:
        self.numbers += 1
        return f"{self.tag}-{self.numbers}"

    def customer(self) -> str:
        # A low power of chance: few people come often, most seldom.
        return self.world.customers[int(len(self.world.customers) * self.chance.random() ** 2.5)]

    def goods(self) -> Goods:
        return self.world.goods[int(len(self.world.goods) * self.chance.random() ** 2)]

    def visitor(self) -> str:
        if self.chance.random() < UNKNOWN_SHARE:
            return f"anon-{self.tag}-{int(self.chance.random() * 1e9):09}"
        return self.customer()

    def pause(self, mean_seconds: float) -> int:
        """Return some µs, mostly fewer than the mean, seldom far more; at least a second."""
        return SECOND + int(self.chance.expovariate(1 / mean_seconds) * SECOND)

    def one_of(self, choices: tuple[str, ...]) -> str:
        return choices[int(self.chance.random() * len(choices))]


Story = list[Happening]


def visit(teller: Teller, at: int, customer: str = "") -> Story:
    """Some articles are looked at, some put into the cart, and sometimes the cart is bought."""
    chance, customer = teller.chance, customer or teller.visitor()
    seen = {
        "session": teller.next_number(),
        "device": teller.one_of(_DEVICES),
        "referrer": teller.one_of(_REFERRERS),
    }
    story: Story = []
    cart: list[tuple[Goods, int]] = []
    for _ in range(1 + min(int(chance.expovariate(1 / 3.2)), 25)):
        goods = teller.goods()
        story.append(_view(teller, at, customer, goods, seen))
        at += teller.pause(45)
        if chance.random() < 0.18:
            quantity = 1 + min(int(chance.expovariate(0.7)), 11)
            cart.append((goods, quantity))
            story.append(_cart(teller, at, customer, goods, quantity, seen))
            at += teller.pause(20)
    if cart and teller.world.orders is None and chance.random() < 0.35:
        number = f"MADE-{teller.next_number()}"
        at += teller.pause(60)
        for goods, quantity in cart:
            amount = goods.price * quantity
            story.append(_purchase(teller, at, customer, goods, (number, quantity, amount), seen))
    return story


def before_order(teller: Teller, order: Bought) -> Story:
    """The visit that ends in a real order: its articles seen, put into the cart, bought."""
    seen = {"session": teller.next_number(), "device": teller.one_of(_DEVICES)}
    carted: list[Happening] = []
    at = order.at
    for goods, quantity, _ in reversed(order.lines):
        at -= teller.pause(20)
        carted.append(_cart(teller, at, order.customer, goods, quantity, seen))
        at -= teller.pause(40)
        carted.append(_view(teller, at, order.customer, goods, seen))
    bought = [
        _purchase(teller, order.at, order.customer, goods, (order.number, quantity, amount), seen)
        for goods, quantity, amount in order.lines
    ]
    return carted[::-1] + bought


def mail(teller: Teller, at: int, campaign: str) -> Story:
    """One letter of a mailing: sent within a quarter of an hour, opened by some, clicked by few."""
    chance, customer = teller.chance, teller.customer()
    about = {"campaign": campaign, "subject": f"New this week: {teller.world.goods[0].label}"}
    at += int(chance.random() * 900 * SECOND)
    story = [Happening(at, "email_sent", customer, "", dict(about))]
    if chance.random() < 0.32:
        at += teller.pause(2.5 * 3600)
        story.append(Happening(at, "email_opened", customer, "", dict(about)))
        if chance.random() < 0.3:
            at += teller.pause(40)
            goods = teller.goods()
            link = {**about, "link": f"https://shop.example/p/{goods.key}"}
            story.append(Happening(at, "email_clicked", customer, goods.key, link))
            story += visit(teller, at + teller.pause(5), customer)
    return story


def chat(teller: Teller, at: int) -> Story:
    """A few commands to the messenger bot."""
    customer, story = teller.customer(), []
    for _ in range(1 + int(teller.chance.random() * 4)):
        command = teller.one_of(_COMMANDS)
        story.append(Happening(at, "bot_command", customer, "", {"command": command}))
        at += teller.pause(15)
    return story


def inquiry(teller: Teller, at: int) -> Story:
    """Someone looks at an article and asks about it."""
    customer, goods = teller.visitor(), teller.goods()
    text = teller.one_of(_QUESTIONS).format(label=goods.label)
    data = {"channel": teller.one_of(_CHANNELS), "text": text}
    return [
        _view(teller, at, customer, goods, {"session": teller.next_number()}),
        Happening(at + teller.pause(120), "inquiry", customer, goods.key, data),
    ]


def crawl(teller: Teller, at: int) -> Story:
    """A crawler reads page after page, faster than anyone can look."""
    chance = teller.chance
    name = f"bot-{1 + int(chance.random() * CRAWLERS)}"
    seen = {"session": teller.next_number(), "agent": "ExampleBot/1.0 (+https://bot.example)"}
    story: Story = []
    for _ in range(60 + int(chance.random() * 180)):
        story.append(_view(teller, at, name, teller.goods(), seen))
        at += int((0.2 + chance.random()) * SECOND)
    return story


def deal(teller: Teller, at: int) -> Story:
    """A sale to a business in the making: a call, perhaps a meeting, perhaps a demonstration."""
    chance, customer = teller.chance, teller.customer()
    times = 1 + int(chance.random() * 6)
    story = [Happening(at, "call_made", customer, "", {"metadata": {"interactionCount": times}})]
    if chance.random() < 0.5:
        hours = round(chance.expovariate(1 / 20), 1)
        at += int(hours * HOUR) + HOUR
        told = {"metadata": {"responseTimeHours": hours, "interactionCount": times + 1}}
        story.append(Happening(at, "meeting_booked", customer, "", told))
        if chance.random() < 0.6:
            at += int((1 + chance.random() * 6) * DAY)
            told = {"metadata": {"interactionCount": times + 2}}
            story.append(Happening(at, "demo_completed", customer, "", told))
    return story


Tale = Callable[[Teller, int], Story]

USUAL: tuple[tuple[float, Tale], ...] = (
    (0.86, visit),
    (0.92, chat),
    (0.965, inquiry),
    (0.997, deal),
    (1.0, crawl),
)
"""What begins at a usual moment: each with the sum of the chances so far."""


def usual(teller: Teller, at: int) -> Story:
    """Tell one of the usual stories."""
    chance = teller.chance.random()
    return next(tale for upto, tale in USUAL if chance < upto)(teller, at)


def _view(teller: Teller, at: int, who: str, goods: Goods, seen: dict[str, Any]) -> Happening:
    data = {**seen, "title": goods.label, "price": goods.price, "currency": teller.world.currency}
    return Happening(at, "view", who, goods.key, data)


def _cart(
    teller: Teller, at: int, who: str, goods: Goods, quantity: int, seen: dict[str, Any]
) -> Happening:
    data = {**seen, "price": goods.price, "quantity": quantity, "currency": teller.world.currency}
    return Happening(at, "add_to_cart", who, goods.key, data)


def _purchase(
    teller: Teller,
    at: int,
    who: str,
    goods: Goods,
    line: tuple[str, int, Decimal],
    seen: dict[str, Any],
) -> Happening:
    number, quantity, amount = line
    data = {**seen, "order": number, "quantity": quantity, "amount": amount}
    return Happening(at, "purchase", who, goods.key, {**data, "currency": teller.world.currency})
