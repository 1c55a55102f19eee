# shellcheck shell=bash
# Java: openapi-generator, the compiler and the tests, all through Maven as pinned in
# clients/java/pom.xml.

# shellcheck source=scripts/lib/java.sh
. scripts/lib/java.sh

JAVA_CLIENT=$PWD/clients/java

# java_maven DIR ARGUMENTS…: quiet, unless it fails; one at a time, because the tests run scenario
# and snippet at once.
java_maven() {
    local log dir=$1
    shift
    log=$(mktemp "$RUN_DIR/maven.XXXXXX")
    flock "$dir/pom.xml" mvn --quiet --batch-mode --no-transfer-progress --file "$dir/pom.xml" "$@" >"$log" 2>&1 ||
        { cat "$log" >&2; die "mvn $1 failed in clients/java"; }
}

java_generate() {
    local output
    sed -i "0,/<version>/s|<version>.*</version>|<version>$(client_version)</version>|" "$1/pom.xml" "$1/README.md"
    output=$(mktemp -d "$RUN_DIR/java.XXXXXX")
    client_document >"$RUN_DIR/document.json"
    java_maven "$1" openapi-generator:generate \
        -Dopenapi.generator.maven.plugin.inputSpec="$RUN_DIR/document.json" \
        -Dopenapi.generator.maven.plugin.output="$output"
    # The generated code reads responses in the platform's charset (issue 20556) and shows secrets
    # in toString().
    find "$output/src" -name '*.java' -exec sed -i \
        -e 's/new String(\(.*\)\.readAllBytes())/new String(\1.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8)/' \
        -e 's/append(toIndentedString(\(.*Token\|.*[pP]assword\)))/append("*")/' {} +
    rm -rf "$1/src/generated"
    mkdir "$1/src/generated"
    mv "$output/src/main/java" "$1/src/generated/java"
    client_resources java example.groundwork.client >"$1/src/generated/java/example/groundwork/client/Resources.java"
}

java_check() {
    java_maven "$JAVA_CLIENT" test
}

# java_run ARGUMENTS…: the Java launcher with the client, its dependencies and its tests.
java_run() {
    java_maven "$JAVA_CLIENT" test-compile
    java -cp "$JAVA_CLIENT/target/classes:$JAVA_CLIENT/target/test-classes:$(cat "$JAVA_CLIENT/target/classpath")" "$@"
}

java_scenario() {
    java_run example.groundwork.client.Scenario
}

java_snippet() {
    # With a language level, a file with any name runs without being compiled first.
    java_run --source 17 "$1"
}

java_samples() {
    java_maven "$JAVA_CLIENT" test-compile
    javac --release 17 -encoding UTF-8 -Xlint:all -Werror -d "$1/classes" \
        -cp "$JAVA_CLIENT/target/classes:$(cat "$JAVA_CLIENT/target/classpath")" "$1"/*.java
}
