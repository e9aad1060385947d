from collections.abc import Iterable
from typing import Any

from django.http import Http404
from django.utils.translation import get_language
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from crm_project.common.api.pagination import whole_number
from crm_project.common.api.permissions import may
from crm_project.common.api.views import CrmViewSet
from customers.models import Customer
from customers.selectors.customers import by_code
from orders.models import Product
from recommendations.api import explanation_serializers as shapes
from recommendations.models import RecoExclusion, RecoItem, RecoRun
from recommendations.selectors import recommendations as found
from recommendations.selectors.asked import customers_by_code
from recommendations.selectors.explanations import Explanation, explain
from recommendations.selectors.proofs import Line, proofs
from recommendations.selectors.run_counts import statuses
from recommendations.selectors.why_not import why_not
from recommendations.selectors.words.languages import languages, spoken
from recommendations.selectors.words.refusals import refusal

RUNS, MOST_RUNS = 10, 50
_LANGUAGE = OpenApiParameter(
    "language", OpenApiTypes.STR, enum=list(languages()),
    description="Of all sentences. Without it: what Accept-Language prefers.",
)  # fmt: skip
_RUN = OpenApiParameter(
    "run", OpenApiTypes.INT, description="Of this run. Without it: of the current one."
)
_LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MOST_RUNS, "default": RUNS},
    description="How many runs, newest first.",
)
_SHOWS = "recommendations.view_recoitem"


def _customer(code: str) -> Customer:
    customer = by_code(code)
    if customer is None:
        raise Http404
    return customer


def _language(request: Request) -> str:
    """Return the language asked for, or the reader's; refuses one that nothing is written in."""
    asked = request.query_params.get("language")
    if asked is None:
        return get_language() or "en"
    if asked not in languages():
        raise exceptions.ValidationError({"language": [f"Give one of: {', '.join(languages())}."]})
    return asked


def _run(request: Request) -> RecoRun | None:
    """Return the run asked for, or the current one; None before the first."""
    if "run" not in request.query_params:
        return found.current_run()
    number = whole_number(request, "run", 0, minimum=1)
    run = RecoRun.objects.succeeded().filter(pk=number).first() if number < 2**31 else None
    if run is None:
        raise exceptions.ValidationError({"run": ["There is no such run."]})
    return run


def _exclusions(one: found.CustomerList, language: str) -> list[dict[str, Any]]:
    with spoken(language):
        return [
            _exclusion(kept, words)
            for kept, words in ((one.offer, one.nothing), (one.contact, one.silent))
            if kept is not None
        ]


def _exclusion(kept: RecoExclusion, words: str) -> dict[str, Any]:
    words = words or refusal(kept.code, kept.details)
    return {"stage": kept.stage, "code": kept.code, "words": words, "details": kept.details}


def _told(
    one: found.CustomerList | None, items: Iterable[Any], language: str, **more: Any
) -> dict[str, Any]:
    """Return a customer's list as it is sent."""
    if one is None:
        empty: dict[str, Any] = {"run": None, "as_of": None, "exclusions": [], "items": []}
        with spoken(language):
            return {**empty, "reason": refusal(found.NO_RUN), **more}
    with spoken(language):
        reason = one.nothing or None
    return {
        "run": one.run.pk,
        "as_of": one.run.as_of,
        "reason": reason,
        "exclusions": _exclusions(one, language),
        "items": list(items),
        **more,
    }


class _WithLines:
    """An explanation and the order lines that prove it, as one object for the serializer."""

    def __init__(self, explanation: Explanation, lines: list[Line] | None) -> None:
        self._explanation = explanation
        self.lines = lines

    def __getattr__(self, name: str) -> Any:
        return getattr(self._explanation, name)


def _with_lines(
    request: Request, items: Iterable[RecoItem], language: str
) -> list[_WithLines]:  # fmt: skip
    """Explain items; order lines only for those who may read orders."""
    explained = explain(items, language=language)
    if not may(request, ("orders:read",), ("orders.view_order",)):
        return [_WithLines(one, None) for one in explained]
    lines = proofs(explained)
    return [_WithLines(one, lines[one.item.pk]) for one in explained]


