"""Why not this product for this customer: a page that answers for every pair of them."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from customers.models import Customer
from customers.selectors.customers import by_code
from recommendations.admin.item_filters import run_asked
from recommendations.selectors.asked import products_like
from recommendations.selectors.recommendations import list_of
from recommendations.selectors.why_not import why_not

PERMISSIONS = ["recommendations.view_recoitem", "customers.view_customer"]


def why_not_view(request: HttpRequest) -> HttpResponse:
    """Show the answer, or the products that the words could mean."""
    if not request.user.has_perms(PERMISSIONS):
        raise PermissionDenied
    code = _asked(request, "customer")
    words = _asked(request, "product")
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Why not this product?",
        "code": code,
        "words": words,
        "run": run_asked(request),
    }
    customer = by_code(code) if code else None
    context["customer"] = customer
    if customer is not None:
        context |= _answered(context["run"], customer, words)
    return TemplateResponse(request, "crm/reco_why_not.html", context)


def _asked(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").strip().replace("\x00", "")[:300]


def _answered(run: Any, customer: Customer, words: str) -> dict[str, Any]:
    found = list_of(customer_id=customer.pk, run=run) if run else None
    products = products_like(words)
    if len(products) != 1:
        return {"found": found, "products": products}
    answer = why_not(customer=customer, product=products[0], run=run)
    return {"found": found, "product": products[0], "answer": answer}
