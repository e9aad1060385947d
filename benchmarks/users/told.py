"""What the users were told before they came. Read in locust's environment: no Django."""
# ruff: noqa: S311 - chance decides who is looked at; nothing here is secret

import itertools
import json
import os
import random
from pathlib import Path
from typing import Any

TOLD: dict[str, Any] = json.loads(Path(os.environ["CRM_LOAD_LETTER"]).read_text())
DATA = TOLD["data"]
staff = itertools.cycle(TOLD["staff"])
tokens = itertools.cycle(TOLD["tokens"])


def customer() -> int:
    """Return the place of a customer, the first ones more often: they buy more."""
    return int(DATA["customers"] * random.random() ** 1.3)


def customer_key() -> int:
    """Return the key of a customer, the first ones more often."""
    first: int = DATA["first_customer"]
    return first + customer()


def code() -> str:
    """Return the code of a customer, the first ones more often."""
    return f"C{customer() + 1:08}"


def product() -> str:
    """Return the key of an article, the first ones more often."""
    return f"P{int(3000 * random.random() ** 2) + 1:05}"


def word() -> str:
    """Return a word that signals have in their titles, common ones more often."""
    return f"word{int(20000 ** random.random())}"
