"""The local stack: a PostgreSQL server and Airflow, both in the home, both without root and without containers."""
