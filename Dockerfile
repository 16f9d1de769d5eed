# The runner for --in-cluster: everything but the embedded engines and the Pulumi program.
#   docker build -t registry.example/query-engine-reliability:0.1.0 .
FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt constraints.txt ./
RUN sed -E -i '/^(pulumi|pulumi-kubernetes|pulumi-random|chdb)==/d' requirements.txt \
    && pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY engines engines
COPY targets targets
COPY benchmarks benchmarks
COPY faults faults
COPY runner runner
RUN python -m compileall -q .
USER 1000:1000
ENTRYPOINT ["python", "-m", "runner"]
