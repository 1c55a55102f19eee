# shellcheck shell=bash
# Java and Maven, for the client in Java and for the generators that client teams use.

java_tools() {
    ensure_command javac openjdk-17-jdk-headless
    ensure_command mvn maven
    local version
    version=$(javac -version)
    version=${version#javac }
    [ "${version%%.*}" -ge 17 ] || die "javac $version is too old for the Java client: 17 or newer is needed"
}
