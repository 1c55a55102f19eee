package example.groundwork.client;

import java.net.URI;
import java.time.Duration;

/**
 * Is notified of refreshes and retries, for logs and metrics. It is called on the thread of the
 * call.
 */
public interface ClientObserver {
    /** A refresh token was exchanged for a new pair. */
    default void refreshed() {}

    /** A request was answered with {@code status} and will be repeated after {@code wait}. */
    default void retrying(String method, URI uri, int status, Duration wait) {}
}
