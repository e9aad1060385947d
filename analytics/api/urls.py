from analytics.api.rfm import RfmViewSet, RunViewSet
from crm_project.common.api.routers import CrmRouter

router = CrmRouter()
# First, or "runs" would be taken for a customer's code.
router.register("rfm/runs", RunViewSet, basename="rfm-run")
router.register("rfm", RfmViewSet, basename="rfm")
urlpatterns = router.urls
