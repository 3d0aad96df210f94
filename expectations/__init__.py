"""The Great Expectations project: suites, business rules and the gate."""

import logging
import os

# Before Great Expectations is imported: it reads the one, and its import logs a line per function that it registers.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
logging.getLogger("great_expectations").setLevel(logging.WARNING)
