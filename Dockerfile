# syntax=docker/dockerfile:1
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

# What V8 compiles in a start and the first conversations, for the starts of the image: it is known by path, user, Node and its flags.
FROM build AS compiled
USER 1000:1000
RUN NODE_COMPILE_CACHE=/tmp/cache node --max-semi-space-size=8 --initial-old-space-size=64 --no-allocation-site-pretenuring --no-maglev --v8-pool-size=2 --no-parallel-scavenge dist/cli.js demo --once && chmod -R a+rX /tmp/cache

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production \
    GATEWAY_HOST=0.0.0.0 \
    GATEWAY_PORT=8080 \
    LOG_DIR=/app/logs \
    DATA_DIR=/app/data \
    NODE_COMPILE_CACHE=/app/cache \
    MALLOC_ARENA_MAX=1
# One arena for all threads: those of V8's workers keep what they once took, a tenth of the memory of 2,000 open streams.
WORKDIR /app
# The packages are in there: nothing is installed beside it.
COPY --from=build /app/dist ./dist
COPY --from=compiled /tmp/cache ./cache
COPY package.json keys.schema.json keys.json.example prices.json LICENSE ./
# Any user may write here, so that `user:` in compose can be whoever owns the mounted files.
RUN mkdir -p logs data plugins && chown 1000:1000 logs data && chmod 1777 logs data
USER 1000:1000
EXPOSE 8080
VOLUME /app/logs /app/data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["node", "dist/cli.js", "health"]
# Node installs handlers for SIGTERM and SIGINT itself and starts no children: it needs no init in front.
# V8's flags, each measured with bench/ (docs/benchmarks.md):
# --max-semi-space-size=8            young objects have 3 x 8 MB, an eighth of what Node 24 would take: 30 MB less for 2,000 streams
# --initial-old-space-size=64        old ones are looked through from there on: what outlives a request is little
# --no-allocation-site-pretenuring   none is old from its birth: one such object of a request, and all of the request grows old with it
# --no-maglev                        what this compiler takes while it works is not given back: 20 MB; TurboFan comes all the same
# --v8-pool-size=2                   with four helpers on two cores the collector waits for them: longest pauses half as long
# --no-parallel-scavenge             of young objects little is left to move: waking helpers for that, 90 times a second, costs 5 % of a request
CMD ["node", "--max-semi-space-size=8", "--initial-old-space-size=64", "--no-allocation-site-pretenuring", "--no-maglev", "--v8-pool-size=2", "--no-parallel-scavenge", "dist/server.js"]
