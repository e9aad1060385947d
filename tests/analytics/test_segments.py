"""The map of the 125 codes: whole, editable, remembered by each run."""

from collections import Counter
from datetime import date

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from pghistory.models import Events

from analytics.models import CurrentRfmScore, Segment, SegmentCell
from analytics.scoring import segments as rules
from analytics.services.rfm import score_rfm
from analytics.services.segments import SegmentMapError, current_map, install_defaults, save_map
from tests.analytics.support import shop

pytestmark = pytest.mark.django_db


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class TestDefaults:
    def test_each_of_the_125_codes_occurs_once(self):
        given = [cell for segment in rules.DEFAULTS for cell in segment.cells.split()]
        assert Counter(given) == dict.fromkeys(rules.ALL_CODES, 1)

    def test_they_are_installed(self):
        assert current_map() == rules.default_map()
        assert Segment.objects.count() == 12
        assert not install_defaults()

    def test_every_segment_says_who_and_what_to_do(self):
        assert not Segment.objects.filter(description="").exists()
        assert not Segment.objects.filter(advice="").exists()

    def test_colours_differ_and_show_on_white_and_on_black(self):
        colours = [segment.colour for segment in rules.DEFAULTS]
        assert len(set(colours)) == len(colours)
        for colour in colours:
            bright = luminance(colour)
            assert 1.05 / (bright + 0.05) >= 3, colour
            assert (bright + 0.05) / (luminance("#111827") + 0.05) >= 3, colour


class TestSaveMap:
    def test_a_change_is_kept_with_who_did_it(self, admin_user):
        cells = {**rules.default_map(), "111": "champions"}

        assert save_map(cells=cells, user=admin_user) == 1

        assert current_map()["111"] == "champions"
        event = Events.objects.get(pgh_obj_model="analytics.SegmentCell")
        assert event.pgh_context["user"] == admin_user.pk

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"111": None}, "no segment: 111"),
            ({"999": "lost"}, "not codes from 111 to 555: 999"),
            ({"111": "nobody"}, "no segment called nobody"),
            ({"111": "prospects"}, "Prospects have no scores"),
        ],
    )
    def test_a_map_that_is_not_whole_is_refused_in_words(self, change, words):
        cells = {**rules.default_map(), **change}
        cells = {code: segment for code, segment in cells.items() if segment is not None}

        with pytest.raises(SegmentMapError, match=words):
            save_map(cells=cells)

        assert current_map() == rules.default_map()

    def test_the_database_refuses_a_hole_too(self):
        SegmentCell.objects.filter(code="111").delete()
        with pytest.raises(IntegrityError, match="125 codes"), transaction.atomic():
            connection.check_constraints()
        SegmentCell.objects.create(code="111", segment=Segment.objects.get(code="lost"))

    @pytest.mark.parametrize("code", ["666", "11", "abc"])
    def test_the_database_refuses_a_code_that_does_not_exist(self, code):
        with pytest.raises(DatabaseError), transaction.atomic():
            SegmentCell.objects.filter(code="111").update(code=code)

    def test_segments_cannot_be_deleted(self):
        with pytest.raises(DatabaseError), transaction.atomic():
            Segment.objects.filter(code="prospects").delete()

    def test_the_next_run_uses_it_and_the_last_one_keeps_its_own(self):
        shop({"A": [("2011-11-09", "10")]})
        before = score_rfm(as_of=date(2011, 11, 9))
        code = CurrentRfmScore.objects.get().code

        save_map(cells={**rules.default_map(), code: "at-risk"})
        after = score_rfm(as_of=date(2011, 11, 9))

        assert CurrentRfmScore.objects.get().segment.code == "at-risk"
        assert before.segment_map[code] != "at-risk"
        assert before.map_hash != after.map_hash == rules.map_hash(current_map())
