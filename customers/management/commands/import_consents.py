from customers.management.import_command import ImportCommand


class Command(ImportCommand):
    help = "Import consents from a CSV file: the newest decision stands. Safe to run again."
    kind = "consents"
