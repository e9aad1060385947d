from customers.management.import_command import ImportCommand


class Command(ImportCommand):
    help = "Import products from a CSV file. Safe to run again on the same file."
    kind = "products"
