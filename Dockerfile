# Two images from one file:
#
#     docker build --target airflow --tag profiling-airflow:0.1.0 .      # every Airflow component, with the package, DAGs and plugins
#     docker build --target trainer --tag profiling-trainer:0.1.0 .      # what a training pod runs; no Airflow in it
#
# Both install the versions of requirements.txt, which are the ones the tests ran with. Dependencies come before the sources,
# so that a change of code builds one small layer.

# ---- airflow

# The slim image: Airflow's core and nothing else. The full image's providers hold pandas and protobuf below what this package
# needs (the resolver says so), and of its thirty providers six are wanted here; requirements-image.txt pins those.
FROM apache/airflow:slim-3.3.2-python3.11 AS airflow

USER 0
SHELL ["/bin/bash", "-o", "pipefail", "-o", "errexit", "-o", "nounset", "-c"]
# LightGBM needs OpenMP's runtime. Debian's own security updates must come in with a rebuild, so it is not pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/*
# A new named volume takes its owner from the folder it is mounted over.
RUN install --directory --owner=airflow --group=0 --mode=0775 /opt/airflow/logs /opt/profiling /opt/profiling/cache
USER 50000:0

WORKDIR /opt/airflow/build
RUN pip install --no-cache-dir uv==0.13.9
COPY --chown=airflow:0 pyproject.toml requirements.txt requirements-cuda.txt requirements-image.txt ./
# Workers read texts on the CPU: PyTorch's CUDA libraries would be several gigabytes for nothing. Where only a mirror of the package
# index can be reached, build with `--build-arg TORCH_BACKEND=` and take the build that the mirror has.
ARG TORCH_BACKEND=cpu
# Airflow is named again, so that no dependency can move it; the last line fails the build if anything does not fit together.
RUN uv pip install --no-cache --python "$(command -v python)" ${TORCH_BACKEND:+--torch-backend "$TORCH_BACKEND"} \
        "apache-airflow==${AIRFLOW_VERSION}" --requirement pyproject.toml --extra airflow --extra tracking \
        --extra multilingual --extra vectors \
        --requirement requirements-image.txt --constraint requirements.txt \
    && uv pip check --python "$(command -v python)"

COPY --chown=airflow:0 README.md LICENSE ./
COPY --chown=airflow:0 expectations expectations
COPY --chown=airflow:0 profiling profiling
RUN uv pip install --no-cache --python "$(command -v python)" --no-deps --no-build-isolation . \
    && rm -rf build ./*.egg-info \
    && python -c "import airflow.version, profiling; assert airflow.version.version == '${AIRFLOW_VERSION}'"
COPY --chown=airflow:0 dags /opt/airflow/dags
COPY --chown=airflow:0 plugins /opt/airflow/plugins

ENV AIRFLOW__CORE__LOAD_EXAMPLES=False \
    PROFILING_CACHE=/opt/profiling/cache \
    GX_ANALYTICS_ENABLED=false \
    PYTHONUNBUFFERED=1
WORKDIR /opt/airflow

# ---- trainer

FROM python:3.11.15-slim-bookworm AS trainer-build

WORKDIR /build
RUN pip install --no-cache-dir uv==0.13.9 && uv venv /opt/profiling
COPY pyproject.toml requirements.txt requirements-cuda.txt ./
# No list of its own: the package's dependencies, held to the one lock file. By default PyTorch's CUDA build, as the index gives it;
# `--build-arg TORCH_BACKEND=cpu` makes a small image for nodes without a GPU.
ARG TORCH_BACKEND=
RUN uv pip install --no-cache --python /opt/profiling/bin/python ${TORCH_BACKEND:+--torch-backend "$TORCH_BACKEND"} \
        --requirement pyproject.toml --extra tracking --extra multilingual --extra vectors --constraint requirements.txt \
    && uv pip check --python /opt/profiling/bin/python

COPY README.md LICENSE ./
COPY expectations expectations
COPY profiling profiling
RUN uv pip install --no-cache --python /opt/profiling/bin/python --no-deps --no-build-isolation . \
    && /opt/profiling/bin/python -c "import importlib.util, profiling; assert importlib.util.find_spec('airflow') is None" \
    && /opt/profiling/bin/python -m compileall -q /opt/profiling/lib

FROM python:3.11.15-slim-bookworm AS trainer

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin profiling
COPY --from=trainer-build /opt/profiling /opt/profiling
# The root may be read-only: all that is written goes to /tmp, an emptyDir in a pod. Any other uid may run it too.
ENV PATH=/opt/profiling/bin:$PATH \
    HOME=/tmp \
    TMPDIR=/tmp \
    XDG_CACHE_HOME=/tmp/cache \
    HF_HOME=/tmp/cache/huggingface \
    TORCHINDUCTOR_CACHE_DIR=/tmp/cache/inductor \
    TRITON_CACHE_DIR=/tmp/cache/triton \
    MPLCONFIGDIR=/tmp/cache/matplotlib \
    PROFILING_CACHE=/tmp/cache/profiling \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    GX_ANALYTICS_ENABLED=false \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
# In a pod: `arguments` alone follow the entry point (train --as-of D --target T); `cmds` such as [profiling] replace it.
ENTRYPOINT ["profiling"]
CMD ["--help"]
