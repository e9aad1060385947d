from crm_project.common.api.routers import CrmRouter
from orders.api.labels import (
    CatalogueViewSet,
    LabelSuggestionViewSet,
    ProductAliasViewSet,
)
from orders.api.orders import OrderViewSet
from orders.api.products import ProductViewSet

router = CrmRouter()
router.register("products", ProductViewSet, basename="product")
router.register("product-aliases", ProductAliasViewSet, basename="product-alias")
router.register("label-suggestions", LabelSuggestionViewSet, basename="label-suggestion")
router.register("catalogue", CatalogueViewSet, basename="catalogue")
router.register("orders", OrderViewSet, basename="order")
urlpatterns = router.urls
