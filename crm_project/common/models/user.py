from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """Somebody who works in the admin, or on whose behalf a token acts."""
