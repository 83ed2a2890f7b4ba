# The index of what can be done here; each target is one script or one cargo command.
.DEFAULT_GOAL := help
.PHONY: help up test prove migrate bench sql fmt lint

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

up: ## start the whole shop; ARGS="..." is handed on
	scripts/up.sh $(ARGS)

test: ## format, lints and every test, from a fresh clone
	scripts/test.sh

prove: ## kill and disturb a shop while it sells, and check its books; ARGS="--orders 1000 --kills 100 --seed 1"
	scripts/prove.sh $(ARGS)

migrate: ## bring the databases up to date
	scripts/migrate.sh

bench: ## run the benchmarks; NAME=checkout runs one
	scripts/bench.sh $(NAME)

sql: ## rewrite the offline data of the checked SQL (.sqlx)
	scripts/prepare-sql.sh

fmt: ## format the code
	cargo fmt --all

lint: ## check the format and run the lints
	cargo fmt --all -- --check
	SQLX_OFFLINE=true cargo clippy --workspace --all-targets --locked -- -D warnings
