"""``python -m vobroker`` is the command ``vobroker``."""

from vobroker.cli import main

if __name__ == "__main__":
    main()