@extend_schema(tags=["recommendations"])
class RecommendationViewSet(CrmViewSet):
    """What to offer whom next, why, and why not."""

    queryset = RecoItem.objects.all()
    serializer_class = shapes.CustomerRecommendationsSerializer
    filter_backends: list[Any] = []
    pagination_class = None
    extra_parameters = {
        "retrieve": ("language", "run"),
        "history": ("language", "limit"),
        "exclusions": ("language", "limit"),
        "why_not": ("language", "product", "run"),
        "batch": ("language", "run"),
    }
    required_scopes = dict.fromkeys(
        ("overview", "retrieve", "history", "exclusions", "why_not", "batch"),
        "recommendations:read",
    )
    staff_permissions = dict.fromkeys(required_scopes, _SHOWS)

    @extend_schema(
        summary="Read the current run at a glance",
        operation_id="recommendations_overview",
        responses=shapes.OverviewSerializer,
    )
    def overview(self, request: Request) -> Response:
        run = found.current_run()
        if run is None:
            empty = dict.fromkeys(shapes.OverviewSerializer.Meta.fields)
            return Response({**empty, "reason": refusal(found.NO_RUN)})
        run.statuses = statuses(run=run)  # type: ignore[attr-defined] # only to be shown
        run.reason = None  # type: ignore[attr-defined] # only to be shown
        return Response(shapes.OverviewSerializer(run).data)

    @extend_schema(
        summary="Read a customer's recommendations with their reasons",
        operation_id="recommendations_retrieve",
        parameters=[_LANGUAGE, _RUN],
        responses=shapes.CustomerRecommendationsSerializer,
    )
    def retrieve(self, request: Request, customer: str) -> Response:
        """Whether a campaign may write to the customer is asked of ``/contactability``."""
        who, language, run = _customer(customer), _language(request), _run(request)
        one = found.list_of(customer_id=who.pk, run=run) if run else None
        items = _with_lines(request, one.items if one else (), language)
        told = _told(one, items, language, customer=who.code)
        return Response(shapes.CustomerRecommendationsSerializer(told).data)

    @extend_schema(
        summary="Read what earlier runs offered a customer",
        operation_id="recommendations_history",
        parameters=[_LANGUAGE, _LIMIT],
        responses=shapes.HistorySerializer,
    )
    def history(self, request: Request, customer: str) -> Response:
        who, language = _customer(customer), _language(request)
        lists = found.history(customer_id=who.pk, runs=_limit(request))
        short = {one.item.pk: one for one in explain(_all(lists), language=language)}
        results = [_told(one, [short[item.pk] for item in one.items], language) for one in lists]
        told = {"customer": who.code, "results": results}
        return Response(shapes.HistorySerializer(told).data)

    @extend_schema(
        summary="Read why a customer was offered nothing, or was not to be contacted",
        operation_id="recommendations_exclusions",
        parameters=[_LANGUAGE, _LIMIT],
        responses=shapes.ExclusionsSerializer,
    )
    def exclusions(self, request: Request, customer: str) -> Response:
        who, language = _customer(customer), _language(request)
        results = [
            {"run": one.run.pk, "as_of": one.run.as_of, **kept}
            for one in found.history(customer_id=who.pk, runs=_limit(request))
            for kept in _exclusions(one, language)
        ]
        told = {"customer": who.code, "results": results}
        return Response(shapes.ExclusionsSerializer(told).data)

    @extend_schema(
        summary="Ask why a product is not offered to a customer",
        operation_id="recommendations_why_not",
        parameters=[
            OpenApiParameter("product", str, required=True, description="The product's key."),
            _LANGUAGE,
            _RUN,
        ],
        responses=shapes.WhyNotSerializer,
    )
    def why_not(self, request: Request, customer: str) -> Response:
        """Answers for every customer and product; where it is offered, it says that."""
        who, language = _customer(customer), _language(request)
        product = _product(request)
        answer = why_not(customer=who, product=product, run=_run(request), language=language)
        return Response(shapes.WhyNotSerializer(answer).data)

    @extend_schema(
        summary="Read the recommendations of many customers",
        operation_id="recommendations_batch",
        parameters=[_LANGUAGE, _RUN],
        request=shapes.BatchSerializer,
        responses=shapes.BatchAnswerSerializer,
    )
    def batch(self, request: Request) -> Response:
        """Without components and evidence: these are read for each customer or item."""
        codes = self.checked(shapes.BatchSerializer(data=request.data))["customers"]
        language, run = _language(request), _run(request)
        known = customers_by_code(codes)
        told = _batch(codes, known, run, language)
        return Response(shapes.BatchAnswerSerializer(told).data)


@extend_schema(tags=["recommendations"])
class ItemExplanationViewSet(CrmViewSet):
    """Why one item is in the list."""

    queryset = RecoItem.objects.all()
    serializer_class = shapes.ItemExplanationSerializer
    filter_backends: list[Any] = []
    pagination_class = None
    extra_parameters = {"explanation": ("language",)}
    required_scopes = {"explanation": "recommendations:read"}
    staff_permissions = {"explanation": _SHOWS}

    @extend_schema(
        summary="Read why an item is recommended",
        operation_id="reco_items_explanation",
        parameters=[_LANGUAGE],
        responses=shapes.ItemExplanationSerializer,
    )
    def explanation(self, request: Request, item_id: str) -> Response:
        language = _language(request)
        item = found.item(item_id=int(item_id))
        if item is None:
            raise Http404
        explained = _with_lines(request, [item], language)[0]
        return Response(shapes.ItemExplanationSerializer(explained).data)


def _all(lists: Iterable[found.CustomerList]) -> list[RecoItem]:
    return [item for one in lists for item in one.items]


def _batch(
    codes: list[str], known: dict[str, Customer], run: RecoRun | None, language: str
) -> dict[str, Any]:
    lists = found.lists_of(customers={who.pk for who in known.values()}, run=run) if run else {}
    short = {one.item.pk: one for one in explain(_all(lists.values()), language=language)}

    def row(asked: str, who: Customer) -> dict[str, Any]:
        one = lists.get(who.pk)
        items = [short[item.pk] for item in one.items] if one else []
        return _told(one, items, language, customer=who.code, asked=asked)

    return {
        "run": run.pk if run else None,
        "as_of": run.as_of if run else None,
        "results": [row(code, known[code]) for code in dict.fromkeys(codes) if code in known],
        "unknown": [code for code in dict.fromkeys(codes) if code not in known],
    }


def _product(request: Request) -> Product:
    key = request.query_params.get("product", "")
    if not key:
        raise exceptions.ValidationError({"product": ["Give the key of a product."]})
    product = None if "\x00" in key else Product.objects.filter(key=key).first()
    if product is None:
        raise exceptions.ValidationError({"product": ["There is no product with this key."]})
    return product


def _limit(request: Request) -> int:
    return min(whole_number(request, "limit", RUNS, minimum=1), MOST_RUNS)
