# One image for all of Airflow's services; the base may be any image with Python 3.11 and its venv module.
ARG BASE=python:3.11-slim
FROM ${BASE}

RUN useradd --create-home --uid 10001 chungtay \
    && mkdir -p /opt/chungtay /var/lib/chungtay/home /var/lib/chungtay/inbox /var/lib/chungtay/airflow \
    && chown -R chungtay /opt/chungtay /var/lib/chungtay
USER chungtay
WORKDIR /opt/chungtay
ENV PATH=/opt/chungtay/.venv/bin:${PATH} PYTHONUNBUFFERED=1

COPY --chown=chungtay setup.sh requirements.lock requirements-bootstrap.lock pyproject.toml README.md ./
COPY --chown=chungtay ingestion ingestion
COPY --chown=chungtay expectations expectations
COPY --chown=chungtay dbt_project dbt_project
COPY --chown=chungtay dags dags
RUN ./setup.sh
