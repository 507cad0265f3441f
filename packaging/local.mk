# SPDX-License-Identifier: MIT
# What is given to people who do not build: make static, wheel, deb, rpm. All of it ends up in release/ of the build.
# STATIC_ARCHS="x86_64 aarch64" makes both.
STATIC_ARCHS = $(shell uname -m)
static_file = release/pyrope-$(VERSION)-linux-$(shell uname -m)

static:
	@for arch in $(STATIC_ARCHS); do \
		$(srcdir)/packaging/static.sh $$arch '$(abs_top_builddir)' || exit 1; \
	done

wheel: static
	@for arch in $(STATIC_ARCHS); do \
		SOURCE_DATE_EPOCH=`$(srcdir)/packaging/epoch.sh` python3 $(srcdir)/packaging/wheel.py --architecture $$arch --version '$(VERSION)' --readme $(srcdir)/README.md \
			--licence $(srcdir)/LICENSE --into release release/pyrope-$(VERSION)-linux-$$arch || exit 1; \
	done

# The archive alone is what packages are made from, as whoever has downloaded it makes them. The same tree makes the same bytes.
release_archive = release/$(distdir).tar.xz
release-archive:
	@$(MKDIR_P) release && export SOURCE_DATE_EPOCH=`$(srcdir)/packaging/epoch.sh` && \
		TAR_OPTIONS="--sort=name --mtime=@$$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner --mode=go+rX,go-w" \
			$(MAKE) -s dist-xz && mv $(distdir).tar.xz $(release_archive)

deb: release-archive
	@$(srcdir)/packaging/deb.sh '$(VERSION)' $(release_archive) '$(abs_top_builddir)'

rpm: release-archive
	@$(srcdir)/packaging/rpm.sh '$(VERSION)' $(release_archive) '$(abs_top_builddir)'

# All of it, from nothing: with what is linked into the static files, their sources (some of their licences ask for that), and hashes.
RELEASE_ARCHS = x86_64 aarch64
release:
	@rm -rf release && SOURCE_DATE_EPOCH=`$(srcdir)/packaging/epoch.sh` && export SOURCE_DATE_EPOCH && \
		$(MAKE) -s deb rpm && $(MAKE) -s wheel STATIC_ARCHS='$(RELEASE_ARCHS)' && \
		$(srcdir)/packaging/release.sh '$(VERSION)' '$(abs_top_builddir)'

# Each of them used as its user would, in roots of its own; as root.
check-release:
	@RELEASE='$(abs_top_builddir)/release' VERSION='$(VERSION)' \
		$(srcdir)/tests/tools/tap.sh check-release $(release_tests:%=$(srcdir)/%)

release_scripts = packaging/deb.sh packaging/epoch.sh packaging/generate.sh packaging/release.sh packaging/rpm.sh packaging/static.sh \
	packaging/static_libraries.sh $(release_tests)
release_tests = tests/release/static.test tests/release/wheel.test tests/release/packages.test tests/release/containers.test \
	tests/release/release.test

.PHONY: check-release deb release release-archive rpm static wheel
