from crm_project.common.api.routers import CrmRouter
from customers.api.customers import CustomerViewSet

router = CrmRouter()
router.register("customers", CustomerViewSet, basename="customer")
urlpatterns = router.urls
