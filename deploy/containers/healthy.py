#!/opt/vobroker/bin/python
"""Say by its status whether an address answers: ``healthy http://127.0.0.1:8080/health``."""

import sys
from urllib.error import URLError
from urllib.request import urlopen

try:
    with urlopen(sys.argv[1], timeout=10) as answer:  # noqa: S310 - the address is the compose file's
        sys.exit(answer.status != 200)
except (OSError, URLError) as error:
    sys.exit(f"{sys.argv[1]}: {error}")
