#!/usr/bin/env bash
# Build all that a release is into dist/, from what is committed; say what to do next.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="$PWD/${VENV:-.venv}/bin"
commit="$(git rev-parse HEAD)"
SOURCE_DATE_EPOCH="$(git log -1 --format=%ct "$commit")"
export SOURCE_DATE_EPOCH

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# A clone has the history that the version is made from, and none of the files that are not committed.
git clone --quiet --no-hardlinks . "$work/source"
git -C "$work/source" checkout --quiet "$commit"
rm -rf dist
mkdir dist

"$bin/python" -m build --outdir dist "$work/source"
"$bin/twine" check --strict dist/*
NO_MKDOCS_2_WARNING=1 "$bin/mkdocs" build --quiet --strict --config-file "$work/source/mkdocs.yml" --site-dir "$work/site"
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$work" -c site |
  gzip -n >dist/site.tar.gz

# The SBOM is of what the wheel brings to a place where nothing else is.
"$bin/python" -m venv "$work/venv"
wheel="$(echo dist/*.whl)"
"$work/venv/bin/pip" install --quiet "$wheel[kafka,postgresql,classifiers,telemetry]"
"$bin/cyclonedx-py" environment --output-reproducible --of JSON -o dist/sbom.cdx.json "$work/venv/bin/python"
(cd dist && sha256sum -- * >"$work/sums" && mv "$work/sums" SHA256SUMS)

cat dist/SHA256SUMS
cat <<'NEXT'
Built. By hand, in this order:
  git tag vX.Y.Z            before building, if this is the release: the version is the tag
  twine upload dist/*.whl dist/vobroker-*.tar.gz
  git push origin vX.Y.Z
NEXT
