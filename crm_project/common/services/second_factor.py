"""The second factor of people who sign in: an authenticator app, and codes for a lost phone."""

from dataclasses import dataclass

from django.db import transaction
from django_otp import devices_for_user, match_token
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from crm_project.common.models import User

RECOVERY_CODES = 10
_APP = "Authenticator app"
_CODES = "Recovery codes"


@dataclass(frozen=True, slots=True)
class SetUp:
    """A second factor that works from now on. The codes are shown once and work once each."""

    device: Device
    recovery_codes: tuple[str, ...]


def has_second_factor(user: User) -> bool:
    """Return whether somebody has set one up."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


@transaction.atomic
def begin_set_up(*, user: User, begun: int | None = None) -> TOTPDevice:
    """Return the key that an app is to be given, until its first code confirms it.

    Args:
        user: who sets it up.
        begun: the device of an earlier look at the page, in the same session: its key is shown
            again. A key that another session has seen is thrown away: whoever knows the password
            could have looked at it, and would know every code once its owner had confirmed it.
    """
    User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    waiting = TOTPDevice.objects.filter(user=user, confirmed=False)
    waiting.exclude(pk=begun).delete()
    device: TOTPDevice | None = waiting.filter(pk=begun).first()
    return device or TOTPDevice.objects.create(user=user, confirmed=False, name=_APP)


def finish_set_up(*, user: User, begun: int | None, code: str) -> SetUp | None:
    """Switch the second factor on if the app shows the right code; None if it does not.

    Somebody who has one already gets none this way: it would be a way around it.
    """
    with transaction.atomic():
        User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        device = TOTPDevice.objects.filter(user=user, confirmed=False, pk=begun).first()
        if device is None or has_second_factor(user) or not _matches(device, code):
            return None
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        return SetUp(device=device, recovery_codes=_new_codes(user))


def check_code(*, user: User, code: str) -> Device | None:
    """Return the device whose code this is. Each failure makes the next try wait longer."""
    found: Device | None = match_token(user, _plain(code))
    return found


@transaction.atomic
def remove_second_factor(*, user: User) -> int:
    """Take away all devices and codes, so that they set one up anew; return how many devices."""
    devices = [*devices_for_user(user, confirmed=None)]
    for device in devices:
        device.delete()
    return len(devices)


def _matches(device: TOTPDevice, code: str) -> bool:
    allowed, _ = device.verify_is_allowed()
    return bool(allowed and device.verify_token(_plain(code)))


def _plain(code: str) -> str:
    """Take out what apps and people put between the digits."""
    return code.replace(" ", "").replace("-", "").strip().lower()[:32]


def _new_codes(user: User) -> tuple[str, ...]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name=_CODES, confirmed=True)
    codes = tuple(StaticToken.random_token() for _ in range(RECOVERY_CODES))
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes
