# syntax=docker/dockerfile:1

# The server alone: the image has no PostgreSQL, so OTHERWISE__DATABASE__URL must be set when it runs.
# compose.yaml does that.

FROM rust:1.95-bookworm AS chef
# cargo-chef compiles the dependencies in a layer of their own, which stays valid until Cargo.lock changes.
RUN cargo install --locked cargo-chef@0.1.78
WORKDIR /build

FROM chef AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS build
COPY --from=plan /build/recipe.json recipe.json
RUN cargo chef cook --release --locked --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked --bin otherwise
# The final image has no shell to make a folder with.
RUN mkdir /empty

# Of the same Debian as the build, for the same glibc. No shell, no package manager, nobody is root.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/release/otherwise /usr/local/bin/otherwise
# A volume mounted here takes its owner from the image; without this it would be root's.
COPY --from=build --chown=65532:65532 /empty /var/lib/otherwise

ENV OTHERWISE__DATA_DIR=/var/lib/otherwise \
    OTHERWISE__SERVER__ADDRESS=0.0.0.0:8080
# "nonroot" as a number, so that an orchestrator can verify that it is not root.
USER 65532:65532
WORKDIR /var/lib/otherwise
EXPOSE 8080

# Exec form: there is no shell. The start period covers migrations and the first import.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/otherwise", "healthcheck"]

ENTRYPOINT ["/usr/local/bin/otherwise"]
CMD ["serve"]
