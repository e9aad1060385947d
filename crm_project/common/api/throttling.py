"""How often a caller may ask: one atomic bucket per token in Valkey, shared by all processes.

The generic cell rate algorithm keeps one number per caller: the time at which its bucket would be
empty again. A caller may use the whole rate at once; then requests return at the steady pace.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import redis
import structlog
from django.conf import settings
from rest_framework import throttling
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.models import ApiToken
from crm_project.common.services.tokens import parse_rate

if TYPE_CHECKING:
    # REST framework loads this module while it defines APIView.
    from rest_framework.views import APIView

logger = structlog.get_logger(__name__)

# Times are microseconds of the Valkey server's own clock: web servers need not agree.
_TAKE = """
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or now)
if full < now then full = now end
local after = full + interval
if after - now > interval * burst then
  return {0, 0, after - now - interval * burst, full - now}
end
redis.call('SET', KEYS[1], string.format('%.0f', after),
           'PX', math.ceil((after - now) / 1000) + 1)
return {1, math.floor((interval * burst - (after - now)) / interval), 0, after - now}
"""
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left after a request. Times in whole seconds, rounded up."""

    allowed: bool
    limit: int
    remaining: int
    retry_after: int
    reset_after: int


@cache
def _client() -> Any:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)


def take(key: str, rate: str) -> Allowance:
    """Take one request from the caller's bucket."""
    limit, seconds = parse_rate(rate)
    interval = seconds * _MICROSECONDS // limit
    allowed, remaining, wait, reset = _client().eval(_TAKE, 1, f"crm:rate:{key}", interval, limit)
    return Allowance(
        allowed=bool(allowed),
        limit=limit,
        remaining=int(remaining),
        retry_after=math.ceil(wait / _MICROSECONDS),
        reset_after=math.ceil(reset / _MICROSECONDS),
    )


class TokenRateThrottle(throttling.BaseThrottle):
    """Each token has its own rate; staff share the default; strangers are counted by address."""

    allowance: Allowance | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        key, rate = self._bucket(request)
        try:
            self.allowance = take(key, rate)
        except redis.RedisError:
            # Without Valkey nobody can be counted; answering is worth more than counting.
            logger.warning("the rate limit is not applied: Valkey does not answer")
            return True
        request._request.META["crm.allowance"] = self.allowance
        return self.allowance.allowed

    def wait(self) -> float | None:
        return self.allowance.retry_after if self.allowance else None

    def _bucket(self, request: Request) -> tuple[str, str]:
        rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
        if isinstance(request.auth, ApiToken):
            # By prefix: a restored database may give a number twice.
            return f"token:{request.auth.prefix}", request.auth.rate or rates["token"]
        if request.user.is_authenticated:
            return f"user:{request.user.pk}", rates["token"]
        return f"address:{self.get_ident(request)}", rates["anonymous"]


def add_headers(request: Request, response: Response) -> None:
    """Tell the caller what is left (draft-ietf-httpapi-ratelimit-headers, the widespread form)."""
    allowance: Allowance | None = request._request.META.get("crm.allowance")
    if allowance is not None:
        response["RateLimit-Limit"] = str(allowance.limit)
        response["RateLimit-Remaining"] = str(allowance.remaining)
        response["RateLimit-Reset"] = str(allowance.reset_after)
