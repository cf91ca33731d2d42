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
RUN NODE_COMPILE_CACHE=/tmp/cache node dist/cli.js demo --once && chmod -R a+rX /tmp/cache

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production \
    GATEWAY_HOST=0.0.0.0 \
    GATEWAY_PORT=8080 \
    LOG_DIR=/app/logs \
    DATA_DIR=/app/data
WORKDIR /app
# The packages are in there: nothing is installed beside it.
COPY --from=build /app/dist ./dist
COPY --from=compiled /tmp/cache ./dist/cache
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
CMD ["node", "dist/server.js"]
