"""Every path works with and without its last slash: nothing is redirected, no POST is lost."""

from rest_framework.routers import SimpleRouter


class CrmRouter(SimpleRouter):
    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = "/?"
