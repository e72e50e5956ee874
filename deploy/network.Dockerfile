# The image of deploy/network-daemonset.yaml: `stadion-network` and the tools that it runs. From the root of the repository:
#   docker build -f deploy/network.Dockerfile -t registry.example/stadion-network:0.1.0 .
FROM rust:1.95.0-slim-bookworm AS build
# The compiler of the image is the one that the repository names, and no component more is needed.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p stadion-network --bin stadion-network

FROM debian:bookworm-slim
# `iptables` tells which ports older rules hand on, `ping` tries links with larger packets.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends iproute2 iptables iputils-ping nftables util-linux \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/target/release/stadion-network /usr/bin/stadion-network
ENTRYPOINT ["/usr/bin/stadion-network"]
