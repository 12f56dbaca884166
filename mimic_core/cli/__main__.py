"""``python -m mimic_core.cli``, the same as ``mimic``."""

from mimic_core.cli.app import main

if __name__ == "__main__":
    main()
