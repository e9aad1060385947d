from django.contrib.postgres.operations import TrigramExtension, UnaccentExtension
from django.db import migrations


class Migration(migrations.Migration):
    """Extensions that search needs; both are trusted, so the owner role may create them."""

    dependencies = [("common", "0001_initial")]

    operations = [TrigramExtension(), UnaccentExtension()]
