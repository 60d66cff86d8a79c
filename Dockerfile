# The image of `shardmux`. Build: docker build -t shardmux .
# Run: docker run -e SHARDMUX_DISCORD_TOKEN=… -p 7777:7777 -v shardmux-state:/app/shardmux-state shardmux

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No install scripts: nothing here is compiled, and the development dependency "node" would fetch a second Node with its own.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
# Tails, checkpoints and identify slots: what lets the next container RESUME. It is the default of tail.directory.
RUN install -d -o node -g node -m 700 shardmux-state
VOLUME /app/shardmux-state
USER node
# 7777: workers; 7780: their REST requests (`rest`). 9464, of `rest` 9465: /healthz, /readyz, /metrics; reachable from outside with SHARDMUX_STATUS_HOST=0.0.0.0.
EXPOSE 7777 7780 9464 9465
STOPSIGNAL SIGTERM
# The status port of `gateway`, or else that of `rest`. Knows them from the environment only: repeat those of a YAML file there.
# `simulate` has no status server: --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["node", "-e", "const { SHARDMUX_STATUS_PORT: gateway = 9464, SHARDMUX_REST_STATUS_PORT: rest = 9465 } = process.env; const ask = (port) => fetch(`http://127.0.0.1:${port}/healthz`); ask(gateway).catch(() => ask(rest)).then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["gateway"]
