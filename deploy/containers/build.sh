#!/bin/sh
# Builds the container images of vobroker from the commit that is checked out: base, Python, vobroker, roles.
#
#   deploy/containers/build.sh [--base debian|prebuilt] [--again] [ROLE ...]
#
#   --base debian     from Debian's packages alone, by mmdebstrap (default)
#   --base prebuilt   from VOBROKER_PREBUILT, docker.io/library/debian:bookworm-slim when not given
#   --again           take nothing from the cache: for comparing digests
#   ROLE              worker, gateway, web, postgresql, kafka, proxy; all when none is named
#
# Images are localhost/vobroker/ROLE, tagged with the version and as latest. Beside each, in VOBROKER_IMAGES (default
# build/images): its SBOM (CycloneDX), its Debian packages, its digest; and report.md of all. VOBROKER_SOURCE is the
# address of the source that the labels name; git's remote when not given.
# Layers of worker, gateway and web are the same from one commit and the same Debian packages:
# SOURCE_DATE_EPOCH is the commit's. The kafka image holds the jars that scripts/kafka.sh fetched.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
state=${VOBROKER_CONTAINERS:-/var/cache/vobroker/containers}
out=${VOBROKER_IMAGES:-$root/build/images}
jars=${VOBROKER_KAFKA_JARS:-/var/cache/vobroker/kafka-$(sed -n "s/^version=//p" "$root/scripts/kafka.sh")}
base=debian
again=
roles=

fail() {
    echo "deploy/containers/build.sh: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    --base) base=${2:?debian or prebuilt} && shift ;;
    --again) again=yes ;;
    worker | gateway | web | postgresql | kafka | proxy) roles="$roles $1" ;;
    *) sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0" && exit 2 ;;
    esac
    shift
done
roles=${roles:-worker gateway web postgresql kafka proxy}
case $base in debian | prebuilt) ;; *) fail "--base is debian or prebuilt, not $base" ;; esac

"$root/scripts/containers.sh" install
podman() { "$root/scripts/containers.sh" podman "$@"; }
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct)
revision=$(git -C "$root" rev-parse HEAD)
source_url=${VOBROKER_SOURCE:-$(git -C "$root" config remote.origin.url || echo unknown)}
export SOURCE_DATE_EPOCH
[ -z "$(git -C "$root" status --porcelain)" ] || echo "of vobroker itself, what is not committed is not in the images" >&2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$state/wheels" "$work/context"

step() { echo "[$(date -u +%H:%M:%S)] $*"; }

image() { # context, Containerfile, name, other arguments
    context=$1 file=$2 name=$3
    shift 3
    podman build -q --format oci --timestamp "$SOURCE_DATE_EPOCH" ${again:+--no-cache} \
        --label "org.opencontainers.image.title=vobroker $name" \
        --label "org.opencontainers.image.source=$source_url" \
        --label "org.opencontainers.image.revision=$revision" \
        --label "org.opencontainers.image.licenses=GPL-3.0-or-later" \
        -t "localhost/vobroker/$name:latest" -f "$file" "$@" "$context" >"$work/$name.id" ||
        fail "cannot build the image $name"
}

step "base ($base)"
if [ "$base" = prebuilt ]; then
    image "$work/context" "$here/Containerfile.prebuilt" base ${VOBROKER_PREBUILT:+--build-arg "PREBUILT=$VOBROKER_PREBUILT"}
else
    mkdir "$work/base"
    # The machine's own sources: what it may install is what is installed.
    sources=$(ls /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
    [ -n "$again" ] || [ ! -f "$state/base.tar" ] || [ "$(cat "$state/base.epoch")" != "$SOURCE_DATE_EPOCH" ] ||
        ln "$state/base.tar" "$work/base/base.tar" 2>/dev/null || cp "$state/base.tar" "$work/base/base.tar"
    if [ ! -f "$work/base/base.tar" ]; then
        mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-venv,tini --format=tar \
            bookworm "$work/base/base.tar" "$sources" || fail "mmdebstrap cannot make the base"
        cp "$work/base/base.tar" "$state/base.tar"
        echo "$SOURCE_DATE_EPOCH" >"$state/base.epoch"
    fi
    image "$work/base" "$here/Containerfile.base" base
fi

step "wheels"
git clone -q "$root" "$work/source"
python="$state/tools/bin/python"
"$python" -m pip wheel -q --no-deps -w "$work/context/dist" "$work/source" || fail "cannot build the wheel"
cp "$here/requirements.txt" "$here/healthy.py" "$work/context/"
"$python" -m pip download -q --only-binary :all: --python-version 3.11 --require-hashes -r "$here/requirements.txt" \
    -d "$state/wheels" || fail "cannot fetch what requirements.txt names"
mkdir "$work/context/wheels"
ln "$state/wheels/"*.whl "$work/context/wheels/" 2>/dev/null || cp "$state/wheels/"*.whl "$work/context/wheels/"
"$state/tools/bin/cyclonedx-py" requirements --output-reproducible --pyproject "$work/source/pyproject.toml" \
    -o "$work/context/sbom.cdx.json" "$here/requirements.txt" || fail "cannot write the SBOM"
find "$work/context" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

version=$(basename "$work/context/dist/"*.whl | cut -d- -f2 | tr + -)
{
    echo "# Images of vobroker $version"
    echo
    echo "Revision $revision, base $base, time of all files $(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)."
    echo
    echo "| image | digest | size, MB | user | Debian packages | Python packages |"
    echo "|---|---|---:|---|---:|---:|"
} >"$out/report.md"
for role in $roles; do
    step "$role"
    name=localhost/vobroker/$role
    python_packages="-"
    case $role in
    postgresql | kafka | proxy)
        mkdir "$work/$role"
        cp "$here/$role/"* "$here/healthy.py" "$work/$role/"
        if [ "$role" = kafka ]; then
            [ -f "$jars/complete" ] || "$root/scripts/kafka.sh" start 1
            mkdir "$work/$role/jars"
            cp "$jars/"*.jar "$work/$role/jars/"
        fi
        image "$work/$role" "$work/$role/Containerfile" "$role"
        ;;
    *)
        image "$work/context" "$here/Containerfile" "$role" --target "$role"
        cp "$work/context/sbom.cdx.json" "$out/$role.cdx.json"
        python_packages=$(grep -c '^[a-z0-9].*==' "$here/requirements.txt")
        ;;
    esac
    podman tag "$name:latest" "$name:$version"
    podman run --rm --entrypoint dpkg-query "$name:latest" -W -f '${Package}\t${Version}\t${Architecture}\t${source:Package}\n' \
        >"$out/$role.debian.tsv"
    podman inspect -f '{{.Digest}}' "$name:latest" >"$out/$role.digest"
    podman inspect -f "| $role | {{.Digest}} | {{.Size}} | {{.User}} | $(wc -l <"$out/$role.debian.tsv") | $python_packages |" \
        "$name:latest" | awk -F'|' -v OFS='|' '{ $4 = sprintf(" %d ", $4 / 1e6) } 1' >>"$out/report.md"
done
{
    echo
    echo "Known vulnerabilities: not looked up. That needs a list of advisories, and no package of a registry ships one."
} >>"$out/report.md"
cat "$out/report.md"
