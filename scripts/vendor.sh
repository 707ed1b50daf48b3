#!/bin/sh
# Fetches the scripts named in package.json from npm, in the versions given there, and puts them with their
# licences where the wheel (and, for axe-core, the tests) take them from.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# vendor PACKAGE FILE FOLDER: one file of a package and its licence
vendor() {
    version=$(sed -n "s|.*\"$1\": \"\([0-9.]*\)\".*|\1|p" package.json)
    (cd "$work" && rm -rf package && tar -xzf "$(npm pack --silent "$1@$version")")
    mkdir -p "$root/$3/LICENSES"
    cp "$work/package/$2" "$root/$3/"
    cp "$work/package/LICENSE" "$root/$3/LICENSES/$1.txt"
    echo "$1 $version -> $3/$(basename "$2")"
}

vendor htmx.org dist/htmx.min.js src/vobroker/web/static/vendor
vendor htmx-ext-sse dist/sse.min.js src/vobroker/web/static/vendor
vendor axe-core axe.min.js tests/web/vendor

# Aladin Lite is one file with its WebAssembly and styles in it, which a strict page could not let in.
vendor aladin-lite dist/aladin.js src/vobroker/web/static/vendor
node scripts/split_aladin.mjs src/vobroker/web/static/vendor/aladin.js src/vobroker/web/static/vendor \
    "$(sed -n 's|.*"aladin-lite": "\([0-9.]*\)".*|\1|p' package.json)"

# The editor is made of small modules; esbuild joins the parts that static/editor.js takes into one file.
bundle() {
    cp package.json "$work/"
    (cd "$work" && npm install --silent --no-audit --no-fund --ignore-scripts)
    cat >"$work/entry.js" <<'ENTRY'
export { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
export { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
export { SQLDialect, sql } from "@codemirror/lang-sql";
export { HighlightStyle, bracketMatching, syntaxHighlighting } from "@codemirror/language";
export { forceLinting, lintKeymap, linter } from "@codemirror/lint";
export { EditorState } from "@codemirror/state";
export { EditorView, drawSelection, highlightSpecialChars, keymap, lineNumbers, placeholder } from "@codemirror/view";
export { tags } from "@lezer/highlight";
ENTRY
    (cd "$work" && node_modules/.bin/esbuild entry.js --bundle --minify --format=esm --target=es2022 \
        --legal-comments=none --log-level=warning --outfile="$root/$1/codemirror.min.js")
    for part in "$work"/node_modules/@codemirror/* "$work"/node_modules/@lezer/* \
        "$work"/node_modules/@marijn/find-cluster-break "$work"/node_modules/crelt \
        "$work"/node_modules/style-mod "$work"/node_modules/w3c-keyname; do
        name=$(echo "${part#"$work"/node_modules/}" | tr -d @ | tr / -)
        cp "$part/LICENSE" "$root/$1/LICENSES/$name.txt"
    done
    echo "@codemirror -> $1/codemirror.min.js"
}

bundle src/vobroker/web/static/vendor
