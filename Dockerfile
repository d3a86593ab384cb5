# syntax=docker/dockerfile:1
# One image for every process: `docker run fuseboard ingest`, `proxy`, `console`, or `cli` and a command. docs/compose.md

FROM node:26-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The one install script that package.json allows brings Node, and Node is here.
RUN --mount=type=cache,target=/var/cache/npm npm ci --cache /var/cache/npm --ignore-scripts
COPY . .
RUN node scripts/build.mjs

FROM node:26-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/var/cache/npm npm ci --cache /var/cache/npm --ignore-scripts --omit=dev

FROM node:26-bookworm-slim
LABEL org.opencontainers.image.title="Fuseboard" \
      org.opencontainers.image.description="A fleet-wide, event-sourced circuit breaker" \
      org.opencontainers.image.licenses="Apache-2.0"
# A running container installs nothing.
RUN rm -rf /opt/yarn* /usr/local/lib/node_modules /usr/local/bin/corepack /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/yarn* \
 && ln -s /app/bin/fuseboard.mjs /usr/local/bin/fuseboard
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY bin bin
COPY scripts scripts
COPY docker/healthy.mjs docker/
COPY --from=build /app/dist/apps dist/apps
COPY --from=build /app/dist/libs dist/libs
RUN install -d -o 1000 -g 1000 dist/.compiled
# The user node; a number, so that an orchestrator can tell that it isn't root.
USER 1000:1000
# A container can't write it, and starts sooner with it. It is this user's alone: another one does without.
RUN node scripts/fill-compiled.mjs
STOPSIGNAL SIGTERM
# No HEALTHCHECK: each process has another address to ask. compose.yaml has them.
ENTRYPOINT ["node", "scripts/run.mjs"]
CMD ["standalone", "--data", ":memory:"]
