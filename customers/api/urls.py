from crm_project.common.api.routers import CrmRouter
from customers.api.contacts import CampaignViewSet, ContactViewSet
from customers.api.customers import CustomerViewSet
from customers.api.imports import ImportViewSet

router = CrmRouter()
router.register("customers", CustomerViewSet, basename="customer")
router.register("contacts", ContactViewSet, basename="contact")
router.register("campaigns", CampaignViewSet, basename="campaign")
router.register("imports", ImportViewSet, basename="import")
urlpatterns = router.urls
