"""Downloads the source archive of a package without building it: `sdist.py NAME VERSION TARGET`.

`pip download` would first ask the archive's build system for its metadata, which needs a compiler and, for some packages,
a network of its own.
"""

import os
import re
import sys
import urllib.parse
import urllib.request

from pip._internal.models.index import PyPI


def main():
    name, version, target = sys.argv[1:]
    index = os.environ.get("PIP_INDEX_URL", PyPI.simple_url).rstrip("/") + f"/{name}/"
    page = urllib.request.urlopen(index).read().decode()
    for link in re.findall(r'href="([^"#]+)', page):
        if link.endswith(f"/{name}-{version}.tar.gz"):
            urllib.request.urlretrieve(urllib.parse.urljoin(index, link), target)
            return
    sys.exit(f"the index has no source archive of {name} {version}")


main()
