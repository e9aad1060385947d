"""Callers that send known events to the CRM whatever happens to it, and know what it promised.

Every event carries its number. With a ``message_id`` it is sent again until it is accepted (a
few callers give up, as some do); without one it is sent once, for nothing could tell a
repetition from a second event.
"""

import base64
import http.client
import itertools
import json
import random
import threading
import time
from dataclasses import dataclass, field

from tests.waiting import wait_until

SINGLE, BATCH, SEGMENT = "/api/v1/signals", "/api/v1/signals/batch", "/v1/batch"
TIMEOUT_SECONDS = 30


@dataclass
class Promises:
    """What was sent, and what the server said about it; all by number."""

    sent: set[int] = field(default_factory=set)
    named: set[int] = field(default_factory=set)
    accepted: set[int] = field(default_factory=set)
    kept_aside: set[int] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    answers: dict[int, int] = field(default_factory=dict)
    failures: int = 0

    def merge(self, other):
        self.sent |= other.sent
        self.named |= other.named
        self.accepted |= other.accepted
        self.kept_aside |= other.kept_aside
        self.refused += other.refused
        self.failures += other.failures
        for status, times in other.answers.items():
            self.answers[status] = self.answers.get(status, 0) + times


class Sender:
    """``callers`` threads that send one number after the other to the server on ``port``.

    They go on until ``finish`` (what was begun is brought to its end) or ``stop`` (it is not).

    Args:
        batch: the largest number of events in one request.
        run: begins all message ids, so that runs do not meet.
    """

    def __init__(self, port, token, *, callers=8, batch=50, run="run", seed=1):
        self.port = port
        self.token = token
        self.batch = batch
        self.run = run
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        self.enough = threading.Event()
        self.stopping = threading.Event()
        self.accepted_at = time.monotonic()
        self.longest_gap = 0.0
        self.results = [Promises() for _ in range(callers)]
        self.threads = [
            threading.Thread(target=self._call, args=(result, random.Random(seed * 1000 + n)))
            for n, result in enumerate(self.results)
        ]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def progress(self):
        """Return how many events were accepted so far."""
        return sum(len(result.accepted) for result in self.results)

    def take_gap(self):
        """Return the longest time in seconds without a success, since this was asked last."""
        with self.lock:
            gap, self.longest_gap = self.longest_gap, 0.0
        return round(gap, 1)

    def answers(self):
        """Return the statuses that callers have seen so far; 0 stands for no answer."""
        return {status for result in self.results for status in list(result.answers)}

    def wait_for(self, accepted, *, seconds=240):
        """Wait until so many events were accepted in all."""
        wait_until(lambda: self.progress() >= accepted, seconds=seconds)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=TIMEOUT_SECONDS + 5)

    def finish(self, *, seconds=120):
        """Begin no further events, wait for those on their way, return all promises."""
        self.enough.set()
        end = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(timeout=max(0, end - time.monotonic()))
        busy = sum(thread.is_alive() for thread in self.threads)
        assert not busy, f"{busy} callers still wait, {self.progress()} events were accepted"
        everything = Promises()
        for result in self.results:
            everything.merge(result)
        return everything

    # --- One caller -----------------------------------------------------------------------

    def _call(self, result, chance):
        caller = Caller(self.port, self.token)
        try:
            while not self.stopping.is_set() and (numbers := self._take(chance)):
                self._deliver(caller, numbers, result, chance)
        finally:
            caller.close()

    def _take(self, chance):
        if self.enough.is_set():
            return []
        size = 1 if chance.random() < 0.5 else chance.randint(1, self.batch)
        with self.lock:
            return list(itertools.islice(self.numbers, size))

    def _deliver(self, caller, numbers, result, chance):
        named = chance.random() < 0.9
        path = SINGLE if len(numbers) == 1 else chance.choice([BATCH, SEGMENT])
        body = self._body(path, numbers, named)
        patience = 1 if not named else 2 if chance.random() < 0.05 else 100_000
        result.sent.update(numbers)
        if named:
            result.named.update(numbers)
        while patience and not self.stopping.is_set():
            patience -= 1
            status, answer = caller.post(path, body)
            result.answers[status] = result.answers.get(status, 0) + 1
            if 200 <= status < 300:
                self._note(path, numbers, answer, result)
                return
            if status and status not in (429, 500, 502, 503, 504):
                result.refused.append(f"{path}: {status} {answer}")
                return
            result.failures += 1
            self.stopping.wait(0.02 + 0.1 * chance.random())

    def _note(self, path, numbers, answer, result):
        with self.lock:
            now = time.monotonic()
            self.longest_gap = max(self.longest_gap, now - self.accepted_at)
            self.accepted_at = now
        rejected = {numbers[problem["index"]] for problem in answer.get("rejected", [])}
        result.accepted.update(set(numbers) - rejected)
        # Libraries do not read answers: what they sent is kept aside, with the reason.
        expected = {n for n in numbers if path == SEGMENT and is_poison(n)}
        result.kept_aside |= rejected & expected
        if rejected != expected:
            result.refused.append(f"{path}: {answer}")

    def _body(self, path, numbers, named):
        if path == SEGMENT:
            return json.dumps({"batch": [self._segment_event(n, named) for n in numbers]})
        events = [self._event(n, named) for n in numbers]
        return json.dumps(events[0] if path == SINGLE else {"signals": events})

    def _event(self, number, named):
        event = {
            "event_type": ("view", "add_to_cart", "email_opened", "something_new")[number % 4],
            "customer_id": f"C{number % 97}",
            "signal_data": {"n": number, "note": "é" * (number % 50)},
        }
        return event | ({"message_id": self._name(number)} if named else {})

    def _segment_event(self, number, named):
        event = {
            "type": "track",
            "event": "Product Viewed",
            "properties": {"n": number},
        }
        if not is_poison(number):
            event["userId"] = f"C{number % 97}"
        return event | ({"messageId": self._name(number)} if named else {})

    def _name(self, number):
        return f"{self.run}-{number}"


def is_poison(number):
    """Tell whether a library sends this event without saying of whom."""
    return number % 101 == 100


class Caller:
    """One keep-alive connection, made again when it broke."""

    def __init__(self, port, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        basic = base64.b64encode(f"{token}:".encode()).decode()
        self.headers = {
            SEGMENT: {"Authorization": f"Basic {basic}", "Content-Type": "application/json"},
            None: {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        }

    def post(self, path, body):
        """Return (status, answer); status 0 when no whole answer came."""
        headers = self.headers.get(path, self.headers[None])
        try:
            self.connection.request("POST", path, body.encode(), headers)
            response = self.connection.getresponse()
            text = response.read()
            return response.status, json.loads(text or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            self.connection.close()
            return 0, {}

    def close(self):
        self.connection.close()
