# The index of what can be done here; each target is one script or one cargo command.
.DEFAULT_GOAL := help
.PHONY: help up test verify prove migrate bench monitoring-test stack-test sql fmt lint k8s-check load-check lint-files deny coverage mail-test mutants

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

up: ## start the whole shop; ARGS="..." is handed on
	scripts/up.sh $(ARGS)

test: ## format, lints and every test, from a fresh clone
	scripts/test.sh

mail-test: ## let the shop send its mails to a real mail server over TLS
	scripts/mail.sh

verify: test stack-test ## make test, and what takes longer: the containers in a Docker engine

stack-test: ## bring the Compose stack up in a real Docker engine, buy something, take parts of it away
	scripts/stack-test.sh $(ARGS)

prove: ## kill and disturb a shop while it sells, and check its books; ARGS="--orders 1000 --kills 100 --seed 1"
	scripts/prove.sh $(ARGS)

migrate: ## bring the databases up to date
	scripts/migrate.sh

bench: ## run the benchmarks; NAME=checkout runs one
	scripts/bench.sh $(NAME)

monitoring-test: ## watch a shop with a real Prometheus: no empty panel, and an alert that arrives
	scripts/monitoring-test.sh

sql: ## rewrite the offline data of the checked SQL (.sqlx); CRATES="pg order-service" rewrites those
	scripts/prepare-sql.sh $(CRATES)

fmt: ## format the code
	cargo fmt --all

lint: ## check the format and run the lints
	cargo fmt --all -- --check
	SQLX_OFFLINE=true cargo clippy --workspace --all-targets --locked -- -D warnings

lint-files: ## check workflows, shell scripts and YAML
	scripts/lint-files.sh

deny: ## check licences, bans and sources of the dependencies
	scripts/deny.sh

k8s-check: ## check the Kubernetes manifests without a cluster
	scripts/k8s-check.sh

load-check: ## run the load tests of bench/k6 in short form
	scripts/k6-check.sh

coverage: ## measure which lines the tests run
	scripts/coverage.sh

mutants: ## change the code and see whether a test notices, for hours; PARTS="saga order product"
	scripts/mutants.sh $(PARTS)
