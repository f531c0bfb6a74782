#!/bin/sh
# Makes target/tidegate/minimal-python.wasm. Needs Python 3.10 or later; componentize-py comes from PyPI into target/venv.
set -eu
cd "$(dirname "$0")"
mkdir -p target/tidegate
[ -x target/venv/bin/componentize-py ] || { python3 -m venv target/venv && target/venv/bin/pip install -q -r requirements.txt; }
# The contract is a package that the world depends on.
rm -rf target/wit && mkdir -p target/wit/deps
cp world.wit target/wit/ && cp ../../../wit/tidegate.wit target/wit/deps/
target/venv/bin/componentize-py -d target/wit -w minimal componentize -p . app -o target/tidegate/minimal-python.wasm
