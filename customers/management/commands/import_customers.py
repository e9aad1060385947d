from customers.management.import_command import ImportCommand


class Command(ImportCommand):
    help = "Import customers from a CSV file. Safe to run again on the same file."
    kind = "customers"
