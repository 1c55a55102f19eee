# shellcheck shell=bash
# Java: openapi-generator, the compiler and the tests, all through Maven as pinned in
# clients/java/pom.xml.

# shellcheck source=scripts/lib/java.sh
. scripts/lib/java.sh

JAVA_CLIENT=$PWD/clients/java

# java_maven DIR ARGUMENTS…: quiet, unless it fails; one at a time, because the tests run scenario
# and snippet at once. The optimizing compiler and the parallel collector cost more than they save
# in a few seconds.
java_maven() {
    local log dir=$1
    shift
    log=$(mktemp "$RUN_DIR/maven.XXXXXX")
    MAVEN_OPTS=${MAVEN_OPTS:--XX:TieredStopAtLevel=1 -XX:+UseSerialGC} flock "$dir/pom.xml" mvn --quiet --batch-mode --no-transfer-progress --file "$dir/pom.xml" "$@" >"$log" 2>&1 ||
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
        -e 's/append(toIndentedString(\(.*[tT]oken\|.*[pP]assword\)))/append("*")/' {} +
    find "$output/src" -name '*WithSecret.java' -exec sed -i 's/append(toIndentedString(\(key\|secret\)))/append("*")/' {} +
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

# A Maven repository with what `mvn -P release deploy` puts into a remote one. The machine's own
# repository does not get it.
java_package() {
    local jar
    java_maven "$1" -P release deploy -Dmaven.test.skip=true -Dmaven.install.skip=true \
        -DaltDeploymentRepository="package::file://$2/repository"
    jar=$(echo "$1"/target/*-"$(client_version)".jar)
    mkdir "$2/contents/jar"
    (cd "$2/contents/jar" && jar --extract --file "$jar")
    cp -r "$2/repository" "$2/contents"
    cp "$1/target/classpath" "$2"
}

# With a local repository of its own, so that the package is not taken from the machine's. All else
# is: that has the layout of a remote repository.
java_installed() {
    local project=$1/project machine plugins
    mkdir -p "$project/src/main/java"
    cp "$JAVA_CLIENT/src/test/java/Installed.java" "$project/src/main/java"
    machine=$(tr : '\n' <"$1/classpath" | sed -n 's#/org/jspecify/.*##p')
    cat >"$project/settings.xml" <<EOF
<settings>
  <localRepository>$1/local</localRepository>
  <mirrors>
    <mirror><id>machine</id><mirrorOf>*,!package</mirrorOf><url>file://$machine</url></mirror>
  </mirrors>
</settings>
EOF
    plugins=$(java_plugins maven-compiler-plugin maven-dependency-plugin maven-resources-plugin)
    cat >"$project/pom.xml" <<EOF
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>installed</groupId>
  <artifactId>installed</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.release>17</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <repositories>
    <repository><id>package</id><url>file://$1/repository</url></repository>
  </repositories>
  <dependencies>
    <dependency>
      <groupId>example.groundwork</groupId>
      <artifactId>groundwork-client</artifactId>
      <version>$(client_version)</version>
    </dependency>
  </dependencies>
  <build><plugins>$plugins</plugins></build>
</project>
EOF
    java_maven "$project" --settings "$project/settings.xml" compile dependency:build-classpath -Dmdep.outputFile="$project/classpath"
    java -cp "$project/target/classes:$(cat "$project/classpath")" Installed
}

# java_plugins NAME…: the plugins as the client's POM pins them, for another POM.
java_plugins() {
    local name
    for name; do
        printf '<plugin>%s</plugin>' "$(sed -n "/<artifactId>$name</,/<version>/p" "$JAVA_CLIENT/pom.xml")"
    done
}

java_samples() {
    java_maven "$JAVA_CLIENT" test-compile
    javac --release 17 -encoding UTF-8 -Xlint:all -Werror -d "$1/classes" \
        -cp "$JAVA_CLIENT/target/classes:$(cat "$JAVA_CLIENT/target/classpath")" "$1"/*.java
}
