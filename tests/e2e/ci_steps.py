# SPDX-License-Identifier: MIT
"""Takes the steps out of the examples for GitHub Actions and GitLab CI, as shell scripts to be run one after the other: 1.sh, 2.sh, ... and
"steps", a line for each step: run FILE, or what a CI does itself, as "uses actions/checkout@v4". Of YAML it knows what those two files have;
what it does not know is an error.

Usage: ci_steps.py github.yml | gitlab.yml main | branch FOLDER
"""
import os
import re
import sys

CONDITIONS = {  # of a step in GitHub's, of a rule in GitLab's
    "github.ref == 'refs/heads/main'": "main",
    "github.ref != 'refs/heads/main'": "branch",
    "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH": "main",
    '$CI_PIPELINE_SOURCE == "merge_request_event"': "branch",
    "always()": None,
}


def block(lines, at):
    """The lines behind lines[at] that are further in, and where they end."""
    indent = len(lines[at]) - len(lines[at].lstrip())
    end = at + 1
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > indent):
        end += 1
    return lines[at + 1:end], end


def dedent(lines):
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "".join(line[indent:] + "\n" for line in lines)


def github(lines, branch):
    lines, _ = block(lines, lines.index("    steps:"))
    starts = [i for i, line in enumerate(lines) if line.startswith("      - ")] + [len(lines)]
    for start, end in zip(starts, starts[1:]):
        step = [lines[start].replace("- ", "  ", 1)] + lines[start + 1:end]
        keys = {}
        for i, line in enumerate(step):
            match = re.match(r"        (\w+): *(.*)$", line)
            if match:
                keys[match.group(1)] = dedent(block(step, i)[0]) if match.group(2) == "|" else match.group(2)
        if "if" in keys and CONDITIONS[keys["if"]] not in (None, branch):
            continue
        yield ("run", "set -e\n" + keys["run"] + "\n") if "run" in keys else ("uses", keys["uses"])


def gitlab(lines, branch):
    rules, _ = block(lines, lines.index("  rules:"))
    for i, line in enumerate(rules):
        match = re.match(r"    - if: (.*)$", line)
        if match and CONDITIONS[match.group(1)] == branch:
            variables = re.match(r"      variables: \{ (.*) \}$", rules[i + 1]).group(1)
    script = "set -e\n" + "".join("export %s='%s'\n" % tuple(one.split(": ")) for one in variables.split(", "))
    for section in "before_script", "script":
        commands, _ = block(lines, lines.index("  %s:" % section))
        assert all(line.startswith("    - ") for line in commands), commands
        yield "run", script + "".join(line[6:] + "\n" for line in commands)


def main():
    file, branch, folder = sys.argv[1:]
    with open(file) as example:
        lines = example.read().splitlines()
    steps = list((github if os.path.basename(file) == "github.yml" else gitlab)(lines, branch))
    assert any(kind == "run" for kind, _ in steps)
    with open(os.path.join(folder, "steps"), "w") as listed:
        for number, (kind, text) in enumerate(steps, 1):
            if kind == "run":
                with open(os.path.join(folder, "%d.sh" % number), "w") as script:
                    script.write(text)
                text = "%d.sh" % number
            listed.write("%s %s\n" % (kind, text))


main()
