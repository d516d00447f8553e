# trtc-recorder: `make` alone says what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# The project's own Node and tools come before the machine's.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

STEP := scripts/step.sh

.PHONY: help deps deps-try demo try test verify images sandbox-up sandbox-down generate bench-recorder bench-operator bench-gateway soak-recorder soak-plans soak-kills plugin soak-operator

help: ## this list
	@echo "trtc-recorder: records each anchor of a TRTC room into a file of their own, on Kubernetes"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

try: deps-try ## records two people in a room by hand, without Kubernetes, root or Go, and shows the files
	@node e2e/try/main.ts

demo: deps ## records a live room on a Kubernetes of its own on this machine, and shows the files (builds Kubernetes the first time)
	@node e2e/demo/main.ts

test: deps ## unit, integration and end-to-end tests, with all that they need
	@node scripts/test.ts unit integration e2e

verify: deps ## format, lint, types, import directions, generated files
	@failed=0; \
	$(STEP) "Types" tsc --noEmit & types=$$!; \
	$(STEP) "Format, lint, import directions" biome check . || failed=1; \
	$(STEP) "Generated files" npm run --silent check-generated || failed=1; \
	$(STEP) "Figures in the docs" node bench/report.ts --check || failed=1; \
	wait $$types || failed=1; \
	exit $$failed

images: deps ## builds the images of the recorder and the operator, and imports them if the sandbox is up
	@node sandbox/src/main.ts images

sandbox-up: deps ## starts the outside world on this machine: room, COS, callback sink, Kubernetes
	@node sandbox/src/main.ts up

sandbox-down: ## ends it and leaves nothing behind
	@if [ -x node_modules/.bin/node ]; then node sandbox/src/main.ts down; else echo "Nothing is installed, so nothing runs."; fi

generate: deps ## writes the CRDs, their copies in the chart and the tables in docs/ from the schemas in api/ and the tables of the gateway
	@node api/generate/main.ts
	@node gateway/generate/main.ts
	@node e2e/verify-cloud/generate.ts

bench-recorder: deps-try ## cost, start and stop of the recorder beside the browser's MediaRecorder; FFMPEG=… for another ffmpeg than the machine's
	@node bench/recorder.ts $(if $(FFMPEG),--ffmpeg $(FFMPEG))

bench-operator: deps ## the operator beside Kubernetes' own Job controller, at 1,000 and 10,000 at once, and single lives on the sandbox (N=1000, PARTS=runs,finished,resync,unreachable,lives,churn for less; CHURN_MINUTES=30 for longer)
	@node bench/operator.ts

bench-gateway: deps ## starts by HTTP at 500 a second, beside a bare client of the API server; RATE=…, SECONDS=…
	@node bench/gateway.ts

soak-operator: deps ## a million random sequences of what can happen to a Recording; SEED=… plays them again, SEQUENCES=1000 for less
	@SEED=$${SEED:-random} SEQUENCES=$${SEQUENCES:-1000000} vitest run --project unit operator/src/recording/properties.test.ts

soak-recorder: deps-try ## an hour of five anchors with mutes, loss, size changes, an outage of COS and a killed page; MINUTES=3 for less
	@node bench/soak/main.ts --minutes $(or $(MINUTES),60)

soak-plans: deps-try ## ten plans of five users who do at random what users and their networks do, never seen before; PLANS=… for more
	@for plan in $$(seq $(or $(PLANS),10)); do SEED=random vitest run --project integration e2e/recorder/random-plan.integration.test.ts || exit 1; done

soak-kills: deps-try ## twenty random kills of recorder, page and browser, and twenty more, of receiver and COS too, over all that is made of a recording; KILLS=… for more
	@SEED=$${SEED:-random} KILLS=$(or $(KILLS),20) vitest run --project integration e2e/recorder/kills.integration.test.ts e2e/recorder/kills-of-outputs.integration.test.ts

plugin: deps ## bundles the kubectl plugin into cli/dist
	@node cli/build.ts

deps-try:
	@scripts/deps-try.sh

deps: ## checks what the machine must have, and installs what can be installed
	@scripts/deps.sh
