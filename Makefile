# The same names as npm's, for those who type make. Arguments: make start ARGS="--port 4100 --config my.yml"
.PHONY: start test check build bench conformance

start test check build bench conformance: node_modules/.package-lock.json
	@npm run --silent $@ -- $(ARGS)

node_modules/.package-lock.json: package-lock.json
	npm ci
	@touch $@

# The deployment in deploy/: `make up isthmus`, `make logs`, `make down`. With STANDALONE=1 it brings a PostgreSQL, a
# Redis and a Traefik of its own. Variables come from .env and deploy/.env; the latter wins.
.PHONY: up down logs ps networks doctor isthmus postgres redis traefik

DOCKER ?= docker
COMPOSE ?= $(DOCKER) compose
COMPOSE_FILE ?= deploy/docker-compose$(if $(STANDALONE),.standalone).yml
NETWORKS = web internal_network
ENV_FILES = $(foreach file,$(wildcard .env deploy/.env),--env-file $(file))
SERVICES = $(filter isthmus postgres redis traefik,$(MAKECMDGOALS))
compose = $(COMPOSE) $(ENV_FILES) -f $(COMPOSE_FILE)

up: networks deploy/.env
	$(compose) up -d $(ARGS) $(SERVICES)

down:
	$(compose) down $(ARGS)

logs:
	$(compose) logs -f --tail 100 $(ARGS) $(SERVICES)

ps:
	$(compose) ps $(ARGS)

networks:
	@for network in $(NETWORKS); do \
	  $(DOCKER) network inspect $$network >/dev/null 2>&1 || $(DOCKER) network create $$network; \
	done

# In a container of its own, where the names of the other containers are known; Traefik must not send it anything.
doctor: deploy/.env
	@for network in $(NETWORKS); do \
	  $(DOCKER) network inspect $$network >/dev/null 2>&1 || \
	    { echo "problem: Docker has no network $$network, so no container can be started; fix: make networks"; exit 1; }; \
	done
	$(compose) --profile doctor run --rm --no-deps -T doctor doctor --config /app/config.yaml $(ARGS)

# Names of services behind `up` and `logs`, not things to make.
isthmus postgres redis traefik:
	@:

deploy/.env:
	@cp deploy/.env.template $@
	@chmod 600 $@
	@echo "deploy/.env was made from its template: fill it in and call make again"
	@exit 1
