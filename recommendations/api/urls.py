from crm_project.common.api.routers import CrmRouter

router = CrmRouter()
urlpatterns = router.urls
