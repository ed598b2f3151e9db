# Three images of one build:
#
#   docker build -t envoy-kafka-mesh .                          stock Envoy with the module
#   docker build -t envoy-kafka-mesh-contrib --target contrib . Envoy's contrib image with the plugin
#   docker build -t kafkamesh --target standalone .             the plain binary
#
# --build-arg VERSION=$(git describe --tags --always --dirty) --build-arg COMMIT=$(git rev-parse HEAD) has each of them say what it is.
#
# The build stage is Debian 12: its glibc, 2.36, is no newer than that of Envoy's images (distroless Debian 12; contrib:
# Ubuntu 22.04 has 2.35, so the modules are compiled for 2.31, by Zig, as in a release).
ARG ENVOY_VERSION=1.39.3
ARG CONTRIB_VERSION=1.39.3
ARG VERSION=unknown
ARG COMMIT=unknown

FROM golang:1.26-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --no-install-recommends -y python3-pip && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
COPY build/tools/sbom/go.mod build/tools/sbom/go.sum build/tools/sbom/
RUN go mod download && go mod download -modfile=build/tools/sbom/go.mod
COPY . .
ARG VERSION
ARG COMMIT
RUN SOURCE_DATE_EPOCH=0 build/release.sh /tmp/release "$(go env GOARCH)" && mkdir /release && \
    tar -xzf /tmp/release/*.tar.gz --strip-components 1 -C /release

FROM gcr.io/distroless/static-debian12:nonroot AS standalone
ARG VERSION
ARG COMMIT
LABEL org.opencontainers.image.title="kafkamesh" \
      org.opencontainers.image.description="One Kafka broker in front of many Kafka clusters" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/kafkamesh/envoy-kafka-mesh" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build /release/kafkamesh /usr/local/bin/kafkamesh
COPY --from=build /release/LICENSE /release/kafkamesh.cdx.json /usr/share/doc/kafkamesh/
COPY --from=build /release/licences /usr/share/doc/kafkamesh/licences
EXPOSE 9092
ENTRYPOINT ["/usr/local/bin/kafkamesh"]
CMD ["serve", "--config", "/etc/kafkamesh/mesh.yaml", "--listen", "0.0.0.0:9092"]

FROM envoyproxy/envoy:contrib-v${CONTRIB_VERSION} AS contrib
ARG VERSION
ARG COMMIT
LABEL org.opencontainers.image.title="envoy-kafka-mesh-contrib" \
      org.opencontainers.image.description="Envoy (contrib) as one Kafka broker in front of many Kafka clusters" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/kafkamesh/envoy-kafka-mesh" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build /release/libkafkamesh-contrib.so /usr/local/lib/kafkamesh/
COPY --from=build /release/LICENSE /release/libkafkamesh-contrib.so.cdx.json /usr/share/doc/kafkamesh/
COPY --from=build /release/licences /usr/share/doc/kafkamesh/licences
USER 101
EXPOSE 9092

FROM envoyproxy/envoy:distroless-v${ENVOY_VERSION} AS envoy
ARG VERSION
ARG COMMIT
LABEL org.opencontainers.image.title="envoy-kafka-mesh" \
      org.opencontainers.image.description="Envoy as one Kafka broker in front of many Kafka clusters" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/kafkamesh/envoy-kafka-mesh" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
ENV ENVOY_DYNAMIC_MODULES_SEARCH_PATH=/usr/local/lib/kafkamesh
COPY --from=build /release/libkafkamesh.so /usr/local/lib/kafkamesh/
COPY --from=build /release/LICENSE /release/libkafkamesh.so.cdx.json /usr/share/doc/kafkamesh/
COPY --from=build /release/licences /usr/share/doc/kafkamesh/licences
USER 65532
EXPOSE 9092
