"""From a sender's file to accepted rows, and from accepted rows to an answer.

This package knows PostgreSQL and workbooks. It knows neither Airflow (`dags/`), nor dbt (`dbt_project/`), nor Great
Expectations (`expectations/`); a convention test keeps it so.
"""
