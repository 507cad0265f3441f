# SPDX-License-Identifier: MIT
"""Makes the bill of materials of a release, in SPDX 2.3 (https://spdx.github.io/spdx-spec/v2.3/): what is linked into its static
files, from which sources, under which licences.

What was linked comes from the folder of the static builds: the descriptions (.dsc) of the source packages that the libraries were built
from, and ARCHITECTURE.toolchain, what the compiler adds. The same release has the same bytes: the time is $SOURCE_DATE_EPOCH, and the
document's name in the world is made of the hashes of the files.
"""
import argparse
import glob
import hashlib
import json
import os
import re
import time

# What of each source package is linked in, and its licence as its debian/copyright has it (of liblzma it is the public domain).
LINKED = {
    "elfutils": ("libelf, libdw", "LGPL-3.0-or-later OR GPL-2.0-or-later"),
    "libiberty": ("the demanglers of libiberty", "LGPL-2.0-or-later AND GPL-2.0-or-later WITH GCC-exception-2.0"),
    "libyaml": ("libyaml", "MIT"),
    "libzstd": ("libzstd", "BSD-3-Clause OR GPL-2.0-only"),
    "musl": ("the C library", "MIT"),
    "ncurses": ("ncursesw, with the terminals that are built in", "X11-distribute-modifications-variant"),
    "xz-utils": ("liblzma", "LicenseRef-liblzma"),
    "zlib": ("zlib", "Zlib"),
}
ONLY_TESTS = {"check"}
COMPILER = ("libgcc and what a program begins and ends with", "GPL-3.0-or-later WITH GCC-exception-3.1")
LIBLZMA = ("liblzma is in the public domain.", "public domain")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def identifier(text):
    return "SPDXRef-" + re.sub("[^A-Za-z0-9.-]", "-", text)


def package(name, version, licence, **more):
    return dict({
        "SPDXID": identifier("Package-" + name),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    }, **more)


def read_description(path):
    """Of a .dsc: source package, version, and its files with their hashes."""
    fields, field = {}, None
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith(" ") and field:
                fields[field].append(line.split())
            elif ": " in line or line.endswith(":\n"):
                field, value = line.rstrip("\n").split(":", 1)
                fields.setdefault(field, [value.strip()])
    return fields["Source"][0], fields["Version"][0], [(row[2], row[0]) for row in fields["Checksums-Sha256"][1:]]


def source_packages(folder, distribution):
    for path in sorted(glob.glob(os.path.join(folder, "*.dsc"))):
        name, version, files = read_description(path)
        if name in ONLY_TESTS:
            continue
        if name not in LINKED:
            raise SystemExit("sbom.py: %s is new: say in LINKED of this file what of it is linked in, and its licence" % path)
        what, licence = LINKED[name]
        yield package(name, version, licence, packageFileName=os.path.basename(path),
            checksums=[{"algorithm": "SHA256", "checksumValue": sha256(path)}],
            externalRefs=[purl(distribution, name, version)],
            summary="Linked in: " + what,
            sourceInfo="Source package of %s; SHA256 of its files: %s" % (
                distribution, ", ".join("%s %s" % file for file in files)))


def purl(distribution, name, version):
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
        "referenceLocator": "pkg:deb/%s/%s@%s?arch=source" % (distribution, name, version.replace(":", "%3A").replace("+", "%2B"))}


def toolchain_packages(path, distribution):
    """Each line: source package, its version, the archive that was linked, its hash."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            name, version, archive, digest = line.rstrip("\n").split("\t")
            what, licence = LINKED[name] if name in LINKED else COMPILER
            architecture = os.path.basename(path).split(".")[0]
            yield package("%s-%s" % (name, architecture), version, licence, packageFileName=archive,
                checksums=[{"algorithm": "SHA256", "checksumValue": digest}],
                externalRefs=[purl(distribution, name, version)], summary="Linked in: " + what)


def relation(subject, kind, other):
    return {"spdxElementId": subject, "relationshipType": kind, "relatedSpdxElement": other}


def document(arguments):
    sources = list(source_packages(os.path.join(arguments.static, "sources"), arguments.distribution))
    packages, relations, digests = [], [], []
    for program in arguments.programs:
        name = os.path.basename(program)
        architecture = name.rsplit("-", 1)[1]
        digests.append(sha256(program))
        packages.append(package(name, arguments.version, "MIT", packageFileName=name, primaryPackagePurpose="APPLICATION",
            checksums=[{"algorithm": "SHA256", "checksumValue": digests[-1]}],
            comment="The terms of what is linked in, which is listed here, hold for this file, too."))
        own = list(toolchain_packages(os.path.join(arguments.static, architecture + ".toolchain"), arguments.distribution))
        relations.append(relation("SPDXRef-DOCUMENT", "DESCRIBES", packages[-1]["SPDXID"]))
        relations += [relation(packages[-1]["SPDXID"], "STATIC_LINK", one["SPDXID"]) for one in sources + own]
        packages += own
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "pyrope-" + arguments.version,
        "documentNamespace": "https://spdx.org/spdxdocs/pyrope-%s-%s" % (
            arguments.version, hashlib.sha256("".join(digests).encode()).hexdigest()[:32]),
        "creationInfo": {
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", "0")))),
            "creators": ["Organization: The pyrope authors", "Tool: packaging/sbom.py"],
        },
        "packages": packages + sources,
        "relationships": relations,
        "hasExtractedLicensingInfos": [
            {"licenseId": "LicenseRef-liblzma", "extractedText": LIBLZMA[0], "name": LIBLZMA[1]}],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--version", required=True)
    parser.add_argument("--static", required=True, help="the folder of the static builds")
    parser.add_argument("--distribution", required=True, help="whose source packages they are: debian, ubuntu")
    parser.add_argument("--into", required=True)
    parser.add_argument("programs", nargs="+", help="the static files")
    arguments = parser.parse_args()
    with open(arguments.into + ".new", "w", encoding="utf-8") as file:
        json.dump(document(arguments), file, indent=1)
        file.write("\n")
    os.replace(arguments.into + ".new", arguments.into)
    print("%s: %d bytes" % (arguments.into, os.path.getsize(arguments.into)))


main()
