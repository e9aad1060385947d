from crm_project.common.api.routers import CrmRouter
from customers.api.consents import BlockViewSet, ConsentViewSet
from customers.api.contacts import CampaignViewSet, ContactViewSet
from customers.api.customers import CustomerViewSet
from customers.api.imports import ImportViewSet

router = CrmRouter()
router.register("customers", CustomerViewSet, basename="customer")
router.register("contacts", ContactViewSet, basename="contact")
router.register("consents", ConsentViewSet, basename="consent")
router.register("contact-blocks", BlockViewSet, basename="contact-block")
router.register("campaigns", CampaignViewSet, basename="campaign")
router.register("imports", ImportViewSet, basename="import")
urlpatterns = router.urls
