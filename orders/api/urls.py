from crm_project.common.api.routers import CrmRouter
from orders.api.orders import OrderViewSet
from orders.api.products import ProductViewSet

router = CrmRouter()
router.register("products", ProductViewSet, basename="product")
router.register("orders", OrderViewSet, basename="order")
urlpatterns = router.urls
