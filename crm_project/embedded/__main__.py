"""``python -m crm_project.embedded [status|stop]``: look at the embedded servers, or stop them."""

import argparse
import sys

from crm_project.embedded import EmbeddedError, status, stop_services


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m crm_project.embedded", description=__doc__)
    parser.add_argument("action", choices=["status", "stop"], nargs="?", default="status")
    try:
        if parser.parse_args().action == "stop":
            stop_services()
        now = status()
    except EmbeddedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{now.home}\nPostgreSQL: {now.postgres}\nValkey: {now.valkey}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
