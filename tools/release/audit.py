"""Ask whether the pinned packages have known vulnerabilities: `make audit`.

    python tools/release/audit.py FILE ...

Each FILE is a list of pinned requirements. pip-audit asks the advisory database of the index of
Python packages. If pip-audit could not look up a package, the package was not audited. This script
then reports an error, even if pip-audit itself reports success.
"""

import json
import subprocess
import sys


def ask(file):
    """pip-audit's answer for a list, as JSON, and the reason why there is no answer."""
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--requirement", file, "--no-deps", "--disable-pip",
         "--format", "json", "--progress-spinner", "off", "--timeout", "15"],
        capture_output=True, text=True,
    )  # fmt: skip
    try:
        return json.loads(done.stdout)["dependencies"], ""
    except (ValueError, KeyError):
        return [], (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]


def judge(answers):
    """Lines to print, and the exit status: 1 for a vulnerability, 2 if a look-up failed."""
    lines, audited, unknown, found = [], 0, [], 0
    for file, (packages, why) in answers.items():
        if why:
            lines.append(f"{file} was NOT audited: {why}")
        for each in packages:
            if "skip_reason" in each:
                unknown.append(each["name"])
                continue
            audited += 1
            for flaw in each["vulns"]:
                found += 1
                fixed = ", ".join(flaw.get("fix_versions", [])) or "no release yet"
                lines.append(f"{each['name']} {each['version']}: {flaw['id']}, mended in {fixed}")
    if unknown:
        lines.append(f"NOT audited, the database did not know them: {', '.join(unknown)}")
        if not audited:
            lines.append(
                "The database knew no package: it cannot be reached, or another index answers."
            )
    failed = any(why for _, why in answers.values())
    lines.append(
        f"{audited} packages audited, {found} known vulnerabilities, {len(unknown)} not audited"
    )
    return lines, 1 if found else 2 if unknown or failed or not audited else 0


def main():
    """Ask about each file."""
    lines, status = judge({file: ask(file) for file in sys.argv[1:]})
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
