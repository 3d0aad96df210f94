# One image for all services but the databases and the broker; the base may be any with Python 3.11 and its venv module.
ARG BASE=python:3.11.14-slim-bookworm
FROM ${BASE}

WORKDIR /opt/chungtay
ENV PATH=/opt/chungtay/.venv/bin:${PATH} PYTHONPATH=/opt/chungtay PYTHONUNBUFFERED=1

# first what changes rarely
COPY setup.sh requirements.lock requirements-bootstrap.lock pyproject.toml README.md ./
RUN mkdir ingestion expectations dbt_project && ./setup.sh

COPY ingestion ingestion
COPY expectations expectations
COPY dbt_project dbt_project
COPY dags dags
COPY docker/health.py docker/health.py
RUN .venv/bin/python -m compileall -q ingestion expectations dbt_project dags docker

# code belongs to root; what runs owns only the places of its data, where volumes are mounted
RUN useradd --no-create-home --uid 10001 chungtay \
    && install --directory --owner=chungtay --group=chungtay --mode=0750 \
        /var/lib/chungtay /var/lib/chungtay/home /var/lib/chungtay/home/airflow /var/lib/chungtay/home/airflow/logs \
        /var/lib/chungtay/inbox /var/lib/chungtay/outbox /var/lib/chungtay/backups
USER 10001:10001
