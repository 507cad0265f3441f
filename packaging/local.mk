# SPDX-License-Identifier: MIT
# What is given to people who do not build: make static, make wheel. All of it ends up in release/ of the build.
# STATIC_ARCHS="x86_64 aarch64" makes both.
STATIC_ARCHS = $(shell uname -m)

static:
	@for arch in $(STATIC_ARCHS); do \
		$(srcdir)/packaging/static.sh $$arch '$(abs_top_builddir)' || exit 1; \
	done

wheel: static
	@for arch in $(STATIC_ARCHS); do \
		python3 $(srcdir)/packaging/wheel.py --architecture $$arch --version '$(VERSION)' --readme $(srcdir)/README.md \
			--licence $(srcdir)/LICENSE --into release release/pyrope-$(VERSION)-linux-$$arch || exit 1; \
	done

# Each of them used as its user would, in roots of its own; as root.
check-release:
	@for test in $(release_tests); do \
		RELEASE='$(abs_top_builddir)/release' VERSION='$(VERSION)' bash $(srcdir)/$$test || exit 1; \
	done

release_scripts = packaging/static.sh packaging/static_libraries.sh $(release_tests)
release_tests = tests/release/static.test tests/release/wheel.test

.PHONY: check-release static wheel
