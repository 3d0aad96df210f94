# In the place of python:3.11, where images cannot be pulled: Debian's own.
ARG DEBIAN
FROM ${DEBIAN}
RUN apt-get update -qq && apt-get install -y --no-install-recommends python3.11 python3.11-venv
# how this machine reaches its registry
COPY ca-certificates.crt /etc/ssl/registry.crt
COPY pip.conf /etc/pip.conf
ENV SSL_CERT_FILE=/etc/ssl/registry.crt PIP_CERT=/etc/ssl/registry.crt
