# The server with its packages. Stores come from elsewhere by REDIS_URL, CLICKHOUSE_URL, NEO4J_URL and KAFKA_BROKERS; what is not named is embedded.
FROM node:26-bookworm-slim
RUN apt-get update \
  && apt-get install --yes --no-install-recommends redis-server \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force
COPY services services
COPY shared shared
COPY infra infra
RUN mkdir data && chown node:node data
USER node
ENV HOST=0.0.0.0 DATA_DIR=/app/data NODE_OPTIONS="--max-semi-space-size=32 --disable-warning=TimeoutNegativeWarning"
VOLUME /app/data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:'+(process.env.PORT||8080)+'/health').then((r)=>process.exit(r.ok?0:1),()=>process.exit(1))"]
CMD ["node", "services/main.ts"]
