"""Plugins are imported the way Airflow does it: with their folder on the path and a home of their own."""

import tests.dags.home  # noqa: F401
