# Builds the module on a glibc no newer than the one of the Envoy image, and puts it into that image.
#
#   docker build -t envoy-kafka-mesh .                        Envoy with the module
#   docker build -t kafkamesh --target standalone .           the plain binary
ARG ENVOY_VERSION=1.39.3

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make build

FROM gcr.io/distroless/static-debian12:nonroot AS standalone
COPY --from=build /src/build/out/kafkamesh /usr/local/bin/kafkamesh
COPY LICENSE /usr/share/licenses/kafkamesh/LICENSE
EXPOSE 19092
ENTRYPOINT ["/usr/local/bin/kafkamesh"]
CMD ["serve", "--config", "/etc/kafkamesh/kafkamesh.yaml", "--listen", "0.0.0.0:19092"]

FROM envoyproxy/envoy:distroless-v${ENVOY_VERSION} AS envoy
ENV ENVOY_DYNAMIC_MODULES_SEARCH_PATH=/usr/local/lib/kafkamesh
COPY --from=build /src/build/out/libkafkamesh.so /usr/local/lib/kafkamesh/
COPY LICENSE /usr/share/licenses/kafkamesh/LICENSE
EXPOSE 19092
