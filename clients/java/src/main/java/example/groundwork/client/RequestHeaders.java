package example.groundwork.client;

import java.util.HashMap;
import java.util.Map;
import java.util.UUID;

/** Headers that a call may have. */
public final class RequestHeaders {
    static final String IDEMPOTENCY_KEY = "Idempotency-Key";

    private RequestHeaders() {}

    /**
     * Names a request, so that it has its effect once, however often it is sent: also by another process. Without it, every
     * call has a key of its own.
     */
    public static Map<String, String> idempotencyKey(String key) {
        return Map.of(IDEMPOTENCY_KEY, key);
    }

    /**
     * Changes or deletes a resource only if it still has this ETag. Otherwise the error has the code
     * {@link example.groundwork.client.model.ErrorCode#PRECONDITION_FAILED}.
     */
    public static Map<String, String> ifMatch(String etag) {
        return Map.of("If-Match", etag);
    }

    /** These headers, and a new key unless they have one. */
    static Map<String, String> withKey(Map<String, String> headers) {
        Map<String, String> all = new HashMap<>(headers);
        all.putIfAbsent(IDEMPOTENCY_KEY, UUID.randomUUID().toString());
        return all;
    }
}
