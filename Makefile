# The same names as npm's, for those who type make. Arguments: make start ARGS="--port 4100 --config my.yml"
.PHONY: start test check build bench conformance

start test check build bench conformance: node_modules/.package-lock.json
	@npm run --silent $@ -- $(ARGS)

node_modules/.package-lock.json: package-lock.json
	npm ci
	@touch $@
