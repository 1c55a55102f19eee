# shellcheck shell=bash
# TypeScript: openapi-typescript and the compiler, as pinned in
# clients/typescript/package-lock.json.

TYPESCRIPT=$PWD/clients/typescript

typescript_tools() {
    ensure_node 18
    ensure_node_modules "$TYPESCRIPT"
}

# In DIR, because the generator reads a redocly.yaml of its working directory.
typescript_generate() {
    (
        cd "$1" || die "no folder $1"
        rm -rf src/generated
        "$TYPESCRIPT/node_modules/.bin/openapi-typescript" "$OPENAPI_3_1" --output src/generated/schema.ts \
            --default-non-nullable false --root-types --root-types-no-schema-prefix >"$RUN_DIR/openapi-typescript.log" 2>&1 ||
            { cat "$RUN_DIR/openapi-typescript.log" >&2; die "openapi-typescript failed"; }
        # In the manifest and in the lock file, of which the dependencies stay as they are installed.
        npm version "$(client_version)" --no-git-tag-version --allow-same-version >/dev/null
        [ ! -e node_modules ] || touch node_modules/.package-lock.json
    )
    client_resources typescript >"$1/src/generated/resources.ts"
}

# One at a time, because the tests run scenario and snippet at once.
typescript_compile() { flock "$TYPESCRIPT/tsconfig.json" "$TYPESCRIPT/node_modules/.bin/tsc" --build "$TYPESCRIPT"; }

typescript_check() {
    typescript_compile
    node --test "$TYPESCRIPT"/build/test/*.test.js
}

typescript_scenario() {
    typescript_compile
    node "$TYPESCRIPT/build/scenario/main.js"
}

typescript_snippet() {
    local project=$RUN_DIR/snippet
    mkdir -p "$project"
    cp "$1" "$project/snippet.ts"
    typescript_project "$project"
    "$TYPESCRIPT/node_modules/.bin/tsc" --project "$project"
    node "$project/snippet.js"
}

# typescript_project FOLDER: makes FOLDER a project that has installed the package, with the compiler
# settings of the package itself.
typescript_project() {
    local package=$1/node_modules/groundwork-client
    typescript_compile
    mkdir -p "$(dirname "$package")"
    ln -s "$TYPESCRIPT" "$package"
    printf '{ "type": "module" }\n' >"$1/package.json"
    printf '{ "extends": "%s", "include": ["*.ts"] }\n' "$TYPESCRIPT/tsconfig.base.json" >"$1/tsconfig.json"
}

typescript_samples() {
    typescript_project "$1"
    "$TYPESCRIPT/node_modules/.bin/tsc" --project "$1"
}
