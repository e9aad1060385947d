# syntax=docker/dockerfile:1

# --- Packages, checked by hash ---------------------------------------------------------------
FROM python:3.13-slim-trixie AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements/prod.txt /tmp/prod.txt
RUN /opt/venv/bin/pip install --require-hashes --only-binary :all: -r /tmp/prod.txt

# --- The image that runs ---------------------------------------------------------------------
FROM python:3.13-slim-trixie
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CRM_ENV=production \
    CRM_HOME=/data \
    STATIC_ROOT=/srv/static
# pg_dump and pg_restore for backups; Debian's own are older than the server.
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-common ca-certificates \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install --yes --no-install-recommends postgresql-client-18 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin crm \
    && install -d -o crm -g crm /data /data/uploads
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/crm
COPY . .
# Names that lead nowhere: collecting files needs neither server, and no secret enters the image.
RUN python -m compileall -q . \
    && DJANGO_SECRET_KEY=only-for-this-build-step DJANGO_ALLOWED_HOSTS=build.invalid \
       DATABASE_URL=postgres://build.invalid/crm REDIS_URL=redis://build.invalid/0 \
       python manage.py collectstatic --noinput

USER 10001:10001
VOLUME /data
EXPOSE 8000
# Asks as the TLS proxy in front would, under the first name this site answers to.
HEALTHCHECK --interval=30s --timeout=6s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8000/livez', headers={'Host': os.environ['DJANGO_ALLOWED_HOSTS'].split(',')[0], 'X-Forwarded-Proto': 'https'}), timeout=5)"]
# Its two processes count requests together, for Prometheus.
CMD ["env", "PROMETHEUS_MULTIPROC_DIR=/tmp/metrics", "granian", "--interface", "asgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--no-ws", "crm_project.asgi:application"]
