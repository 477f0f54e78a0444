# vbdata on Ray's image, at the pinned versions, with its inner loops compiled.
#
#     make wheel && docker build -t registry.example.com/vbdata:ray-2.60.0-py311 .
#
# For GPU workers: --build-arg IMAGE=rayproject/ray:2.60.0-py311-gpu. For Arm: make wheel
# MACHINE=aarch64, and --platform linux/arm64. Its Ray must be the version in constraints.txt.
ARG IMAGE=rayproject/ray:2.60.0-py311-cpu
FROM ${IMAGE}

COPY --chown=ray:users constraints.txt dist/vbdata-*.whl /tmp/vbdata/
RUN cd /tmp/vbdata \
    && pip install --no-cache-dir -c constraints.txt torch==2.13.0 ./vbdata-*.whl \
    && python -c 'import sys; from vbdata.core import compiled; sys.exit(compiled.missing() or 0)' \
    && rm -r /tmp/vbdata

# One thread an actor: there is an actor for each core, and more threads would only compete.
ENV OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
