# Operator, fetcher and command line in one image. BASE is any image of glibc with Python from 3.11 and its venv module;
# a release names it by digest: --build-arg BASE=docker.io/library/python@sha256:… (.github/workflows/release.yaml).
# The final image has the interpreter, what that needs, and Linnet: no shell, no package manager, no perl, no pip.
# Layers: what changes least first, so that a change of code alone rebuilds in seconds.
# A machine that needs its own certificate authority passes it as the secret `ca`, which reaches no layer.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/build.lock requirements/operator.lock /src/requirements/
RUN --mount=type=secret,id=ca,target=/run/ca.pem --mount=type=secret,id=pip,target=/run/pip.conf \
    if [ -s /run/ca.pem ]; then export PIP_CERT=/run/ca.pem; fi; \
    if [ -s /run/pip.conf ]; then export PIP_CONFIG_FILE=/run/pip.conf; fi; \
    python3 -m venv /build && python3 -m venv --without-pip /opt/linnet \
    && /build/bin/pip install -q --require-hashes -r /src/requirements/build.lock \
    && /build/bin/pip --python /opt/linnet/bin/python install -q --require-hashes -r /src/requirements/operator.lock \
    && find /opt/linnet/bin -type f -delete  # programs of dependencies, which nothing here calls

FROM dependencies AS code
COPY pyproject.toml README.md LICENSE /src/
COPY operator /src/operator
RUN /build/bin/pip wheel -q --no-deps --no-build-isolation --no-index -w /wheels /src \
    && /build/bin/pip --python /opt/linnet/bin/python install -q --no-deps --no-index --ignore-installed \
       --prefix /code /wheels/*.whl

FROM dependencies AS base
COPY hack/images/linnet/rootfs.py /src/
RUN python3 /src/rootfs.py /rootfs /opt/linnet

FROM scratch
COPY --from=base /rootfs /
COPY --from=dependencies /opt/linnet /opt/linnet
COPY --from=code /code /opt/linnet
ENV PATH=/opt/linnet/bin PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["linnet"]
