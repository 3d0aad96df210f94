# In the place of redis:8, where images cannot be pulled: Debian's own.
ARG DEBIAN
FROM ${DEBIAN}
RUN apt-get update -qq && apt-get install -y --no-install-recommends redis-server \
    && install --directory --owner=redis --group=redis /data
VOLUME /data
WORKDIR /data
CMD ["redis-server"]
