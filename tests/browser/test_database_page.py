"""The page Database in a browser, wide and narrow, light and dark."""

import pytest

from tests.factories import OrderFactory

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_it_fits_wide_and_narrow_pages(signed_in, live_server, shot):
    OrderFactory()
    signed_in.goto(f"{live_server.url}/admin/common/refreshstate/database/")
    signed_in.wait_for_selector("#tables")
    shot("wide")
    signed_in.emulate_media(color_scheme="dark")
    signed_in.set_viewport_size({"width": 390, "height": 844})
    signed_in.reload()
    signed_in.wait_for_selector("#tables")
    shot("phone-dark")
    wide = signed_in.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert wide
