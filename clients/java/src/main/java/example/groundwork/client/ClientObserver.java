package example.groundwork.client;

import java.net.URI;
import java.time.Duration;

/** Is told what the client does by itself, for logs and counters. Called on the thread of the call. */
public interface ClientObserver {
    /** A refresh token was exchanged for a new pair. */
    default void refreshed() {}

    /** A request was answered with {@code status} and will be repeated after {@code wait}. */
    default void retrying(String method, URI uri, int status, Duration wait) {}
}
