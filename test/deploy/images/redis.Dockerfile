FROM localhost/isthmus-test/debian
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null
USER redis
WORKDIR /var/lib/redis
ENTRYPOINT ["/bin/sh", "-c", "exec redis-server --bind 0.0.0.0 --requirepass \"$REDIS_PASSWORD\" --maxmemory-policy noeviction --appendonly yes --dir /var/lib/redis"]
