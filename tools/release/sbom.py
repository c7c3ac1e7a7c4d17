"""Put a bill of materials into a wheel: its dependencies, and the tools that built it (PEP 770).

    python tools/release/sbom.py FOLDER [WHEEL]

Each wheel in FOLDER is rewritten, with a CycloneDX file in its `.dist-info/sboms`. WHEEL is first
copied to FOLDER. Run this script with the Python of the environment that built the wheel: the tools
are the packages installed in that environment. The same wheel and the same environment give the
same bytes.
"""

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from calendar import timegm
from email import message_from_string
from importlib.metadata import distributions
from pathlib import Path
from uuid import UUID

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from wheel.wheelfile import WheelFile


def package(name, version=None, kind=ComponentType.LIBRARY, **more):
    """A package of the index of Python packages."""
    name = canonicalize_name(name)
    purl = PackageURL("pypi", name=name, version=version)
    return Component(name=name, version=version, type=kind, purl=purl, bom_ref=str(purl), **more)


def tools():
    """The packages installed in this environment, and the Python version."""
    found = {canonicalize_name(each.name): each.version for each in distributions()}
    for name, version in sorted(found.items()):
        yield package(name, version, ComponentType.APPLICATION)
    python = platform.python_version()
    yield Component(name="python", version=python, type=ComponentType.PLATFORM)


def bill(metadata):
    """The bill of materials of a wheel, from its METADATA."""
    bom = Bom()
    own = package(metadata["Name"], metadata["Version"], description=metadata["Summary"])
    bom.metadata.component = own
    bom.metadata.tools = ToolRepository(components=list(tools()))
    needed = []
    for text in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            accepts = Property(name="dropcore:requirement", value=text)
            needed.append(package(requirement.name, properties=[accepts]))
    bom.components.update(needed)
    bom.register_dependency(own, needed)
    return bom


def text_of(bom):
    """The text of the file, without parts that differ from run to run."""
    bom.metadata.timestamp = None
    bom.serial_number = UUID(int=0)
    digest = hashlib.sha256(JsonV1Dot6(bom).output_as_string().encode()).digest()
    bom.serial_number = UUID(bytes=digest[:16], version=4)
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def add_bill(wheel):
    """Rewrite a wheel in place."""
    new = Path(tempfile.mkdtemp(dir=wheel.parent)) / wheel.name  # WheelFile reads the name
    with WheelFile(wheel) as given, WheelFile(new, "w") as written:
        info = given.dist_info_path
        made = given.getinfo(f"{info}/METADATA").date_time
        os.environ.setdefault("SOURCE_DATE_EPOCH", str(timegm(made)))  # the time of new entries
        bom = bill(message_from_string(given.read(f"{info}/METADATA").decode()))
        for entry in given.infolist():
            if entry.filename != given.record_path:
                written.writestr(entry, given.read(entry))
        written.writestr(f"{info}/sboms/dropcore.cdx.json", text_of(bom).encode())
    new.replace(wheel)
    new.parent.rmdir()
    count = len(bom.metadata.tools.components)
    print(f"{wheel.name}: {len(bom.components)} packages needed, {count} tools listed")


def main():
    """Add a bill to each wheel; the exit status is 1 if there is no wheel."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in sys.argv[2:]:
        shutil.copy2(wheel, folder)
    wheels = sorted(folder.glob("*.whl"))
    for wheel in wheels:
        add_bill(wheel)
    return not wheels


if __name__ == "__main__":
    sys.exit(main())
