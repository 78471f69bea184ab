# The environment of the lock files, for jobs on nodes without a shared disk.
# docs/other-systems.md says how it is used; `make image` builds it.

# Python and Debian are named to the release: bits hold with one C library.
FROM python:3.11.7-slim-bookworm

# The lock's torch without CUDA, which no run uses: it saves gigabytes.
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1

WORKDIR /opt/pgstudy
COPY requirements.lock requirements-extras.lock ./
RUN pip install -r requirements.lock && pip install -r requirements-extras.lock

# Before each job Snakemake calls pip for its storage plugin. It finds the wheels here,
# of the locks' versions, so that no job needs the network or gets a newer plugin.
COPY requirements-executors.lock ./
RUN pip wheel --wheel-dir /opt/wheels \
        --constraint requirements.lock --constraint requirements-extras.lock \
        --constraint requirements-executors.lock snakemake-storage-plugin-s3
ENV PIP_FIND_LINKS=/opt/wheels PIP_NO_INDEX=1

# Snakemake brings the rules with each job. The package is part of the image, so the
# image is built again after an edit in src/.
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-deps --no-build-isolation --editable .

# Everything is readable by any user; only the home folder is written to.
RUN useradd --create-home --uid 1000 pgstudy && mkdir /home/pgstudy/work \
    && chown pgstudy:pgstudy /home/pgstudy/work
ARG RUN_AS=pgstudy
USER ${RUN_AS}
WORKDIR /home/pgstudy/work
