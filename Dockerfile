# Images of one build:
#
#   docker build -t envoy-kafka-mesh .                          stock Envoy with the module
#   docker build -t envoy-kafka-mesh-contrib --target contrib . Envoy's contrib image with the plugin
#   docker build -t kafkamesh --target standalone .             the plain binary
#   docker build -t envoy-kafka-mesh-module --target module .   module and plugin alone, for an Envoy of somebody else's: an image volume
#   docker build -t envoy-kafka-mesh-copier --target copier .   the same with a program that copies them, for an init container
#
# --build-arg VERSION=$(git describe --tags --always --dirty) --build-arg COMMIT=$(git rev-parse HEAD) has each of them say what it is.
#
# The modules are those of a release: compiled by Zig for glibc 2.17, whatever the build stage has.
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

# Nothing runs in it: it is mounted.
FROM scratch AS module
ARG VERSION
ARG COMMIT
LABEL org.opencontainers.image.title="envoy-kafka-mesh-module" \
      org.opencontainers.image.description="Module and plugin for Envoy: one Kafka broker in front of many Kafka clusters" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/kafkamesh/envoy-kafka-mesh" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build /release/libkafkamesh.so /release/libkafkamesh-contrib.so /
COPY --from=build /release/LICENSE /release/libkafkamesh.so.cdx.json /release/libkafkamesh-contrib.so.cdx.json /doc/
COPY --from=build /release/licences /doc/licences

# Its arguments are those of cp: what is in /modules, and where to.
FROM busybox:1.37.0-musl AS copier
ARG VERSION
ARG COMMIT
LABEL org.opencontainers.image.title="envoy-kafka-mesh-copier" \
      org.opencontainers.image.description="Copies module and plugin for Envoy: one Kafka broker in front of many Kafka clusters" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/kafkamesh/envoy-kafka-mesh" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=module /libkafkamesh.so /libkafkamesh-contrib.so /modules/
COPY --from=module /doc /usr/share/doc/kafkamesh
USER 65532
ENTRYPOINT ["/bin/cp"]
CMD ["/modules/libkafkamesh.so", "/modules/libkafkamesh-contrib.so", "/target/"]

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
