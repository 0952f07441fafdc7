# The server as an image: built in one stage, run in another without pip, a compiler or root.
#   docker build -t secondpass .
#   docker run -p 8080:8080 -e SECONDPASS_KEYS=me:a-secret -v models:/models secondpass
FROM python:3.12-slim-bookworm AS build
ARG EXTRAS=server
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/secondpass \
    && /opt/secondpass/bin/pip install --no-cache-dir --disable-pip-version-check ".[${EXTRAS}]" \
    && /opt/secondpass/bin/pip uninstall --yes --disable-pip-version-check pip

FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin secondpass \
    && install --directory --owner=10001 --group=10001 /models
COPY --from=build /opt/secondpass /opt/secondpass
# Beyond this machine a server needs keys: it does not start without SECONDPASS_KEYS, a keys file, or SECONDPASS_NO_KEYS=yes.
ENV PATH=/opt/secondpass/bin:$PATH \
    HF_HOME=/models \
    PYTHONUNBUFFERED=1 \
    SECONDPASS_HOST=0.0.0.0 \
    SECONDPASS_PORT=8080
WORKDIR /models
USER 10001:10001
VOLUME /models
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"SECONDPASS_PORT\"]}/ready', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["secondpass", "serve"]
