#!/bin/sh
# Builds an example (python or javascript), runs it in a host, and compares what comes out with what should.
set -eu
cd "$(dirname "$0")"
language=$1
program=${TIDEGATE:-tidegate}
export TIDEGATE_COMPILE_LIMITS=${TIDEGATE_COMPILE_LIMITS:-60s,2048Mi}
case $language in
  python) python/build.sh ;;
  javascript) (cd javascript && npm install --no-audit --no-fund && node build.mjs) ;;
  *) echo "usage: try.sh python|javascript" >&2 && exit 2 ;;
esac
"$program" eval --grant wasi --event "$language/events.jsonl" "$language/target/tidegate/minimal-$language.wasm"
rm -rf target && mkdir target
"$program" run --dev --once --state-dir target/state flow.yaml "$language/policy.yaml"
diff "$language/expected.jsonl" target/out.jsonl && echo "as expected"
